//! A backup: the primary zones of one manifest and the settings of one generation, as one tar file of texts.
//!
//! Reads zone images and settings, writes a file; the way back goes over the bus, through those who own what is restored:
//! tenon-cfgmgr and tenon-loader. It knows no daemon.
//!
//! # In it
//! `tenon-backup.json` ([`Contents`]), `settings.json` (component to the options that differ from their defaults) and a
//! master file for each primary zone. Not in it: keys, certificates, accounts and the edits of users, which are secrets or
//! nobody else's; secondary zones, which come from their primaries; history and statistics.

mod archive;
mod restore;

pub use archive::{Backup, BackupError, Contents, SavedZone, write};
pub use restore::{RestoreError, Restored, restore};
