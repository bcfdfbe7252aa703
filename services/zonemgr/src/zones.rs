//! All secondary zones, and what comes due for them. Knows neither bus nor files; time is told to it.

mod configure;
mod look;
mod members;
mod notify;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use tenon_bus::ZoneEvent;
use tenon_image::{Cause, Unavailable};
use tenon_wire::Name;
use tracing::error;

use crate::membership::Memberships;
use crate::messages;
use crate::schedule::Schedule;
use crate::settings::{Primary, ZonemgrSettings};
use crate::statistics::{Statistics, count, set};
use crate::timing::Dice;
use crate::zone::{State, Zone};

pub use self::configure::Wanted;
pub use self::look::{Asked, Look, Outcome};
pub use self::notify::{Notice, Verdict};

/// Most zones in trouble that are told one by one.
const TOLD: usize = 100;
/// Most due zones that are counted for a gauge.
const COUNTED: usize = 100_000;

/// See the module. Times are microseconds of one clock.
#[derive(Debug)]
pub struct Zones {
    zones: BTreeMap<Name, Zone>,
    /// Zones that the settings name.
    configured: Wanted,
    /// Zones that catalogs list.
    memberships: Memberships,
    /// Catalogs to be read: their zones in the store changed.
    unread: BTreeSet<Name>,
    /// Zones that are not being looked at, by when they are to be.
    due: Schedule,
    /// Zones to look at before all others: their primaries said that they changed. Those that are not hurried (any more)
    /// are passed over.
    front: VecDeque<Name>,
    /// Zones with data that is not too old yet, by when it will be.
    expiries: Schedule,
    /// Zones that are no longer configured, until the store has no data of them.
    leaving: BTreeSet<Name>,
    /// Zones whose last look could not be made because tenon-xfrin was not there.
    interrupted: BTreeSet<Name>,
    running: usize,
    last_number: u64,
    settings: ZonemgrSettings,
    dice: Dice,
    /// Rows of the state file that are to be written.
    dirty: HashSet<Name>,
    news: Vec<ZoneEvent>,
    list: ListChange,
    /// Zones may expire at other times than was written down.
    expiries_changed: bool,
    /// No line about a refused NOTIFY is logged before this.
    next_refusal_line: u64,
    statistics: Arc<Statistics>,
}

/// Whether the list of unavailable zones is to be written anew.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum ListChange {
    /// Not.
    #[default]
    None,
    /// Soon: zones got data, which counts more than the list.
    Lazy,
    /// Now: zones are to be answered otherwise.
    Urgent,
}

/// What a row of the state file holds.
#[derive(Clone, PartialEq, Debug)]
pub enum Row {
    /// A zone that is managed.
    Managed(Box<Zone>),
    /// A zone that is no longer configured and may still be stored.
    Leaving,
    /// Nothing: it is to be deleted.
    Gone,
}

impl Zones {
    /// No zones.
    #[must_use]
    pub fn new(dice: Dice, statistics: Arc<Statistics>) -> Self {
        Self {
            zones: BTreeMap::new(),
            configured: Wanted::new(),
            memberships: Memberships::default(),
            unread: BTreeSet::new(),
            due: Schedule::default(),
            front: VecDeque::new(),
            expiries: Schedule::default(),
            leaving: BTreeSet::new(),
            interrupted: BTreeSet::new(),
            running: 0,
            last_number: 0,
            settings: ZonemgrSettings::default(),
            dice,
            dirty: HashSet::new(),
            news: Vec::new(),
            list: ListChange::Urgent,
            expiries_changed: true,
            next_refusal_line: 0,
            statistics,
        }
    }

    /// One zone.
    #[must_use]
    pub fn get(&self, zone: &Name) -> Option<&Zone> {
        self.zones.get(zone)
    }

    /// Seconds after which a transfer is given up.
    #[must_use]
    pub fn transfer_limit_s(&self) -> u64 {
        self.settings.max_transfer_timeout_s.into()
    }

