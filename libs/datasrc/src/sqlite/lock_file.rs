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
                return Ok(Some(Self { file, path }));
            }
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
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
