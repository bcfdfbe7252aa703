//! The bus face of the collector: `org.tenon.Collector1`.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr as _;
use std::sync::Arc;

use tenon_bus::AnswerTimes;
use tenon_bus::server::Error;
use tenon_wire::Name;

use super::CollectError;
use crate::Stats;
use crate::snapshot::{Counter, NotThere, Snapshot, Sum};
use crate::zones::ZoneSums;

/// Component, instances, when the youngest was ready, sums by name.
type Row = (String, Vec<String>, u64, HashMap<String, u64>);
/// Name to kind and text.
type Meanings = HashMap<String, (String, String)>;
/// Transport, messages by the time they took, all times together in nanoseconds.
type TimesRow = (String, Vec<u64>, u64);
/// A zone's name and its counters.
type ZoneRow = (String, HashMap<String, u64>);

/// Most zones of one page.
const PAGE: usize = 1000;

/// The face.
pub struct CollectorFace {
    stats: Arc<Stats>,
}

impl CollectorFace {
    /// The face of the collector of `stats`.
    pub fn new(stats: Arc<Stats>) -> Self {
        Self { stats }
    }

    async fn any(&self) -> Result<Arc<Snapshot>, CollectError> {
        let latest = self.stats.collector.latest();
        if latest.began.is_some() { Ok(latest) } else { self.stats.collector.collect().await }
    }
}

#[zbus::interface(name = "org.tenon.Collector1", introspection_docs = false)]
impl CollectorFace {
    #[zbus(property(emits_changed_signal = "false"), name = "LastUpdateUSec")]
    fn last_update_usec(&self) -> u64 {
        self.stats.collector.latest().taken_usec
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn addresses(&self) -> Vec<String> {
        self.stats.listeners.addresses()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn faults(&self) -> Vec<String> {
        let mut faults = self.stats.collector.latest().silences();
        faults.extend(self.stats.listeners.faults());
        faults
    }

    #[zbus(out_args("components", "silent"))]
    async fn show(&self, owner: String, name: String) -> Result<(Vec<Row>, Vec<String>), Error> {
        let snapshot = self.stats.collector.collect().await.map_err(failed)?;
        let sums = snapshot.show(&owner, &name).map_err(not_there)?;
        Ok((sums.into_iter().map(row).collect(), snapshot.silences()))
    }

    #[zbus(out_args("components"))]
    async fn schema(&self, owner: String, name: String) -> Result<HashMap<String, Meanings>, Error> {
        let snapshot = self.any().await.map_err(failed)?;
        let sums = snapshot.show(&owner, &name).map_err(not_there)?;
        Ok(sums.into_iter().map(|(component, sum)| (component, meanings(sum.counters))).collect())
    }

    #[zbus(out_args("times"))]
    async fn answer_times(&self) -> Result<Vec<TimesRow>, Error> {
        let snapshot = self.stats.collector.collect().await.map_err(failed)?;
        let row = |times: AnswerTimes| (times.transport, times.buckets, times.nanoseconds);
        Ok(snapshot.answer_times().into_iter().map(row).collect())
    }

    #[zbus(out_args("zones", "further", "left_out"))]
    async fn list_zone_counters(&self, after: String, limit: u32) -> Result<(Vec<ZoneRow>, u64, u64), Error> {
        let after = if after.is_empty() { None } else { Some(name(&after)?) };
        let snapshot = match after {
            None => self.stats.collector.collect().await,
            Some(_) => self.any().await,
        };
        let snapshot = snapshot.map_err(failed)?;
        let (page, further) = snapshot.zones.page(after.as_ref(), page(limit));
        Ok((page.into_iter().map(zone_row).collect(), further as u64, snapshot.zones.left_out))
    }
}

fn row((component, sum): (String, Sum)) -> Row {
    let values = sum.counters.into_iter().map(|(name, counter)| (name, counter.value)).collect();
    (component, sum.instances, sum.ready_usec, values)
}

fn meanings(counters: BTreeMap<String, Counter>) -> Meanings {
    let meaning = |(name, counter): (String, Counter)| (name, (counter.kind.word().to_owned(), counter.text));
    counters.into_iter().map(meaning).collect()
}

fn zone_row((zone, counters): (String, ZoneSums)) -> ZoneRow {
    (zone, counters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// How many zones a page holds when so many are wanted.
fn page(limit: u32) -> usize {
    match usize::try_from(limit).unwrap_or(PAGE) {
        0 => PAGE,
        limit => limit.min(PAGE),
    }
}

fn name(text: &str) -> Result<Name, Error> {
    Name::from_str(text).map_err(|error| Error::NoSuchZone(format!("{text:?} is no zone's name: {error}")))
}

fn failed(error: CollectError) -> Error {
    Error::Failed(format!("no counters could be collected: {error}"))
}

fn not_there(error: NotThere) -> Error {
    match error {
        NotThere::Component { .. } => Error::NoSuchComponent(error.to_string()),
        NotThere::Counter(_) => Error::NoSuchCounter(error.to_string()),
    }
}
