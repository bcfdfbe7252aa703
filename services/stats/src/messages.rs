//! Messages of the collector; each has an entry in `units/tenon.catalog`.

/// A component did not tell its counters.
pub const SILENT: &str = "4b1f0c9a7d3e4e2f9c58b06a1de47301";
/// A component that was silent told its counters again.
pub const ANSWERS_AGAIN: &str = "4b1f0c9a7d3e4e2f9c58b06a1de47302";
/// An address cannot be listened on.
pub const NOT_LISTENING: &str = "4b1f0c9a7d3e4e2f9c58b06a1de47303";
/// HTTP is answered on an address.
pub const LISTENING: &str = "4b1f0c9a7d3e4e2f9c58b06a1de47304";
