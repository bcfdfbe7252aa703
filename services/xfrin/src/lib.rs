//! `tenon-xfrin` brings zones in from their primaries, on instruction only.
//!
//! Reads what primaries send; writes the store of secondary zones (`/var/lib/tenon/secondary/zones.sqlite`), which it
//! alone writes; owns `org.tenon.Xfrin1` on the bus, and no socket but those that it opens to primaries.
//!
//! # Its task
//! A job ([`xfrin::Order`]) goes over the primaries in their order. Each is asked for its serial over UDP ([`serial`]), over
//! TCP when that gives no answer; the first one that has a newer version is asked for what changed ([`transfer`]), or for the
//! whole zone where that does not work or nothing is stored. What comes ([`connection`], [`incoming`]) is kept in memory,
//! sorted, checked and written beside the current version ([`store`]); a large zone that comes in order is written while it
//! comes ([`storing`]). A difference is tried on the current version, and what it touches is checked. One transaction makes
//! either current. Whatever fails, or
//! a primary does wrong, before that leaves the version before and nothing else, and ends in a line of log, a counter, and
//! the reason in the job.
//!
//! # Primaries that lie
//! Over TLS (XoT, [`tls`]) a primary must prove who it is ([`way`]), and nothing is asked over UDP.
//!
//! Nothing that a primary sends is believed: identifier, question, class, SOA records first and last, serial, sizes and
//! times are checked, see [`incoming::IncomingError`] and [`connection::ConnectionError`]. Records that are not in the zone are
//! left out and told, as NSD and Knot do. What a primary could make grow has a limit in [`settings`].
//!
//! # Turns
//! Jobs wait for a place among the questions (`soa_queries`) and among the transfers (`transfers_per_primary`,
//! `transfers_in`), in the order of asking. A zone has one job at most. Waiting costs no thread; a transfer has one of its
//! own, and that of a large zone a second one for storing. Small zones wait to be stored together ([`gathering`]). A primary
//! that is found silent is passed over by the jobs that were waiting for it already ([`silence`]).

pub mod connection;
pub mod gathering;
pub mod incoming;
pub mod messages;
pub mod pool;
pub mod primary;
pub mod quota;
pub mod report;
pub mod serial;
pub mod settings;
pub mod shared_sync;
pub mod silence;
pub mod statistics;
pub mod store;
pub mod storing;
pub mod tls;
pub mod transfer;
pub mod way;
pub mod xfrin;

pub use settings::XfrinSettings;
pub use xfrin::Xfrin;