    /// Zones behind `after` in canonical order.
    pub fn after(&self, after: Option<&Name>) -> impl Iterator<Item = (&Name, &Zone)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let start = after.map_or(Unbounded, Excluded);
        self.zones.range::<Name, _>((start, Unbounded))
    }

    /// How many zones there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.zones.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }

    /// How many zones are being looked at, and how many wait for it.
    #[must_use]
    pub fn load(&self, now: u64) -> (usize, usize) {
        (self.running, self.front.len() + self.due.due(now, COUNTED))
    }

    /// How many zones are in each state.
    #[must_use]
    pub fn states(&self) -> BTreeMap<State, usize> {
        let mut states: BTreeMap<State, usize> = State::ALL.into_iter().map(|state| (state, 0)).collect();
        for zone in self.zones.values() {
            *states.entry(zone.state()).or_default() += 1;
        }
        states
    }

    /// When a zone expires; none without data.
    #[must_use]
    pub fn expires(&self, zone: &Zone) -> Option<u64> {
        let longest = self.settings.expire_after(zone.times()?);
        let shortest = u64::from(self.settings.lowerbound_expire_s) * 1_000_000;
        let granted = zone.granted.map_or(longest, |granted| granted.max(shortest).min(longest));
        Some(zone.refreshed.saturating_add(granted))
    }

    /// When next there is something to do: an expiry, or a look if `may_look`.
    #[must_use]
    pub fn next_event(&self, may_look: bool) -> Option<u64> {
        let front = (may_look && self.has_room(true) && !self.front.is_empty()).then_some(0);
        let due = if may_look && self.has_room(false) { self.due.earliest() } else { None };
        [front, due, self.expiries.earliest()].into_iter().flatten().min()
    }

    /// Expires what is too old by now.
    pub fn expire(&mut self, now: u64) {
        while let Some(name) = self.expiries.take_due(now) {
            let Some(zone) = self.zones.get_mut(&name) else { continue };
            zone.is_expired = true;
            let (serial, reason) = (zone.stored.map(|stored| stored.serial), &zone.reason);
            error!(
                message_id = messages::EXPIRED,
                zone = %name, serial, reason = %reason,
                "zone {name} expired: no primary could be reached for the time that its SOA allows; it is answered \
                 SERVFAIL until one is ({reason})"
            );
            count(&self.statistics.expiries);
            self.news.push(ZoneEvent::Expired { zone: name.to_string() });
            self.change_list(ListChange::Urgent);
            self.dirty.insert(name);
        }
    }

    /// Zones that are not to be answered, in canonical order, with the times as `to_wall` says them.
    pub fn unavailable(&self, to_wall: impl Fn(u64) -> u64) -> BTreeMap<Name, Unavailable> {
        let unavailable = |(name, zone): (&Name, &Zone)| {
            let (cause, since) = match (zone.is_expired, self.expires(zone)) {
                (_, None) => (Cause::Unloaded, zone.added),
                (true, Some(expires)) => (Cause::Expired, expires),
                (false, Some(_)) => return None,
            };
            Some((name.clone(), Unavailable { cause, since_usec: to_wall(since) }))
        };
        self.zones.iter().filter_map(unavailable).collect()
    }

    /// Whether the list of unavailable zones changed since the last call.
    pub fn take_list_change(&mut self) -> ListChange {
        std::mem::take(&mut self.list)
    }

    /// When zones with data expire, in canonical order, if that changed since the last call.
    pub fn take_expiries(&mut self) -> Option<Vec<(Name, u64)>> {
        let expires = |(name, zone): (&Name, &Zone)| Some((name.clone(), self.expires(zone)?));
        let expiries = self.expiries_changed.then(|| self.zones.iter().filter_map(expires).collect());
        self.expiries_changed = false;
        expiries
    }

    /// Has the list of unavailable zones written (again).
    pub fn change_list(&mut self, change: ListChange) {
        self.list = self.list.max(change);
    }

    /// What is to be told on the bus since the last call.
    pub fn take_news(&mut self) -> Vec<ZoneEvent> {
        std::mem::take(&mut self.news)
    }

    /// Rows of the state file to be written, changed since the last call.
    pub fn take_rows(&mut self) -> Vec<(Name, Row)> {
        let row = |name: Name| {
            let row = match (self.zones.get(&name), self.leaving.contains(&name)) {
                (Some(zone), _) => Row::Managed(Box::new(zone.clone())),
                (None, true) => Row::Leaving,
                (None, false) => Row::Gone,
            };
            (name, row)
        };
        std::mem::take(&mut self.dirty).into_iter().map(row).collect()
    }

    /// These rows could not be written and are to be tried again.
    pub fn not_written(&mut self, names: impl Iterator<Item = Name>) {
        self.dirty.extend(names);
    }

    /// Whether rows are to be written.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty() || self.memberships.is_changed()
    }

    /// Has every row written again: the times in them mean something else.
    pub fn rewrite_all(&mut self) {
        self.dirty.extend(self.zones.keys().cloned());
        self.expiries_changed = true;
        self.memberships.rewrite_all();
        self.change_list(ListChange::Urgent);
    }

    /// What is wrong, one sentence each.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let troubled = |zone: &&Zone| zone.is_expired || zone.failing_since.is_some();
        let sentence = |(name, zone): (&Name, &Zone)| {
            let reason = &zone.reason;
            match zone.state() {
                State::Expired => format!("zone {name} is expired and answered SERVFAIL: {reason}"),
                _ if zone.stored.is_none() => format!("zone {name} could not be transferred yet: {reason}"),
                _ => format!("zone {name} could not be refreshed: {reason}"),
            }
        };
        let all = self.zones.iter().filter(|(_, zone)| troubled(zone));
        let mut faults: Vec<String> = all.clone().take(TOLD).map(sentence).collect();
        if let Some(more) = all.count().checked_sub(TOLD).filter(|more| *more > 0) {
            faults.push(format!("{more} more zones are expired or could not be refreshed"));
        }
        faults.extend(self.memberships.faults().take(TOLD));
        faults
    }

    /// Sets the gauges.
    pub fn gauge(&self, now: u64) {
        let failing = self.zones.values().filter(|zone| zone.failing_since.is_some()).count();
        let unloaded = self.zones.values().filter(|zone| zone.stored.is_none()).count();
        let expired = self.zones.values().filter(|zone| zone.is_expired).count();
        let (running, waiting) = self.load(now);
        let (broken, clashes) = self.memberships.troubles();
        let statistics = &self.statistics;
        for (gauge, value) in [
            (&statistics.zones, self.zones.len()),
            (&statistics.zones_failing, failing),
            (&statistics.catalog_members, self.memberships.wanted().count()),
            (&statistics.catalogs_broken, broken),
            (&statistics.catalog_clashes, clashes),
            (&statistics.zones_unloaded, unloaded),
            (&statistics.zones_expired, expired),
            (&statistics.refreshes_running, running),
            (&statistics.refreshes_waiting, waiting),
        ] {
            set(gauge, value);
        }
    }

    /// Whether another look may begin: for a zone with a NOTIFY, or for one whose time has come.
    fn has_room(&self, is_hurried: bool) -> bool {
        let places = usize::try_from(self.settings.refreshes_at_once).unwrap_or(usize::MAX);
        self.running < if is_hurried { places } else { places - places / 4 }
    }

    /// Puts a zone where its times say, unless it is being looked at.
    fn place(&mut self, name: &Name) {
        let Some(zone) = self.zones.get(name) else { return };
        self.expiries_changed = true;
        if zone.run.is_none() {
            self.due.set(name, zone.next);
        }
        match self.expires(zone) {
            Some(expires) if !zone.is_expired => self.expiries.set(name, expires),
            _ => self.expiries.remove(name),
        }
    }

    fn forget(&mut self, name: &Name) {
        self.expiries_changed = true;
        self.zones.remove(name);
        self.due.remove(name);
        self.expiries.remove(name);
        self.interrupted.remove(name);
        self.dirty.insert(name.clone());
    }
}

/// Addresses as the bus shows them: `192.0.2.1@53`.
#[must_use]
pub fn primary_text(primary: &Primary) -> String {
    format!("{}@{}", primary.address, primary.port)
}
