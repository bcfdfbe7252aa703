//! `tenon-loadzone`: loads master files into the data source.
//!
//! One shot, run by hand, by a unit or by `bindctl zone load`. It reads master files (and what they include), the data
//! source and the bus; it writes one new version of each zone into the data source, and owns nothing.
//! `tenon-loader` is the same loader as a service ([`service`]), started by the bus for those who may not write the store:
//! it owns `org.tenon.Loader1`.
//!
//! # The way of a zone
//! text → records in memory ([`tenon_datasrc::bulk`]) → sorted, in runs, beside the reading → RRsets → checked as a
//! whole ([`check`]) and, at the same time, written into the store under a number that is not current ([`store`]) →
//! one transaction makes it current → `ZoneChanged` on the bus ([`announce`]). Whatever fails or dies before that
//! transaction leaves the zone as it was.
//!
//! # Memory
//! See [`tenon_datasrc::bulk`]. A zone of 3 million records takes
//! about 270 MB while it loads. Everything else is bounded.
//!
//! # Serials
//! The same content under the same serial is not written again. Changed content under an unchanged serial is loaded
//! with a warning, since secondaries will not notice. A serial that goes back (RFC 1982) is refused, since secondaries
//! would go on serving the later one and a wrong file is the likely reason; `--force` loads it.
//!
//! # Out of the store, and following files
//! [`export`] writes a zone as a master file that reads back to the same zone. [`directory`] finds the master files that
//! changed after their zones did, for `tenon-masters.service`.
//!
//! # Exit status
//! See [`outcome::Exit`].

pub mod announce;
pub mod check;
pub mod command_line;
pub mod directory;
pub mod export;
pub mod findings;
pub mod load;
pub mod loading;
pub mod outcome;
pub mod print;
pub mod progress;
pub mod run;
pub mod service;
pub mod signals;
pub mod store;
pub mod zone_list;
