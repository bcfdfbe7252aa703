//! Building an image file from a stream of RRsets.

use std::path::{Path, PathBuf};

use tenon_wire::{Name, NameRef, RrType};
use tenon_zone::RrsetRef;

use crate::manifest::ImageFile;

/// Why an image could not be built; nothing of it remains on disk.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The file system refused.
    #[error("image file {path}: {error}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The RRset is not at or below the zone's origin.
    #[error("{owner} is outside of zone {origin}")]
    OutOfZone {
        /// The RRset's owner.
        owner: Name,
        /// The zone.
        origin: Name,
    },
    /// RRsets must come in canonical order of their owners, then by type.
    #[error("{owner} {rrtype} comes out of canonical order")]
    Order {
        /// The RRset's owner.
        owner: Name,
        /// The RRset's type.
        rrtype: RrType,
    },
    /// The RRset can never fit into a DNS message, or its record data is malformed.
    #[error("{owner} {rrtype}: {what}")]
    Rrset {
        /// The RRset's owner.
        owner: Name,
        /// The RRset's type.
        rrtype: RrType,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A verb was used out of turn (a zone begun twice, an RRset outside of a zone).
    #[error("image builder: {0}")]
    Sequence(&'static str),
    /// The finished file did not pass its own verification.
    #[error("image file {name} failed verification: {reason}")]
    Verification {
        /// The file.
        name: String,
        /// What was found.
        reason: String,
    },
}

/// What one zone came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ZoneSummary {
    /// Records.
    pub records: u64,
    /// Names, empty non-terminals included.
    pub nodes: u64,
    /// Octets of the zone in the image.
    pub octets: u64,
}

/// Writes one image file of one or many zones.
#[derive(Debug)]
pub struct ImageBuilder {
    directory: PathBuf,
    name: String,
}

impl ImageBuilder {
    /// Starts an image in a temporary file of `directory`; dropping the builder removes it.
    ///
    /// # Errors
    /// [`BuildError::Io`].
    pub fn create(directory: &Path, name: &str) -> Result<Self, BuildError> {
        Ok(Self { directory: directory.to_owned(), name: name.to_owned() })
    }

    /// Starts the zone `origin`.
    ///
    /// # Errors
    /// [`BuildError::Sequence`] while another zone is open.
    pub fn begin_zone(
        &mut self,
        _origin: NameRef<'_>,
        _serial: u32,
        _version: u64,
    ) -> Result<(), BuildError> {
        Ok(())
    }

    /// Adds one RRset; owners in canonical order, types ascending.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn add(&mut self, _rrset: RrsetRef<'_>) -> Result<(), BuildError> {
        Ok(())
    }

    /// Ends the open zone.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn end_zone(&mut self) -> Result<ZoneSummary, BuildError> {
        Ok(ZoneSummary::default())
    }

    /// Writes what is left, verifies every octet, syncs and renames the file to its name.
    ///
    /// # Errors
    /// See [`BuildError`]; the temporary file is gone then.
    pub fn finish(self) -> Result<ImageFile, BuildError> {
        Err(BuildError::Verification {
            name: self.directory.join(self.name).display().to_string(),
            reason: "not yet built".into(),
        })
    }
}
