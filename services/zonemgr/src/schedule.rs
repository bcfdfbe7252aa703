//! When which zone comes due. Everything costs O(log n).

use std::collections::{BTreeMap, HashMap};

use tenon_wire::Name;

/// Zones by the time at which something is to be done about them; each stands in it at most once. Of zones with the same
/// time the one that was put there first comes first.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    by_time: BTreeMap<(u64, u64), Name>,
    places: HashMap<Name, (u64, u64)>,
    last: u64,
}

impl Schedule {
    /// Puts a zone at a time, wherever it was before.
    pub fn set(&mut self, zone: &Name, time: u64) {
        self.last += 1;
        let place = (time, self.last);
        if let Some(before) = self.places.insert(zone.clone(), place) {
            self.by_time.remove(&before);
        }
        self.by_time.insert(place, zone.clone());
    }

    /// Takes a zone out.
    pub fn remove(&mut self, zone: &Name) {
        if let Some(place) = self.places.remove(zone) {
            self.by_time.remove(&place);
        }
    }

    /// The earliest time.
    #[must_use]
    pub fn earliest(&self) -> Option<u64> {
        self.by_time.first_key_value().map(|((time, _), _)| *time)
    }

    /// Takes out the zone with the earliest time, if that has come.
    pub fn take_due(&mut self, now: u64) -> Option<Name> {
        if self.earliest()? > now {
            return None;
        }
        let (_, zone) = self.by_time.pop_first()?;
        self.places.remove(&zone);
        Some(zone)
    }

    /// How many zones are due; at most `most` are counted.
    #[must_use]
    pub fn due(&self, now: u64, most: usize) -> usize {
        self.by_time.keys().take(most).take_while(|(time, _)| *time <= now).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn zones_come_due_in_order_and_stand_there_once() {
        let mut schedule = Schedule::default();
        for (zone, time) in [("a.", 5), ("b.", 3), ("c.", 9), ("a.", 1)] {
            schedule.set(&name(zone), time);
        }
        assert_eq!((schedule.earliest(), schedule.due(4, 10)), (Some(1), 2));
        assert_eq!(schedule.take_due(4), Some(name("a.")));
        schedule.remove(&name("b."));
        assert_eq!(schedule.take_due(8), None);
        assert_eq!(schedule.take_due(9), Some(name("c.")));
        assert_eq!(schedule.earliest(), None);
    }

    #[test]
    fn a_hundred_thousand_zones_are_nothing() {
        let mut schedule = Schedule::default();
        let names: Vec<Name> = (0..100_000).map(|n| name(&format!("z{n}."))).collect();
        for (time, zone) in (0_u64..).zip(&names) {
            schedule.set(zone, time.wrapping_mul(0x9E37_79B9) % 1_000_000);
        }
        let (mut taken, mut last) = (0, 0);
        while let Some(time) = schedule.earliest() {
            assert!(time >= last);
            last = time;
            schedule.take_due(u64::MAX).unwrap();
            taken += 1;
        }
        assert_eq!(taken, names.len());
    }
}
