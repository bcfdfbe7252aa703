//! Building an image file from a stream of RRsets.
//!
//! A zone is assembled in memory (about fifty octets a record) and appended to a temporary file when it ends; so a
//! pack of many zones never takes more than its largest zone.

mod block;
mod chains;
mod links;
mod pending;
mod restate;
mod zone;

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tenon_wire::{Name, NameRef, RrType};
use tenon_zone::RrsetRef;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::file::{ImageMap, OpenError};
use crate::format::{HEADER, Header, ImageKind, LINE, Section, ZoneEntry};
use crate::manifest::ImageFile;
use crate::part::PartView;
use crate::verify::verify_part;
pub use restate::ChangedZone;
use zone::ZoneBuilder;

/// Ending of files that are not finished; what a killed builder leaves behind ends in it.
pub const UNFINISHED: &str = ".new";

/// Octets of a file, or of a zone in it, from which on it is verified by a thread of its own.
const WORTH_A_THREAD: u64 = 8 << 20;

const FINISHED: BuildError = BuildError::Sequence("the image is finished");

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
    /// More than the format can hold.
    #[error("zone {origin} is too large: {what}")]
    TooLarge {
        /// The zone.
        origin: Name,
        /// What there is too much of.
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
    temporary: PathBuf,
    kind: ImageKind,
    file: Option<File>,
    position: u64,
    names: Vec<u8>,
    entries: Vec<ZoneEntry>,
    zone: Option<ZoneBuilder>,
    /// What the zones so far hold was followed before it was written.
    is_followed: bool,
}

impl ImageBuilder {
    /// Starts an image in a temporary file of `directory`; dropping the builder removes it.
    ///
    /// # Errors
    /// [`BuildError::Io`].
    pub fn create(directory: &Path, name: &str) -> Result<Self, BuildError> {
        Self::start(directory, name, ImageKind::Base)
    }

    /// Starts a layer: whole nodes that changed, and [`Self::remove`] for names that are gone.
    ///
    /// Whoever writes it restates every name whose own data changed; what follows from other names (the delegation
    /// above, addresses, wildcards, neighbours) is looked up by name in a zone with layers.
    ///
    /// # Errors
    /// [`BuildError::Io`].
    pub fn create_layer(directory: &Path, name: &str) -> Result<Self, BuildError> {
        Self::start(directory, name, ImageKind::Layer)
    }

    fn start(directory: &Path, name: &str, kind: ImageKind) -> Result<Self, BuildError> {
        let temporary = directory.join(format!("{name}{UNFINISHED}"));
        let open = || {
            let mut file = File::create(&temporary)?;
            file.write_all(&[0; HEADER])?;
            Ok(file)
        };
        let file = open().map_err(|error| BuildError::Io { path: temporary.clone(), error })?;
        Ok(Self {
            directory: directory.to_owned(),
            name: name.to_owned(),
            temporary,
            kind,
            file: Some(file),
            position: HEADER as u64,
            names: Vec::new(),
            entries: Vec::new(),
            zone: None,
            is_followed: true,
        })
    }

    /// Starts the zone `origin`.
    ///
    /// # Errors
    /// [`BuildError::Sequence`] while another zone is open.
    pub fn begin_zone(&mut self, origin: NameRef<'_>, serial: u32, version: u64) -> Result<(), BuildError> {
        if self.zone.is_some() {
            return Err(BuildError::Sequence("a zone is begun while another one is open"));
        }
        self.zone = Some(ZoneBuilder::new(origin, serial, version, self.kind));
        Ok(())
    }

