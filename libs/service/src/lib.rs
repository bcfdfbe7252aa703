//! What every daemon does alike: start, ready, watchdog, settings, statistics, log, stop.
//!
//! Reads the committed settings (`config/current`), `/etc/passwd` and `/etc/group`, and whether reading is restricted
//! ([`readers`]); writes nothing; owns the daemon's
//! connection to the bus. Knows no daemon. A whole daemon is
//!
#![doc = concat!("```no_run\n", include_str!("../examples/minimal.rs"), "\n```")]

pub mod authorise;
mod bus;
mod command_line;
pub mod committed;
mod component;
mod daemon;
pub mod data_sources;
pub mod document;
mod explain;
pub mod jobs;
mod keys;
mod listen_on;
pub mod listeners;
pub mod log;
pub mod logging;
pub mod messages;
pub mod readers;
mod schema;
mod settings;
mod users;
mod zone_index;
mod zones;

pub use bus::{BusEvent, CurrentBus};
pub use command_line::CommonOptions;
pub use committed::Committed;
pub use component::{Component, CounterDefinition, CounterKind};
pub use daemon::{Daemon, Running, now_usec};
pub use explain::{AccessLists, ExplainFace};
pub use keys::Keys;
pub use listen_on::ListenOn;
pub use schema::Schema;
pub use settings::{Refusal, Settings};
pub use zone_index::ZoneIndex;
pub use zones::ZonesFace;
