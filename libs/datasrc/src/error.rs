//! What can go wrong with a data source, each with what to do about it.

use std::path::PathBuf;

use tenon_wire::{Name, RrType};

/// Why a data source could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no store at this place.
    #[error("{}: there is no zone store here yet; load a zone to create it", path.display())]
    NoStore {
        /// The database file.
        path: PathBuf,
    },
    /// The file is something else than a store of zones.
    #[error("{}: not a zone store: {reason}; move the file away and load the zones again", path.display())]
    NotAStore {
        /// The database file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// The store was written by a newer release.
    #[error("{}: the store has format {found}, this program knows up to {known}; upgrade it", path.display())]
    NewerFormat {
        /// The database file.
        path: PathBuf,
        /// Format of the file.
        found: i64,
        /// Highest format this program reads.
        known: i64,
    },
    /// The store's content is damaged.
    #[error(
        "{}: the zone store is damaged ({reason}); restore it from a backup, or move it away and load the zones again",
        path.display()
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// The file was replaced or removed while it was open.
    #[error("{}: the zone store was replaced or removed while in use; it must be opened again", path.display())]
    Replaced {
        /// The database file.
        path: PathBuf,
    },
    /// No room on the disk.
    #[error("{}: the disk is full; free some space, the version before stays in use until then", path.display())]
    Full {
        /// The database file.
        path: PathBuf,
    },
    /// The process may not read or write the store.
    #[error(
        "{}: no permission ({reason}); the file and its directory must belong to this store's group, see tmpfiles.d/tenon.conf",
        path.display()
    )]
    Denied {
        /// The database file or a lock file beside it.
        path: PathBuf,
        /// What the engine or the system said.
        reason: String,
    },
    /// Others held the store for too long.
    #[error("{}: the zone store is held by another program for too long; `fuser` tells which", path.display())]
    Busy {
        /// The database file.
        path: PathBuf,
    },
    /// Another writer is at work on this zone.
    #[error("zone {zone}: another load or update of this zone is under way; try again when it has ended")]
    ZoneBusy {
        /// Apex of the zone.
        zone: Name,
    },
    /// The version was replaced and cleared while it was being read.
    #[error("zone {zone}: version {version} was replaced meanwhile; read the current one")]
    VersionGone {
        /// Apex of the zone.
        zone: Name,
        /// The version that was asked for.
        version: u64,
    },
    /// There is no such zone in the store.
    #[error("zone {zone} is not stored here")]
    NoZone {
        /// Its name.
        zone: Name,
    },
    /// A version without an SOA record at its apex was to be committed.
    #[error("zone {zone}: no SOA record at the apex, or one that cannot be read")]
    NoSoa {
        /// Apex of the zone.
        zone: Name,
    },
    /// RRsets came in another order than the canonical one, or one came twice.
    #[error("{owner} {rrtype}: RRsets must come in canonical order and once each")]
    OutOfOrder {
        /// Owner of the RRset that came too late.
        owner: Name,
        /// Its type.
        rrtype: RrType,
    },
    /// An RRset's owner is not in the zone.
    #[error("{owner}: not in zone {zone}")]
    OutOfZone {
        /// The owner.
        owner: Name,
        /// Apex of the zone.
        zone: Name,
    },
    /// The record data of an RRset is not in packed form.
    #[error("{owner} {rrtype}: record data is not well formed")]
    BadRrset {
        /// Owner of the RRset.
        owner: Name,
        /// Its type.
        rrtype: RrType,
    },
    /// The system refused something else.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The engine failed in a way that has no name of its own here.
    #[error("{}: {reason}", path.display())]
    Engine {
        /// The database file.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
}
