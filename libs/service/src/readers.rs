//! Who may read what names zones and peers: everybody, or, where the administrator said so (`bindctl readers restrict`), root,
//! the group `tenon` and one more group.
//!
//! The bus keeps everybody else away, by a policy of its own beside the shipped one. That file is the switch: nothing else
//! says whether there is a restriction.

use std::io::ErrorKind;

/// The policy; read after the shipped one, which is below `/usr/share`.
pub const POLICY: &str = "/etc/dbus-1/system.d/org.tenon.readers.conf";

/// Whether there is a restriction; a file that cannot be looked at counts as one.
pub fn are_restricted() -> bool {
    !matches!(std::fs::symlink_metadata(POLICY), Err(error) if error.kind() == ErrorKind::NotFound)
}

/// The group that the policy names in its first line; `None` without a restriction or without such a group.
pub fn group() -> Option<String> {
    group_in(&std::fs::read_to_string(POLICY).ok()?)
}

/// The first line of a policy that names a group.
pub fn first_line(group: Option<&str>) -> String {
    match group {
        Some(group) => format!("<!-- readers: {group} -->"),
        None => "<!-- readers: root and tenon alone -->".to_owned(),
    }
}

fn group_in(policy: &str) -> Option<String> {
    let group = policy.lines().next()?.strip_prefix("<!-- readers: ")?.strip_suffix(" -->")?;
    (!group.contains(' ')).then(|| group.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_tells_the_group() {
        assert_eq!(group_in(&(first_line(Some("dns")) + "\n<busconfig/>")).as_deref(), Some("dns"));
        assert_eq!(group_in(&first_line(None)), None);
        assert_eq!(group_in("<busconfig/>"), None);
    }
}
