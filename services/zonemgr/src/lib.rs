//! `tenon-zonemgr` keeps the time of secondary zones.
//!
//! Reads the settings (`zonemgr/secondary_zones` and bounds), NOTIFY messages from its socket, and what tenon-xfrin has
//! stored (over the bus; catalogs in the store itself). Writes `state.sqlite` and `UNAVAILABLE` in `/var/lib/tenon/zonemgr`, which it alone owns. Owns
//! `org.tenon.Zonemgr1` on the bus. It touches no zone data but catalogs, and not the network.
//!
//! # Its task
//! Each zone is looked at when its SOA's refresh time is over, when a look failed and the retry time is over, when a
//! primary says that it changed (NOTIFY), and when an operator asks; the look itself, and the transfer when there is
//! something newer, is a job of tenon-xfrin. So many looks are under way at once as the settings say; the rest wait, those
//! with a NOTIFY first. NOTIFYs for a zone that is being looked at lead to one more look, unless the one under way brought
//! the serial that they named.
//!
//! A zone that no primary confirmed for its expire time is *expired*: it is written into `UNAVAILABLE`, which tenon-zonec
//! takes into the manifest, so that tenon-auth answers SERVFAIL even when the bus is stopped or everything else is. The
//! next successful look takes it out again. A zone that was never transferred stands there as *unloaded*.
//!
//! # Time
//! Timers run by a clock that does not jump; what is written down is the wall clock ([`clock`]). A restart goes on with
//! the times it finds: what is overdue is spread, what expired stays so.
//!
//! # Removal
//! A zone that the settings no longer name is removed from the store by tenon-xfrin, as soon as that is there. This is
//! done only for zones that were configured before and are missing in settings known to be the committed ones, and what
//! is to be removed is written down first. Settings that cannot be read remove nothing.
//!
//! # Threads
//! One: the main thread serves the bus, the socket and the timers. Files are written beside it.

pub mod catalog;
pub mod clock;
pub mod door;
pub mod membership;
pub mod messages;
pub mod notice;
pub mod primaries;
pub mod schedule;
pub mod settings;
pub mod state_file;
pub mod statistics;
pub mod timing;
pub mod zone;
pub mod zonemgr;
pub mod zones;

pub use settings::ZonemgrSettings;
pub use zonemgr::Zonemgr;
