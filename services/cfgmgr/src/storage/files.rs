//! Files that are whole or not there.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StorageError;

/// Writes a JSON file so that at every moment the old one is there, or the new one.
pub(crate) fn replace(path: &Path, content: &impl Serialize) -> Result<(), StorageError> {
    let fresh = fresh_name(path);
    let file = write(&fresh, content)?;
    file.sync_all().map_err(at(&fresh))?;
    fs::rename(&fresh, path).map_err(at(path))?;
    path.parent().map_or(Ok(()), sync_directory)
}

/// The name of what is to become `path`. What begins with a dot is removed at start.
pub(super) fn fresh_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

pub(super) fn write(path: &Path, content: &impl Serialize) -> Result<File, StorageError> {
    let mut text = serde_json::to_vec_pretty(content).map_err(|error| at(path)(error.into()))?;
    text.push(b'\n');
    let mut file = File::create(path).map_err(at(path))?;
    file.write_all(&text).map_err(at(path))?;
    Ok(file)
}

/// Reads a JSON file; `None` when it is not there.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StorageError> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| at(path)(io::Error::new(io::ErrorKind::InvalidData, error))),
    }
}

pub(super) fn sync_directory(path: &Path) -> Result<(), StorageError> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(at(path))
}

pub(super) fn remove_if_there(path: &Path) -> Result<(), StorageError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> StorageError + use<> {
    let path = path.to_owned();
    move |error| StorageError { path, error }
}
