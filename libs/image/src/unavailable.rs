//! Zones that are configured and have no answers: the file in which the zone manager says which.
//!
//! ```text
//! expired 1700000000000000 example.com.
//! unloaded 1700000000000000 example.net.
//! ```
//!
//! One zone a line: why, since when (microseconds since the epoch), its name. The file is replaced as a whole.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tenon_wire::Name;

/// Name of the file in the zone manager's directory.
pub const UNAVAILABLE: &str = "UNAVAILABLE";

/// Why a configured zone has no answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cause {
    /// Not refreshed for the time that its SOA allows (RFC 1035 section 3.3.13, EXPIRE).
    Expired,
    /// A secondary zone that was never transferred.
    Unloaded,
}

/// A zone without answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Unavailable {
    /// Why.
    pub cause: Cause,
    /// Since when, microseconds since the epoch.
    pub since_usec: u64,
}

/// Why the file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum UnavailableError {
    /// The file system refused.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A line that does not say what it must.
    #[error("{path} line {line}: {what}; tenon-zonemgr writes it anew when it is restarted")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "expired",
            Self::Unloaded => "unloaded",
        })
    }
}

impl FromStr for Cause {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "expired" => Ok(Self::Expired),
            "unloaded" => Ok(Self::Unloaded),
            _ => Err(format!("{word:?} where \"expired\" or \"unloaded\" must be")),
        }
    }
}

/// Reads the file; no zones where there is no file.
///
/// # Errors
/// See [`UnavailableError`].
pub fn read(path: &Path) -> Result<BTreeMap<Name, Unavailable>, UnavailableError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(UnavailableError::Io { path: path.to_owned(), error }),
    };
    let mut zones = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let told = |what| UnavailableError::Line { path: path.to_owned(), line: index + 1, what };
        let (zone, unavailable) = parse(line).map_err(told)?;
        zones.insert(zone, unavailable);
    }
    Ok(zones)
}

/// Replaces the file: written beside, synced, renamed, directory synced. Readable by everybody.
///
/// # Errors
/// Those of the file system; the old file is in force then.
pub fn write<'a>(
    path: &Path,
    zones: impl Iterator<Item = (&'a Name, &'a Unavailable)>,
) -> Result<(), UnavailableError> {
    let mut text = String::new();
    for (zone, Unavailable { cause, since_usec }) in zones {
        // Ignored: writing to a String cannot fail.
        let _ = writeln!(text, "{cause} {since_usec} {zone}");
    }
    replace(path, text.as_bytes()).map_err(|error| UnavailableError::Io { path: path.to_owned(), error })
}

fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

fn parse(line: &str) -> Result<(Name, Unavailable), String> {
    let mut words = line.split(' ');
    let cause = words.next().unwrap_or_default().parse()?;
    let since = words.next().unwrap_or_default();
    let since_usec = since.parse().map_err(|_| format!("{since:?} is not a time"))?;
    let name = words.next().unwrap_or_default();
    let zone = Name::from_text(name, None).map_err(|error| format!("{name:?}: {error}"))?;
    Ok((zone, Unavailable { cause, since_usec }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(UNAVAILABLE);
        assert!(read(&path).unwrap().is_empty());
        let zones = BTreeMap::from([
            (r"a\032b.example.".parse().unwrap(), Unavailable { cause: Cause::Expired, since_usec: 7 }),
            ("example.".parse().unwrap(), Unavailable { cause: Cause::Unloaded, since_usec: u64::MAX }),
        ]);
        write(&path, zones.iter()).unwrap();
        assert_eq!(read(&path).unwrap(), zones);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn lines_that_say_nothing_are_refused_with_their_number() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(UNAVAILABLE);
        for bad in ["gone 1 a.", "expired x a.", "expired 1", "expired 1 a..b.", "\u{0}"] {
            fs::write(&path, format!("expired 1 a.\n{bad}\n")).unwrap();
            assert!(read(&path).unwrap_err().to_string().contains("line 2"), "{bad}");
        }
    }
}
