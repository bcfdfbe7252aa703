//! Whether a file is still the same one.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Device, inode, size and time of change: a file replaced by rename differs in at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
    octets: u64,
    changed: (i64, i64),
}

impl Identity {
    /// `None` when the file is not there or cannot be looked at.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            octets: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}
