//! Messages that every daemon logs; each has an entry in `units/tenon.catalog`.

/// The daemon is ready.
pub const STARTED: &str = "2f6d1a7e5c3b4c0f9a1e7d20b8c4e601";
/// The daemon stops.
pub const STOPPING: &str = "2f6d1a7e5c3b4c0f9a1e7d20b8c4e602";
/// The bus cannot be reached, or went away.
pub const BUS_LOST: &str = "2f6d1a7e5c3b4c0f9a1e7d20b8c4e603";
/// The bus is there (again), and the daemon's name is owned.
pub const BUS_BACK: &str = "2f6d1a7e5c3b4c0f9a1e7d20b8c4e604";
/// Somebody else owns the daemon's bus name.
pub const NAME_TAKEN: &str = "2f6d1a7e5c3b4c0f9a1e7d20b8c4e605";
/// Committed settings cannot be read or used.
pub const SETTINGS_BROKEN: &str = "2f6d1a7e5c3b4c0f9a1e7d20b8c4e606";
/// A generation of settings is in force.
pub const SETTINGS_APPLIED: &str = "2f6d1a7e5c3b4c0f9a1e7d20b8c4e607";
/// A generation of settings could not be put into force.
pub const SETTINGS_FAILED: &str = "2f6d1a7e5c3b4c0f9a1e7d20b8c4e608";
/// The file of TSIG keys cannot be used.
pub const KEYS_UNUSABLE: &str = "2f6d1a7e5c3b4c0f9a1e7d20b8c4e60e";
/// A caller was refused a verb.
pub const DENIED: &str = "2f6d1a7e5c3b4c0f9a1e7d20b8c4e609";
/// The daemon's work has stopped moving, so the watchdog is not fed.
pub const NOT_ALIVE: &str = "2f6d1a7e5c3b4c0f9a1e7d20b8c4e60a";
/// Somebody changed how much is logged.
pub const LOG_LEVEL: &str = "2f6d1a7e5c3b4c0f9a1e7d20b8c4e60d";
/// The daemon ends because of an error.
pub const FAILED: &str = "2f6d1a7e5c3b4c0f9a1e7d20b8c4e60b";
