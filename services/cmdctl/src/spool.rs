//! Where a large body lies until somebody takes it: a file without a name, gone with its last descriptor.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use axum::body::Body;
use futures_util::{StreamExt, stream};
use rustix::fs::{CWD, Mode, OFlags, openat};

/// Octets read at a time.
const PART: usize = 64 * 1024;

/// Why a body was not kept.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// It is larger than allowed.
    #[error("more than {0} octets")]
    TooLarge(u64),
    /// No part of it came for so many seconds.
    #[error("nothing more came for {0} s")]
    TooSlow(u64),
    /// The client broke off.
    #[error("the body broke off: {0}")]
    Broken(String),
    /// The disk.
    #[error("it cannot be kept: {0}")]
    Disk(#[from] std::io::Error),
}

/// A file without a name in a directory.
///
/// # Errors
/// Those of the system.
pub fn file(directory: &Path) -> std::io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(File::from(openat(CWD, directory, flags, Mode::RUSR | Mode::WUSR)?))
}

/// Keeps a body of at most `limit` octets, of which each part comes within `patience`.
///
/// # Errors
/// See [`SpoolError`].
pub async fn keep(
    directory: &Path,
    body: Body,
    limit: u64,
    patience: std::time::Duration,
) -> Result<File, SpoolError> {
    let mut file = file(directory)?;
    let mut parts = body.into_data_stream();
    let mut kept = 0_u64;
    loop {
        let part = tokio::time::timeout(patience, parts.next()).await;
        let Some(part) = part.map_err(|_| SpoolError::TooSlow(patience.as_secs()))? else { break };
        let part = part.map_err(|error| SpoolError::Broken(error.to_string()))?;
        kept = kept.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
        if kept > limit {
            return Err(SpoolError::TooLarge(limit));
        }
        // Into the cache of the system, as a rule; large parts are few.
        file.write_all(&part)?;
    }
    Ok(file)
}

/// The rest of a file as a body, read part by part as the client takes it.
pub fn body(file: File) -> Body {
    Body::from_stream(stream::unfold(Some(file), async |file| {
        let mut file = file?;
        let read = tokio::task::spawn_blocking(move || {
            let mut part = vec![0; PART];
            let read = file.read(&mut part).map(|length| part.truncate(length));
            read.map(|()| (part, file))
        });
        match read.await.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Ok((part, _)) if part.is_empty() => None,
            Ok((part, file)) => Some((Ok(part), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Seek;

    #[tokio::test]
    async fn what_is_kept_is_whole_bounded_and_without_a_name() {
        let scratch = tempfile::tempdir().unwrap();
        let second = std::time::Duration::from_secs(60);
        let mut file = keep(scratch.path(), Body::from("hello"), 5, second).await.unwrap();
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
        let refused = keep(scratch.path(), Body::from("hello!"), 5, second).await;
        assert!(matches!(refused, Err(SpoolError::TooLarge(5))));
    }
}
