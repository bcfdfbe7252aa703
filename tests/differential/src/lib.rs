//! The same questions to Tenon and to the distribution's Knot DNS, NSD and BIND 9.
//!
//! A [`World`] is a set of zones that all four serve. Questions go out by the thousand with many in flight, and whoever
//! answers otherwise than two others who agree is told, with what all four said. What is deliberately other stands in
//! `docs/differences.md`, and [`differences`] knows each row by what the questions and answers of it look like.

// Helpers of tests fail like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod client;
pub mod cookie;
pub mod differences;
pub mod names;
pub mod peers;
pub mod plain;
pub mod process;
pub mod question;
pub mod random_zone;
pub mod reading;
pub mod report;
pub mod tenon;
pub mod verdict;
pub mod world;
pub mod zone_file;

pub use question::Question;
pub use report::Report;
pub use world::{World, Zone};
