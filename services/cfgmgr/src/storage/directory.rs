//! Storage in a directory.
//!
//! ```text
//! current -> generations/00000007.json     the committed generation, replaced by rename
//! generations/00000001.json ...            one file each, never changed once named
//! candidates/uid-1000.json                 a user's edits
//! unconfirmed.json                         the generation that is taken back unless it is confirmed
//! ```
//!
//! A file is written under a name that begins with a dot, synced and renamed, and its directory is synced. Whatever dies
//! when: a generation is named by `current` with all of its octets on the disk, or it is not there. What a dead
//! process left half done (names with a dot, generations newer than `current`) is removed at start.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use tenon_service::committed::{CURRENT, GENERATIONS, StoredGeneration};
use tracing::error;

use super::{Candidate, Promise, Storage, StorageError};
use crate::messages;

const CANDIDATES: &str = "candidates";
const UNCONFIRMED: &str = "unconfirmed.json";
const NEW_LINK: &str = ".current.new";

/// The engine.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    #[cfg(test)]
    stop_before: Option<Step>,
}

/// The steps of keeping a generation, in order; tests stop before each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    WriteFile,
    SyncFile,
    NameFile,
    SyncGenerations,
    MakeLink,
    NameLink,
    SyncDirectory,
}

impl Directory {
    /// Opens the directory, makes what is missing in it and removes what a dead process left half done.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StorageError> {
        let directory = Self {
            path: path.into(),
            #[cfg(test)]
            stop_before: None,
        };
        for name in [GENERATIONS, CANDIDATES] {
            let path = directory.path.join(name);
            fs::create_dir_all(&path).map_err(at(&path))?;
        }
        directory.clear()?;
        Ok(directory)
    }

    fn clear(&self) -> Result<(), StorageError> {
        let committed = self.committed_number()?;
        for name in ["", GENERATIONS, CANDIDATES] {
            let folder = self.path.join(name);
            for entry in fs::read_dir(&folder).map_err(at(&folder))? {
                let entry = entry.map_err(at(&folder))?;
                let file_name = entry.file_name();
                let half_done = file_name.to_string_lossy().starts_with('.');
                let unnamed = name == GENERATIONS
                    && file_name.to_str().and_then(StoredGeneration::number) > Some(committed);
                if half_done || unnamed {
                    fs::remove_file(entry.path()).map_err(at(&entry.path()))?;
                }
            }
        }
        Ok(())
    }

    /// The number that `current` names; 0 when there is no link.
    fn committed_number(&self) -> Result<u64, StorageError> {
        let link = self.path.join(CURRENT);
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
    fn numbers(&self) -> Result<Vec<u64>, StorageError> {
        let folder = self.path.join(GENERATIONS);
        let entries = fs::read_dir(&folder).map_err(at(&folder))?;
        let mut numbers: Vec<u64> =
            entries.filter_map(|entry| StoredGeneration::number(entry.ok()?.file_name().to_str()?)).collect();
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        Ok(numbers)
    }

    fn read(&self, number: u64) -> Result<StoredGeneration, StorageError> {
        let path = StoredGeneration::path(&self.path, number);
        StoredGeneration::read(&path).map_err(at(&path))
    }

    fn candidate_path(&self, uid: u32) -> PathBuf {
        self.path.join(CANDIDATES).join(format!("uid-{uid}.json"))
    }

    #[cfg(test)]
    fn step(&self, step: Step) -> Result<(), StorageError> {
        if self.stop_before == Some(step) {
            return Err(at(&self.path)(io::Error::other("stopped by the test")));
        }
        Ok(())
    }

    #[cfg(not(test))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "tests stop here")]
    fn step(&self, _: Step) -> Result<(), StorageError> {
        Ok(())
    }
}

impl Storage for Directory {
    fn current(&self) -> Result<StoredGeneration, StorageError> {
        let committed = self.committed_number()?;
        if committed == 0 {
            return Ok(StoredGeneration::default());
        }
        let mut last = None;
        for number in self.numbers()?.into_iter().filter(|number| *number <= committed) {
            match self.read(number) {
                Ok(generation) => return Ok(generation),
                Err(reason) => {
                    error!(
                        message_id = messages::STORE_BROKEN,
                        path = %reason.path.display(),
                        reason = %reason.error,
                        "generation {number} cannot be read: {reason}; looking for an older one"
                    );
                    last = Some(reason);
                }
            }
        }
        let none = || at(&self.path.join(CURRENT))(io::Error::other("names a generation that is not there"));
        Err(last.unwrap_or_else(none))
    }

