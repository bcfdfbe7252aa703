//! Fair turns among the writers of one store.
//!
//! SQLite lets one writer in at a time but keeps no queue: a writer that commits batch after batch starves others for
//! seconds. Two advisory locks make a queue of it: a writer takes `next`, then `main`, then lets go of `next`. While it
//! works, whoever waits already holds `next`, so a bulk writer that comes back for its next batch stands behind it.
//! The locks end with their holder, however it dies; a holder that is stopped (SIGSTOP) stops the writers behind it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::fault;
use super::lock_file::open_shared;
use crate::Error;

/// The place where writers queue. Its own users must take turns by themselves (a mutex around the connection does it).
#[derive(Debug)]
pub(super) struct Turnstile {
    next: File,
    main: File,
    path: PathBuf,
}

/// The right to write, until dropped.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a File);

impl Turnstile {
    /// Opens, and where needed creates, the lock files `STEM.lock.next` and `STEM.lock`.
    pub(super) fn open(stem: &Path) -> Result<Self, Error> {
        let path = PathBuf::from(format!("{}.lock", stem.display()));
        let next = PathBuf::from(format!("{}.lock.next", stem.display()));
        let open = |path: &Path| open_shared(path).map_err(|error| fault::io(path, error));
        Ok(Self { next: open(&next)?, main: open(&path)?, path })
    }

    /// Waits for its turn.
    pub(super) fn enter(&self) -> Result<Turn<'_>, Error> {
        let taken = wait(&self.next).and_then(|()| {
            let taken = wait(&self.main);
            self.next.unlock().and(taken)
        });
        taken.map_err(|error| fault::io(&self.path, error))?;
        Ok(Turn(&self.main))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // An advisory lock that cannot be released goes with the file; there is nobody to tell.
        let _ = self.0.unlock();
    }
}

fn wait(file: &File) -> io::Result<()> {
    loop {
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