    /// Adds one RRset; owners in canonical order, types ascending.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn add(&mut self, rrset: RrsetRef<'_>) -> Result<(), BuildError> {
        self.open_zone()?.add(rrset)
    }

    /// In a layer: the name has no records any more; `exists` tells that there are still names below it.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn remove(&mut self, owner: NameRef<'_>, exists: bool) -> Result<(), BuildError> {
        if self.kind != ImageKind::Layer {
            return Err(BuildError::Sequence("names are removed in layers only"));
        }
        self.open_zone()?.remove(owner, exists)
    }

    fn open_zone(&mut self) -> Result<&mut ZoneBuilder, BuildError> {
        self.zone.as_mut().ok_or(BuildError::Sequence("no zone is open"))
    }

    /// Says the serial of the open zone again, when it was not known at its start.
    ///
    /// # Errors
    /// [`BuildError::Sequence`] without an open zone.
    pub fn set_serial(&mut self, serial: u32) -> Result<(), BuildError> {
        self.open_zone()?.set_serial(serial);
        Ok(())
    }

    /// Ends the open zone.
    ///
    /// # Errors
    /// See [`BuildError`].
    pub fn end_zone(&mut self) -> Result<ZoneSummary, BuildError> {
        let zone = self.zone.take().ok_or(BuildError::Sequence("no zone is open"))?;
        let (mut entry, origin, pieces) = zone.finish()?;
        entry.region = self.write_region(&pieces, &entry, origin.as_ref().label_count())?;
        entry.name_offset = self.names.len() as u32;
        entry.name_length = origin.octets().len() as u32;
        self.names.extend_from_slice(origin.octets());
        self.entries.push(entry);
        Ok(ZoneSummary { records: entry.records, nodes: entry.nodes, octets: entry.region.length })
    }

    /// Writes the pieces of a zone one behind the other. Where they are large, what they hold is followed meanwhile; that they are
    /// in the file as they were is seen at the end.
    fn write_region(
        &mut self,
        pieces: &[Vec<u8>; 4],
        entry: &ZoneEntry,
        labels: usize,
    ) -> Result<Section, BuildError> {
        let octets: usize = pieces.iter().map(Vec::len).sum();
        if (octets as u64) < WORTH_A_THREAD {
            self.is_followed = false;
            return self.append_pieces(pieces);
        }
        let (kind, name) = (self.kind, self.name.clone());
        std::thread::scope(|scope| {
            let following =
                scope.spawn(move || verify_part(&PartView::of_pieces(pieces, entry, labels)?, entry, kind));
            let region = self.append_pieces(pieces)?;
            let followed = following.join().map_err(|_| BuildError::Sequence("verifying broke down"))?;
            followed.map_err(|fault| BuildError::Verification { name, reason: fault.to_string() })?;
            Ok(region)
        })
    }

    fn append_pieces(&mut self, pieces: &[Vec<u8>; 4]) -> Result<Section, BuildError> {
        let offset = self.position.next_multiple_of(LINE as u64);
        self.append(&[0; LINE][..(offset - self.position) as usize])?;
        let mut sum = Xxh3::new();
        for piece in pieces {
            sum.update(piece);
            self.append(piece)?;
        }
        Ok(Section { offset, length: self.position - offset, checksum: sum.digest() })
    }

    /// Writes what is left, verifies every octet, syncs and renames the file to its name.
    ///
    /// # Errors
    /// See [`BuildError`]; the temporary file is gone then.
    pub fn finish(mut self) -> Result<ImageFile, BuildError> {
        if self.zone.is_some() {
            return Err(BuildError::Sequence("the image is finished while a zone is open"));
        }
        let names = std::mem::take(&mut self.names);
        let names = self.section(&names)?;
        self.entries.sort_unstable_by_key(|entry| entry.hash);
        let entries: Vec<u8> = self.entries.iter().flat_map(|entry| entry.to_octets()).collect();
        let entries = self.section(&entries)?;
        let zones = self.entries.len() as u32;
        let header =
            Header { kind: self.kind, zones, octets: self.position, names, entries }.to_octets(xxh3_64);
        self.io(|file| {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header)
        })?;
        let file = self.file.take().ok_or(FINISHED)?;
        let mut image = self.sync_and_verify(&file)?;
        let target = self.directory.join(&self.name);
        fs::rename(&self.temporary, &target).map_err(|error| BuildError::Io { path: target, error })?;
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(|error| BuildError::Io { path: self.directory.clone(), error })?;
        image.name.clone_from(&self.name);
        Ok(image)
    }

    /// Returns when the file is on the disk; it is verified meanwhile.
    fn sync_and_verify(&self, file: &File) -> Result<ImageFile, BuildError> {
        let (path, name) = (&self.temporary, &self.name);
        let sync = || file.sync_all().map_err(|error| BuildError::Io { path: path.clone(), error });
        let verify =
            || self.verify().map_err(|reason| BuildError::Verification { name: name.clone(), reason });
        if self.position < WORTH_A_THREAD {
            sync()?;
            return verify();
        }
        std::thread::scope(|scope| {
            let syncing = scope.spawn(sync);
            let image = verify()?;
            syncing.join().map_err(|_| BuildError::Sequence("syncing broke down"))??;
            Ok(image)
        })
    }

    fn verify(&self) -> Result<ImageFile, String> {
        let opened = ImageMap::open(&self.directory, &format!("{}{UNFINISHED}", self.name));
        let image = opened.map_err(|error: OpenError| error.to_string())?;
        image.verify_bodies(&mut || ())?;
        if !self.is_followed {
            image.verify_structure()?;
        }
        Ok(image.file().clone())
    }

    fn section(&mut self, octets: &[u8]) -> Result<Section, BuildError> {
        let offset = self.position;
        self.append(octets)?;
        Ok(Section { offset, length: octets.len() as u64, checksum: xxh3_64(octets) })
    }

    fn append(&mut self, octets: &[u8]) -> Result<(), BuildError> {
        self.position += octets.len() as u64;
        self.io(|file| file.write_all(octets))
    }

    fn io(&mut self, action: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<(), BuildError> {
        let file = self.file.as_mut().ok_or(FINISHED)?;
        action(file).map_err(|error| BuildError::Io { path: self.temporary.clone(), error })
    }
}

impl Drop for ImageBuilder {
    fn drop(&mut self) {
        // Ignored: after a successful rename there is nothing to remove, otherwise the next start clears it.
        let _ = fs::remove_file(&self.temporary);
    }
}
