//! The owner's name and where its suffixes stand in the message that is being written.

use tenon_wire::NameRef;

/// Most labels of a name, the root label not counted.
const LABELS: usize = 127;

/// The owner whose records are written, with the places that compression pointers to it can use.
///
/// Owners come in canonical order, so what one shares with the one before is all there is to share.
#[derive(Debug)]
pub(super) struct Owner<'a> {
    origin: &'a [u8],
    /// Where in `origin` the suffix of so many labels begins.
    origin_starts: Vec<u8>,
    /// Place of the zone's name in this message.
    zone_at: Option<u16>,
    /// The name below the zone's, without root label.
    relative: &'a [u8],
    /// Where in `relative` its labels begin, from the left.
    starts: [u8; LABELS + 1],
    labels: usize,
    /// Place in this message of the suffix with so many labels below the zone's name; 0 for none.
    places: [u16; LABELS + 1],
}

impl<'a> Owner<'a> {
    /// The zone's own name.
    pub(super) fn new(origin: NameRef<'a>) -> Self {
        let octets = origin.octets();
        let mut origin_starts: Vec<u8> = Vec::new();
        let mut at = 0usize;
        for label in origin.labels() {
            origin_starts.push(at as u8);
            at += 1 + label.len();
        }
        origin_starts.push(at as u8);
        origin_starts.reverse();
        Self {
            origin: octets,
            origin_starts,
            zone_at: None,
            relative: &[],
            starts: [0; LABELS + 1],
            labels: 0,
            places: [0; LABELS + 1],
        }
    }

    /// True for the zone's own name when that is the root, to which nothing points.
    pub(super) const fn is_root(&self) -> bool {
        self.labels == 0 && self.origin.len() == 1
    }

    /// Most octets that writing it can take.
    pub(super) const fn room(&self) -> usize {
        self.relative.len() + self.origin.len()
    }

    /// The whole name, uncompressed.
    pub(super) fn whole(&self) -> Vec<u8> {
        [self.relative, self.origin].concat()
    }

    /// Forgets all places: a new message begins, with the zone's name at `zone_at`.
    pub(super) fn new_message(&mut self, zone_at: Option<u16>) {
        self.zone_at = zone_at.filter(|_| self.origin.len() > 1);
        self.places.iter_mut().take(self.labels + 1).for_each(|place| *place = 0);
    }

    /// Turns to another name below the zone's.
    #[inline]
    pub(super) fn turn_to(&mut self, relative: &'a [u8]) {
        let mut starts = [0; LABELS + 1];
        let (mut at, mut labels) = (0usize, 0usize);
        while let (Some(&length), Some(start)) = (relative.get(at), starts.get_mut(labels)) {
            *start = at as u8;
            labels += 1;
            at += 1 + length as usize;
        }
        let mut shared = 0;
        while shared < labels && shared < self.labels {
            let mine = label(relative, &starts, labels - shared - 1);
            if mine != label(self.relative, &self.starts, self.labels - shared - 1) {
                break;
            }
            shared += 1;
        }
        let forgotten = self.places.iter_mut().take(labels.max(self.labels) + 1).skip(shared + 1);
        forgotten.for_each(|place| *place = 0);
        (self.relative, self.starts, self.labels) = (relative, starts, labels);
    }

    /// Where the suffix with so many labels stands, those of the zone's name included.
    #[inline]
    pub(super) fn suffix(&self, labels: usize) -> Option<u16> {
        let zone_labels = self.origin_starts.len() - 1;
        match labels.checked_sub(zone_labels) {
            Some(below @ 1..) => self.places.get(below).copied().filter(|&place| place != 0),
            _ => {
                let start = self.origin_starts.get(labels).filter(|_| labels > 0)?;
                Some(self.zone_at? + u16::from(*start))
            }
        }
    }

    /// Appends the name as short as it can be. `at` is where in the message that is.
    #[inline]
    pub(super) fn write(&mut self, at: usize, out: &mut Vec<u8>) {
        if let Some(place) = self.suffix(self.labels + self.origin_starts.len() - 1) {
            return out.extend_from_slice(&pointer(place));
        }
        let mut known = self.labels.saturating_sub(1);
        while known > 0 && self.places.get(known).is_none_or(|&place| place == 0) {
            known -= 1;
        }
        let head = match known {
            0 => self.relative.len(),
            known => self.starts.get(self.labels - known).map_or(0, |&start| start as usize),
        };
        out.extend_from_slice(self.relative.get(..head).unwrap_or(&[]));
        match (self.places.get(known).copied().filter(|_| known > 0), self.zone_at) {
            (Some(place), _) | (None, Some(place)) => out.extend_from_slice(&pointer(place)),
            (None, None) => {
                out.extend_from_slice(self.origin);
                self.zone_at = Some((at + head) as u16).filter(|_| self.origin.len() > 1);
            }
        }
        for labels in known + 1..=self.labels {
            let start = self.starts.get(self.labels - labels).map_or(0, |&start| start as usize);
            if let Some(place) = self.places.get_mut(labels) {
                *place = (at + start) as u16;
            }
        }
    }
}

/// A compression pointer; places lie within its reach, since messages are no longer than that.
pub(super) const fn pointer(place: u16) -> [u8; 2] {
    (0xc000 | place).to_be_bytes()
}

fn label<'a>(relative: &'a [u8], starts: &[u8; LABELS + 1], index: usize) -> &'a [u8] {
    let start = starts.get(index).map_or(usize::MAX, |&start| start as usize);
    let length = relative.get(start).map_or(0, |&length| length as usize);
    relative.get(start..=start.saturating_add(length)).unwrap_or(&[])
}
