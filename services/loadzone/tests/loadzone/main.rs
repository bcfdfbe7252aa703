//! The program as its users meet it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bus;
mod place;
mod program;
mod service;
mod signals;
