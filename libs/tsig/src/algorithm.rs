//! The algorithms of the registry (RFC 8945 section 6), and how far their codes are cut.

use std::fmt;
use std::str::FromStr;

use tenon_wire::{Name, NameRef};

/// The hash that a message code is made with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Hash {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// An algorithm, and how many octets of its code are sent at least.
///
/// Written as the name on the wire without its dot, with the bits of a code that is cut behind it: `hmac-sha256`,
/// `hmac-sha256-128`. A cut code is sent under the name of the whole one, as RFC 8945 section 5.2.2.1 describes and
/// peers do; the three names of cut algorithms in the registry are understood as well.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Algorithm {
    hash: Hash,
    /// Octets of the code, at least [`Hash::shortest`] and at most [`Hash::octets`].
    octets: u8,
}

/// A name that no algorithm has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{0:?} is no algorithm; there are hmac-sha256, hmac-sha384, hmac-sha512, hmac-sha224, hmac-sha1 and hmac-md5, \
     each also with the bits of a shortened code, a multiple of 8, at least 80 and at least half of the code, such as \
     hmac-sha256-128"
)]
pub struct UnknownAlgorithm(String);

/// Hashes with their names in text and on the wire.
const HASHES: [(Hash, &str, &[u8]); 6] = [
    (Hash::Md5, "hmac-md5", b"\x08hmac-md5\x07sig-alg\x03reg\x03int\x00"),
    (Hash::Sha1, "hmac-sha1", b"\x09hmac-sha1\x00"),
    (Hash::Sha224, "hmac-sha224", b"\x0bhmac-sha224\x00"),
    (Hash::Sha256, "hmac-sha256", b"\x0bhmac-sha256\x00"),
    (Hash::Sha384, "hmac-sha384", b"\x0bhmac-sha384\x00"),
    (Hash::Sha512, "hmac-sha512", b"\x0bhmac-sha512\x00"),
];

/// The registry's names of cut algorithms.
const CUT: [(Hash, u8, &[u8]); 3] = [
    (Hash::Sha256, 16, b"\x0fhmac-sha256-128\x00"),
    (Hash::Sha384, 24, b"\x0fhmac-sha384-192\x00"),
    (Hash::Sha512, 32, b"\x0fhmac-sha512-256\x00"),
];

impl Hash {
    /// Octets of a whole code.
    pub(crate) const fn octets(self) -> u8 {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Octets below which a code never comes (RFC 8945 section 5.2.2.1).
    pub(crate) const fn shortest(self) -> u8 {
        let half = self.octets() / 2;
        if half > 10 { half } else { 10 }
    }
}

impl Algorithm {
    /// HMAC-MD5; broken hash, for old peers only.
    pub const HMAC_MD5: Self = Self::whole(Hash::Md5);
    /// HMAC-SHA-1; for old peers only.
    pub const HMAC_SHA1: Self = Self::whole(Hash::Sha1);
    /// HMAC-SHA-224.
    pub const HMAC_SHA224: Self = Self::whole(Hash::Sha224);
    /// HMAC-SHA-256: what everybody speaks (RFC 8945 section 6).
    pub const HMAC_SHA256: Self = Self::whole(Hash::Sha256);
    /// HMAC-SHA-384.
    pub const HMAC_SHA384: Self = Self::whole(Hash::Sha384);
    /// HMAC-SHA-512.
    pub const HMAC_SHA512: Self = Self::whole(Hash::Sha512);
    /// All that are not cut, the weakest first.
    pub const ALL: [Self; 6] = [
        Self::HMAC_MD5,
        Self::HMAC_SHA1,
        Self::HMAC_SHA224,
        Self::HMAC_SHA256,
        Self::HMAC_SHA384,
        Self::HMAC_SHA512,
    ];

    const fn whole(hash: Hash) -> Self {
        Self { hash, octets: hash.octets() }
    }

    pub(crate) const fn hash(self) -> Hash {
        self.hash
    }

    /// Octets of the code that are sent, and taken at least.
    #[must_use]
    pub const fn mac_octets(self) -> usize {
        self.octets as usize
    }

    /// Octets that a new secret should have: as many as the hash gives.
    #[must_use]
    pub const fn secret_octets(self) -> usize {
        self.hash.octets() as usize
    }

