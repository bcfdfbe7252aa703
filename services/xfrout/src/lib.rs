//! Gives zones to secondaries and tells them of changes.
//!
//! Reads: requests that tenon-auth hands over, `/var/lib/tenon/images` (the manifest and the images it names), the
//! journals in the stores of zones, and the committed settings. Writes: answers on the connections that requests came on, NOTIFY datagrams, and
//! `/var/lib/tenon/xfrout/told`. Owns: `org.tenon.Xfrout1` on the bus and that file; the socket of requests is PID 1's.
//!
//! # Transfers ([`taker`], [`transfers`], [`stream`])
//! A request is read, checked against the access list, and given a place among those on their way, for which it may wait
//! a little. The zone is then written by a thread of its own straight from the mapped image: it holds the files of the
//! version it began with, so a transfer is of one version whatever happens meanwhile. Whoever reads slowly makes that
//! thread wait, for `idle_timeout_s` at a time and `total_timeout_s` in all.
//!
//! IXFR is answered with the zone's SOA alone when the client is up to date, and otherwise with the differences up to the
//! version that is served ([`stores`]): read from the journal into memory before the first message, within
//! `ixfr_max_octets`, and made one difference, so that no transaction stays open while a client reads. Where the journal
//! does not reach back, or the difference has more records than the zone, it is the whole zone (RFC 1995 section 4).
//!
//! A transfer that breaks off leaves its answer without end, which tenon-auth turns into a closed connection or, when
//! nothing was sent yet, into SERVFAIL (see `tenon_handover`).
//!
//! # NOTIFY ([`notify`])
//! Zones whose serial was not told yet are told of: at start, when the manifest changes, on request.

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod lines;
pub mod messages;
pub mod notify;
pub mod reply;
pub mod request;
pub mod settings;
pub mod statistics;
pub mod stores;
pub mod stream;
pub mod taker;
pub mod transfers;
pub mod xfrout;
pub mod zones;

pub use settings::XfroutSettings;
pub use xfrout::Xfrout;
