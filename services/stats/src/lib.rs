//! `tenon-stats` collects the counters of all services and shows them.
//!
//! Reads counters over the bus (`org.tenon.Stats1` of whoever is on it, and those of each zone of auth's instances with
//! `stats/zones`); writes nothing; owns `org.tenon.Collector1` on
//! the bus and TCP sockets on loopback.
//!
//! # Its task
//! A collection asks everybody at the same time, and gives each 4 s: who does not answer is left out and named.
//! The instances of auth that do are given 4 s more, to tell how long answering took and what they counted of zones. Nobody is
//! started by being asked. Each collection starts from who is there, so the counters of a process that ended are not
//! carried on. Counters of several instances of a component are added up for `Show` and `/json`; `/metrics` shows
//! each instance, because whoever reads it can add up, and can tell a restart from a counter that went back.
//!
//! Whoever asks (`Show`, `/metrics`, `/json`) is given a collection that began after the question. Questions that come
//! during a collection share the next one, so that many who ask cost the services no more than one.
//!
//! # HTTP
//! It has no password and no encryption, hence loopback only: the settings refuse other addresses and the sandbox does
//! not let their packets through. A connection carries one request. Sockets are bound by this process itself, since
//! nothing is lost when it is restarted: whoever reads statistics comes again.

pub mod collector;
pub mod http;
pub mod messages;
pub mod openmetrics;
pub mod pages;
pub mod settings;
pub mod snapshot;
pub mod statistics;
pub mod stats;
pub mod times;
pub mod zones;

pub use settings::StatsSettings;
pub use stats::Stats;
