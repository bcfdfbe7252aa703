//! Writing RRsets of an image into a response.

use tenon_image::rrset::{RECORD_HEAD, Target};
use tenon_image::{Fault, RrsetView};
use tenon_wire::RrType;
use tenon_wire::message::writer::MAX_POINTER;
use tenon_wire::message::{Full, KeyedName, NamePlaces, ResponseWriter, Section};

/// Why an RRset was not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Failure {
    /// No room.
    Full,
    /// The image is damaged.
    Fault,
}

impl From<Full> for Failure {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl From<Fault> for Failure {
    fn from(_: Fault) -> Self {
        Self::Fault
    }
}

/// How an owner name is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner<'a> {
    /// The suffix, with so many labels, of the name that is looked up.
    Suffix(usize),
    /// A name at a place of the response.
    Place(usize),
    /// A name below the zone whose name has so many labels.
    Below(&'a [u8], usize),
    /// A name below one at a place of the response; below the root for place 0.
    BelowPlace(&'a [u8], u16),
    /// A whole name that is nowhere in the response.
    Whole(&'a [u8]),
}

/// What is known of the response's names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    pub(crate) name: &'a KeyedName,
    pub(crate) places: &'a NamePlaces,
}

/// Where an RRset was written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    /// Where it begins.
    start: usize,
    /// Where its first record's owner would begin if it were a pointer.
    pub(crate) base: usize,
    /// Names were compressed as the image says, so that positions of the image hold.
    pub(crate) as_stored: bool,
    /// The owner is the root, which is one octet where a pointer is two.
    root: bool,
}

impl Written {
    /// Where a position of the RRset as stored lies in the response.
    pub(crate) fn place(&self, rrset: &RrsetView<'_>, position: usize) -> usize {
        place(self.base, self.root, rrset, position)
    }
}

/// Where a position of an RRset as stored lies in the response, if the first owner would begin at `base` as a pointer.
fn place(base: usize, root: bool, rrset: &RrsetView<'_>, position: usize) -> usize {
    let shift = if root {
        // Each record but the first is an octet shorter than with a pointer.
        let ends = rrset.rdatas().iter().scan(0, |end, rdata| {
            *end += RECORD_HEAD + rdata.len();
            Some(*end)
        });
        ends.take_while(|&end| end <= position).count()
    } else {
        0
    };
    (base + position).wrapping_sub(shift)
}

/// One RRset and how it is to be written.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) owner: Owner<'a>,
    pub(crate) rrset: &'a RrsetView<'a>,
    pub(crate) ttl: u32,
    /// With its signatures.
    pub(crate) signed: bool,
    pub(crate) section: Section,
}

