//! A key that both ends know.

use std::fmt;

use data_encoding::BASE64;
use tenon_wire::{Name, NameRef};
use zeroize::Zeroizing;

use crate::algorithm::Algorithm;
use crate::mac::Mac;

/// Most octets of a secret.
const SECRET_MAX: usize = 1024;

/// A name, an algorithm and a secret. Neither `Debug` nor `Display` shows the secret.
#[derive(Clone)]
pub struct Key {
    name: Name,
    algorithm: Algorithm,
    secret: Zeroizing<Vec<u8>>,
    /// A code into which the secret went already.
    begun: Mac,
}

/// Why there is no such key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// A secret of no octets, or of too many.
    #[error("a secret has 1 to {SECRET_MAX} octets")]
    Length,
    /// Not base64 (RFC 4648 section 4).
    #[error("the secret is not base64 (RFC 4648 section 4)")]
    Base64,
}

impl Key {
    /// A key with this secret.
    ///
    /// # Errors
    /// [`KeyError::Length`].
    pub fn new(name: Name, algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        if secret.is_empty() || secret.len() > SECRET_MAX {
            return Err(KeyError::Length);
        }
        let begun = Mac::new(algorithm.hash(), secret).ok_or(KeyError::Length)?;
        let name = name.as_ref().to_lowercase();
        Ok(Self { name, algorithm, secret: Zeroizing::new(secret.to_vec()), begun })
    }

    /// A key with a secret in base64, space around it ignored.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_base64(name: Name, algorithm: Algorithm, secret: &str) -> Result<Self, KeyError> {
        let secret = BASE64.decode(secret.trim().as_bytes()).map_err(|_| KeyError::Base64)?;
        Self::new(name, algorithm, &Zeroizing::new(secret))
    }

    /// Its name, in lower case.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The secret in base64, for the file that it is kept in.
    #[must_use]
    pub fn secret_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(&self.secret))
    }

    /// True when the secret is shorter than the hash is long, which makes it the weakest part (RFC 8945 section 8).
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.secret.len() < self.algorithm.secret_octets()
    }

    pub(crate) fn begin(&self) -> Mac {
        self.begun.clone()
    }

    /// Whether a name on the wire is that of this key's algorithm.
    pub(crate) fn is_for(&self, algorithm: NameRef<'_>) -> Option<Algorithm> {
        Algorithm::by_wire_name(algorithm).filter(|named| {
            // A cut algorithm of the registry is another one; a key for the whole codes does not let it in.
            named.hash() == self.algorithm.hash() && named.mac_octets() >= self.algorithm.mac_octets()
        })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Key({} {})", self.name, self.algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_and_never_shown() {
        let name: Name = "Key.Example.".parse().unwrap();
        let key = Key::from_base64(name.clone(), Algorithm::HMAC_SHA256, " c2VjcmV0\n").unwrap();
        assert_eq!(format!("{key:?}"), "Key(key.example. hmac-sha256)");
        assert_eq!(key.secret_base64().as_str(), "c2VjcmV0");
        assert!(key.is_short());
        let refused =
            |secret: &str| Key::from_base64(name.clone(), Algorithm::HMAC_SHA256, secret).unwrap_err();
        assert_eq!(refused(""), KeyError::Length);
        assert_eq!(refused("c2Vj cmV0"), KeyError::Base64);
        assert_eq!(refused(&"AAAA".repeat(342)), KeyError::Length);
    }
}
