//! The main thread of work: looks at the stores, compares, compiles, publishes; and the thread beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tenon_datasrc::{Error, ZoneEntry};
use tenon_image::{Identity, unavailable};
use tracing::{info, warn};

use crate::compiled::Compiled;
use crate::messages;
use crate::plan::{Plan, Wanted, availability, in_several};
use crate::statistics::Statistics;
use crate::store::Store;
use crate::zonec::{Lane, Task, Zonec};

/// Files of single zones that are ready are put into the manifest together, but none waits longer than this.
const PUBLISH_EVERY: Duration = Duration::from_millis(50);
/// How often leftovers are looked for when nothing else happens.
const CLEAR_EVERY: Duration = Duration::from_secs(60);
/// So many times as long as comparing all zones took nothing is compared again: what comes meanwhile is done together.
const RESTS: u32 = 2;
/// But not for longer than this.
const LONGEST_REST: Duration = Duration::from_secs(1);
/// The same for all of a look that found a change, publishing included: zones that change all the time leave the processor
/// to those who change them.
const RESTS_AFTER_CHANGE: u32 = 4;
/// But no change is seen later than this because of it.
const LONGEST_REST_AFTER_CHANGE: Duration = Duration::from_millis(20);
/// Between two merges of layers.
const LONGEST_REST_AFTER_MERGE: Duration = Duration::from_secs(10);
/// Between two times that leftovers are cleared because a store changed: that stands in the way of those who write.
const CLEAR_AT_MOST_EVERY: Duration = Duration::from_secs(1);
/// So many zones at once are a flood, as on the first start of a secondary for many zones. Every manifest then costs those who
/// read it, too, so the rest is counted in whole looks.
const FLOOD: usize = 256;
/// In a flood.
const FLOOD_RESTS: u32 = 4;
/// In a flood.
const LONGEST_FLOOD_REST: Duration = Duration::from_secs(4);
/// A flood in which nothing was stored for so long is over, and the rest with it.
const QUIET: Duration = Duration::from_millis(50);

/// How long nothing is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rest {
    /// So long.
    For(Duration),
    /// So long, or until the flood is over.
    InFlood(Duration),
}
/// Longest wait between two signs of life.
const SHORT_WAIT: Duration = Duration::from_secs(5);
/// What troubles with the zone manager's list are noted under.
const LIST: &str = "unavailable";

/// What the ledger calls zones that are in two stores.
const CONFLICT: &str = "conflict";

/// Compares and compiles for ever.
pub fn run(zonec: &Arc<Zonec>) {
    let mut reconciler = Reconciler::new(zonec);
    loop {
        let rest = reconciler.look();
        // Who compares many zones again for each of them would do nothing else, and have auth read a manifest each time.
        reconciler.rest(rest);
        let interval = Duration::from_millis(zonec.settings().reconcile_interval_ms);
        let until = Instant::now() + interval;
        loop {
            zonec.beat(Lane::Main);
            let left = until.saturating_duration_since(Instant::now());
            let rung = zonec.look.wait(left.min(SHORT_WAIT));
            if rung || Instant::now() >= until {
                break;
            }
        }
    }
}