impl Record<'_> {
    /// Writes all of it or nothing.
    pub(crate) fn write(
        &self,
        writer: &mut ResponseWriter<'_>,
        names: Names<'_>,
    ) -> Result<Written, Failure> {
        let mark = writer.mark();
        let written = self.records(writer, names).and_then(|written| {
            if self.signed {
                self.signatures(writer, names, written)?;
            }
            Ok(written)
        });
        if written.is_err() {
            writer.rewind(mark);
        }
        written
    }

    #[inline]
    fn records(&self, writer: &mut ResponseWriter<'_>, names: Names<'_>) -> Result<Written, Failure> {
        let mark = writer.mark();
        let start = writer.position();
        let head = Head::new(self.rrset.rrtype, self.ttl);
        let mut base = start;
        for (index, rdata) in self.rrset.rdatas().iter().enumerate() {
            if index == 0 {
                write_owner(writer, self.owner, names)?;
                // The root is one octet where a pointer is two.
                base = (writer.position()).wrapping_sub(2);
            } else {
                self.again(writer, start, names)?;
            }
            head.write(writer, rdata.len() as u16)?;
            writer.put(rdata)?;
        }
        writer.count(self.section, self.rrset.records);
        if self.rrset.is_plain() || self.fill(writer, names, base)? {
            return Ok(Written { start, base, as_stored: true, root: self.is_root() });
        }
        writer.rewind(mark);
        self.expanded(writer, names, head)?;
        Ok(Written { start, base, as_stored: false, root: self.is_root() })
    }

    /// Fills the holes; false when a pointer does not reach.
    fn fill(&self, writer: &mut ResponseWriter<'_>, names: Names<'_>, base: usize) -> Result<bool, Failure> {
        for fixup in self.rrset.fixups() {
            let target = match fixup.target {
                Target::OwnerSuffix(labels) => names.places.get(labels).map(usize::from),
                Target::Position(position) => Some(self.actual(base, position)),
            };
            let Some(target) = target.filter(|&target| target <= MAX_POINTER) else { return Ok(false) };
            writer.point(self.actual(base, fixup.position), target).map_err(|_| Failure::Fault)?;
        }
        Ok(true)
    }

    fn actual(&self, base: usize, position: usize) -> usize {
        place(base, self.is_root(), self.rrset, position)
    }

    const fn is_root(&self) -> bool {
        matches!(self.owner, Owner::Suffix(0))
    }

    /// Writes the records with all names whole.
    fn expanded(&self, writer: &mut ResponseWriter<'_>, names: Names<'_>, head: Head) -> Result<(), Failure> {
        let owner = match self.owner {
            Owner::Suffix(labels) => names.name.suffix(labels),
            // Only owners at or above the name looked up have names that can be compressed.
            _ => names.name.octets(),
        };
        let start = writer.position();
        let mut position = 0;
        for (index, rdata) in self.rrset.rdatas().iter().enumerate() {
            if index == 0 {
                write_owner(writer, self.owner, names)?;
            } else {
                self.again(writer, start, names)?;
            }
            position += RECORD_HEAD;
            head.write(writer, 0)?;
            let data = writer.position();
            let mut copied = 0;
            let holes = self.rrset.fixups().map(|fixup| fixup.position.wrapping_sub(position));
            for hole in holes.filter(|&hole| hole < rdata.len()) {
                writer.put(rdata.get(copied..hole).ok_or(Failure::Fault)?)?;
                let mut name = [0; 255];
                let length = self.rrset.expand_name(position + hole, owner, &mut name)?;
                writer.put(name.get(..length).ok_or(Failure::Fault)?)?;
                copied = hole + 2;
            }
            writer.put(rdata.get(copied..).ok_or(Failure::Fault)?)?;
            let length = u16::try_from(writer.position() - data).map_err(|_| Failure::Full)?;
            writer.overwrite(data - 2, length);
            position += rdata.len();
        }
        writer.count(self.section, self.rrset.records);
        Ok(())
    }

    /// The owner of a second or later record.
    #[inline]
    fn again(&self, writer: &mut ResponseWriter<'_>, start: usize, names: Names<'_>) -> Result<(), Failure> {
        let place = match self.owner {
            Owner::Below(..) | Owner::BelowPlace(..) | Owner::Whole(_) if start <= MAX_POINTER => {
                Owner::Place(start)
            }
            other => other,
        };
        write_owner(writer, place, names)
    }

    fn signatures(
        &self,
        writer: &mut ResponseWriter<'_>,
        names: Names<'_>,
        written: Written,
    ) -> Result<(), Failure> {
        let head = Head::new(RrType::RRSIG, self.ttl);
        for (index, rdata) in self.rrset.signature_rdatas().iter().enumerate() {
            if index == 0 && self.rrset.records == 0 {
                write_owner(writer, self.owner, names)?;
            } else {
                self.again(writer, written.start, names)?;
            }
            head.write(writer, rdata.len() as u16)?;
            writer.put(rdata)?;
        }
        writer.count(self.section, self.rrset.signatures);
        Ok(())
    }
}

/// Type, class and TTL of a record, as octets.
#[derive(Clone, Copy)]
struct Head([u8; 8]);

impl Head {
    fn new(rrtype: RrType, ttl: u32) -> Self {
        let ([a, b], [c, d, e, f]) = (rrtype.0.to_be_bytes(), ttl.to_be_bytes());
        Self([a, b, 0, 1, c, d, e, f])
    }

    #[inline]
    fn write(self, writer: &mut ResponseWriter<'_>, length: u16) -> Result<(), Full> {
        let ([a, b, c, d, e, f, g, h], [i, j]) = (self.0, length.to_be_bytes());
        writer.put(&[a, b, c, d, e, f, g, h, i, j])
    }
}

#[inline]
fn write_owner(writer: &mut ResponseWriter<'_>, owner: Owner<'_>, names: Names<'_>) -> Result<(), Failure> {
    let (labels, relative) = match owner {
        Owner::Place(place) => return put_pointer(writer, place),
        Owner::Whole(name) => return Ok(writer.put(name)?),
        Owner::BelowPlace(relative, place) => {
            writer.put(relative)?;
            return if place == 0 { Ok(writer.put(&[0])?) } else { put_pointer(writer, place.into()) };
        }
        Owner::Suffix(labels) => (labels, &[][..]),
        Owner::Below(relative, labels) => (labels, relative),
    };
    writer.put(relative)?;
    if labels == 0 {
        return Ok(writer.put(&[0])?);
    }
    match names.places.get(labels) {
        Some(place) => put_pointer(writer, place.into()),
        None => Ok(writer.put(names.name.suffix(labels))?),
    }
}

#[inline]
fn put_pointer(writer: &mut ResponseWriter<'_>, place: usize) -> Result<(), Failure> {
    if place > MAX_POINTER {
        return Err(Failure::Full);
    }
    Ok(writer.put(&(0xc000 | place as u16).to_be_bytes())?)
}
