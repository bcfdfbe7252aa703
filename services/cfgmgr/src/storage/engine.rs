//! Which engine keeps the settings, and that one process at a time does.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use rustix::fs::{FlockOperation, flock};
use tenon_service::committed::CURRENT;

use super::directory::Directory;
use super::files::at;
use super::sqlite::{self, Sqlite};
use super::step::Steps;
use super::{Storage, StorageError};

/// The engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// A file for each generation
    Directory,
    /// One SQLite file, and files of the newest generations for the daemons
    Sqlite,
}

/// A configuration directory that this process alone writes.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "is held")] File);

impl Lock {
    /// Takes it; the kernel gives it back when the process ends, however it ends.
    pub fn take(directory: &Path) -> Result<Self, StorageError> {
        std::fs::create_dir_all(directory).map_err(at(directory))?;
        let file = File::open(directory).map_err(at(directory))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(at(directory)(io::Error::other(
                "another tenon-cfgmgr works here; `systemctl stop tenon-cfgmgr` ends it",
            ))),
            Err(error) => Err(at(directory)(error.into())),
        }
    }
}

impl Engine {
    /// Opens the settings in a configuration directory. Settings that another engine keeps are refused, since they would
    /// seem to be lost.
    pub fn open(self, directory: &Path, steps: Steps) -> Result<Arc<dyn Storage>, StorageError> {
        let kept_by_sqlite = directory.join(sqlite::FILE).exists();
        let any = directory.join(CURRENT).symlink_metadata().is_ok();
        let refused = |reason: &str| Err(at(directory)(io::Error::other(reason)));
        match self {
            Self::Directory if kept_by_sqlite => refused(
                "the settings are in settings.sqlite: start with `--storage sqlite`, or convert them with \
                 `tenon-cfgmgr --convert directory`",
            ),
            Self::Sqlite if any && !kept_by_sqlite => refused(
                "the settings are in a directory of files: start with `--storage directory`, or convert them with \
                 `tenon-cfgmgr --convert sqlite`",
            ),
            Self::Directory => Ok(Arc::new(Directory::open(directory, steps)?)),
            Self::Sqlite => Ok(Arc::new(Sqlite::open(directory, steps)?)),
        }
    }
}
