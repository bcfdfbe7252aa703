//! Mapping an image file read-only: the one place with unsafe code.

use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::Mmap;

/// A mapped file.
#[derive(Debug)]
pub(crate) struct Map(Mmap);

impl Map {
    /// Maps a whole file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the octets of a mapping must not change under a shared reference, and it must not be touched behind
        // the end of the file. Image files are written beside, synced and renamed into a directory that only the
        // zone compiler may write, and are never written to or truncated afterwards; replaced files live on until
        // the last mapping is gone. Every value read from them is checked, so a changed octet could give a wrong
        // answer at worst.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self(map))
    }

    /// The octets of the file.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}