    fn next_number(&self) -> Result<u64, StorageError> {
        let newest = self.numbers()?.first().copied().unwrap_or_default();
        Ok(newest.max(self.committed_number()?).saturating_add(1))
    }

    fn store(&self, generation: &StoredGeneration) -> Result<(), StorageError> {
        let path = StoredGeneration::path(&self.path, generation.generation);
        let folder = self.path.join(GENERATIONS);
        let fresh = fresh_name(&path);
        self.step(Step::WriteFile)?;
        let mut file = write(&fresh, generation)?;
        self.step(Step::SyncFile)?;
        sync(&mut file, &fresh)?;
        self.step(Step::NameFile)?;
        fs::rename(&fresh, &path).map_err(at(&path))?;
        self.step(Step::SyncGenerations)?;
        sync_directory(&folder)?;
        self.step(Step::MakeLink)?;
        let link = self.path.join(NEW_LINK);
        remove_if_there(&link)?;
        let target = Path::new(GENERATIONS).join(path.file_name().unwrap_or_default());
        symlink(target, &link).map_err(at(&link))?;
        self.step(Step::NameLink)?;
        fs::rename(&link, self.path.join(CURRENT)).map_err(at(&link))?;
        self.step(Step::SyncDirectory)?;
        sync_directory(&self.path)
    }

    fn history(&self, before: u64, limit: usize) -> Result<Vec<StoredGeneration>, StorageError> {
        let committed = self.committed_number()?;
        let numbers = self.numbers()?.into_iter();
        let older = numbers.filter(|number| *number <= committed && (before == 0 || *number < before));
        Ok(older.filter_map(|number| self.read(number).ok()).take(limit).collect())
    }

    fn generation(&self, number: u64) -> Result<Option<StoredGeneration>, StorageError> {
        if number > self.committed_number()? {
            return Ok(None);
        }
        match self.read(number) {
            Err(error) if error.error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    fn prune(&self, keep: usize) -> Result<(), StorageError> {
        let committed = self.committed_number()?;
        for number in self.numbers()?.into_iter().skip(keep).filter(|number| *number != committed) {
            let path = StoredGeneration::path(&self.path, number);
            fs::remove_file(&path).map_err(at(&path))?;
        }
        Ok(())
    }

    fn candidate(&self, uid: u32) -> Result<Candidate, StorageError> {
        Ok(read_document(&self.candidate_path(uid))?.unwrap_or_default())
    }

    fn put_candidate(&self, uid: u32, candidate: &Candidate) -> Result<(), StorageError> {
        let path = self.candidate_path(uid);
        if candidate.edits.is_empty() {
            return remove_if_there(&path);
        }
        replace(&path, candidate)
    }

    fn promise(&self) -> Result<Option<Promise>, StorageError> {
        read_document(&self.path.join(UNCONFIRMED))
    }

    fn put_promise(&self, promise: Option<&Promise>) -> Result<(), StorageError> {
        let path = self.path.join(UNCONFIRMED);
        match promise {
            Some(promise) => replace(&path, promise),
            None => remove_if_there(&path),
        }
    }
}

fn read_document<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StorageError> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| at(path)(io::Error::new(io::ErrorKind::InvalidData, error))),
    }
}

/// Writes a JSON file so that at every moment the old one is there, or the new one.
pub(crate) fn replace(path: &Path, content: &impl Serialize) -> Result<(), StorageError> {
    let fresh = fresh_name(path);
    let mut file = write(&fresh, content)?;
    sync(&mut file, &fresh)?;
    fs::rename(&fresh, path).map_err(at(path))?;
    path.parent().map_or(Ok(()), sync_directory)
}

fn fresh_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

fn write(path: &Path, content: &impl Serialize) -> Result<File, StorageError> {
    let mut text = serde_json::to_vec_pretty(content).map_err(|error| at(path)(error.into()))?;
    text.push(b'\n');
    let mut file = File::create(path).map_err(at(path))?;
    file.write_all(&text).map_err(at(path))?;
    Ok(file)
}

fn sync(file: &mut File, path: &Path) -> Result<(), StorageError> {
    file.sync_all().map_err(at(path))
}

fn sync_directory(path: &Path) -> Result<(), StorageError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(at(path))
}

