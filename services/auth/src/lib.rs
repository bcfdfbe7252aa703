//! Answers queries from mapped zone images, and hands what it does not answer to the services behind their doors.
//!
//! Reads: the sockets that PID 1 passes on, `/var/lib/tenon/images` (the manifest and the images it names),
//! `/var/lib/tenon/auth` (secrets of cookies if they are there, the certificate for TLS and its key when a socket is for
//! TLS), and the committed settings. Writes: replies, log lines, requests to `/run/tenon/xfrout.socket` (zone transfers,
//! whose answers it passes on) and `/run/tenon/zonemgr.socket` (NOTIFY), nothing on disk. Owns: nothing that outlives
//! it; the sockets are PID 1's and the images are `tenon-zonec`'s.
//!
//! Three groups of threads, which meet in one pointer each way:
//!
//! * the network's workers answer. They take up the published catalog once per batch ([`zones`]) and count into
//!   counters of their own ([`statistics`]);
//! * the main thread is on the bus, feeds the watchdog, looks at the manifest and logs what the workers tell
//!   ([`instance`]);
//! * the inspector reads the bodies of the mapped images, slowly, and reports what is damaged
//!   ([`zones::Inspector`]).
//!
//! Nobody waits for the bus: a hint makes a change of the manifest seen at once, and without hints it is seen at the
//! next of the looks that come every two seconds.

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod answerer;
mod certificate;
pub mod cookie_file;
pub mod doors;
pub mod instance;
pub mod messages;
pub mod settings;
pub mod sockets;
pub mod statistics;
pub mod tap;
pub mod top_clients;
mod troubles;
pub mod zones;

pub use cookie_file::CookieFile;
pub use doors::Doors;
pub use instance::{Instance, Places};
pub use settings::AuthSettings;
