//! Serial numbers of zones, which wrap (RFC 1982).

/// Whether serial `a` comes after serial `b`. Of two that are half the circle apart neither does.
#[must_use]
pub const fn is_newer(a: u32, b: u32) -> bool {
    a != b && a.wrapping_sub(b) < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_wrap() {
        assert!(is_newer(1, 0) && is_newer(0, u32::MAX) && is_newer((1 << 31) - 1, 0));
        assert!(!is_newer(5, 5) && !is_newer(0, 1) && !is_newer(u32::MAX, 0));
        assert!(!is_newer(1 << 31, 0) && !is_newer(0, 1 << 31));
    }
}
