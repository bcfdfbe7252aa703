//! Where differences between versions are: the stores of zones, which this service reads only; and how long secondary zones may
//! still be answered.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tenon_datasrc::Error;
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_image::ExpiryFile;

/// The stores, and one handle on each that is at hand for the next use: opening costs more than reading a small difference.
#[derive(Debug)]
pub struct Stores {
    primary: Place,
    secondary: Place,
    /// When secondary zones expire.
    pub expiries: Arc<ExpiryFile>,
}

/// A database file.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    kept: Mutex<Option<SqliteSource>>,
}

impl Stores {
    /// The stores of primary and of secondary zones at these paths.
    #[must_use]
    pub fn new(primary: PathBuf, secondary: PathBuf, expiries: Arc<ExpiryFile>) -> Self {
        let place = |path| Place { path, kept: Mutex::default() };
        Self { primary: place(primary), secondary: place(secondary), expiries }
    }

    /// Reads from one of the stores; from one that was replaced or could not be read with a handle of its own.
    ///
    /// # Errors
    /// Those of opening and of `work`.
    pub fn read<T>(
        &self,
        is_secondary: bool,
        work: impl FnOnce(&SqliteSource) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let place = if is_secondary { &self.secondary } else { &self.primary };
        let kept = || place.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at_hand = kept().take().filter(SqliteSource::is_current);
        let source = match at_hand {
            Some(source) => source,
            None => SqliteSource::open(&place.path, Access::ReadOnly)?,
        };
        let found = work(&source)?;
        *kept() = Some(source);
        Ok(found)
    }
}
