//! What changed between two versions as a row of DNS messages (RFC 1995 section 4).

use std::io;

use tenon_datasrc::{ChangedRecord, CondensedDifference};
use tenon_image::rrset::RECORD_HEAD;
use tenon_image::{Fault, ZoneImage};
use tenon_wire::{NameRef, RrType, rdata};

use super::owner::pointer;
use super::{MESSAGE, MESSAGE_MAX, Opening, Sent, StreamError, Writer, rest_of_head};

/// Writes a difference: the new SOA; the old SOA and what went; the new SOA and what came; the new SOA. `sink` is as in
/// [`super::axfr`].
///
/// # Errors
/// See [`StreamError`]; what came before was sent.
pub fn ixfr(
    zone: &ZoneImage,
    opening: Opening<'_>,
    difference: &CondensedDifference,
    sink: &mut dyn FnMut(&[u8], Sent) -> io::Result<()>,
) -> Result<Sent, StreamError> {
    const NO_SOA: Fault = Fault("a difference without SOA");
    let apex = zone.origin();
    let is_soa = |record: &ChangedRecord<'_>| record.rrtype == RrType::SOA && record.owner == apex;
    let old = difference.deleted().find(is_soa).ok_or(NO_SOA)?;
    let new = difference.added().find(is_soa).ok_or(NO_SOA)?;
    let mut writer = Writer::new(zone, opening, sink);
    writer.changed(apex, &new)?;
    for (soa, deleted) in [(&old, true), (&new, false)] {
        writer.changed(apex, soa)?;
        if deleted {
            difference
                .deleted()
                .filter(|record| !is_soa(record))
                .try_for_each(|r| writer.changed(apex, &r))?;
        } else {
            difference.added().filter(|record| !is_soa(record)).try_for_each(|r| writer.changed(apex, &r))?;
        }
    }
    writer.changed(apex, &new)?;
    writer.finish()
}

impl<'a> Writer<'a, '_> {
    /// Writes one record, turning to its owner.
    fn changed(&mut self, apex: NameRef<'_>, record: &ChangedRecord<'a>) -> Result<(), StreamError> {
        const ELSEWHERE: Fault = Fault("a changed name is not in the zone");
        let below = record.owner.octets().len().checked_sub(apex.octets().len()).ok_or(ELSEWHERE)?;
        self.owner.turn_to(record.owner.octets().get(..below).ok_or(ELSEWHERE)?);
        let octets = self.owner.room() + RECORD_HEAD - 2 + record.rdata.len();
        if self.exceeds(octets, MESSAGE) && self.answers > 0 {
            self.next_message()?;
        }
        if self.exceeds(octets, MESSAGE_MAX) {
            return Err(Fault("a record fits into no message").into());
        }
        self.owner.write(self.position(), &mut self.out);
        self.out.extend_from_slice(&rest_of_head(record.rrtype, ttl(record)));
        let length_at = self.out.len();
        self.out.extend_from_slice(&[0; 2]);
        self.compressed(apex, record);
        let length = u16::try_from(self.out.len() - length_at - 2).unwrap_or(u16::MAX).to_be_bytes();
        self.out.iter_mut().skip(length_at).zip(length).for_each(|(place, octet)| *place = octet);
        self.answers += 1;
        Ok(())
    }

    /// Appends record data, names that may be compressed (RFC 3597 section 4) as pointers to the owner's name or the
    /// zone's, as far as they end in it.
    fn compressed(&mut self, apex: NameRef<'_>, record: &ChangedRecord<'_>) {
        let mut copied = 0;
        for place in rdata::names(record.rrtype, record.rdata).filter(|place| place.compressible) {
            let name = record.rdata.get(place.start..place.end).map(NameRef::from_octets);
            let Some(Ok(name)) = name else { break };
            let Some((suffix, at)) = [record.owner, apex].into_iter().find_map(|suffix| {
                // With the same case, which a pointer would lose.
                let ends = name.is_at_or_below(suffix) && name.octets().ends_with(suffix.octets());
                let at = self.owner.suffix(suffix.label_count()).filter(|_| ends)?;
                Some((suffix.octets().len(), at))
            }) else {
                continue;
            };
            let cut = place.end.saturating_sub(suffix);
            self.out.extend_from_slice(record.rdata.get(copied..cut).unwrap_or_default());
            self.out.extend_from_slice(&pointer(at));
            copied = place.end;
        }
        self.out.extend_from_slice(record.rdata.get(copied..).unwrap_or_default());
    }
}

/// Its time to live. Signatures at one name are stored with one for all; each has that of what it covers (RFC 4034 section
/// 3), which is the original one in its data.
fn ttl(record: &ChangedRecord<'_>) -> u32 {
    let original = record.rdata.get(4..).and_then(<[u8]>::first_chunk);
    match original.filter(|_| record.rrtype == RrType::RRSIG) {
        Some(original) => u32::from_be_bytes(*original),
        None => record.ttl,
    }
}
