//! How long an answer may be kept by others on its way to the client.

use tenon_wire::RrType;
use tenon_wire::message::header::flag;
use tenon_wire::message::{Rcode, ResponseReader, Scratch, Section};

/// Bits of the header's flags with the response code (RFC 1035 section 4.1.1).
const RCODE: u16 = 15;

/// Seconds for which a response is fresh (RFC 8484 section 5.1): the smallest time to live of the answer; without an
/// answer that of the proof (RFC 2308 section 5) or of the referral. 0 for what says nothing of the zone, or not all.
#[must_use]
pub fn freshness(response: &[u8]) -> u32 {
    let Some(mut reader) = ResponseReader::new(response) else { return 0 };
    let flags = reader.header.flags();
    let is_about_the_zone = [Rcode::NOERROR.0, Rcode::NXDOMAIN.0].contains(&(flags & RCODE));
    if !is_about_the_zone || flags & flag::TC != 0 {
        return 0;
    }
    while let Ok(Some(_)) = reader.question() {}
    let mut scratch = Scratch::default();
    let (mut answer, mut authority) = (None, None);
    while let Ok(Some(record)) = reader.record(&mut scratch) {
        let keep = |least: Option<u32>, ttl: u32| Some(least.unwrap_or(ttl).min(ttl));
        match (record.section, record.rrtype) {
            (Section::Answer, _) => answer = keep(answer, record.ttl),
            (Section::Authority, RrType::SOA) => {
                // An SOA stands there for what does not exist, also behind an alias.
                let ttl = record.ttl.min(minimum(record.rdata));
                authority = keep(authority, ttl);
                answer = answer.and_then(|least| keep(Some(least), ttl));
            }
            (Section::Authority, _) => authority = keep(authority, record.ttl),
            (Section::Additional, _) => break,
        }
    }
    answer.or(authority).unwrap_or(0)
}

/// The last field of an SOA record (RFC 1035 section 3.3.13).
fn minimum(soa: &[u8]) -> u32 {
    soa.last_chunk().map_or(0, |octets| u32::from_be_bytes(*octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A response to nothing, of records with the root as owner: section, type, time to live, data.
    fn response(flags: u16, records: &[(usize, u16, u32, &[u8])]) -> Vec<u8> {
        let mut message = [0_u16, flags, 0].map(u16::to_be_bytes).concat();
        for section in 0..3 {
            let count = records.iter().filter(|record| record.0 == section).count();
            message.extend(u16::try_from(count).unwrap().to_be_bytes());
        }
        for (_, rrtype, ttl, data) in records {
            message.push(0);
            message.extend(rrtype.to_be_bytes());
            message.extend([0, 1]);
            message.extend(ttl.to_be_bytes());
            message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            message.extend(*data);
        }
        message
    }

    #[test]
    fn the_smallest_time_of_what_was_asked_for() {
        let soa = |minimum: u8| [&[0; 21][..], &[minimum]].concat();
        let (ten, hundred) = (soa(10), soa(100));
        let (a, ns) = (&[192, 0, 2, 1][..], &[0][..]);
        for (flags, records, seconds) in [
            (0x8400, &[(0, 1, 300, a), (0, 1, 60, a), (1, 2, 7, ns), (2, 41, 0, &[][..])][..], 60),
            (0x8403, &[(1, 6, 50, &ten[..])], 10),
            (0x8400, &[(1, 6, 50, &hundred[..]), (1, 47, 20, &[0, 0, 1, 64][..])], 20),
            (0x8403, &[(0, 5, 300, ns), (1, 6, 50, &hundred[..])], 50),
            (0x8000, &[(1, 2, 3600, ns), (2, 1, 5, a)], 3600),
            (0x8402, &[(0, 1, 300, a)], 0),
            (0x8600, &[(0, 1, 300, a)], 0),
            (0x8005, &[], 0),
            (0x8400, &[], 0),
        ] {
            assert_eq!(freshness(&response(flags, records)), seconds, "{flags:x} {records:?}");
        }
        assert_eq!(freshness(&[]), 0);
    }
}
