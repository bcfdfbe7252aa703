//! Bounds of what a file can make grow.

/// How far reading goes; the defaults suit any honest zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Errors after which reading stops.
    pub errors: u64,
    /// Files open inside each other by `$INCLUDE`, the first one counted.
    pub include_depth: usize,
    /// Inclusions in all; 0: none, and no path is even looked at.
    pub inclusions: usize,
    /// Records made by `$GENERATE` in all.
    pub generated: u64,
    /// Octets of one entry, from its owner to its closing parenthesis or line end.
    pub entry_octets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            errors: 20,
            include_depth: 16,
            inclusions: 10_000,
            generated: 10_000_000,
            entry_octets: 1 << 20,
        }
    }
}