    /// The algorithm without the bits that its code is cut to, as peers name it in their settings.
    #[must_use]
    pub fn base_name(self) -> &'static str {
        HASHES.iter().find(|(hash, ..)| *hash == self.hash).map_or("", |(_, text, _)| text)
    }

    /// Its name on the wire.
    #[must_use]
    pub fn wire_name(self) -> Name {
        let octets =
            HASHES.iter().find(|(hash, ..)| *hash == self.hash).map_or(&b"\x00"[..], |found| found.2);
        NameRef::from_octets(octets).map_or_else(|_| Name::root(), NameRef::to_name)
    }

    /// The hash that a name on the wire means, and the octets of the longest code that it has.
    pub(crate) fn by_wire_name(name: NameRef<'_>) -> Option<Self> {
        let is = |octets: &[u8]| name.octets().eq_ignore_ascii_case(octets);
        let whole = HASHES.iter().find(|found| is(found.2)).map(|(hash, ..)| Self::whole(*hash));
        let cut = || CUT.iter().find(|found| is(found.2)).map(|&(hash, octets, _)| Self { hash, octets });
        whole.or_else(cut)
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        let unknown = || UnknownAlgorithm(text.to_owned());
        let plain = text.to_ascii_lowercase();
        let plain = plain.strip_suffix('.').unwrap_or(&plain);
        let plain = if plain == "hmac-md5.sig-alg.reg.int" { "hmac-md5" } else { plain };
        if let Some((hash, ..)) = HASHES.iter().find(|(_, name, _)| *name == plain) {
            return Ok(Self::whole(*hash));
        }
        let (name, bits) = plain.rsplit_once('-').ok_or_else(unknown)?;
        let (hash, ..) = *HASHES.iter().find(|(_, known, _)| *known == name).ok_or_else(unknown)?;
        let bits: u16 = bits.parse().map_err(|_| unknown())?;
        let octets = u8::try_from(bits / 8).map_err(|_| unknown())?;
        if !bits.is_multiple_of(8) || octets < hash.shortest() || octets > hash.octets() {
            return Err(unknown());
        }
        Ok(Self { hash, octets })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.base_name())?;
        if self.octets == self.hash.octets() {
            Ok(())
        } else {
            write!(out, "-{}", u32::from(self.octets) * 8)
        }
    }
}

impl fmt::Debug for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for text in ["hmac-md5", "hmac-sha1", "hmac-sha256", "hmac-sha512-256", "hmac-sha1-80", "hmac-md5-80"]
        {
            assert_eq!(text.parse::<Algorithm>().unwrap().to_string(), text);
        }
        assert_eq!("HMAC-SHA256.".parse(), Ok(Algorithm::HMAC_SHA256));
        assert_eq!("hmac-md5.sig-alg.reg.int.".parse(), Ok(Algorithm::HMAC_MD5));
        assert_eq!("hmac-sha256-256".parse(), Ok(Algorithm::HMAC_SHA256));
    }

    #[test]
    fn codes_are_not_cut_too_far() {
        for text in [
            "hmac-sha256-120",
            "hmac-sha256-129",
            "hmac-sha1-72",
            "hmac-md5-64",
            "hmac-sha256-264",
            "hmac-sha256-",
        ] {
            assert!(text.parse::<Algorithm>().is_err(), "{text}");
        }
        let error = "sha256".parse::<Algorithm>().unwrap_err().to_string();
        assert!(error.starts_with("\"sha256\" is no algorithm; there are hmac-sha256,"), "{error}");
    }

    #[test]
    fn names_on_the_wire_ignore_case() {
        let name = |text: &str| text.parse::<Name>().unwrap();
        for algorithm in Algorithm::ALL {
            let wire = algorithm.wire_name();
            assert_eq!(Algorithm::by_wire_name(wire.as_ref()), Some(algorithm));
        }
        let cut = Algorithm::by_wire_name(name("HMAC-sha512-256.").as_ref()).unwrap();
        assert_eq!((cut.to_string().as_str(), cut.mac_octets()), ("hmac-sha512-256", 32));
        assert_eq!(Algorithm::by_wire_name(name("gss-tsig.").as_ref()), None);
    }
}
