//! Messages of the zone manager; each has an entry in `units/tenon.catalog`.

/// A zone could not be refreshed.
pub const NOT_REFRESHED: &str = "9d3e7a41c05b4f7c8a26e1b90d57f301";
/// A zone that could not be refreshed was.
pub const REFRESHED_AGAIN: &str = "9d3e7a41c05b4f7c8a26e1b90d57f302";
/// A zone expired.
pub const EXPIRED: &str = "9d3e7a41c05b4f7c8a26e1b90d57f303";
/// An expired zone is answered again.
pub const RECOVERED: &str = "9d3e7a41c05b4f7c8a26e1b90d57f304";
/// A NOTIFY was heard.
pub const NOTIFIED: &str = "9d3e7a41c05b4f7c8a26e1b90d57f305";
/// A NOTIFY came from somebody who is no primary, or without the key of one.
pub const NOTIFY_REFUSED: &str = "9d3e7a41c05b4f7c8a26e1b90d57f306";
/// The state file cannot be read or written.
pub const STATE_BROKEN: &str = "9d3e7a41c05b4f7c8a26e1b90d57f307";
/// The state file can be written again.
pub const STATE_BACK: &str = "9d3e7a41c05b4f7c8a26e1b90d57f308";
/// The list of unavailable zones cannot be written.
pub const LIST_NOT_WRITTEN: &str = "9d3e7a41c05b4f7c8a26e1b90d57f309";
/// A zone that is no longer configured was removed from the store.
pub const REMOVED: &str = "9d3e7a41c05b4f7c8a26e1b90d57f30a";
/// A zone that is no longer configured could not be removed from the store.
pub const NOT_REMOVED: &str = "9d3e7a41c05b4f7c8a26e1b90d57f30b";
/// The wall clock was set.
pub const CLOCK_SET: &str = "9d3e7a41c05b4f7c8a26e1b90d57f30c";
/// Zones were added or taken out by the settings.
pub const CONFIGURED: &str = "9d3e7a41c05b4f7c8a26e1b90d57f30d";
/// NOTIFY cannot be taken.
pub const NO_DOOR: &str = "9d3e7a41c05b4f7c8a26e1b90d57f30e";
/// A catalog was read and changed which zones there are.
pub const CATALOG_READ: &str = "9d3e7a41c05b4f7c8a26e1b90d57f310";
/// A catalog is broken.
pub const CATALOG_BROKEN: &str = "9d3e7a41c05b4f7c8a26e1b90d57f311";
/// Zones are missing in the settings, and these are not the committed ones: nothing is removed.
pub const NOTHING_REMOVED: &str = "9d3e7a41c05b4f7c8a26e1b90d57f30f";
