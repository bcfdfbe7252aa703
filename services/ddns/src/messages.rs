//! Messages of this service; each has an entry in `units/tenon.catalog`.

/// A zone was updated.
pub const UPDATED: &str = "d1c4a0f3577e4e1c9a2b6f0d8e35b701";
/// An update was refused by an access list.
pub const REJECTED: &str = "d1c4a0f3577e4e1c9a2b6f0d8e35b702";
/// An update was refused for what it says.
pub const REFUSED: &str = "d1c4a0f3577e4e1c9a2b6f0d8e35b703";
/// Updates cannot be stored.
pub const NOT_STORED: &str = "d1c4a0f3577e4e1c9a2b6f0d8e35b704";
/// The socket of requests was not passed on.
pub const NO_DOOR: &str = "d1c4a0f3577e4e1c9a2b6f0d8e35b705";
/// A zone was edited over the bus.
pub const EDITED: &str = "d1c4a0f3577e4e1c9a2b6f0d8e35b706";
/// Too many updates wait.
pub const OVER_QUOTA: &str = "d1c4a0f3577e4e1c9a2b6f0d8e35b707";
/// An update was signed, but not well.
pub const BADLY_SIGNED: &str = "d1c4a0f3577e4e1c9a2b6f0d8e35b708";
