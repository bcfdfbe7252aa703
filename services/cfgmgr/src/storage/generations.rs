//! Generations as files, which every daemon reads when it starts, whatever engine keeps them.
//!
//! ```text
//! current -> generations/00000007.json     the committed generation, replaced by rename
//! generations/00000001.json ...            one file each, never changed once named
//! ```
//!
//! A file is written under a name that begins with a dot, synced and renamed, and its directory is synced. Whatever dies
//! when: a generation is named by `current` with all of its octets on the disk, or it is not there.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tenon_service::committed::{CURRENT, GENERATIONS, StoredGeneration};

use super::StorageError;
use super::files::{at, fresh_name, remove_if_there, sync_directory, write};
use super::step::{Step, Steps};

const NEW_LINK: &str = ".current.new";

/// The files below a configuration directory.
#[derive(Clone, Debug)]
pub(super) struct Generations {
    path: PathBuf,
    steps: Steps,
}

impl Generations {
    /// Makes the directory if it is missing.
    pub(super) fn open(path: &Path, steps: Steps) -> Result<Self, StorageError> {
        let folder = path.join(GENERATIONS);
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        Ok(Self { path: path.to_owned(), steps })
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.path.join(GENERATIONS)
    }

    pub(super) fn link(&self) -> PathBuf {
        self.path.join(CURRENT)
    }

    /// The number that `current` names; 0 when there is no link.
    pub(super) fn committed_number(&self) -> Result<u64, StorageError> {
        let link = self.link();
        match fs::read_link(&link) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(at(&link)(error)),
            Ok(target) => {
                let name = target.file_name().and_then(|name| name.to_str());
                name.and_then(StoredGeneration::number)
                    .ok_or_else(|| at(&link)(io::Error::other("does not name a generation")))
            }
        }
    }

    /// Numbers of the files, newest first.
    pub(super) fn numbers(&self) -> Result<Vec<u64>, StorageError> {
        let folder = self.folder();
        let entries = fs::read_dir(&folder).map_err(at(&folder))?;
        let mut numbers: Vec<u64> =
            entries.filter_map(|entry| StoredGeneration::number(entry.ok()?.file_name().to_str()?)).collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        Ok(numbers)
    }

    pub(super) fn read(&self, number: u64) -> Result<StoredGeneration, StorageError> {
        let path = StoredGeneration::path(&self.path, number);
        StoredGeneration::read(&path).map_err(at(&path))
    }

    /// Keeps a generation, durably; it is not the committed one yet.
    pub(super) fn keep(&self, generation: &StoredGeneration) -> Result<(), StorageError> {
        let path = StoredGeneration::path(&self.path, generation.generation);
        let fresh = fresh_name(&path);
        self.before(Step::WriteFile)?;
        let file = write(&fresh, generation)?;
        self.before(Step::SyncFile)?;
        file.sync_all().map_err(at(&fresh))?;
        self.before(Step::NameFile)?;
        fs::rename(&fresh, &path).map_err(at(&path))?;
        self.before(Step::SyncGenerations)?;
        sync_directory(&self.folder())
    }

    /// Makes a generation that is kept the committed one, durably.
    pub(super) fn name(&self, number: u64) -> Result<(), StorageError> {
        let path = StoredGeneration::path(&self.path, number);
        self.before(Step::MakeLink)?;
        let link = self.path.join(NEW_LINK);
        remove_if_there(&link)?;
        let target = Path::new(GENERATIONS).join(path.file_name().unwrap_or_default());
        symlink(target, &link).map_err(at(&link))?;
        self.before(Step::NameLink)?;
        fs::rename(&link, self.link()).map_err(at(&link))?;
        self.before(Step::SyncDirectory)?;
        sync_directory(&self.path)
    }

    /// Removes all but the newest `keep`, but never the committed one.
    pub(super) fn prune(&self, keep: usize) -> Result<(), StorageError> {
        let committed = self.committed_number()?;
        for number in self.numbers()?.into_iter().skip(keep).filter(|number| *number != committed) {
            self.remove(number)?;
        }
        Ok(())
    }

    /// Removes what a dead process left half done: names with a dot, and generations newer than `committed`.
    pub(super) fn clear(&self, committed: u64) -> Result<(), StorageError> {
        clear_half_done(&self.path)?;
        clear_half_done(&self.folder())?;
        for number in self.numbers()?.into_iter().filter(|number| *number > committed) {
            self.remove(number)?;
        }
        Ok(())
    }

    fn remove(&self, number: u64) -> Result<(), StorageError> {
        remove_if_there(&StoredGeneration::path(&self.path, number))
    }

    fn before(&self, step: Step) -> Result<(), StorageError> {
        self.steps.before(step).map_err(at(&self.path))
    }
}

/// Removes files whose names begin with a dot.
pub(super) fn clear_half_done(folder: &Path) -> Result<(), StorageError> {
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let entry = entry.map_err(at(folder))?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            fs::remove_file(entry.path()).map_err(at(&entry.path()))?;
        }
    }
    Ok(())
}