/// Compiles large zones, merges layers and clears the stores, for ever.
pub fn run_beside(zonec: &Arc<Zonec>) {
    let mut stores = zonec.stores();
    let (mut clear_from, mut merge_from) = (Instant::now(), Instant::now());
    loop {
        zonec.beat(Lane::Beside);
        let now = Instant::now();
        let may_be_done = |task: &Task| match task {
            Task::Compile(_) => true,
            Task::Merge { .. } => now >= merge_from,
            Task::Clear => now >= clear_from,
        };
        if let Some(task) = zonec.take_task(&may_be_done) {
            let (is_clear, is_merge) = (task == Task::Clear, matches!(task, Task::Merge { .. }));
            do_beside(zonec, &mut stores, task);
            if is_clear {
                clear_from = Instant::now() + CLEAR_AT_MOST_EVERY;
            }
            if is_merge {
                // Of a zone that changes all the time the layers are worth merging again as soon as they were.
                merge_from =
                    Instant::now() + (now.elapsed() * RESTS_AFTER_CHANGE).min(LONGEST_REST_AFTER_MERGE);
            }
            continue;
        }
        // What may not be done yet is waited for as well.
        let waits = [clear_from, merge_from].map(|from| from.saturating_duration_since(now));
        let shortest = waits.into_iter().filter(|wait| !wait.is_zero()).min();
        let rung = zonec.task_added.wait(shortest.unwrap_or(SHORT_WAIT).min(SHORT_WAIT));
        if !rung && clear_from.elapsed() > CLEAR_EVERY {
            zonec.add_task(Task::Clear);
        }
    }
}

/// Does one thing.
pub fn do_beside(zonec: &Zonec, stores: &mut [Store], task: Task) {
    match task {
        Task::Compile(wanted) => {
            if let Some(store) = stores.iter_mut().find(|store| store.place().storage == wanted.storage) {
                let compiled = zonec.make(Lane::Beside, store, vec![wanted]);
                zonec.publish(&compiled, &[]);
            }
            // A newer version may have come meanwhile.
            zonec.look_again();
        }
        Task::Merge { wanted, files } => {
            if let Some(store) = stores.iter_mut().find(|store| store.place().storage == wanted.storage) {
                zonec.merge(store, &wanted, &files);
            }
        }
        Task::Clear => stores.iter_mut().for_each(|store| clear(zonec, store)),
    }
}

fn clear(zonec: &Zonec, store: &mut Store) {
    match store.with(|source| source.clear_leftovers()) {
        Ok(versions) => Statistics::add(&zonec.statistics.leftovers, versions),
        Err(Error::NoStore { .. }) => {}
        // Whoever looks at the store says what is wrong with it; here it only stays untidy.
        Err(error) => warn!("cannot clear old zone versions: {error}; trying again later"),
    }
}

/// The change counter of a store; none when it cannot be read.
fn counter(store: &mut Store) -> Option<u64> {
    match store.with(|source| source.change_counter()) {
        // A counter begins with 1.
        Err(Error::NoStore { .. }) if store.place().may_be_absent => Some(0),
        counter => counter.ok(),
    }
}

/// What the main thread remembers between two looks.
pub struct Reconciler {
    zonec: Arc<Zonec>,
    stores: Vec<Store>,
    /// The change counter of each store when it was last compared; none when it must be compared again.
    seen: Vec<Option<u64>>,
    /// The list of unavailable zones as it was when it was last read.
    list: Option<Identity>,
}

impl Reconciler {
    /// A reconciler that has seen nothing.
    #[must_use]
    pub fn new(zonec: &Arc<Zonec>) -> Self {
        let stores = zonec.stores();
        Self { zonec: Arc::clone(zonec), seen: vec![None; stores.len()], stores, list: None }
    }

    /// Compares and compiles if there may be anything to do; gives how long to rest now.
    pub fn look(&mut self) -> Rest {
        let began = Instant::now();
        let counters = self.counters();
        let list = Identity::of(self.zonec.unavailable());
        let is_quiet = !self.zonec.take_hint()
            && list == self.list
            && counters.iter().all(Option::is_some)
            && counters == self.seen
            && !self.zonec.ledger().is_retry_due(Instant::now());
        if is_quiet {
            return Rest::For(Duration::ZERO);
        }
        let has_changed = counters != self.seen;
        (self.seen, self.list) = (counters, list);
        let rest = self.reconcile();
        if !has_changed {
            return rest;
        }
        self.zonec.add_task(Task::Clear);
        let after_change = (began.elapsed() * RESTS_AFTER_CHANGE).min(LONGEST_REST_AFTER_CHANGE);
        match rest {
            Rest::For(time) => Rest::For(time.max(after_change)),
            in_flood @ Rest::InFlood(_) => in_flood,
        }
    }

