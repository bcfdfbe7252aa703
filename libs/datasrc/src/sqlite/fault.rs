//! What SQLite and the system say, turned into errors that an operator can act on.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::Error;

/// The distribution's headers and the bundled ones agree on these extended codes.
const IOERR_SHORT_READ: i32 = 522;
const IOERR_SHMSIZE: i32 = 4874;

/// Gives `error`, met at the database file `path`, its name.
pub(super) fn named(path: &Path, error: rusqlite::Error) -> Error {
    let path = path.to_owned();
    let reason = error.to_string();
    let rusqlite::Error::SqliteFailure(failure, _) = error else {
        // A column of another type than the schema says, or text that is not UTF-8.
        return Error::Damaged { path, reason };
    };
    match failure.code {
        ErrorCode::DatabaseCorrupt => Error::Damaged { path, reason },
        ErrorCode::NotADatabase => Error::NotAStore { path, reason },
        ErrorCode::DiskFull => Error::Full { path },
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => {
            Error::Denied { path, reason }
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::Busy { path },
        _ if failure.extended_code == IOERR_SHORT_READ => Error::Damaged { path, reason },
        _ if failure.extended_code == IOERR_SHMSIZE => Error::Full { path },
        _ => Error::Engine { path, reason },
    }
}

/// Gives a failed system call on `path` its name.
pub(super) fn io(path: &Path, source: io::Error) -> Error {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { path },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            Error::Denied { path, reason: source.to_string() }
        }
        _ => Error::Io { path, source },
    }
}
