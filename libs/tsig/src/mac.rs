//! Message authentication codes under way.

use hmac::{Hmac, KeyInit, Mac as _};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use crate::algorithm::Hash;

/// Octets of the longest code.
pub(crate) const MAC_MAX: usize = 64;

/// A code under way: what was put in is covered by it.
#[derive(Clone)]
pub(crate) enum Mac {
    Md5(Hmac<Md5>),
    Sha1(Hmac<Sha1>),
    Sha224(Hmac<Sha224>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

/// A code, whole or cut.
#[derive(Clone, Copy)]
pub(crate) struct Code {
    octets: [u8; MAC_MAX],
    length: u8,
}

impl Mac {
    /// Begins a code. None never comes: an HMAC takes secrets of any length.
    pub(crate) fn new(hash: Hash, secret: &[u8]) -> Option<Self> {
        Some(match hash {
            Hash::Md5 => Self::Md5(Hmac::new_from_slice(secret).ok()?),
            Hash::Sha1 => Self::Sha1(Hmac::new_from_slice(secret).ok()?),
            Hash::Sha224 => Self::Sha224(Hmac::new_from_slice(secret).ok()?),
            Hash::Sha256 => Self::Sha256(Hmac::new_from_slice(secret).ok()?),
            Hash::Sha384 => Self::Sha384(Hmac::new_from_slice(secret).ok()?),
            Hash::Sha512 => Self::Sha512(Hmac::new_from_slice(secret).ok()?),
        })
    }

    pub(crate) fn update(&mut self, octets: &[u8]) {
        match self {
            Self::Md5(mac) => mac.update(octets),
            Self::Sha1(mac) => mac.update(octets),
            Self::Sha224(mac) => mac.update(octets),
            Self::Sha256(mac) => mac.update(octets),
            Self::Sha384(mac) => mac.update(octets),
            Self::Sha512(mac) => mac.update(octets),
        }
    }

    /// The code of an earlier message, as a later one covers it: length, then octets (RFC 8945 section 5.3.1).
    pub(crate) fn update_code(&mut self, code: &Code) {
        self.update(&[0, code.length]);
        self.update(code.octets());
    }

    pub(crate) fn finish(self) -> Code {
        match self {
            Self::Md5(mac) => Code::of(&mac.finalize().into_bytes()),
            Self::Sha1(mac) => Code::of(&mac.finalize().into_bytes()),
            Self::Sha224(mac) => Code::of(&mac.finalize().into_bytes()),
            Self::Sha256(mac) => Code::of(&mac.finalize().into_bytes()),
            Self::Sha384(mac) => Code::of(&mac.finalize().into_bytes()),
            Self::Sha512(mac) => Code::of(&mac.finalize().into_bytes()),
        }
    }
}

impl Code {
    pub(crate) const NONE: Self = Self { octets: [0; MAC_MAX], length: 0 };

    /// A copy of these octets, [`MAC_MAX`] of them at most.
    pub(crate) fn of(octets: &[u8]) -> Self {
        let mut code = Self::NONE;
        code.octets.iter_mut().zip(octets).for_each(|(place, octet)| *place = *octet);
        code.length = octets.len().min(MAC_MAX) as u8;
        code
    }

    pub(crate) fn octets(&self) -> &[u8] {
        self.octets.get(..usize::from(self.length)).unwrap_or(&[])
    }

    /// The first octets of it.
    pub(crate) fn cut(mut self, length: usize) -> Self {
        self.length = self.length.min(u8::try_from(length).unwrap_or(u8::MAX));
        self
    }

    /// Whether the other one is this one, or how this one begins. Takes the same time wherever they differ.
    pub(crate) fn begins_with(&self, other: &[u8]) -> bool {
        let own = self.octets().get(..other.len());
        !other.is_empty() && own.is_some_and(|own| bool::from(own.ct_eq(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    /// RFC 2202 and RFC 4231, test case 2 of each.
    #[test]
    fn codes_are_those_of_the_standards() {
        for (hash, code) in [
            (Hash::Md5, "750c783e6ab0b503eaa86e310a5db738"),
            (Hash::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (Hash::Sha224, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"),
            (Hash::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (
                Hash::Sha384,
                "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            ),
            (
                Hash::Sha512,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
        ] {
            let mut mac = Mac::new(hash, b"Jefe").unwrap();
            mac.update(b"what do ya want ");
            mac.update(b"for nothing?");
            let made = mac.finish();
            assert_eq!(HEXLOWER.encode(made.octets()), code, "{hash:?}");
            assert_eq!(made.octets().len(), usize::from(hash.octets()));
        }
    }

    #[test]
    fn codes_are_compared_as_far_as_they_go() {
        let code = Code::of(&[1, 2, 3, 4]);
        assert!(code.begins_with(&[1, 2, 3, 4]) && code.begins_with(&[1, 2]));
        assert!(!code.begins_with(&[]) && !code.begins_with(&[1, 3]) && !code.begins_with(&[1, 2, 3, 4, 0]));
    }
}
