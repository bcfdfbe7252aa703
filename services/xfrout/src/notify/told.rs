//! Which serial of which zone its servers were told, kept over restarts.
//!
//! ```text
//! tenon-told 1
//! 2026112201 example.com.
//! ```
//!
//! The file is a convenience: without it every zone is told once more. So a file that cannot be read counts as empty.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tenon_wire::{Name, NameRef};

const FILE: &str = "told";
const TEMPORARY: &str = "told.new";
const FIRST_LINE: &str = "tenon-told 1";

/// Zones and the serials that were told.
#[derive(Debug)]
pub struct Told {
    directory: PathBuf,
    serials: HashMap<Name, u32>,
    /// It differs from the file.
    changed: bool,
}

impl Told {
    /// Reads what is kept in a directory.
    #[must_use]
    pub fn read(directory: &Path) -> Self {
        let text = fs::read_to_string(directory.join(FILE)).unwrap_or_default();
        let mut lines = text.lines();
        let known = lines.next() == Some(FIRST_LINE);
        let line = |line: &str| {
            let (serial, name) = line.split_once(' ')?;
            Some((name.parse().ok()?, serial.parse().ok()?))
        };
        let serials = lines.filter(|_| known).filter_map(line).collect();
        Self { directory: directory.to_owned(), serials, changed: false }
    }

    /// The serial that was told.
    #[must_use]
    pub fn serial(&self, zone: &Name) -> Option<u32> {
        self.serials.get(zone).copied()
    }

    /// Notes that a serial was told.
    pub fn tell(&mut self, zone: Name, serial: u32) {
        self.changed |= self.serials.insert(zone, serial) != Some(serial);
    }

    /// Forgets the zones that are served no more.
    pub fn retain(&mut self, is_served: impl Fn(NameRef<'_>) -> bool) {
        let before = self.serials.len();
        self.serials.retain(|zone, _| is_served(zone.as_ref()));
        self.changed |= self.serials.len() != before;
    }

    /// What is to be written, if anything is; from now on it counts as written.
    pub fn take_changes(&mut self) -> Option<Changes> {
        std::mem::take(&mut self.changed).then(|| {
            let mut text = format!("{FIRST_LINE}\n");
            for (zone, serial) in &self.serials {
                text.push_str(&format!("{serial} {zone}\n"));
            }
            Changes { directory: self.directory.clone(), text }
        })
    }

    /// The changes could not be written.
    pub const fn not_written(&mut self) {
        self.changed = true;
    }
}

/// A new version of the file.
#[derive(Debug)]
pub struct Changes {
    directory: PathBuf,
    text: String,
}

impl Changes {
    /// Replaces the file: written beside, synced, renamed.
    ///
    /// # Errors
    /// The old file is still there.
    pub fn write(&self) -> io::Result<()> {
        let temporary = self.directory.join(TEMPORARY);
        let mut file = File::create(&temporary)?;
        file.write_all(self.text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, self.directory.join(FILE))?;
        File::open(&self.directory)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_told_is_known_afterwards() {
        let directory = tempfile::tempdir().unwrap();
        let mut told = Told::read(directory.path());
        assert!(told.take_changes().is_none());
        told.tell(name("a.test."), 7);
        told.tell(name(r"b\.\032c.test."), u32::MAX);
        told.tell(name("gone.test."), 1);
        told.retain(|zone| zone != name("gone.test.").as_ref());
        told.take_changes().unwrap().write().unwrap();
        told.tell(name("A.test."), 7);
        assert!(told.take_changes().is_none(), "nothing new");
        let read = Told::read(directory.path());
        assert_eq!(read.serial(&name("A.TEST.")), Some(7));
        assert_eq!(read.serial(&name(r"b\.\032c.test.")), Some(u32::MAX));
        assert_eq!(read.serial(&name("gone.test.")), None);
    }

    #[test]
    fn a_file_of_others_counts_as_none() {
        let directory = tempfile::tempdir().unwrap();
        for text in ["", "7 a.test.\n", "tenon-told 2\n7 a.test.\n", "\u{fffd}"] {
            fs::write(directory.path().join(FILE), text).unwrap();
            assert_eq!(Told::read(directory.path()).serial(&name("a.test.")), None, "{text:?}");
        }
        fs::write(directory.path().join(FILE), "tenon-told 1\nx a.test.\n7 b.test.\n8").unwrap();
        assert_eq!(Told::read(directory.path()).serial(&name("b.test.")), Some(7));
    }
}
