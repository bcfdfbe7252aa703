//! Messages of the configuration manager; each has an entry in `units/tenon.catalog`.

/// A generation was committed and is in force.
pub const COMMITTED: &str = "83a1c7d45e0b4d5f8f6a2b90c3d7e101";
/// A commit was refused; nothing changed.
pub const REFUSED: &str = "83a1c7d45e0b4d5f8f6a2b90c3d7e102";
/// A commit could not be applied, and the settings before were committed again.
pub const RESTORED: &str = "83a1c7d45e0b4d5f8f6a2b90c3d7e103";
/// An owner does not run with the committed settings.
pub const OWNER_BEHIND: &str = "83a1c7d45e0b4d5f8f6a2b90c3d7e104";
/// An owner was given the committed settings.
pub const OWNER_CAUGHT_UP: &str = "83a1c7d45e0b4d5f8f6a2b90c3d7e105";
/// The committed generation cannot be read; an older one counts as committed.
pub const STORE_BROKEN: &str = "83a1c7d45e0b4d5f8f6a2b90c3d7e106";
/// A TSIG key was added, replaced or removed.
pub const KEY_CHANGED: &str = "83a1c7d45e0b4d5f8f6a2b90c3d7e10a";
/// The files of TSIG keys cannot be written.
pub const KEYS_NOT_GIVEN: &str = "83a1c7d45e0b4d5f8f6a2b90c3d7e10b";
/// Secrets of TSIG keys that settings do not name any more were forgotten.
pub const KEYS_FORGOTTEN: &str = "83a1c7d45e0b4d5f8f6a2b90c3d7e10c";
/// A commit waits for confirmation.
pub const WAITING: &str = "83a1c7d45e0b4d5f8f6a2b90c3d7e107";
/// A commit was confirmed.
pub const CONFIRMED: &str = "83a1c7d45e0b4d5f8f6a2b90c3d7e108";
/// A commit was not confirmed in time and is taken back.
pub const UNCONFIRMED: &str = "83a1c7d45e0b4d5f8f6a2b90c3d7e109";
