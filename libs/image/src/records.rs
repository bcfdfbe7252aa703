//! What a zone holds, record by record with all names written out: for people and programs that are in no hurry.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::collections::BTreeMap;
use std::io::{self, Write};

use tenon_wire::message::KeyedName;
use tenon_wire::rdata;
use tenon_wire::{Name, NameRef, RrType};

use crate::node::Node;
use crate::octets::Fault;
use crate::rrset::{RECORD_HEAD, RrsetView};
use crate::zone::ZoneImage;

/// An RRset with its data written out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Records {
    /// Its owner.
    pub owner: Name,
    /// Record type.
    pub rrtype: RrType,
    /// Time to live.
    pub ttl: u32,
    /// Data of each record.
    pub rdatas: Vec<Vec<u8>>,
}

/// Why a zone could not be written out.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The image is damaged.
    #[error("the image is damaged: {0}")]
    Fault(#[from] Fault),
    /// What is written to fails.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl RrsetView<'_> {
    /// The record data without compression; `owner` is the owner in wire form.
    ///
    /// # Errors
    /// A damaged image.
    pub fn expanded(&self, owner: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
        let mut position = 0;
        let expand_next = |rdata: &[u8]| {
            position += RECORD_HEAD;
            let whole = self.expand(position, rdata, owner);
            position += rdata.len();
            whole
        };
        self.rdatas().iter().map(expand_next).collect()
    }

    /// Record data that begins at `position` of the RRset, all holes filled with the names themselves.
    fn expand(&self, position: usize, rdata: &[u8], owner: &[u8]) -> Result<Vec<u8>, Fault> {
        const BROKEN: Fault = Fault("a compressed name leads nowhere");
        let mut whole = Vec::with_capacity(rdata.len() + 64);
        let mut copied = 0;
        for fixup in self.fixups() {
            let Some(at) = fixup.position.checked_sub(position).filter(|&at| at < rdata.len()) else {
                continue;
            };
            whole.extend_from_slice(rdata.get(copied..at).ok_or(BROKEN)?);
            let mut name = [0; 255];
            let length = self.expand_name(fixup.position, owner, &mut name)?;
            whole.extend_from_slice(name.get(..length).ok_or(BROKEN)?);
            copied = at + 2;
        }
        whole.extend_from_slice(rdata.get(copied..).ok_or(BROKEN)?);
        Ok(whole)
    }
}

impl ZoneImage {
    /// The serial of the zone's SOA.
    ///
    /// # Errors
    /// A damaged image.
    pub fn serial(&self) -> Result<u32, Fault> {
        let soa = self.apex()?.rrset(RrType::SOA)?.ok_or(Fault("it has no SOA"))?;
        let data = soa.expanded(self.origin().octets())?;
        let soa = data.first().and_then(|data| rdata::Soa::read(data));
        soa.map(|soa| soa.serial).ok_or(Fault("its SOA is none"))
    }

    /// The RRsets of one name, signatures as RRsets of their own; none when it has none.
    ///
    /// # Errors
    /// A damaged image.
    pub fn records_at(&self, owner: NameRef<'_>) -> Result<Vec<Records>, Fault> {
        let mut found = Vec::new();
        if owner.is_at_or_below(self.origin()) {
            let lookup = self.find(&KeyedName::new(owner))?;
            if lookup.exact {
                self.show(&lookup.node, &mut |records| found.push(records))?;
            } else {
                // Below a delegation or a DNAME searching ends; such names are few, and looked for one by one.
                for node in self.nodes()? {
                    let node = node?;
                    if self.owner(&node)?.as_ref() == owner {
                        self.show(&node, &mut |records| found.push(records))?;
                    }
                }
            }
        }
        Ok(found)
    }

    /// At most `limit` RRsets of the names behind `after` in canonical order (from the zone's own name on for none); of
    /// the last name all, even if that makes more.
    ///
    /// # Errors
    /// A damaged image.
    pub fn records_after(&self, after: Option<NameRef<'_>>, limit: usize) -> Result<Vec<Records>, Fault> {
        let mut first: BTreeMap<Name, Vec<Records>> = BTreeMap::new();
        let mut count = 0;
        for node in self.nodes()? {
            let node = node?;
            let owner = self.owner(&node)?;
            let is_far = |last: &Name| count >= limit && owner.as_ref() > last.as_ref();
            if after.is_some_and(|after| owner.as_ref() <= after)
                || first.last_key_value().is_some_and(|(last, _)| is_far(last))
            {
                continue;
            }
            let mut found = Vec::new();
            self.show(&node, &mut |records| found.push(records))?;
            count += found.len();
            if !found.is_empty() {
                first.insert(owner, found);
            }
            while let Some(last) = first.last_entry().filter(|last| count - last.get().len() >= limit) {
                count -= last.get().len();
                last.remove();
            }
        }
        Ok(first.into_values().flatten().collect())
    }

    /// Writes the zone as a master file (RFC 1035 section 5), its SOA first; gives the number of records.
    ///
    /// # Errors
    /// See [`ExportError`].
    pub fn write_master(&self, to: &mut dyn Write) -> Result<u64, ExportError> {
        let mut count = 0;
        let mut outcome = Ok(());
        let apex = self.apex()?;
        self.show(&apex, &mut |records| {
            if records.rrtype == RrType::SOA && outcome.is_ok() {
                outcome = write(&records, to, &mut count);
            }
        })?;
        for node in self.nodes()? {
            let node = node?;
            let is_apex = node.relative_name()?.is_empty();
            self.show(&node, &mut |records| {
                if outcome.is_ok() && !(is_apex && records.rrtype == RrType::SOA) {
                    outcome = write(&records, to, &mut count);
                }
            })?;
        }
        outcome?;
        Ok(count)
    }

    fn owner(&self, node: &Node<'_>) -> Result<Name, Fault> {
        let octets = [node.relative_name()?, self.origin().octets()].concat();
        NameRef::from_octets(&octets).map(NameRef::to_name).map_err(|_| Fault("a name is none"))
    }

    fn show(&self, node: &Node<'_>, visit: &mut dyn FnMut(Records)) -> Result<(), Fault> {
        let owner = self.owner(node)?;
        let mut signatures: Vec<(u32, Vec<u8>)> = Vec::new();
        for rrset in node.rrsets() {
            let rrset = rrset?;
            if rrset.records > 0 {
                let rdatas = rrset.expanded(owner.octets())?;
                visit(Records { owner: owner.clone(), rrtype: rrset.rrtype, ttl: rrset.ttl, rdatas });
            }
            if rrset.signatures > 0 {
                signatures.extend(rrset.signature_rdatas().iter().map(|data| (rrset.ttl, data.to_vec())));
            }
        }
        // Signatures have the TTL of what they sign, so they are one RRset for each TTL.
        while let Some(&(ttl, _)) = signatures.first() {
            let (same, others): (Vec<_>, Vec<_>) = signatures.into_iter().partition(|(of, _)| *of == ttl);
            signatures = others;
            let rdatas = same.into_iter().map(|(_, data)| data).collect();
            visit(Records { owner: owner.clone(), rrtype: RrType::RRSIG, ttl, rdatas });
        }
        Ok(())
    }
}

fn write(records: &Records, to: &mut dyn Write, count: &mut u64) -> io::Result<()> {
    let Records { owner, rrtype, ttl, rdatas } = records;
    for data in rdatas {
        writeln!(to, "{owner}\t{ttl}\tIN\t{rrtype}\t{}", rdata::display(*rrtype, data))?;
        *count += 1;
    }
    Ok(())
}
