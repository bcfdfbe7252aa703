//! Messages of who transfers zones in; each has an entry in `units/tenon.catalog`.

/// A zone was transferred and stored.
pub const TRANSFERRED: &str = "c58d0b6e41f24a0e9a7336d5f0b8e201";
/// A zone could not be transferred from one primary.
pub const TRANSFER_FAILED: &str = "c58d0b6e41f24a0e9a7336d5f0b8e202";
/// A primary has an older version than is stored.
pub const PRIMARY_OLDER: &str = "c58d0b6e41f24a0e9a7336d5f0b8e204";
/// A transfer held records that are not in the zone.
pub const RECORDS_IGNORED: &str = "c58d0b6e41f24a0e9a7336d5f0b8e205";
/// A difference could not be had or used, and the whole zone is asked for.
pub const NO_DIFFERENCE: &str = "c58d0b6e41f24a0e9a7336d5f0b8e20a";
/// The store cannot be used.
pub const STORE_BROKEN: &str = "c58d0b6e41f24a0e9a7336d5f0b8e206";
/// The store can be used again.
pub const STORE_BACK: &str = "c58d0b6e41f24a0e9a7336d5f0b8e207";
/// A zone was removed from the store.
pub const REMOVED: &str = "c58d0b6e41f24a0e9a7336d5f0b8e208";
/// What earlier processes left unfinished was cleared from the store.
pub const CLEARED: &str = "c58d0b6e41f24a0e9a7336d5f0b8e209";
