//! What one collection gave: the counters of every process, and their sums.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use serde::Serialize;
use tenon_bus::{AnswerTimes, CounterKind};

use crate::zones::Zones;

/// One collection.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When it began; `None` for the one before the first.
    pub began: Option<Instant>,
    /// When it was over, in microseconds since the epoch; 0 for the one before the first.
    pub taken_usec: u64,
    /// Those that told their counters, sorted by bus name.
    pub instances: Vec<Instance>,
    /// Those that are there and did not.
    pub silent: Vec<Silent>,
    /// What auth counted of each zone.
    pub zones: Zones,
    /// How long auth took to answer, by bus name of the instance.
    pub times: BTreeMap<String, Vec<AnswerTimes>>,
}

/// The counters of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its bus name.
    pub bus_name: String,
    /// Its component, such as `auth`.
    pub component: String,
    /// When it was ready, in microseconds since the epoch.
    pub ready_usec: u64,
    /// Counters by name.
    pub counters: BTreeMap<String, Counter>,
}

/// One counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counter {
    /// Its value, or the sum over instances.
    pub value: u64,
    /// How it moves.
    pub kind: CounterKind,
    /// One sentence.
    pub text: String,
}

/// A process that did not tell its counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silent {
    /// Its bus name.
    pub bus_name: String,
    /// Its component.
    pub component: String,
    /// Why, for people.
    pub reason: String,
}

/// The counters of one component, those of several instances added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// Bus names of the instances.
    pub instances: Vec<String>,
    /// When the youngest was ready, in microseconds since the epoch.
    pub ready_usec: u64,
    /// Sums by name.
    pub counters: BTreeMap<String, Counter>,
}

/// Why there is nothing to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotThere {
    /// No such component runs.
    #[error("{wanted} is not on the bus; there are {}", .there.join(", "))]
    Component {
        /// What was asked for.
        wanted: String,
        /// What there is.
        there: Vec<String>,
    },
    /// No component asked about has such a counter.
    #[error("no counter {0}")]
    Counter(String),
}

impl Snapshot {
    /// The counters by component.
    pub fn sums(&self) -> BTreeMap<String, Sum> {
        let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
        for instance in &self.instances {
            sums.entry(instance.component.clone()).or_default().add(instance);
        }
        sums
    }

    /// The counters of component `owner` with name `name`; "" stands for all.
    pub fn show(&self, owner: &str, name: &str) -> Result<BTreeMap<String, Sum>, NotThere> {
        let mut sums = self.sums();
        let silent = self.silent.iter().any(|silent| silent.component == owner);
        if !owner.is_empty() && !silent && !sums.contains_key(owner) {
            let there = sums.into_keys().collect();
            return Err(NotThere::Component { wanted: owner.to_owned(), there });
        }
        sums.retain(|component, _| owner.is_empty() || component == owner);
        if !name.is_empty() && !sums.is_empty() {
            sums.retain(|_, sum| {
                sum.counters.retain(|counter, _| counter == name);
                !sum.counters.is_empty()
            });
            if sums.is_empty() {
                return Err(NotThere::Counter(name.to_owned()));
            }
        }
        Ok(sums)
    }

    /// How long the instances of auth took to answer, added up, by transport.
    pub fn answer_times(&self) -> Vec<AnswerTimes> {
        AnswerTimes::sums(self.times.values().flatten())
    }

    /// The same without a process that is no longer there.
    #[must_use]
    pub fn without(&self, bus_name: &str) -> Self {
        let mut rest = self.clone();
        rest.instances.retain(|instance| instance.bus_name != bus_name);
        rest.silent.retain(|silent| silent.bus_name != bus_name);
        rest.zones.forget(bus_name);
        rest.times.remove(bus_name);
        rest
    }

    /// Who was silent, one sentence each.
    pub fn silences(&self) -> Vec<String> {
        self.silent.iter().map(Silent::to_string).collect()
    }
}

impl Sum {
    fn add(&mut self, instance: &Instance) {
        for (name, counter) in &instance.counters {
            match self.counters.get_mut(name) {
                Some(sum) => sum.value = sum.value.saturating_add(counter.value),
                None => drop(self.counters.insert(name.clone(), counter.clone())),
            }
        }
        self.instances.push(instance.bus_name.clone());
        self.ready_usec = self.ready_usec.max(instance.ready_usec);
    }
}

impl fmt::Display for Silent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is left out: {}", self.bus_name, self.reason)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn instance(bus_name: &str, ready_usec: u64, counters: &[(&str, u64)]) -> Instance {
        let counter = |(name, value): &(&str, u64)| {
            let text = format!("Counts {name}.");
            ((*name).to_owned(), Counter { value: *value, kind: CounterKind::Counter, text })
        };
        Instance {
            bus_name: bus_name.into(),
            component: tenon_bus::names::component(bus_name).unwrap(),
            ready_usec,
            counters: counters.iter().map(counter).collect(),
        }
    }

    fn sample() -> Snapshot {
        Snapshot {
            instances: vec![
                instance("org.tenon.Auth1.Instance1", 7, &[("queries", 5), ("only_here", 1)]),
                instance("org.tenon.Auth1.Instance2", 9, &[("queries", u64::MAX - 10)]),
                instance("org.tenon.Zonec1", 3, &[("zones", 2)]),
            ],
            silent: vec![Silent {
                bus_name: "org.tenon.Cfgmgr1".into(),
                component: "cfgmgr".into(),
                reason: "no reply".into(),
            }],
            ..Snapshot::default()
        }
    }

    #[test]
    fn instances_are_added_up_and_the_youngest_counts() {
        let sums = sample().sums();
        assert_eq!(sums["auth"].counters["queries"].value, u64::MAX - 5);
        assert_eq!(sums["auth"].counters["only_here"].value, 1);
        assert_eq!((sums["auth"].ready_usec, sums["auth"].instances.len()), (9, 2));
        let huge = Snapshot {
            instances: vec![
                instance("org.tenon.Auth1.Instance1", 1, &[("queries", 11)]),
                instance("org.tenon.Auth1.Instance2", 1, &[("queries", u64::MAX)]),
            ],
            ..Snapshot::default()
        };
        assert_eq!(huge.sums()["auth"].counters["queries"].value, u64::MAX);
    }

    #[test]
    fn one_owner_one_name_and_what_is_unknown() {
        let snapshot = sample();
        assert_eq!(snapshot.show("", "").unwrap().len(), 2);
        assert_eq!(snapshot.show("zonec", "zones").unwrap()["zonec"].counters["zones"].value, 2);
        assert_eq!(snapshot.show("", "queries").unwrap().into_keys().collect::<Vec<_>>(), ["auth"]);
        assert_eq!(snapshot.show("auth", "zones"), Err(NotThere::Counter("zones".into())));
        let unknown = snapshot.show("nobody", "").unwrap_err();
        assert_eq!(unknown.to_string(), "nobody is not on the bus; there are auth, zonec");
        // Silent is not unknown.
        assert_eq!(snapshot.show("cfgmgr", "").unwrap().len(), 0);
        assert_eq!(snapshot.silences(), ["org.tenon.Cfgmgr1 is left out: no reply"]);
    }

    #[test]
    fn the_dead_are_dropped() {
        let rest = sample().without("org.tenon.Auth1.Instance2").without("org.tenon.Cfgmgr1");
        assert_eq!(rest.sums()["auth"].counters["queries"].value, 5);
        assert!(rest.silent.is_empty());
    }
}
