//! The image format, version 2: little-endian, position-independent, every offset checked before it is followed.
//!
//! ```text
//! header      256 octets: magic, version, endianness mark, kind, section directory, checksum of the header
//! BODIES      one region per zone, each on a cache line boundary:
//!               table    buckets of one cache line: fingerprints and references of names
//!               nodes    one record per name, in canonical order (see `node`)
//!               order    NSEC owners in canonical order: 8-octet keys, then references
//!               hashed   NSEC3 owners by hash: 8-octet keys, then references
//! NAMES       names of the zones
//! ZONES       one entry per zone, sorted by hash of its name
//! ```
//!
//! The header's checksum covers the header; the header holds the checksums of NAMES and ZONES, a zone's entry that of
//! its region. So a reader that trusts the manifest's copy of the header checksum can check all of it, piece by piece.

use crate::octets::{Fault, read_u32, read_u64};

/// First octets of every image.
pub(crate) const MAGIC: &[u8; 8] = b"TENONIMG";
/// Version of the format, raised by every change, that of the hash of names included.
pub(crate) const VERSION: u32 = 2;
/// Reads back as itself only in the byte order it was written in.
pub(crate) const ENDIAN_MARK: u32 = 0x0102_0304;
/// Octets of the header.
pub(crate) const HEADER: usize = 256;
/// Where the header's own checksum lies.
pub(crate) const HEADER_CHECKSUM: usize = HEADER - 8;
/// Octets of a cache line, and of a bucket.
pub(crate) const LINE: usize = 64;
/// Octets of a zone's entry.
pub(crate) const ENTRY: usize = 160;
/// Nodes lie at multiples of this, so that a 32-bit reference reaches 16 GiB.
pub(crate) const NODE_UNIT: usize = 4;

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImageKind {
    /// Whole zones.
    Base,
    /// Changed names of zones whose base is elsewhere.
    Layer,
}

/// Where a section lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Section {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) checksum: u64,
}

/// The header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) kind: ImageKind,
    pub(crate) zones: u32,
    pub(crate) octets: u64,
    pub(crate) names: Section,
    pub(crate) entries: Section,
}

impl Header {
    pub(crate) fn to_octets(self, checksum: impl Fn(&[u8]) -> u64) -> [u8; HEADER] {
        let mut octets = Vec::with_capacity(HEADER);
        octets.extend_from_slice(MAGIC);
        for word in [VERSION, ENDIAN_MARK, u32::from(self.kind == ImageKind::Layer), self.zones] {
            octets.extend_from_slice(&word.to_le_bytes());
        }
        octets.extend_from_slice(&self.octets.to_le_bytes());
        for section in [self.names, self.entries] {
            for word in [section.offset, section.length, section.checksum] {
                octets.extend_from_slice(&word.to_le_bytes());
            }
        }
        octets.resize(HEADER_CHECKSUM, 0);
        let sum = checksum(&octets);
        octets.extend_from_slice(&sum.to_le_bytes());
        let mut whole = [0; HEADER];
        whole.copy_from_slice(&octets);
        whole
    }

    /// Reads the header of a file and its checksum, which is compared.
    pub(crate) fn read(file: &[u8], checksum: impl Fn(&[u8]) -> u64) -> Result<(Self, u64), Fault> {
        if !file.starts_with(MAGIC) {
            return Err(Fault("it is not a zone image"));
        }
        if read_u32(file, 12)? != ENDIAN_MARK {
            return Err(Fault("it was made on a machine of the other byte order"));
        }
        if read_u32(file, 8)? != VERSION {
            return Err(Fault("it has a format version that this program does not know"));
        }
        let body = file.get(..HEADER_CHECKSUM).ok_or(Fault("it ends within its header"))?;
        let sum = read_u64(file, HEADER_CHECKSUM)?;
        if checksum(body) != sum {
            return Err(Fault("its header does not have its checksum"));
        }
        let section = |at| {
            Ok(Section {
                offset: read_u64(file, at)?,
                length: read_u64(file, at + 8)?,
                checksum: read_u64(file, at + 16)?,
            })
        };
        let header = Self {
            kind: if read_u32(file, 16)? == 0 { ImageKind::Base } else { ImageKind::Layer },
            zones: read_u32(file, 20)?,
            octets: read_u64(file, 24)?,
            names: section(32)?,
            entries: section(56)?,
        };
        if header.octets != file.len() as u64 {
            return Err(Fault("it does not have the length its header tells"));
        }
        Ok((header, sum))
    }
}

/// What the header tells about one zone. Offsets count from the start of its region, lengths are in octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct ZoneEntry {
    pub(crate) hash: u64,
    pub(crate) region: Section,
    pub(crate) version: u64,
    pub(crate) records: u64,
    pub(crate) nodes: u64,
    pub(crate) nodes_offset: u64,
    pub(crate) nodes_length: u64,
    pub(crate) order_offset: u64,
    pub(crate) order_count: u64,
    pub(crate) hashed_offset: u64,
    pub(crate) hashed_count: u64,
    pub(crate) name_offset: u32,
    pub(crate) name_length: u32,
    pub(crate) serial: u32,
    pub(crate) buckets: u32,
    pub(crate) apex: u32,
    pub(crate) max_depth: u32,
}

impl ZoneEntry {
    pub(crate) fn to_octets(self) -> [u8; ENTRY] {
        let long = [
            self.hash,
            self.region.offset,
            self.region.length,
            self.region.checksum,
            self.version,
            self.records,
            self.nodes,
            self.nodes_offset,
            self.nodes_length,
            self.order_offset,
            self.order_count,
            self.hashed_offset,
            self.hashed_count,
        ];
        let short =
            [self.name_offset, self.name_length, self.serial, self.buckets, self.apex, self.max_depth];
        let words = long
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .chain(short.iter().flat_map(|word| word.to_le_bytes()));
        let mut octets = [0; ENTRY];
        octets.iter_mut().zip(words).for_each(|(place, octet)| *place = octet);
        octets
    }

    pub(crate) fn read(entry: &[u8]) -> Result<Self, Fault> {
        let long = |index: usize| read_u64(entry, index * 8);
        let short = |index: usize| read_u32(entry, 104 + index * 4);
        Ok(Self {
            hash: long(0)?,
            region: Section { offset: long(1)?, length: long(2)?, checksum: long(3)? },
            version: long(4)?,
            records: long(5)?,
            nodes: long(6)?,
            nodes_offset: long(7)?,
            nodes_length: long(8)?,
            order_offset: long(9)?,
            order_count: long(10)?,
            hashed_offset: long(11)?,
            hashed_count: long(12)?,
            name_offset: short(0)?,
            name_length: short(1)?,
            serial: short(2)?,
            buckets: short(3)?,
            apex: short(4)?,
            max_depth: short(5)?,
        })
    }
}
