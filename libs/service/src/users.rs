//! Users and groups, read from `/etc/passwd` and `/etc/group`.
//!
//! Only for what the bus leaves out: the name of a user for the history, and the groups of a caller when the bus did not
//! send them along. Users of other sources (LDAP and the like) have no entry here; they are known by number, and get
//! their rights from the bus's groups or from polkit.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Those of this host as they were last read, and of which files.
static OF_THIS_HOST: Mutex<Option<(Marks, Arc<Users>)>> = Mutex::new(None);

/// What tells the files apart from others in their place: device, inode, time of change in seconds and nanoseconds, octets.
type Marks = [Option<(u64, u64, i64, i64, u64)>; 2];

/// The users and groups of one `/etc`.
#[derive(Clone, Debug)]
pub(crate) struct Users {
    passwd: String,
    group: String,
}

impl Users {
    /// Those of `/etc`, read again when its files are others than before.
    pub(crate) fn of_this_host() -> Arc<Self> {
        let etc = Path::new("/etc");
        let mark = |name| {
            let of = etc.join(name).metadata().ok()?;
            Some((of.dev(), of.ino(), of.ctime(), of.ctime_nsec(), of.len()))
        };
        let marks = ["passwd", "group"].map(mark);
        let mut last = OF_THIS_HOST.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((read, users)) if *read == marks => Arc::clone(users),
            _ => Arc::clone(&last.insert((marks, Arc::new(Self::read(etc)))).1),
        }
    }

    /// Reads the files below `etc`; one that cannot be read counts as empty.
    pub(crate) fn read(etc: &Path) -> Self {
        let text = |name| std::fs::read_to_string(etc.join(name)).unwrap_or_default();
        Self { passwd: text("passwd"), group: text("group") }
    }

    /// The name of a user.
    pub(crate) fn name(&self, uid: u32) -> Option<&str> {
        entries(&self.passwd).find(|entry| number(entry.get(2)) == Some(uid))?.first().copied()
    }

    /// The number of a user.
    pub(crate) fn uid(&self, name: &str) -> Option<u32> {
        number(entries(&self.passwd).find(|entry| entry.first() == Some(&name))?.get(2))
    }

    /// The number of a group.
    pub(crate) fn gid(&self, name: &str) -> Option<u32> {
        number(entries(&self.group).find(|entry| entry.first() == Some(&name))?.get(2))
    }

    /// Whether a user is in a group, by its own group or by being listed.
    pub(crate) fn is_member(&self, uid: u32, group: &str) -> bool {
        let own = entries(&self.passwd)
            .any(|entry| number(entry.get(2)) == Some(uid) && number(entry.get(3)) == self.gid(group));
        let listed = |name| {
            entries(&self.group).filter(|entry| entry.first() == Some(&group)).any(|entry| {
                entry.get(3).is_some_and(|members| members.split(',').any(|member| member == name))
            })
        };
        (own && self.gid(group).is_some()) || self.name(uid).is_some_and(listed)
    }
}

fn entries(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| line.split(':').collect())
}

fn number(field: Option<&&str>) -> Option<u32> {
    field?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        Users {
            passwd:
                "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:/bin/sh\nbob:x:1001:990::/:/bin/sh\nbroken\n"
                    .into(),
            group: "tenon:x:990:ann,eve\nann:x:1000:\n".into(),
        }
    }

    #[test]
    fn members_are_listed_or_have_it_as_their_own_group() {
        let users = users();
        assert!(users.is_member(1000, "tenon"));
        assert!(users.is_member(1001, "tenon"));
        assert!(!users.is_member(0, "tenon"));
        assert!(!users.is_member(1002, "tenon"));
        assert!(!users.is_member(1000, "nosuch"));
        assert!(!users.is_member(1001, "nosuch"));
    }

    #[test]
    fn names_and_numbers() {
        let users = users();
        assert_eq!(users.name(1000), Some("ann"));
        assert_eq!(users.name(7), None);
        assert_eq!((users.uid("bob"), users.gid("tenon"), users.uid("eve")), (Some(1001), Some(990), None));
    }
}
