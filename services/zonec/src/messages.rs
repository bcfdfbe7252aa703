//! Messages of the zone compiler; each has an entry in `units/tenon.catalog`.

/// A zone was compiled and is in the manifest.
pub const COMPILED: &str = "7c1b52d86f0a4e4cb8d1a3e95f206c01";
/// A zone could not be compiled.
pub const NOT_COMPILED: &str = "7c1b52d86f0a4e4cb8d1a3e95f206c02";
/// A zone was removed from the manifest.
pub const REMOVED: &str = "7c1b52d86f0a4e4cb8d1a3e95f206c03";
/// A store cannot be read.
pub const STORE_BROKEN: &str = "7c1b52d86f0a4e4cb8d1a3e95f206c04";
/// A store can be read again.
pub const STORE_BACK: &str = "7c1b52d86f0a4e4cb8d1a3e95f206c05";
/// The manifest cannot be read at start.
pub const MANIFEST_BROKEN: &str = "7c1b52d86f0a4e4cb8d1a3e95f206c06";
/// The manifest cannot be written.
pub const MANIFEST_NOT_WRITTEN: &str = "7c1b52d86f0a4e4cb8d1a3e95f206c07";
/// Files that nothing names were removed from the image directory.
pub const SWEPT: &str = "7c1b52d86f0a4e4cb8d1a3e95f206c08";
/// The layers of a zone were merged into its base.
pub const MERGED: &str = "7c1b52d86f0a4e4cb8d1a3e95f206c0e";
/// Many zones were compiled together.
pub const PACKED: &str = "7c1b52d86f0a4e4cb8d1a3e95f206c09";
/// An image file that the manifest names is not there as it should be.
pub const IMAGE_MISSING: &str = "7c1b52d86f0a4e4cb8d1a3e95f206c0a";
/// The zone manager's list of unavailable zones cannot be read.
pub const LIST_BROKEN: &str = "7c1b52d86f0a4e4cb8d1a3e95f206c0b";
/// Zones became available or unavailable.
pub const AVAILABILITY: &str = "7c1b52d86f0a4e4cb8d1a3e95f206c0c";
/// A zone is in both stores.
pub const STORED_TWICE: &str = "7c1b52d86f0a4e4cb8d1a3e95f206c0d";
