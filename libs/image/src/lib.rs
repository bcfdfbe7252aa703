//! Immutable mapped zone images: build, check, map, look up.
//!
//! Reads and writes one directory: image files and `MANIFEST`, the list of what is served. Everything is written
//! beside, synced and renamed, so that a reader sees a whole file or none. A reader maps files read-only, checks
//! header and directory at once and the body in an idle pass, and follows no offset without a bounds check.
//! It does not know who asks, and it knows no sockets and no bus.

pub mod builder;
pub mod catalog;
pub mod expiries;
pub mod file;
mod format;
mod identity;
pub mod manifest;
mod map;
pub mod node;
mod nodes;
mod octets;
mod order;
mod part;
pub mod records;
pub mod rrset;
mod table;
pub mod unavailable;
mod verify;
pub mod zone;

pub use builder::{BuildError, ChangedZone, ImageBuilder, UNFINISHED, ZoneSummary};
pub use catalog::{BodyFault, Catalog, ServedZone, ZoneState};
pub use expiries::{Expiries, ExpiryFile};
pub use file::{ImageMap, OpenError, has_other_format};
pub use format::ImageKind;
pub use identity::Identity;
pub use manifest::{ImageFile, Manifest, ManifestError, ManifestZone, PreviousImage};
pub use node::{Node, NodeRef};
pub use nodes::Nodes;
pub use octets::Fault;
pub use records::{ExportError, Records};
pub use rrset::RrsetView;
pub use unavailable::{Cause, Unavailable, UnavailableError};
pub use zone::{Lookup, ZoneImage};
