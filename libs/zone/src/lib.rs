//! Zone semantics: RRsets, and the validation of a whole zone.
//!
//! Pure functions over record data in wire form; it reads nothing and does not know where data lives.

pub mod check;
pub mod rrset;

pub use check::{Problem, ProblemKind, Severity, ZoneChecker};
pub use rrset::{RdataList, Rrset, RrsetRef};
