//! From one engine to the other, with everything that is kept.
//!
//! What is there stays the truth until one rename, so a conversion that dies is begun again.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::directory::Directory;
use super::engine::{Engine, Lock};
use super::files::{at, fresh_name, remove_if_there, sync_directory};
use super::sqlite::{self, Sqlite};
use super::step::Steps;
use super::{Storage, StorageError};

/// Has `to` keep the settings from now on; how many generations it keeps, or `None` when it kept them already.
pub fn convert(directory: &Path, to: Engine) -> Result<Option<usize>, StorageError> {
    let _lock = Lock::take(directory)?;
    only_by_the_owner(directory)?;
    let file = directory.join(sqlite::FILE);
    match (to, file.exists()) {
        (Engine::Directory, false) | (Engine::Sqlite, true) => Ok(None),
        (Engine::Sqlite, false) => {
            let from = Directory::open(directory, Steps::default())?;
            let fresh = fresh_name(&file);
            remove_if_there(&fresh)?;
            Sqlite::fill(&fresh, &from)?;
            fs::rename(&fresh, &file).map_err(at(&file))?;
            sync_directory(directory)?;
            // It clears away what is its own now.
            Ok(Some(Sqlite::open(directory, Steps::default())?.history(0, usize::MAX)?.len()))
        }
        (Engine::Directory, true) => {
            let from = Sqlite::open(directory, Steps::default())?;
            let files = Directory::open(directory, Steps::default())?;
            let generations = from.history(0, usize::MAX)?;
            for generation in &generations {
                files.adopt(generation)?;
            }
            for uid in from.candidates()? {
                files.put_candidate(uid, &from.candidate(uid)?)?;
            }
            files.put_promise(from.promise()?.as_ref())?;
            drop(from);
            let old = fresh_name(&file);
            fs::rename(&file, &old).map_err(at(&file))?;
            sync_directory(directory)?;
            remove_if_there(&old)?;
            Ok(Some(generations.len()))
        }
    }
}

/// Files that somebody else made, root too, are none that the daemon could write.
fn only_by_the_owner(directory: &Path) -> Result<(), StorageError> {
    let owner = fs::metadata(directory).map_err(at(directory))?.uid();
    if owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let reason = format!(
        "it belongs to user {owner}, and only that user can convert what is in it: put `setpriv --reuid {owner} \
         --clear-groups` before the command"
    );
    Err(at(directory)(io::Error::new(io::ErrorKind::PermissionDenied, reason)))
}
