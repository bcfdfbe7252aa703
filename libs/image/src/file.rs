//! An image file, mapped; header and directory checked when it is opened, the bodies later.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use tenon_wire::{NameRef, message::KeyedName};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::format::{ENTRY, Header, ImageKind, MAGIC, VERSION, ZoneEntry};
use crate::manifest::ImageFile;
use crate::map::Map;
use crate::octets::{Fault, slice};
use crate::part::PartView;
use crate::verify::verify_part;

/// Octets read between two pauses of the idle pass.
const STRIDE: usize = 4 << 20;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file system refused.
    #[error("it cannot be opened: {0}")]
    Io(#[from] std::io::Error),
    /// It is damaged.
    #[error("{0}")]
    Damaged(#[from] Fault),
    /// It is whole, but not what the manifest means.
    #[error("it is another file than the manifest means")]
    Other,
}

/// A mapped image file.
#[derive(Debug)]
pub struct ImageMap {
    map: Map,
    header: Header,
    file: ImageFile,
    /// The bodies were read through and have their checksums.
    sound: AtomicBool,
}

impl ImageMap {
    /// Maps `name` in `directory`; reads header and directory only, so that the size does not matter.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(directory: &Path, name: &str) -> Result<Self, OpenError> {
        let map = Map::open(&directory.join(name))?;
        let (header, checksum) = Header::read(map.octets(), xxh3_64)?;
        for (section, what) in [(header.names, "names"), (header.entries, "zone list")] {
            if xxh3_64(slice(map.octets(), section.offset, section.length)?) != section.checksum {
                return Err(Fault(if what == "names" {
                    "its names are damaged"
                } else {
                    "its zone list is damaged"
                })
                .into());
            }
        }
        if header.entries.length != u64::from(header.zones) * ENTRY as u64 {
            return Err(Fault("its zone list has another length than its header tells").into());
        }
        let file = ImageFile { name: name.to_owned(), octets: header.octets, checksum };
        Ok(Self { map, header, file, sound: AtomicBool::new(false) })
    }

    /// Maps the very file that the manifest means.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_as(directory: &Path, wanted: &ImageFile) -> Result<Self, OpenError> {
        let opened = Self::open(directory, &wanted.name)?;
        if opened.file == *wanted { Ok(opened) } else { Err(OpenError::Other) }
    }

    /// Name, size and checksum.
    #[must_use]
    pub const fn file(&self) -> &ImageFile {
        &self.file
    }

    /// Whether it holds whole zones.
    #[must_use]
    pub const fn kind(&self) -> ImageKind {
        self.header.kind
    }

    pub(crate) fn octets(&self) -> &[u8] {
        self.map.octets()
    }

    /// The entry of a zone.
    pub(crate) fn zone(&self, origin: NameRef<'_>, key: &KeyedName) -> Result<Option<ZoneEntry>, Fault> {
        let hash = key.hash(key.labels());
        let (mut low, mut high) = (0, self.header.zones as usize);
        while low < high {
            let middle = low.midpoint(high);
            if self.entry(middle)?.hash < hash { low = middle + 1 } else { high = middle }
        }
        for index in low..self.header.zones as usize {
            let entry = self.entry(index)?;
            if entry.hash != hash {
                break;
            }
            if self.name(&entry)? == origin {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    fn entry(&self, index: usize) -> Result<ZoneEntry, Fault> {
        let offset = self.header.entries.offset + (index * ENTRY) as u64;
        ZoneEntry::read(slice(self.octets(), offset, ENTRY as u64)?)
    }

    fn name(&self, entry: &ZoneEntry) -> Result<NameRef<'_>, Fault> {
        let names = slice(self.octets(), self.header.names.offset, self.header.names.length)?;
        let octets = slice(names, u64::from(entry.name_offset), u64::from(entry.name_length))?;
        NameRef::from_octets(octets).map_err(|_| Fault("a zone's name is malformed"))
    }

    /// Compares the checksum of every zone's region; `pause` is called every few megabytes. What was found sound once is
    /// not read again for as long as it is mapped.
    ///
    /// # Errors
    /// The first region that is damaged.
    pub fn verify_bodies(&self, pause: &mut impl FnMut()) -> Result<(), String> {
        if self.sound.load(Ordering::Relaxed) {
            return Ok(());
        }
        for index in 0..self.header.zones as usize {
            let entry = self.entry(index).map_err(|fault| fault.to_string())?;
            let region =
                slice(self.octets(), entry.region.offset, entry.region.length).map_err(|f| f.to_string())?;
            let mut sum = Xxh3::new();
            for stride in region.chunks(STRIDE) {
                sum.update(stride);
                pause();
            }
            if sum.digest() != entry.region.checksum {
                let zone = self.name(&entry).map_or_else(|_| "?".to_owned(), |name| name.to_string());
                return Err(format!("the body of zone {zone} does not have its checksum"));
            }
        }
        self.sound.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Follows everything that a lookup could follow. For the builder: too slow for a reader.
    pub(crate) fn verify_structure(&self) -> Result<(), String> {
        for index in 0..self.header.zones as usize {
            let checked = self.entry(index).and_then(|entry| {
                let labels = self.name(&entry)?.label_count();
                verify_part(&PartView::new(self.octets(), &entry, labels)?, &entry, self.header.kind)
            });
            checked.map_err(|fault| format!("zone {index}: {fault}"))?;
        }
        Ok(())
    }
}

/// Whether a file is an image of another format than the one that this program reads: one that has to be made anew.
#[must_use]
pub fn has_other_format(path: &Path) -> bool {
    let mut start = [0; MAGIC.len() + size_of::<u32>()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    let (magic, version) = start.split_at(MAGIC.len());
    read.is_ok() && magic == MAGIC && version != VERSION.to_le_bytes()
}
