//! The networks that a worker counts, with whoever has the least where it is found at once.
//!
//! Counts are a heap, its root the least one; the networks they belong to lie beside them in the same order, close together,
//! since most of the work is to look whether a network is there.

/// Networks that are kept.
pub(super) const ENTRIES: usize = 100;

/// What is counted of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    /// Messages, at most.
    pub(super) messages: u64,
    /// So many of them may have been others'.
    pub(super) error: u64,
}

/// One worker's table.
#[derive(Debug, Default)]
pub(super) struct Table {
    networks: Vec<u64>,
    counts: Vec<Counted>,
}

impl Table {
    /// Counts messages of a network; in a full table one that is new takes the place of who has the least.
    pub(super) fn count(&mut self, network: u64, messages: u64) {
        if let Some(place) = self.networks.iter().position(|known| *known == network) {
            if let Some(counted) = self.counts.get_mut(place) {
                counted.messages = counted.messages.saturating_add(messages);
            }
            self.sink(place);
        } else if self.networks.len() < ENTRIES {
            self.networks.push(network);
            self.counts.push(Counted { messages, error: 0 });
            self.rise(self.networks.len().saturating_sub(1));
        } else if let (Some(known), Some(least)) = (self.networks.first_mut(), self.counts.first_mut()) {
            let error = least.messages;
            *known = network;
            *least = Counted { messages: error.saturating_add(messages), error };
            self.sink(0);
        }
    }

    /// All of it.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u64, Counted)> {
        self.networks.iter().copied().zip(self.counts.iter().copied())
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.networks.clear();
        self.counts.clear();
    }

    /// Has a count that grew go behind those that are less.
    fn sink(&mut self, mut place: usize) {
        loop {
            let child = place.saturating_mul(2).saturating_add(1);
            let smaller = if self.messages(child.saturating_add(1)) < self.messages(child) {
                child.saturating_add(1)
            } else {
                child
            };
            if self.messages(place) <= self.messages(smaller) {
                return;
            }
            self.swap(place, smaller);
            place = smaller;
        }
    }

    /// Has a new count go before those that are more.
    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let parent = place.saturating_sub(1) / 2;
            if self.messages(parent) <= self.messages(place) {
                return;
            }
            self.swap(place, parent);
            place = parent;
        }
    }

    /// Where there is nothing: more than anything.
    fn messages(&self, place: usize) -> u64 {
        self.counts.get(place).map_or(u64::MAX, |counted| counted.messages)
    }

    /// Both are places of entries.
    fn swap(&mut self, one: usize, other: usize) {
        if one.max(other) < self.counts.len() {
            self.networks.swap(one, other);
            self.counts.swap(one, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_the_least_gives_way() {
        let mut table = Table::default();
        let mut dice = 1_u64;
        for network in 0..ENTRIES as u64 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            table.count(network, (dice >> 40) + 2);
        }
        for new in 1000..2000 {
            let least = table.entries().map(|(_, counted)| counted.messages).min();
            table.count(new, 3);
            let found = table.entries().find(|(network, _)| *network == new).map(|(_, counted)| counted);
            assert_eq!(found.map(|counted| (counted.error, counted.messages - 3)), least.map(|l| (l, l)));
            table.count(new, 5);
            assert_eq!(table.entries().count(), ENTRIES);
        }
    }
}
