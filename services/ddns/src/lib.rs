//! Changes primary zones: dynamic updates (RFC 2136, RFC 3007) and edits over the bus.
//!
//! Reads: updates that tenon-auth hands over, the store of primary zones, the keys of clients
//! (`/var/lib/tenon/keys/ddns/keys.json`) and the committed settings. Writes: that store,
//! and answers on the connections that updates came on. Owns: `org.tenon.Ddns1` on the bus; the socket of updates is PID
//! 1's, the store it shares with tenon-loadzone.
//!
//! # The way of an update
//! [`taker`] reads the message ([`message`]), looks at the access list, and queues a [`transaction`]. The one thread of
//! [`committer`] takes all that wait, [executes](execute) one after the other on zones in memory ([`draft`], over [`tenon_datasrc::Edit`]):
//! [`prerequisites`], [`update`], [`validation`]. It writes what came of them in one commit for each zone, waits for the
//! disk once, and then all are answered ([`answer`]), at once or when tenon-auth answers from it ([`serving`]). An edit ([`edit`]) goes the same way from where it is a transaction.
//!
//! The access list comes before the prerequisites, unlike in RFC 2136 section 3: who may not update is not told what is
//! there either. Of a zone that is loaded at the same time updates are answered SERVFAIL, as its writer is another.

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod answer;
pub mod committer;
pub mod ddns;
pub mod draft;
pub mod edit;
pub mod execute;
pub mod message;
pub mod messages;
pub mod news;
pub mod pace;
pub mod prerequisites;
pub mod queue;
pub mod reply;
pub mod serial;
pub mod serving;
pub mod settings;
pub mod statistics;
pub mod taker;
pub mod transaction;
pub mod update;
pub mod validation;

pub use ddns::Ddns;
pub use settings::DdnsSettings;
