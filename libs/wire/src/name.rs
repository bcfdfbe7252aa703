//! Domain names in wire form (RFC 1035 section 3.1), case preserved and ignored in comparison.

pub(crate) mod text;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Longest name in octets, root label included (RFC 1035 section 3.1).
pub const MAX_NAME: usize = 255;
/// Longest label in octets.
pub const MAX_LABEL: usize = 63;
/// Most labels a name can have, the root label not counted.
pub const MAX_LABELS: usize = 127;
/// More labels than this few names have.
const FEW_LABELS: usize = 12;

/// Why octets or text are not a domain name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NameError {
    /// The octets end before the root label.
    #[error("name ends before its root label")]
    Short,
    /// A label is longer than 63 octets.
    #[error("label longer than 63 octets")]
    LabelTooLong,
    /// The name is longer than 255 octets.
    #[error("name longer than 255 octets")]
    NameTooLong,
    /// Two dots in a row, or a leading dot.
    #[error("empty label")]
    EmptyLabel,
    /// A backslash that is not followed by a character or by three digits up to 255.
    #[error("bad escape in name")]
    BadEscape,
    /// A label type other than plain (compression pointers count, where they are not allowed).
    #[error("compressed or unknown label type")]
    LabelType,
    /// A compression pointer that leads nowhere, ahead or in a circle.
    #[error("compression pointer that does not lead back")]
    Pointer,
    /// The text lacks a final dot and there is no origin to complete it.
    #[error("name is relative and there is no origin")]
    Relative,
}

/// An owned absolute name: uncompressed wire form, root label included, 1 to 255 octets, case preserved.
///
/// Equality, order and hash ignore ASCII case; the order is canonical (RFC 4034 section 6.1).
#[derive(Clone)]
pub struct Name(Box<[u8]>);

/// A borrowed absolute name in the form of [`Name`].
#[derive(Clone, Copy)]
pub struct NameRef<'a>(&'a [u8]);

impl Name {
    /// The root name.
    #[must_use]
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Reads a name from presentation form (RFC 1035 section 5.1, RFC 4343 escapes).
    ///
    /// # Errors
    /// A name without a final dot is completed with `origin`, and refused where there is none; `@` is `origin`.
    pub fn from_text(text: &str, origin: Option<NameRef<'_>>) -> Result<Self, NameError> {
        let mut buffer = [0; MAX_NAME];
        let length = text::parse(text.as_bytes(), origin, &mut buffer)?;
        Ok(Self(buffer[..length].into()))
    }

    /// The name as a borrowed one.
    #[must_use]
    pub fn as_ref(&self) -> NameRef<'_> {
        NameRef(&self.0)
    }

    /// The octets, root label included.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// A name in room that is used again: for one name after the other, of which there are millions.
#[derive(Clone)]
pub struct NameRoom(Vec<u8>);

impl Default for NameRoom {
    fn default() -> Self {
        Self(vec![0])
    }
}

impl NameRoom {
    /// Takes over `name`; until then it is the root.
    pub fn set(&mut self, name: NameRef<'_>) {
        self.0.clear();
        self.0.extend_from_slice(name.0);
    }

    /// The name.
    #[must_use]
    pub fn as_ref(&self) -> NameRef<'_> {
        NameRef(&self.0)
    }
}

impl fmt::Debug for NameRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl<'a> NameRef<'a> {
    /// The root name.
    pub const ROOT: NameRef<'static> = NameRef(&[0]);

    /// Takes an uncompressed name from the front of `octets`; gives the name and the octets behind it.
    ///
    /// # Errors
    /// See [`NameError`]; a compression pointer is [`NameError::LabelType`].
    pub fn split_from(octets: &'a [u8]) -> Result<(Self, &'a [u8]), NameError> {
        let mut at = 0;
        loop {
            let length = *octets.get(at).ok_or(NameError::Short)? as usize;
            if length > MAX_LABEL {
                return Err(NameError::LabelType);
            }
            at += 1 + length;
            if at > MAX_NAME {
                return Err(NameError::NameTooLong);
            }
            if length == 0 {
                return Ok((Self(&octets[..at]), &octets[at..]));
            }
        }
    }

    /// Reads `octets` as exactly one uncompressed name.
    ///
    /// # Errors
    /// As [`Self::split_from`]; octets behind the root label are [`NameError::NameTooLong`].
    pub fn from_octets(octets: &'a [u8]) -> Result<Self, NameError> {
        match Self::split_from(octets)? {
            (name, []) => Ok(name),
            _ => Err(NameError::NameTooLong),
        }
    }

    /// Takes what [`Self::octets`] gave before, without looking at it again. For octets that no stranger has had in hand
    /// since: with others nothing unsafe happens, but what is done with the name may be wrong, or panic.
    #[must_use]
    pub fn from_kept(octets: &'a [u8]) -> Self {
        debug_assert!(Self::from_octets(octets).is_ok(), "{octets:?} was no name");
        Self(octets)
    }

