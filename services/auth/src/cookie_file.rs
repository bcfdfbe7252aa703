//! The file with the secrets of DNS cookies.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use data_encoding::HEXLOWER_PERMISSIVE;
use tenon_answer::{CookieSecrets, cookie::SECRET};
use tracing::{error, info};

use crate::messages;

/// Secrets that a file may hold: one that makes cookies, and some that are going or to come.
const SECRETS_MAX: usize = 4;

/// Gives the secrets: those of the file; as long as there was no usable one, a random one of this process.
#[derive(Debug)]
pub struct CookieFile {
    path: PathBuf,
    last: Mutex<CookieSecrets>,
}

/// Why a file of secrets cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CookieFileError {
    /// The file cannot be read.
    #[error("{0}")]
    Io(String),
    /// A line that is no secret.
    #[error("line {line} is not {} hexadecimal digits", SECRET * 2)]
    Line {
        /// Its number, from 1.
        line: usize,
    },
    /// More lines than can be used, or none.
    #[error("it holds {0} secrets; 1 to {SECRETS_MAX} can be used")]
    Count(usize),
}

impl CookieFile {
    /// The file at `path`, which need not be there.
    ///
    /// # Errors
    /// The system gives no random octets.
    pub fn new(path: &Path) -> io::Result<Self> {
        let mut current = [0; SECRET];
        rustix::rand::getrandom(&mut current, rustix::rand::GetRandomFlags::empty())?;
        let last = Mutex::new(CookieSecrets { current, others: Vec::new() });
        Ok(Self { path: path.to_owned(), last })
    }

    /// Reads the file again. One that cannot be used is told of, and the secrets of before stay in use.
    #[must_use]
    pub fn read(&self) -> CookieSecrets {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.complain(&CookieFileError::Io(error.to_string())),
            Ok(text) => match parse(&text) {
                Ok(secrets) if secrets == *last => {}
                Ok(secrets) => {
                    let count = 1 + secrets.others.len();
                    info!("cookies are made with the first of {count} secrets in {}", self.path.display());
                    *last = secrets;
                }
                Err(error) => self.complain(&error),
            },
        }
        last.clone()
    }

    fn complain(&self, error: &CookieFileError) {
        error!(
            message_id = messages::COOKIE_SECRETS_UNUSABLE,
            file = %self.path.display(),
            reason = %error,
            "cannot use the cookie secrets in {}: {error}; going on with those of before", self.path.display()
        );
    }
}

/// A secret in each line, the one in use first; blank lines and those that begin with `#` do not count.
fn parse(text: &str) -> Result<CookieSecrets, CookieFileError> {
    let mut secrets = Vec::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let octets = HEXLOWER_PERMISSIVE.decode(line.as_bytes()).ok();
        let secret: Option<[u8; SECRET]> = octets.and_then(|octets| octets.try_into().ok());
        secrets.push(secret.ok_or(CookieFileError::Line { line: number })?);
    }
    let count = secrets.len();
    match secrets.split_first() {
        Some((current, others)) if count <= SECRETS_MAX => {
            Ok(CookieSecrets { current: *current, others: others.to_vec() })
        }
        _ => Err(CookieFileError::Count(count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_secret_makes_cookies_and_all_are_good() {
        let (one, two) = ("00112233445566778899aabbccddeeff", "FFEEDDCCBBAA99887766554433221100");
        let secrets = parse(&format!("# made on Monday\n{one}\n\n  {two}\n")).unwrap();
        assert_eq!(secrets.current[..3], [0, 0x11, 0x22]);
        assert_eq!(secrets.others[0][..3], [0xff, 0xee, 0xdd]);
        assert_eq!(parse(&format!("{one}\nfoo\n")), Err(CookieFileError::Line { line: 2 }));
        assert_eq!(parse(&one[2..]), Err(CookieFileError::Line { line: 1 }));
        assert_eq!(parse("# nothing\n"), Err(CookieFileError::Count(0)));
        assert_eq!(parse(&format!("{one}\n").repeat(5)), Err(CookieFileError::Count(5)));
    }

    #[test]
    fn what_cannot_be_used_leaves_the_secrets_of_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("cookie-secrets");
        let file = CookieFile::new(&path).unwrap();
        let random = file.read();
        assert_eq!(file.read(), random, "the same as long as the process lives");
        assert_ne!(CookieFile::new(&path).unwrap().read(), random, "and another in the next");
        std::fs::write(&path, "00112233445566778899aabbccddeeff\n").unwrap();
        let written = file.read();
        assert_eq!(written.current[..2], [0, 0x11]);
        for broken in ["nonsense\n", ""] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(file.read(), written);
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.read(), written, "a file that is being replaced");
    }
}