    /// Waits.
    pub fn rest(&mut self, rest: Rest) {
        let longest = match rest {
            Rest::For(time) => return std::thread::sleep(time),
            Rest::InFlood(longest) => longest,
        };
        let (began, mut before) = (Instant::now(), self.counters());
        while let Some(left) = longest.checked_sub(began.elapsed()) {
            self.zonec.beat(Lane::Main);
            std::thread::sleep(left.min(QUIET));
            let now = self.counters();
            if now == before {
                break;
            }
            before = now;
        }
    }

    fn counters(&mut self) -> Vec<Option<u64>> {
        self.stores.iter_mut().map(counter).collect()
    }

    fn reconcile(&mut self) -> Rest {
        Statistics::add(&self.zonec.statistics.reconciliations, 1);
        let early = self.zonec.early_ready();
        let began = Instant::now();
        let stored = self.read_stores();
        if stored.len() == self.stores.len() {
            self.forget_removed(&stored);
            self.note_conflicts(&stored);
        }
        let plan = {
            let (settings, now) = (self.zonec.settings(), Instant::now());
            let ledger = self.zonec.ledger();
            let held: Vec<&ZoneEntry> =
                stored.values().flatten().filter(|entry| ledger.is_held(entry, now)).collect();
            let held: BTreeSet<_> = held.into_iter().map(|entry| &entry.origin).collect();
            drop(ledger);
            let images = self.zonec.images();
            let is_held = |entry: &ZoneEntry| held.contains(&entry.origin);
            Plan::new(&stored, images.manifest(), images.broken(), &is_held, &settings)
        };
        let comparing = began.elapsed();
        let packed: usize = plan.packs.iter().map(Vec::len).sum();
        let is_flood = packed + plan.single.len() >= FLOOD;
        self.zonec.publish(&[], &plan.gone);
        self.follow_zone_manager(&stored);
        for wanted in self.layer(plan.large) {
            self.zonec.add_task(Task::Compile(wanted));
        }
        let single = self.layer(plan.single);
        self.compile_single(single);
        for pack in plan.packs {
            let compiled = self.make(pack);
            self.zonec.publish(&compiled, &[]);
        }
        if let Some(unwanted) = early {
            self.zonec.forget_early(&unwanted);
        }
        self.finish(stored.len());
        if is_flood {
            Rest::InFlood((began.elapsed() * FLOOD_RESTS).min(LONGEST_FLOOD_REST))
        } else {
            Rest::For((comparing * RESTS).min(LONGEST_REST))
        }
    }

    /// All zones of every store that can be read.
    fn read_stores(&mut self) -> BTreeMap<String, Vec<ZoneEntry>> {
        let mut stored = BTreeMap::new();
        for store in &mut self.stores {
            let storage = store.place().storage.clone();
            // What is not on the disk yet might not be there after a power cut, and others would have seen it.
            match store.zones().and_then(|zones| store.with(|source| source.sync()).map(|()| zones)) {
                Ok(zones) => {
                    if self.zonec.well(&storage) {
                        info!(
                            message_id = messages::STORE_BACK,
                            storage, "the store of {storage} zones can be read again"
                        );
                    }
                    stored.insert(storage, zones);
                }
                Err(Error::NoStore { .. }) if !self.zonec.images().has_zones_of(&storage) => {
                    if store.place().may_be_absent {
                        stored.insert(storage, Vec::new());
                    }
                }
                Err(error) => {
                    let reason = format!(
                        "the store of {storage} zones cannot be read, its zones stay as they are: {error}"
                    );
                    self.zonec.trouble(&storage, messages::STORE_BROKEN, reason);
                }
            }
        }
        stored
    }

