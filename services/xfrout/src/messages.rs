//! Messages of this service; each has an entry in `units/tenon.catalog`.

/// A transfer was sent whole.
pub const TRANSFERRED: &str = "7d0e64b2a9514c6fb8f10e5c33a2d901";
/// A transfer broke off.
pub const TRANSFER_FAILED: &str = "7d0e64b2a9514c6fb8f10e5c33a2d902";
/// A request was refused by an access list.
pub const REJECTED: &str = "7d0e64b2a9514c6fb8f10e5c33a2d903";
/// A request was refused because too many transfers were on their way.
pub const OVER_QUOTA: &str = "7d0e64b2a9514c6fb8f10e5c33a2d904";
/// A request was for a zone that is not served, or made no sense.
pub const NOT_POSSIBLE: &str = "7d0e64b2a9514c6fb8f10e5c33a2d905";
/// A request was for a zone without data that can be served.
pub const UNAVAILABLE: &str = "7d0e64b2a9514c6fb8f10e5c33a2d906";
/// An image is damaged.
pub const IMAGE_DAMAGED: &str = "7d0e64b2a9514c6fb8f10e5c33a2d907";
/// A server answered a notice with an error.
pub const NOTIFY_REFUSED: &str = "7d0e64b2a9514c6fb8f10e5c33a2d908";
/// A server does not answer notices.
pub const NOTIFY_UNANSWERED: &str = "7d0e64b2a9514c6fb8f10e5c33a2d909";
/// A server answers notices again.
pub const NOTIFY_ANSWERED_AGAIN: &str = "7d0e64b2a9514c6fb8f10e5c33a2d90a";
/// It cannot be kept who was told.
pub const TOLD_NOT_KEPT: &str = "7d0e64b2a9514c6fb8f10e5c33a2d90b";
/// The socket of requests was not passed on.
pub const NO_DOOR: &str = "7d0e64b2a9514c6fb8f10e5c33a2d90c";
/// The manifest cannot be read.
pub const MANIFEST_BROKEN: &str = "7d0e64b2a9514c6fb8f10e5c33a2d90d";
/// Differences cannot be read from a store.
pub const NO_DIFFERENCES: &str = "7d0e64b2a9514c6fb8f10e5c33a2d90e";
