//! Bringing an RRset into the form in which it is copied into responses.

use std::collections::HashMap;
use std::ops::Range;

use tenon_wire::rdata::names;
use tenon_wire::{NameRef, RrType};
use tenon_zone::RdataList;

use crate::rrset::{OWNER_SUFFIX, RECORD_HEAD, Wanted};

/// Names are only compressed against names this close to the start of their RRset, so that pointers nearly always reach.
const MAX_TARGET: usize = 0x1fff;
/// The largest response, less header, question and OPT record.
const MAX_BLOCK: usize = 65535 - 12 - 259 - 11;

/// An RRset ready to be written into a node; its room is used again for the next one.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) records: u16,
    /// Position of a hole and its target.
    pub(super) fixups: Vec<[u16; 2]>,
    pub(super) targets: Vec<AddressTarget>,
    /// The names of the targets one behind the other.
    pub(super) target_names: Vec<u8>,
    /// Packed record data with holes.
    pub(super) data: Vec<u8>,
    suffixes: Suffixes,
}

/// A name of this zone in record data that leads to addresses.
#[derive(Debug)]
pub(super) struct AddressTarget {
    /// 0 for the owner itself.
    pub(super) position: u16,
    pub(super) required: bool,
    pub(super) wanted: Wanted,
    /// Where it stands among the names.
    pub(super) name: Range<usize>,
}

/// Types whose name leads to addresses that answers carry along.
const fn leads_to_addresses(rrtype: RrType) -> bool {
    matches!(
        rrtype,
        RrType::NS
            | RrType::MX
            | RrType::SRV
            | RrType::NAPTR
            | RrType::SVCB
            | RrType::HTTPS
            | RrType::AFSDB
            | RrType::RT
            | RrType::KX
            | RrType::MB
    )
}

impl Block {
    /// Compiles the records of `owner` in zone `origin` in the place of what was there before.
    pub(super) fn compile(
        &mut self,
        owner: NameRef<'_>,
        origin: NameRef<'_>,
        rrtype: RrType,
        rdatas: RdataList<'_>,
    ) -> Result<(), &'static str> {
        self.records = 0;
        self.fixups.clear();
        self.targets.clear();
        self.target_names.clear();
        self.data.clear();
        self.suffixes.clear();
        let mut writer =
            Writer { owner, origin, rrtype, packed: rdatas.packed(), taken: 0, position: 0, block: self };
        for rdata in rdatas {
            writer.record(rdata)?;
        }
        if writer.position > MAX_BLOCK {
            return Err("the RRset is larger than a DNS message");
        }
        // Glue that must not be missing is tried first.
        self.targets.sort_by_key(|target| !target.required);
        Ok(())
    }

    /// The name of a target.
    pub(super) fn target_name(&self, target: &AddressTarget) -> &[u8] {
        self.target_names.get(target.name.clone()).unwrap_or_default()
    }
}

struct Writer<'a> {
    owner: NameRef<'a>,
    origin: NameRef<'a>,
    rrtype: RrType,
    /// All records as they came.
    packed: &'a [u8],
    /// How much of that was taken.
    taken: usize,
    /// Where in the RRset as written the next octet lies.
    position: usize,
    block: &'a mut Block,
}

/// Suffixes of names, case kept, by where they stand in the packed records, and where they were written first. A list is
/// quicker for the few that most RRsets have.
#[derive(Debug, Default)]
struct Suffixes {
    few: Vec<(Range<usize>, usize)>,
    many: HashMap<Box<[u8]>, usize>,
}

impl Suffixes {
    const FEW: usize = 24;

    fn clear(&mut self) {
        self.few.clear();
        if !self.many.is_empty() {
            self.many = HashMap::new();
        }
    }

    fn get(&self, packed: &[u8], suffix: &[u8]) -> Option<usize> {
        let is_it = |known: &Range<usize>| packed.get(known.clone()) == Some(suffix);
        let found = self.few.iter().find(|(known, _)| is_it(known)).map(|(_, position)| *position);
        if found.is_some() || self.many.is_empty() { found } else { self.many.get(suffix).copied() }
    }

