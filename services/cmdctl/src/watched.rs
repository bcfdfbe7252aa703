//! Files that are looked at again when they were replaced.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What tells one file of a name from another that took its place, or from itself changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Identity {
    /// Of the file of that name now; `None` when it cannot be looked at.
    pub fn of(path: &Path) -> Option<Self> {
        let data = std::fs::metadata(path).ok()?;
        Some(Self {
            device: data.dev(),
            inode: data.ino(),
            size: data.size(),
            changed: (data.ctime(), data.ctime_nsec()),
        })
    }
}

/// Reads a file of at most `limit` octets.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut octets = Vec::new();
    let read = std::fs::File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut octets)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > limit {
        return Err(io::Error::other(format!("larger than {limit} octets")));
    }
    Ok(octets)
}

/// Writes a file that its owner alone can read (`mode` 0600) so that at every moment the old one is there, or the new
/// one. It belongs to whoever owns the directory.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.new"));
    let _ = std::fs::remove_file(&fresh);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
    let owner = std::fs::metadata(folder)?;
    if owner.uid() != rustix::process::geteuid().as_raw() {
        std::os::unix::fs::fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_another_one_and_secret() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("file");
        assert_eq!(Identity::of(&path), None);
        replace(&path, b"one", 0o600).unwrap();
        let first = Identity::of(&path);
        assert_eq!(first, Identity::of(&path));
        replace(&path, b"two", 0o600).unwrap();
        assert_ne!(first, Identity::of(&path));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(read(&path, 3).unwrap(), b"two");
        assert!(read(&path, 2).is_err());
    }
}
