//! Password hashes (argon2id) and random secrets.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

/// Most octets of a password; longer ones only cost time.
pub const LONGEST: usize = 512;
/// Octets of a random secret: more than anybody guesses.
const SECRET: usize = 24;
const SALT: usize = 16;

/// The system has no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("no random numbers, or no memory for the hash: {0}")]
pub struct HashError(String);

/// A hash in PHC form, with a salt of its own.
pub fn hash(password: &str) -> Result<String, HashError> {
    let salt: [u8; SALT] = random()?;
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash: PasswordHash| hash.to_string()).map_err(|error| HashError(error.to_string()))
}

/// Whether a password has this hash. Takes its time.
pub fn verify(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// A secret nobody guesses, in letters, digits, `-` and `_`.
pub fn secret() -> Result<String, HashError> {
    Ok(BASE64URL_NOPAD.encode(&random::<SECRET>()?))
}

/// What is kept of a token: enough to know it again, as it has been random all along.
pub fn fingerprint(token: &str) -> String {
    data_encoding::HEXLOWER.encode(digest(&SHA256, token.as_bytes()).as_ref())
}

fn random<const OCTETS: usize>() -> Result<[u8; OCTETS], HashError> {
    let mut octets = [0; OCTETS];
    SystemRandom::new().fill(&mut octets).map_err(|_| HashError("the system gives none".into()))?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_hashed_is_known_again_and_nothing_else() {
        let first = hash("open sesame").unwrap();
        assert!(first.starts_with("$argon2id$"), "{first}");
        assert!(verify("open sesame", &first) && !verify("open barley", &first));
        assert_ne!(first, hash("open sesame").unwrap(), "each has its salt");
        assert!(!verify("open sesame", "nonsense"));
        assert_ne!(secret().unwrap(), secret().unwrap());
    }
}
