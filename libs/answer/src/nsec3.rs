//! Hashed names (RFC 5155 section 5).

use sha1::{Digest, Sha1};
use tenon_image::ZoneImage;
use tenon_wire::RrType;

use crate::records::Failure;

/// The one hash algorithm there is.
const SHA1: u8 = 1;
/// More iterations than any zone may have (RFC 5155 section 10.3); with more, no proof is given.
const MAX_ITERATIONS: u16 = 2500;

/// How a zone hashes its names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hasher<'a> {
    iterations: u16,
    salt: &'a [u8],
}

impl<'a> Hasher<'a> {
    /// The parameters of a zone that denies by NSEC3; of several chains, of the one that the image holds (RFC 5155
    /// section 7.3).
    pub(crate) fn of(zone: &'a ZoneImage) -> Result<Option<Self>, Failure> {
        let Some(parameters) = zone.apex()?.rrset(RrType::NSEC3PARAM)? else { return Ok(None) };
        let Some(node) = zone.any_nsec3()? else { return Ok(None) };
        let found =
            match parameters.records {
                1 => parameters.rdatas().iter().find_map(Self::read),
                _ => match node.rrset(RrType::NSEC3)? {
                    Some(rrset) => rrset.rdatas().iter().filter_map(Self::read).find(|one| {
                        parameters.rdatas().iter().filter_map(Self::read).any(|other| other == *one)
                    }),
                    None => None,
                },
            };
        Ok(found.filter(|hasher| hasher.iterations <= MAX_ITERATIONS))
    }

    /// Reads the beginning of an NSEC3 or NSEC3PARAM record.
    fn read(rdata: &'a [u8]) -> Option<Self> {
        let (&[algorithm, _, a, b, length], rest) = rdata.split_first_chunk()?;
        let salt = rest.get(..length.into()).filter(|_| algorithm == SHA1)?;
        Some(Self { iterations: u16::from_be_bytes([a, b]), salt })
    }

    /// Hash of `label` (with its length, may be empty) before `name` in lower case.
    pub(crate) fn hash(self, label: &[u8], name: &[u8]) -> [u8; 20] {
        let mut hash = Sha1::new().chain_update(label).chain_update(name).chain_update(self.salt).finalize();
        for _ in 0..self.iterations {
            hash = Sha1::new().chain_update(hash).chain_update(self.salt).finalize();
        }
        hash.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_5155_appendix_a() {
        let hasher = Hasher { iterations: 12, salt: &[0xaa, 0xbb, 0xcc, 0xdd] };
        // 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom
        let wanted = [
            0x06, 0x53, 0x68, 0xab, 0xee, 0xd7, 0xec, 0x6e, 0x9f, 0xeb, 0xa9, 0x6b, 0x8c, 0x8b, 0xc3, 0xe8,
            0xb7, 0x91, 0xf7, 0x16,
        ];
        assert_eq!(hasher.hash(&[], b"\x07example\x00"), wanted);
    }
}