    /// Reads a name from presentation form into `buffer`, without allocating; see [`Name::from_text`].
    ///
    /// # Errors
    /// As [`Name::from_text`].
    pub fn parse_text(
        text: &[u8],
        origin: Option<NameRef<'_>>,
        buffer: &'a mut [u8; MAX_NAME],
    ) -> Result<Self, NameError> {
        let length = text::parse(text, origin, buffer)?;
        Ok(Self(&buffer[..length]))
    }

    /// The octets, root label included.
    #[must_use]
    pub const fn octets(self) -> &'a [u8] {
        self.0
    }

    /// The labels from the leftmost to the one below the root, without their length octets.
    #[must_use]
    pub fn labels(self) -> Labels<'a> {
        Labels(self.0)
    }

    /// Number of labels, the root label not counted: 0 for the root, 2 for `example.com.`.
    #[must_use]
    pub fn label_count(self) -> usize {
        self.labels().count()
    }

    /// True for the root name.
    #[must_use]
    pub const fn is_root(self) -> bool {
        self.0.len() == 1
    }

    /// True when the leftmost label is `*` (RFC 4592).
    #[must_use]
    pub fn is_wildcard(self) -> bool {
        self.0.starts_with(b"\x01*")
    }

    /// The name without its leftmost label; none for the root.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        let length = self.0.first().map_or(0, |&l| l as usize);
        (length > 0).then(|| Self(&self.0[1 + length..]))
    }

    /// True when this name is `ancestor` or below it.
    #[must_use]
    pub fn is_at_or_below(self, ancestor: NameRef<'_>) -> bool {
        let Some(extra) = self.0.len().checked_sub(ancestor.0.len()) else { return false };
        // Most that end otherwise are found out by this, and need no walk.
        if !self.0.get(extra..).is_some_and(|tail| same_but_for_case(tail, ancestor.0)) {
            return false;
        }
        let mut at = 0;
        while at < extra {
            at += 1 + self.0.get(at).map_or(0, |&length| usize::from(length));
        }
        at == extra
    }

    /// The name without its `count` leftmost labels; none when it has fewer.
    #[must_use]
    pub fn skip_labels(self, count: usize) -> Option<Self> {
        let mut name = self;
        for _ in 0..count {
            name = name.parent()?;
        }
        Some(name)
    }

    /// Canonical order (RFC 4034 section 6.1): by label from the root down, ASCII case ignored.
    #[must_use]
    pub fn canonical_cmp(self, other: NameRef<'_>) -> Ordering {
        // Sorting compares a lot, and clearing room for the starts of 127 labels took most of its time.
        match (self.label_starts::<FEW_LABELS>(), other.label_starts::<FEW_LABELS>()) {
            (Some(mine), Some(theirs)) => self.cmp_from_root(&mine, other, &theirs),
            _ => match (self.label_starts::<MAX_LABELS>(), other.label_starts::<MAX_LABELS>()) {
                (Some(mine), Some(theirs)) => self.cmp_from_root(&mine, other, &theirs),
                // No name has more labels.
                _ => Ordering::Equal,
            },
        }
    }

    fn cmp_from_root<const N: usize>(
        self,
        mine: &LabelStarts<N>,
        other: NameRef<'_>,
        theirs: &LabelStarts<N>,
    ) -> Ordering {
        for (&a, &b) in mine.starts().iter().rev().zip(theirs.starts().iter().rev()) {
            let order = compare_lowercase(label_at(self.0, a), label_at(other.0, b));
            if order != Ordering::Equal {
                return order;
            }
        }
        mine.count.cmp(&theirs.count)
    }

    /// Appends the first `count` labels in presentation form, with dots between them.
    pub fn append_labels(self, count: usize, text: &mut String) {
        for (number, label) in self.labels().take(count).enumerate() {
            if number > 0 {
                text.push('.');
            }
            // Writing to a String does not fail.
            let _ = text::write_label(label, text);
        }
    }

    /// An owned copy.
    #[must_use]
    pub fn to_name(self) -> Name {
        Name(self.0.into())
    }

    /// An owned copy with ASCII letters in lower case.
    #[must_use]
    pub fn to_lowercase(self) -> Name {
        Name(self.0.to_ascii_lowercase().into())
    }

    /// Where the labels begin; none when there are more than `N`.
    fn label_starts<const N: usize>(self) -> Option<LabelStarts<N>> {
        let mut found = LabelStarts { starts: [0; N], count: 0 };
        let mut at = 0usize;
        while let Some(&length) = self.0.get(at) {
            if length == 0 {
                break;
            }
            *found.starts.get_mut(found.count)? = at as u8;
            found.count += 1;
            at += 1 + length as usize;
        }
        Some(found)
    }
}

/// Iterator over the labels of a name, leftmost first.
#[derive(Clone, Debug)]
pub struct Labels<'a>(&'a [u8]);

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (&length, rest) = self.0.split_first()?;
        if length == 0 {
            return None;
        }
        let (label, rest) = rest.split_at_checked(length as usize)?;
        self.0 = rest;
        Some(label)
    }
}

