//! A name made ready for looking it up: lower case, label offsets known, every suffix hashed.

use super::suffix_hash;
use crate::name::{MAX_LABELS, MAX_NAME, NameRef};

/// A name in lower case with the place and the hash of each of its suffixes.
///
/// Suffixes are numbered by how many labels they have: 0 is the root, [`Self::labels`] the whole name. Kept by the
/// worker and set anew for each query: about two kilobytes, never cleared, never allocated.
#[derive(Clone)]
pub struct KeyedName {
    octets: [u8; MAX_NAME],
    length: u8,
    labels: u8,
    starts: [u8; MAX_LABELS + 1],
    hashes: [u64; MAX_LABELS + 1],
}

impl Default for KeyedName {
    fn default() -> Self {
        let hashes = [suffix_hash::ROOT; MAX_LABELS + 1];
        Self { octets: [0; MAX_NAME], length: 1, labels: 0, starts: [0; MAX_LABELS + 1], hashes }
    }
}

impl std::fmt::Debug for KeyedName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyedName({:?})", self.octets())
    }
}

impl KeyedName {
    /// Of `name`.
    #[must_use]
    pub fn new(name: NameRef<'_>) -> Self {
        let mut keyed = Self::default();
        keyed.set(name);
        keyed
    }

    /// Takes over `name`.
    pub fn set(&mut self, name: NameRef<'_>) {
        let source = name.octets();
        let Some(target) = self.octets.get_mut(..source.len()) else { return };
        target.copy_from_slice(source);
        target.make_ascii_lowercase();
        self.length = source.len() as u8;
        self.index();
    }

    /// Finds the labels of the octets and hashes every suffix, from the root leftwards.
    fn index(&mut self) {
        let mut places = [0u8; MAX_LABELS + 1];
        let (mut labels, mut at) = (0usize, 0usize);
        while let (Some(&length), Some(place)) = (self.octets.get(at), places.get_mut(labels)) {
            *place = at as u8;
            if length == 0 {
                break;
            }
            labels += 1;
            at += 1 + length as usize;
        }
        self.labels = labels as u8;
        let mut hash = suffix_hash::ROOT;
        let mut end = at;
        for (suffix, (start, kept)) in
            self.starts.iter_mut().zip(&mut self.hashes).take(labels + 1).enumerate()
        {
            let from = places.get(labels - suffix).copied().unwrap_or(0);
            if suffix > 0 {
                hash = suffix_hash::extend(hash, self.octets.get(from as usize..end).unwrap_or(&[]));
            }
            end = from as usize;
            *start = from;
            *kept = hash;
        }
    }

    /// Number of labels, the root label not counted.
    #[must_use]
    pub const fn labels(&self) -> usize {
        self.labels as usize
    }

    /// The name in lower case, root label included.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.length as usize).unwrap_or(&[])
    }

    /// Offset of the suffix of so many labels; 0 when the name has fewer.
    #[must_use]
    pub fn start(&self, labels: usize) -> usize {
        if labels > self.labels() { 0 } else { self.starts.get(labels).copied().unwrap_or(0) as usize }
    }

    /// The suffix of so many labels.
    #[must_use]
    pub fn suffix(&self, labels: usize) -> &[u8] {
        self.octets().get(self.start(labels)..).unwrap_or(&[])
    }

    /// The suffix of so many labels, without its last `without` labels and without the root label.
    #[must_use]
    pub fn relative(&self, labels: usize, without: usize) -> &[u8] {
        self.octets().get(self.start(labels)..self.start(without)).unwrap_or(&[])
    }

    /// Hash of the suffix of so many labels.
    #[must_use]
    pub fn hash(&self, labels: usize) -> u64 {
        self.hashes.get(labels).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Name;
    use proptest::prelude::*;

    #[test]
    fn suffixes_by_their_labels() {
        let name: Name = "WWW.Example.com.".parse().unwrap();
        let keyed = KeyedName::new(name.as_ref());
        assert_eq!(keyed.labels(), 3);
        assert_eq!(keyed.suffix(3), b"\x03www\x07example\x03com\x00");
        assert_eq!(keyed.suffix(1), b"\x03com\x00");
        assert_eq!(keyed.suffix(0), b"\x00");
        assert_eq!(keyed.relative(3, 1), b"\x03www\x07example");
        assert_eq!(keyed.hash(0), suffix_hash::ROOT);
    }

    #[test]
    fn the_root_and_the_longest_name() {
        assert_eq!(KeyedName::new(NameRef::ROOT).labels(), 0);
        let longest: Name = "a.".repeat(127).parse().unwrap();
        let keyed = KeyedName::new(longest.as_ref());
        assert_eq!((keyed.labels(), keyed.octets().len()), (127, 255));
        assert_eq!(keyed.suffix(126).len(), 253);
    }

    proptest! {
        #[test]
        fn a_suffix_hashes_as_the_name_itself_whatever_its_case(labels in prop::collection::vec("[a-zA-Z0-9-]{1,20}", 1..8)) {
            let whole: Name = labels.join(".").parse().unwrap();
            let keyed = KeyedName::new(whole.as_ref());
            for skip in 0..labels.len() {
                let tail: Name = labels[skip..].join(".").to_uppercase().parse().unwrap();
                let other = KeyedName::new(tail.as_ref());
                prop_assert_eq!(other.hash(other.labels()), keyed.hash(labels.len() - skip));
            }
        }
    }
}
