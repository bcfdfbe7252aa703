//! What the instances of auth counted of each zone.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::str::FromStr as _;

use serde::Serialize;
use tenon_wire::Name;

/// The counters of a zone and what they mean, as `ListZoneCounters` of `org.tenon.Auth1` names them. Others are not taken.
pub const COUNTERS: [(&str, &str); 7] = [
    ("queries", "Queries for names of the zone that got an answer."),
    ("noerror", "Answers from the zone with data."),
    ("nodata", "Answers from the zone that there is no data of the type."),
    ("nxdomain", "Answers from the zone that there is no such name."),
    ("referrals", "Answers from the zone that refer to the servers of a delegated zone."),
    ("failures", "Answers for names of the zone with SERVFAIL or any other code."),
    ("octets", "Octets of answers from the zone, without signatures (TSIG)."),
];

/// Values in the order of [`COUNTERS`].
pub type Values = [u64; COUNTERS.len()];

/// What one instance told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Zones and their counters, the first ones in canonical order.
    pub zones: Vec<(Name, Values)>,
    /// How many zones come behind these.
    pub further: u64,
}

/// Zones with the counters of every instance that has any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones {
    /// By zone, then by bus name of the instance.
    pub counters: BTreeMap<Name, BTreeMap<String, Values>>,
    /// Zones that are not here because there are too many; at least so many when instances do not have the same.
    pub left_out: u64,
}

/// A zone's counters, those of all instances added up.
pub type ZoneSums = BTreeMap<&'static str, u64>;

/// The same by the zones' names.
pub type Sums = BTreeMap<String, ZoneSums>;

impl Told {
    /// Takes up a zone; false when its name is none.
    pub fn take(&mut self, name: &str, counters: &BTreeMap<String, u64>) -> bool {
        let Ok(name) = Name::from_str(name) else { return false };
        let value = |(counter, _): (&str, _)| counters.get(counter).copied().unwrap_or_default();
        self.zones.push((name, COUNTERS.map(value)));
        true
    }
}

impl Zones {
    /// Puts together what the instances told, at most `max` zones: the first ones in canonical order, and each with the
    /// counters of all instances that have it. What some told only in part ends for all where that part ends.
    pub fn new(told: Vec<(String, Told)>, max: usize) -> Self {
        let partial = told.iter().filter(|(_, told)| told.further > 0);
        let horizon = partial.filter_map(|(_, told)| told.zones.last()).map(|(name, _)| name).min().cloned();
        let further = told.iter().map(|(_, told)| told.further).max().unwrap_or_default();
        let mut counters: BTreeMap<Name, BTreeMap<String, Values>> = BTreeMap::new();
        for (bus_name, told) in told {
            for (name, values) in told.zones {
                counters.entry(name).or_default().insert(bus_name.clone(), values);
            }
        }
        let all = counters.len();
        let mut place = 0_usize;
        counters.retain(|name, _| {
            place += 1;
            place <= max && horizon.as_ref().is_none_or(|horizon| name <= horizon)
        });
        let dropped = (all - counters.len()) as u64;
        Self { counters, left_out: dropped.saturating_add(further) }
    }

    /// The counters of each zone, summed over the instances.
    pub fn sums(&self) -> Sums {
        self.counters.iter().map(sum).collect()
    }

    /// The same of at most `limit` zones behind `after`, in canonical order, and how many more there are.
    pub fn page(&self, after: Option<&Name>, limit: usize) -> (Vec<(String, ZoneSums)>, usize) {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut behind = self.counters.range((start, Bound::Unbounded));
        let page = behind.by_ref().take(limit).map(sum).collect();
        (page, behind.count())
    }

    /// The same without an instance that is no longer there.
    pub fn forget(&mut self, bus_name: &str) {
        self.counters.retain(|_, instances| {
            instances.remove(bus_name);
            !instances.is_empty()
        });
    }
}

fn sum((name, instances): (&Name, &BTreeMap<String, Values>)) -> (String, ZoneSums) {
    let mut sums = Values::default();
    for values in instances.values() {
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum = sum.saturating_add(*value);
        }
    }
    let named = COUNTERS.iter().map(|(counter, _)| *counter).zip(sums).collect();
    (name.to_string().to_ascii_lowercase(), named)
}

/// The part of `/json` about zones.
#[derive(Serialize)]
pub struct Document {
    /// Counters by zone and name; nothing unless `stats/zones` is set.
    pub zones: Sums,
    /// Zones that are not here because there are more than `stats/zones_max`.
    pub zones_left_out: u64,
}

impl From<&Zones> for Document {
    fn from(zones: &Zones) -> Self {
        Self { zones: zones.sums(), zones_left_out: zones.left_out }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What an instance tells: zones with so many queries each.
    pub(crate) fn told(zones: &[(&str, u64)], further: u64) -> Told {
        let mut told = Told { further, ..Told::default() };
        for (name, queries) in zones {
            assert!(told.take(name, &BTreeMap::from([("queries".to_owned(), *queries)])));
        }
        told
    }

    fn queries(zones: &Zones) -> Vec<(String, u64)> {
        zones.sums().into_iter().map(|(name, counters)| (name, counters["queries"])).collect()
    }

    #[test]
    fn instances_are_added_up_and_no_sum_is_a_part() {
        let one = || ("one".to_owned(), told(&[("a.", 1), ("b.", 2), ("d.", 3)], 0));
        let mut zones = Zones::new(vec![one(), ("two".to_owned(), told(&[("a.", 10), ("c.", 20)], 0))], 10);
        let all = [("a.", 11), ("b.", 2), ("c.", 20), ("d.", 3)].map(|(name, sum)| (name.to_owned(), sum));
        assert_eq!((queries(&zones), zones.left_out), (all.to_vec(), 0));
        let page = |after: Option<&str>, limit| {
            let (page, further) = zones.page(after.map(|name| name.parse().unwrap()).as_ref(), limit);
            (page.into_iter().map(|(name, _)| name).collect::<String>(), further)
        };
        assert_eq!((page(None, 3), page(Some("B."), 3)), (("a.b.c.".into(), 1), ("c.d.".into(), 0)));
        zones.forget("two");
        assert_eq!(queries(&zones).len(), 3);
        // The second may have more of d. than it told.
        let partial = Zones::new(vec![one(), ("two".to_owned(), told(&[("a.", 10), ("c.", 20)], 7))], 10);
        assert_eq!((queries(&partial), partial.left_out), (all[..3].to_vec(), 8));
        let few = Zones::new(vec![one(), ("two".to_owned(), told(&[("a.", 10), ("c.", 20)], 0))], 2);
        assert_eq!((queries(&few), few.left_out), (all[..2].to_vec(), 2));
    }
}
