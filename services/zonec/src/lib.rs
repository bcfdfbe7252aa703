//! `tenon-zonec` compiles committed zones into images.
//!
//! Reads the stores (`/var/lib/tenon/primary/zones.sqlite` and `/var/lib/tenon/secondary/zones.sqlite`, which the first
//! transfer makes; a zone in both is answered from the first and named as a fault), writes image files and `MANIFEST` in
//! `/var/lib/tenon/images`, which it alone owns, and owns `org.tenon.Zonec1` on the bus.
//!
//! # Its task
//! The manifest is to name an image of what the stores hold. The stores are the truth: they are compared with the
//! manifest at start, on every hint (a signal, a call, the bus coming back), and every few seconds when a store's change
//! counter moved. So a lost hint delays a change and loses nothing, and a process that was killed at any moment is made
//! up for by the next one: unfinished files are deleted at start, and whatever the manifest lacks is compiled.
//!
//! # Files
//! A zone has an image file of its own, or shares a *pack* with other small zones when many change at once. One zone's
//! change never rewrites a pack: the zone moves into a file of its own. When many small zones have left their packs, and
//! when little is left of many packs, these zones are packed again. Files that neither a current nor a previous
//! image needs are deleted after the manifest was written; a previous image is kept for each zone that changed.
//!
//! A change of few names in a zone that is not small becomes a *layer* on its image, so that its cost does not grow with
//! the zone; layers are merged into a new base beside, see `zonec/layering.rs`.
//!
//! # Threads
//! One compares, and compiles small and middling zones; one beside it compiles large zones one after the other and clears
//! old versions from the stores, so that a change of a small zone does not wait for a large one. A third compiles a large new
//! zone while it is being written, see `zonec/early.rs`. The bus is served by the
//! main thread, which never compiles. A version that cannot be compiled is told (`ImageFailed`, `Faults`), tried again
//! after 2 s, 4 s ... 60 s, and does not keep others from being compiled; the image before it stays in the manifest. While
//! a store cannot be read, its zones stay as they are.

pub mod bell;
pub mod compiled;
pub mod compiler;
pub mod images;
pub mod ledger;
pub mod messages;
pub mod plan;
pub mod reconcile;
pub mod settings;
pub mod statistics;
pub mod store;
pub mod zonec;

pub use settings::ZonecSettings;
pub use store::StorePlace;
pub use zonec::Zonec;
