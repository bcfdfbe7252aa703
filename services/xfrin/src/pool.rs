//! Handles on the store that are open and not in use: with many small zones, opening it for each would cost more than all the
//! rest.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenon_datasrc::sqlite::SqliteSource;

/// Handles that are kept.
const KEPT: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub struct Pool(Mutex<Vec<Arc<SqliteSource>>>);

/// A handle in use, which goes back when it is dropped.
#[derive(Debug)]
pub struct Pooled {
    source: Arc<SqliteSource>,
    pool: Arc<Pool>,
}

impl Pool {
    /// A handle of the file that is at its path now; those of another one are dropped.
    pub fn take(&self) -> Option<Arc<SqliteSource>> {
        // Not in the loop's head: dropping a handle may take a turn among the writers.
        loop {
            let source = self.held().pop()?;
            if source.is_current() {
                return Some(source);
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Vec<Arc<SqliteSource>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pooled {
    /// Takes a handle that belongs to a pool.
    pub fn new(source: Arc<SqliteSource>, pool: &Arc<Pool>) -> Self {
        Self { source, pool: Arc::clone(pool) }
    }
}

impl Deref for Pooled {
    type Target = SqliteSource;

    fn deref(&self) -> &SqliteSource {
        &self.source
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let mut kept = self.pool.held();
        // Where there are enough, it is closed outside of the lock.
        if kept.len() < KEPT {
            kept.push(Arc::clone(&self.source));
        }
    }
}
