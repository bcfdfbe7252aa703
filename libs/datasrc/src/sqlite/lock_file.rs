//! Lock files: advisory locks that end with the process that holds them, however it dies.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Mode, Uid};

/// Files beside the store are for its whole group.
const SHARED_MODE: u32 = 0o664;

/// A held lock; the file goes when the last holder drops it.
#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
    path: PathBuf,
    /// Given up already.
    is_parked: bool,
}

/// A lock that was given up and whose file stayed open, for who will soon want it again. Meanwhile it is anybody's, who may
/// also remove the file.
#[derive(Debug)]
pub(super) struct ParkedLock {
    file: File,
    path: PathBuf,
}

impl LockFile {
    /// Takes the lock for this holder alone; none when somebody else has it.
    pub(super) fn exclusive(path: PathBuf) -> io::Result<Option<Self>> {
        Self::take(path, File::try_lock)
    }

    /// Takes the lock together with other sharers; none when somebody has it alone.
    pub(super) fn shared(path: PathBuf) -> io::Result<Option<Self>> {
        Self::take(path, File::try_lock_shared)
    }

    fn take(path: PathBuf, lock: fn(&File) -> Result<(), TryLockError>) -> io::Result<Option<Self>> {
        loop {
            let file = open_shared(&path)?;
            match lock(&file) {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // The holder before may have removed the file between our open and our lock: then lock the new one.
            if same_file(&file, &path) {
                return Ok(Some(Self { file, path, is_parked: false }));
            }
        }
    }
}

impl LockFile {
    /// Gives up the lock, but neither the file nor its place; none when that cannot be done: then all of it is given up.
    pub(super) fn park(mut self) -> Option<ParkedLock> {
        let file = self.file.try_clone().ok()?;
        self.is_parked = self.file.unlock().is_ok();
        self.is_parked.then(|| ParkedLock { file, path: self.path.clone() })
    }
}

impl ParkedLock {
    /// Takes the lock at a path again; none when it is another one, or somebody has it, or the file went meanwhile.
    pub(super) fn lock(self, path: &Path) -> Option<LockFile> {
        let Self { file, path: own } = self;
        if own != path || file.try_lock().is_err() || !same_file(&file, path) {
            return None;
        }
        Some(LockFile { file, path: own, is_parked: false })
    }

    /// Has the file go, unless somebody else has the lock.
    pub(super) fn remove(self) {
        let path = self.path.clone();
        drop(self.lock(&path));
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        if self.is_parked {
            return;
        }
        // Sharers may be left; the last one removes the file. A file that cannot be removed is a leftover that the
        // next `clear_leftovers` takes.
        if self.file.try_lock().is_ok() && same_file(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn same_file(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(theirs)) = (file.metadata(), fs::metadata(path)) else { return false };
    (ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())
}

/// Opens a file beside the store, creating it for the group that owns the directory.
pub(super) fn open_shared(path: &Path) -> io::Result<File> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found,
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(SHARED_MODE)
        .open(path)?;
    share(&file, path)?;
    Ok(file)
}

/// Gives a file of ours to the directory's group, whatever the umask, and, when root made it, to its owner.
pub(super) fn share(file: &File, path: &Path) -> io::Result<()> {
    if rustix::process::geteuid() == file.metadata().map(|m| Uid::from_raw(m.uid()))? {
        rustix::fs::fchmod(file, Mode::from_raw_mode(SHARED_MODE))?;
    }
    if rustix::process::geteuid().is_root()
        && let Some(directory) = path.parent()
    {
        let owner = fs::metadata(directory)?;
        rustix::fs::fchown(file, Some(Uid::from_raw(owner.uid())), Some(Gid::from_raw(owner.gid())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parked_lock_is_anybodys() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("zones.writing.example.");
        let exclusive = || LockFile::exclusive(path.clone()).unwrap();
        let parked = exclusive().unwrap().park().unwrap();
        assert!(path.exists());
        let again = parked.lock(&path).unwrap();
        assert!(exclusive().is_none());
        let parked = again.park().unwrap();
        let other = exclusive().unwrap();
        assert!(parked.lock(&path).is_none(), "somebody has it");
        let parked = other.park().unwrap();
        drop(exclusive().unwrap());
        assert!(!path.exists());
        assert!(parked.lock(&path).is_none(), "the file went");
        let parked = exclusive().unwrap().park().unwrap();
        let newer = exclusive().unwrap();
        fs::remove_file(&path).unwrap();
        drop(newer);
        let holder = exclusive().unwrap();
        assert!(parked.lock(&path).is_none(), "another file has its name");
        drop(holder);
    }

    #[test]
    fn one_alone_or_many_together() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("zones.reading.1");
        let first = LockFile::shared(path.clone()).unwrap().unwrap();
        let second = LockFile::shared(path.clone()).unwrap().unwrap();
        assert!(LockFile::exclusive(path.clone()).unwrap().is_none());
        drop(first);
        assert!(path.exists());
        assert!(LockFile::exclusive(path.clone()).unwrap().is_none());
        drop(second);
        assert!(!path.exists());
        let alone = LockFile::exclusive(path.clone()).unwrap().unwrap();
        assert!(LockFile::shared(path.clone()).unwrap().is_none());
        drop(alone);
        assert!(!path.exists());
    }
}