struct LabelStarts<const N: usize> {
    starts: [u8; N],
    count: usize,
}

impl<const N: usize> LabelStarts<N> {
    fn starts(&self) -> &[u8] {
        self.starts.get(..self.count).unwrap_or_default()
    }
}

fn label_at(octets: &[u8], start: u8) -> &[u8] {
    let start = start as usize;
    &octets[start + 1..start + 1 + octets[start] as usize]
}

/// Whether these are the octets of the same name: length octets are below 64, and so untouched by ASCII case folding.
#[inline]
fn same_but_for_case(a: &[u8], b: &[u8]) -> bool {
    // Nearly always the case is the same, too.
    a == b || a.eq_ignore_ascii_case(b)
}

fn compare_lowercase(a: &[u8], b: &[u8]) -> Ordering {
    // Of two names in one zone most labels are the same.
    if a == b {
        return Ordering::Equal;
    }
    a.iter().map(u8::to_ascii_lowercase).cmp(b.iter().map(u8::to_ascii_lowercase))
}

impl PartialEq for NameRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        same_but_for_case(self.0, other.0)
    }
}

impl Eq for NameRef<'_> {}

impl Hash for NameRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // No name is longer. At once: hashers of many small pieces are slow.
        let mut folded = [0; MAX_NAME];
        if let Some(folded) = folded.get_mut(..self.0.len()) {
            folded.copy_from_slice(self.0);
            folded.make_ascii_lowercase();
            state.write(folded);
        }
    }
}

impl Ord for NameRef<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.canonical_cmp(*other)
    }
}

impl PartialOrd for NameRef<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for NameRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        if self.is_root() {
            return f.write_char('.');
        }
        for label in self.labels() {
            text::write_label(label, f)?;
            f.write_char('.')?;
        }
        Ok(())
    }
}

impl fmt::Debug for NameRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_ref().cmp(&other.as_ref())
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;

    /// Reads an absolute name; a missing final dot is added, as people write names on command lines.
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::from_text(text, Some(NameRef::ROOT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn text_becomes_wire_form() {
        assert_eq!(name("www.Example.com").octets(), b"\x03www\x07Example\x03com\x00");
        assert_eq!(name(".").octets(), b"\x00");
        assert_eq!(name(r"a\.b\065.").octets(), b"\x04a.bA\x00");
    }

    #[test]
    fn relative_names_need_an_origin() {
        assert_eq!(Name::from_text("www", None), Err(NameError::Relative));
        let origin = name("example.com.");
        assert_eq!(Name::from_text("www", Some(origin.as_ref())), Ok(name("www.example.com.")));
        assert_eq!(Name::from_text("@", Some(origin.as_ref())), Ok(origin.clone()));
    }

    #[test]
    fn bad_text_is_refused() {
        for (text, error) in [
            ("a..b", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("..", NameError::EmptyLabel),
            ("", NameError::EmptyLabel),
            (r"a\25", NameError::BadEscape),
            (r"a\256", NameError::BadEscape),
            ("a\\", NameError::BadEscape),
            (&"a".repeat(64), NameError::LabelTooLong),
            (&"a.".repeat(128), NameError::NameTooLong),
        ] {
            assert_eq!(text.parse::<Name>(), Err(error), "{text}");
        }
        assert_eq!(name(&"a.".repeat(127)).octets().len(), MAX_NAME);
        assert_eq!(name(&"a".repeat(63)).octets().len(), 65);
    }

    #[test]
    fn canonical_order_is_that_of_rfc_4034() {
        let sorted = [
            "example.",
            "a.example.",
            "yljkjljk.a.example.",
            "Z.a.example.",
            "zABC.a.EXAMPLE.",
            "z.example.",
            r"\001.z.example.",
            "*.z.example.",
            r"\200.z.example.",
        ];
        for pair in sorted.windows(2) {
            assert!(name(pair[0]) < name(pair[1]), "{} < {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn ancestors() {
        assert!(name("a.b.").as_ref().is_at_or_below(name("B.").as_ref()));
        assert!(!name("ab.").as_ref().is_at_or_below(name("b.").as_ref()));
        assert!(name("a.").as_ref().is_at_or_below(NameRef::ROOT));
        assert!(!name("b.").as_ref().is_at_or_below(name("a.b.").as_ref()));
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..8)) {
            let mut octets = Vec::new();
            for label in &labels {
                octets.push(label.len() as u8);
                octets.extend_from_slice(label);
            }
            octets.push(0);
            let name = NameRef::from_octets(&octets).unwrap();
            let again: Name = name.to_string().parse().unwrap();
            prop_assert_eq!(again.octets(), &octets[..]);
        }

        #[test]
        fn any_octets_are_read_without_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = NameRef::split_from(&octets);
        }
    }
}
