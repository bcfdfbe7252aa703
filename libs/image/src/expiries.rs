//! How long secondary zones may still be answered here: the file in which the zone manager says so, for the option EXPIRE
//! (RFC 7314).
//!
//! ```text
//! 1700000000000000 example.com.
//! ```
//!
//! One zone a line: when it expires (microseconds since the epoch), and its name. The file is replaced as a whole, some time
//! after a zone was refreshed; until then what it says of that zone is too early, which harms nobody. It is a hint: where it is
//! absent or broken, nothing is told.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tenon_wire::message::KeyedName;
use tenon_wire::{Name, NameRef};

use crate::identity::Identity;

/// Name of the file in the zone manager's directory.
pub const EXPIRIES: &str = "EXPIRIES";

/// When zones expire.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expiries {
    /// Microseconds since the epoch, by the hash of the zone's name.
    zones: HashMap<u64, u64>,
}

/// The file, read again when it is another one.
#[derive(Debug)]
pub struct ExpiryFile {
    path: PathBuf,
    read: Mutex<(Option<Identity>, Arc<Expiries>)>,
}

impl Expiries {
    /// Seconds from now until the zone expires, 0 when it has; none when that is not known. `name` is keyed, and the zone's
    /// name its last `labels` labels.
    #[must_use]
    pub fn left(&self, name: &KeyedName, labels: usize) -> Option<u32> {
        if self.zones.is_empty() {
            return None;
        }
        let expires = *self.zones.get(&name.hash(labels))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let left = expires.saturating_sub(u64::try_from(now).unwrap_or(u64::MAX)) / 1_000_000;
        Some(u32::try_from(left).unwrap_or(u32::MAX))
    }

    /// As [`Self::left`], of the zone with this name.
    #[must_use]
    pub fn of(&self, zone: NameRef<'_>) -> Option<u32> {
        let keyed = KeyedName::new(zone);
        self.left(&keyed, keyed.labels())
    }

    /// Reads the file; a line that says nothing makes all of it nothing.
    fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let zone = |line: &str| {
            let (expires, name) = line.split_once(' ')?;
            let keyed = KeyedName::new(Name::from_text(name, None).ok()?.as_ref());
            Some((keyed.hash(keyed.labels()), expires.parse().ok()?))
        };
        Some(Self { zones: text.lines().map(zone).collect::<Option<_>>()? })
    }
}

impl ExpiryFile {
    /// The file at this path, which need not be there (yet).
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), read: Mutex::default() }
    }

    /// What it says now. Costs one stat when it did not change.
    #[must_use]
    pub fn current(&self) -> Arc<Expiries> {
        let (seen, expiries) = &mut *self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Identity::of(&self.path);
        if now != *seen {
            (*seen, *expiries) = (now, Arc::new(Expiries::read(&self.path).unwrap_or_default()));
        }
        Arc::clone(expiries)
    }
}

/// Replaces the file: written beside and renamed, readable by everybody. It is not synced: what a crash takes is written
/// again soon.
///
/// # Errors
/// Those of the file system; the old file stays then.
pub fn write<'a>(path: &Path, zones: impl Iterator<Item = (&'a Name, u64)>) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut text = String::new();
    for (zone, expires_usec) in zones {
        // Ignored: writing to a String cannot fail.
        let _ = writeln!(text, "{expires_usec} {zone}");
    }
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_read_again_and_followed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(EXPIRIES);
        let file = ExpiryFile::new(&path);
        assert_eq!(file.current().of(Name::root().as_ref()), None);
        let names: Vec<Name> = [r"a\032b.Example.", "gone."].map(|text| text.parse().unwrap()).into();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
        write(&path, [(&names[0], now + 100_500_000), (&names[1], 7)].into_iter()).unwrap();
        let left = file.current().of(r"A\032b.example.".parse::<Name>().unwrap().as_ref()).unwrap();
        assert!((90..=100).contains(&left), "{left}");
        assert_eq!(file.current().of(names[1].as_ref()), Some(0));
        assert!(Arc::ptr_eq(&file.current(), &file.current()));
        fs::write(&path, "7 a.\nx b.\n").unwrap();
        assert_eq!(*file.current(), Expiries::default());
        fs::remove_file(&path).unwrap();
        assert_eq!(*file.current(), Expiries::default());
    }
}
