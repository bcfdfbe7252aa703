//! What is fuzzed: each target takes any octets and must neither panic nor contradict itself or the other readers.
//!
//! `tests/short.rs` runs all of them over the seeds and seeded mutations of these, on any compiler; `make fuzz` hands them
//! to libFuzzer, which looks for inputs that reach new code.

// A finding is a panic.
#![allow(clippy::unwrap_used, clippy::panic)]

mod answer;
mod master;
mod question;
mod rdata;
mod transfer;
mod update;

pub use answer::answer;
pub use master::master;
pub use question::question;
pub use rdata::rdata;
pub use transfer::transfer;
pub use update::update;

/// A target and its name, which is also that of its folder of seeds.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 6] = [
    ("question", question),
    ("answer", answer),
    ("master", master),
    ("rdata", rdata),
    ("transfer", transfer),
    ("update", update),
];
