//! Boots a real systemd in namespaces of its own, with Tenon installed in it, and runs commands inside.
//!
//! Needs root and what `make install DESTDIR=` wrote, in the directory named by `TENON_STAGE`; `make test` sees to
//! both. Nothing of the host is changed: see `boot.sh` beside this crate.

#![allow(clippy::expect_used, reason = "a test that cannot go on stops with the reason")]

pub mod cable;
pub mod dice;
pub mod dig;
pub mod flood;
pub mod machine;
pub mod peer;
pub mod secondary;
pub mod zones;

pub use dice::Dice;
pub use machine::{Bus, Machine};