fn remove_if_there(path: &Path) -> Result<(), StorageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StorageError + use<> {
    let path = path.to_owned();
    move |error| StorageError { path, error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Edit;
    use serde_json::json;

    fn generation(number: u64) -> StoredGeneration {
        StoredGeneration {
            generation: number,
            committed_usec: number * 10,
            author: "root".into(),
            comment: String::new(),
            settings: [("auth".to_owned(), json!({"workers": number}))].into(),
        }
    }

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn stopped_at_any_step_the_old_or_the_new_generation_is_there() {
        use Step::{MakeLink, NameFile, NameLink, SyncDirectory, SyncFile, SyncGenerations, WriteFile};
        for step in [WriteFile, SyncFile, NameFile, SyncGenerations, MakeLink, NameLink, SyncDirectory] {
            let scratch = tempfile::tempdir().unwrap();
            let mut directory = Directory::open(scratch.path()).unwrap();
            directory.store(&generation(1)).unwrap();
            directory.stop_before = Some(step);
            assert!(directory.store(&generation(2)).is_err());

            let expected = if step == SyncDirectory { 2 } else { 1 };
            // Readers that look right now, and the process that comes after.
            let current = StoredGeneration::read(&scratch.path().join(CURRENT)).unwrap();
            assert_eq!(current, generation(expected), "{step:?}");
            let again = Directory::open(scratch.path()).unwrap();
            assert_eq!(again.current().unwrap(), generation(expected), "{step:?}");
            assert_eq!(names(scratch.path()), [CANDIDATES, CURRENT, GENERATIONS], "{step:?}");
            assert_eq!(names(&scratch.path().join(GENERATIONS)).len() as u64, expected, "{step:?}");
            again.store(&generation(again.next_number().unwrap())).unwrap();
            assert_eq!(again.current().unwrap(), generation(expected + 1), "{step:?}");
        }
    }

    #[test]
    fn nothing_committed_is_generation_0() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Directory::open(scratch.path()).unwrap();
        assert_eq!(directory.current().unwrap(), StoredGeneration::default());
        assert_eq!(directory.next_number().unwrap(), 1);
        assert!(directory.history(0, 10).unwrap().is_empty());
    }

    #[test]
    fn a_broken_generation_gives_way_and_its_number_is_not_used_again() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Directory::open(scratch.path()).unwrap();
        directory.store(&generation(1)).unwrap();
        directory.store(&generation(2)).unwrap();
        fs::write(StoredGeneration::path(scratch.path(), 2), "{").unwrap();
        let directory = Directory::open(scratch.path()).unwrap();
        assert_eq!(directory.current().unwrap(), generation(1));
        assert_eq!(directory.next_number().unwrap(), 3);
        fs::write(StoredGeneration::path(scratch.path(), 1), "{").unwrap();
        assert!(directory.current().unwrap_err().to_string().contains("00000001.json"));
    }

    #[test]
    fn history_is_paged_and_pruned() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Directory::open(scratch.path()).unwrap();
        for number in 1..=9 {
            directory.store(&generation(number)).unwrap();
        }
        let numbers = |before, limit| -> Vec<u64> {
            directory.history(before, limit).unwrap().iter().map(|entry| entry.generation).collect()
        };
        assert_eq!(numbers(0, 3), [9, 8, 7]);
        assert_eq!(numbers(7, 2), [6, 5]);
        directory.prune(4).unwrap();
        assert_eq!(numbers(0, 100), [9, 8, 7, 6]);
    }

    #[test]
    fn a_promise_outlives_the_process_and_generations_are_found_by_number() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Directory::open(scratch.path()).unwrap();
        directory.store(&generation(1)).unwrap();
        assert_eq!(directory.generation(1).unwrap(), Some(generation(1)));
        assert_eq!(directory.generation(2).unwrap(), None);
        let promise =
            Promise { generation: 2, restores: 1, author: "root".into(), until_usec: 1, seconds: 60 };
        directory.put_promise(Some(&promise)).unwrap();
        let directory = Directory::open(scratch.path()).unwrap();
        assert_eq!(directory.promise().unwrap(), Some(promise));
        directory.put_promise(None).unwrap();
        assert_eq!(directory.promise().unwrap(), None);
    }

    #[test]
    fn candidates_belong_to_users() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = Directory::open(scratch.path()).unwrap();
        let edit = Edit { was: json!(1), value: None };
        let candidate = Candidate { edits: [("auth/workers".to_owned(), edit)].into() };
        directory.put_candidate(1000, &candidate).unwrap();
        let directory = Directory::open(scratch.path()).unwrap();
        assert_eq!(directory.candidate(1000).unwrap(), candidate);
        assert_eq!(directory.candidate(0).unwrap(), Candidate::default());
        directory.put_candidate(1000, &Candidate::default()).unwrap();
        assert!(names(&scratch.path().join(CANDIDATES)).is_empty());
    }
}
