//! Messages of the loader as a service; each has an entry in `units/tenon.catalog`.

/// A zone was loaded.
pub(super) const LOADED: &str = "5b1f3c7d9e624a08b7d2c4a6918f0e01";
/// A zone was not loaded.
pub(super) const NOT_LOADED: &str = "5b1f3c7d9e624a08b7d2c4a6918f0e02";
/// A zone was removed.
pub(super) const REMOVED: &str = "5b1f3c7d9e624a08b7d2c4a6918f0e03";
