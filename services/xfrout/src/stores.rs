//! Where differences between versions are: the stores of zones, which this service reads only; and how long secondary zones may
//! still be answered.

use std::path::PathBuf;
use std::sync::Arc;

use tenon_datasrc::Error;
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_image::ExpiryFile;

/// The database files. Each use opens them anew, so that one that was replaced or repaired is used at once.
#[derive(Clone, Debug)]
pub struct Stores {
    /// Of primary zones.
    pub primary: PathBuf,
    /// Of secondary zones.
    pub secondary: PathBuf,
    /// When secondary zones expire.
    pub expiries: Arc<ExpiryFile>,
}

impl Stores {
    /// Opens one of the stores.
    ///
    /// # Errors
    /// Those of opening.
    pub fn open(&self, is_secondary: bool) -> Result<SqliteSource, Error> {
        let path = if is_secondary { &self.secondary } else { &self.primary };
        SqliteSource::open(path, Access::ReadOnly)
    }
}