    /// Notes a suffix that is not known yet, and ends at that place of the packed records.
    fn insert(&mut self, suffix: &[u8], end: usize, position: usize) {
        if self.few.len() < Self::FEW {
            self.few.push((end.saturating_sub(suffix.len())..end, position));
        } else {
            self.many.insert(suffix.into(), position);
        }
    }
}

impl<'a> Writer<'a> {
    fn record(&mut self, rdata: &'a [u8]) -> Result<(), &'static str> {
        const MALFORMED: &str = "a name in its record data is malformed";
        self.block.records = self.block.records.checked_add(1).ok_or("more than 65535 records")?;
        self.position += RECORD_HEAD;
        // Holes make data shorter than it came, so where it came from is counted apart.
        let start = self.taken + 2;
        self.taken = start + rdata.len();
        let length_at = self.block.data.len();
        self.block.data.extend_from_slice(&[0; 2]);
        let mut written = 0;
        for found in names(self.rrtype, rdata) {
            let head = rdata.get(written..found.start).ok_or(MALFORMED)?;
            let octets = rdata.get(found.start..found.end).ok_or(MALFORMED)?;
            let name = NameRef::from_octets(octets).map_err(|_| MALFORMED)?;
            self.put(head);
            if leads_to_addresses(self.rrtype) {
                self.address_target(name, rdata);
            }
            if found.compressible {
                self.name(name, start + found.end);
            } else {
                self.put(octets);
            }
            written = found.end;
        }
        self.put(rdata.get(written..).ok_or(MALFORMED)?);
        let length = (self.block.data.len() - length_at - 2) as u16;
        self.block.data[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    fn address_target(&mut self, target: NameRef<'_>, rdata: &[u8]) {
        let is_binding = matches!(self.rrtype, RrType::SVCB | RrType::HTTPS);
        let (position, target) = match u16::try_from(self.position) {
            // The root stands for the owner in a binding that is no alias (RFC 9460 section 2.5), elsewhere for none
            // (RFC 7505).
            _ if target.is_root() && is_binding && !rdata.starts_with(&[0, 0]) => (0, self.owner),
            Ok(position) if !target.is_root() && target.is_at_or_below(self.origin) => (position, target),
            _ => return,
        };
        let wanted = match self.rrtype {
            RrType::SVCB | RrType::HTTPS if position > 0 => Wanted::Bindings,
            RrType::NAPTR => match rdata.get(4..6) {
                Some([1, b's' | b'S']) => Wanted::Services,
                Some([1, b'a' | b'A']) => Wanted::Addresses,
                _ => return,
            },
            _ => Wanted::Addresses,
        };
        let required =
            self.rrtype == RrType::NS && self.owner != self.origin && target.is_at_or_below(self.owner);
        let start = self.block.target_names.len();
        self.block.target_names.extend_from_slice(target.octets());
        let name = start..self.block.target_names.len();
        self.block.targets.push(AddressTarget { position, required, wanted, name });
    }

    /// Writes a name, its longest known tail as a hole; `end` is where it ends in the packed records.
    fn name(&mut self, name: NameRef<'a>, end: usize) {
        let mut suffix = name;
        loop {
            let target = if suffix.is_root() { None } else { self.known(suffix) };
            if let Some(target) = target
                && let Ok(position) = u16::try_from(self.position)
            {
                self.block.fixups.push([position, target]);
                self.put(&[0xc0, 0]);
                return;
            }
            if suffix.is_root() {
                self.put(&[0]);
                return;
            }
            if self.position <= MAX_TARGET {
                self.block.suffixes.insert(suffix.octets(), end, self.position);
            }
            let Some(parent) = suffix.parent() else { return };
            self.put(&suffix.octets()[..suffix.octets().len() - parent.octets().len()]);
            suffix = parent;
        }
    }

    /// What a hole in place of this suffix would point at.
    fn known(&self, suffix: NameRef<'_>) -> Option<u16> {
        // A wildcard's own name is not in responses: there stands the name that was asked for.
        if self.owner.is_at_or_below(suffix) && !suffix.is_wildcard() {
            return Some(OWNER_SUFFIX | suffix.label_count() as u16);
        }
        self.block.suffixes.get(self.packed, suffix.octets()).map(|position| position as u16)
    }

    fn put(&mut self, octets: &[u8]) {
        self.block.data.extend_from_slice(octets);
        self.position += octets.len();
    }
}
