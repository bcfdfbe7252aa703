//! Events that an operator may meet, each with an entry in the journal catalog.

/// Sockets follow the committed addresses.
pub const LISTENING: &str = "4a6c0a3f3f1d4f0aa2d1f1c9f6f0d101";
/// The committed addresses could not be had; the old ones are in force again.
pub const LISTEN_FAILED: &str = "4a6c0a3f3f1d4f0aa2d1f1c9f6f0d102";