    /// Takes into the manifest which secondary zones are not to be answered. A list that cannot be read changes nothing.
    fn follow_zone_manager(&mut self, stored: &BTreeMap<String, Vec<ZoneEntry>>) {
        match unavailable::read(self.zonec.unavailable()) {
            Ok(listed) => {
                self.zonec.well(LIST);
                let changes = availability(&listed, stored, self.zonec.images().manifest());
                if !self.zonec.publish_availability(&changes) {
                    // To be tried again.
                    self.list = None;
                }
            }
            Err(error) => {
                let reason = format!(
                    "the zone manager's list of unavailable zones cannot be read, all stay as they are: {error}"
                );
                self.zonec.trouble(LIST, messages::LIST_BROKEN, reason);
            }
        }
    }

    fn forget_removed(&self, stored: &BTreeMap<String, Vec<ZoneEntry>>) {
        let mut ledger = self.zonec.ledger();
        if ledger.failed() > 0 {
            let stored: BTreeSet<_> = stored.values().flatten().map(|entry| &entry.origin).collect();
            ledger.forget_unless(|origin| stored.contains(origin));
        }
    }

    /// Names zones that are in both stores.
    fn note_conflicts(&self, stored: &BTreeMap<String, Vec<ZoneEntry>>) {
        let both = in_several(stored);
        let Some(first) = both.first() else {
            self.zonec.well(CONFLICT);
            return;
        };
        let others = match both.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more zones)"),
        };
        let reason = format!(
            "zone {first}{others} is stored as primary and as secondary; the primary one is answered. Remove the one that is \
             not meant: `bindctl zone remove {first}`, or take it out of zonemgr/secondary_zones"
        );
        self.zonec.trouble(CONFLICT, messages::STORED_TWICE, reason);
    }

    /// Compiles small changes of zones as layers, publishes what was compiled early; gives the versions that must be compiled
    /// whole.
    fn layer(&mut self, wanted: Vec<Wanted>) -> Vec<Wanted> {
        let (mut ready, mut rest) = (Vec::new(), Vec::new());
        let smallest = self.zonec.settings().small_zone_records;
        for wanted in wanted {
            let store = self.stores.iter_mut().find(|store| store.place().storage == wanted.storage);
            let layer = store
                .filter(|_| wanted.entry.records >= smallest)
                .and_then(|store| self.zonec.layer(store, &wanted));
            match layer {
                Some(compiled) => ready.push(compiled),
                None => rest.push(wanted),
            }
        }
        self.zonec.publish(&ready, &[]);
        self.zonec.without_early(rest)
    }

    /// Zones with files of their own; published in groups, since each manifest names all zones.
    fn compile_single(&mut self, single: Vec<Wanted>) {
        let mut ready: Vec<Compiled> = Vec::new();
        let mut published = Instant::now();
        for wanted in single {
            ready.extend(self.make(vec![wanted]));
            if published.elapsed() >= PUBLISH_EVERY {
                self.zonec.publish(&std::mem::take(&mut ready), &[]);
                published = Instant::now();
            }
        }
        self.zonec.publish(&ready, &[]);
    }

    fn make(&mut self, wanted: Vec<Wanted>) -> Vec<Compiled> {
        self.zonec.beat(Lane::Main);
        let Some(first) = wanted.first() else { return Vec::new() };
        let store = self.stores.iter_mut().find(|store| store.place().storage == first.storage);
        store.map(|store| self.zonec.make(Lane::Main, store, wanted)).unwrap_or_default()
    }

    /// With all stores read and nothing failed or under way, every file is known for what it is.
    fn finish(&self, stores_read: usize) {
        let is_complete = {
            let ledger = self.zonec.ledger();
            !ledger.is_compiling()
                && !self.zonec.is_compiling_early()
                && ledger.failed() == 0
                && stores_read == self.stores.len()
        };
        if is_complete {
            self.zonec.images().allow_sweep();
            self.zonec.sweep();
        }
        self.zonec.tell(crate::zonec::News::Properties);
    }
}
