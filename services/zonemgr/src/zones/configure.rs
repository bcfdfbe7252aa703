//! Which zones there are: from the settings, from the state file, and what the store has of them.

use std::collections::{BTreeMap, HashMap};

use tenon_bus::SecondaryZone as StoredZone;
use tenon_wire::Name;
use tracing::info;

use super::{ListChange, Row, Zones};
use crate::messages;
use crate::primaries::{Lists, Primaries};
use crate::settings::{SecondaryZone, ZonemgrSettings};
use crate::timing::SoaTimes;
use crate::zone::{Stored, Zone};

/// The secondary zones that the settings name.
pub type Wanted = HashMap<Name, Primaries>;

impl ZonemgrSettings {
    /// The secondary zones; names that are none were refused before.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        let mut lists = Lists::default();
        let zone = |zone: &SecondaryZone| Some((zone.origin()?, lists.share(&zone.primaries)));
        self.secondary_zones.iter().filter_map(zone).collect()
    }

    /// All but the secondary zones, which are the bulk.
    fn without_zones(&self) -> Self {
        Self {
            secondary_zones: Vec::new(),
            catalogs: self.catalogs.clone(),
            allow_notify_from: self.allow_notify_from.clone(),
            ..*self
        }
    }
}

impl Zones {
    /// Takes up what an earlier process wrote down. To be called once, before [`Self::configure`].
    pub fn restore(&mut self, rows: Vec<(Name, Row)>, now: u64) {
        for (name, row) in rows {
            match row {
                Row::Managed(mut zone) => {
                    // A clock that was set back since then: what is ahead of us is now.
                    zone.refreshed = zone.refreshed.min(now);
                    zone.added = zone.added.min(now);
                    // What a NOTIFY told of may not have been had before that process ended.
                    if zone.has_unheeded_notify() {
                        zone.next = zone.next.min(now);
                    }
                    self.zones.insert(name, *zone);
                }
                Row::Leaving => {
                    self.memberships.begin_anew(&name);
                    self.leaving.insert(name);
                }
                Row::Gone => {}
            }
        }
    }

    /// The settings as they are found at start. `is_committed`: they are those that were committed, so that a zone which
    /// is not among them is not wanted; otherwise a zone that is missing is only left alone. Gives how many are missing.
    pub fn start(&mut self, settings: &ZonemgrSettings, is_committed: bool, now: u64) -> usize {
        let (_, missing) = self.configure(settings, is_committed, now);
        // Zones without data are waited for; how many are transferred at once is bounded anyway.
        let is_overdue = |zone: &Zone| zone.stored.is_some() && zone.next <= now;
        let overdue: Vec<Name> =
            self.zones.iter().filter(|(_, zone)| is_overdue(zone)).map(|(name, _)| name.clone()).collect();
        for name in &overdue {
            let Some(zone) = self.zones.get_mut(name) else { continue };
            let wait = self.settings.overdue_after(zone.times(), overdue.len(), &mut self.dice);
            zone.next = now.saturating_add(wait);
        }
        // A far future is a clock that was wrong when it was written down.
        for zone in self.zones.values_mut() {
            let latest = self.settings.refresh_after(zone.times().unwrap_or(NO_TIMES), &mut self.dice);
            zone.next = zone.next.min(now.saturating_add(latest.max(self.settings.soon(&mut self.dice))));
        }
        let names: Vec<Name> = self.zones.keys().cloned().collect();
        names.iter().for_each(|name| self.place(name));
        self.expire(now);
        missing
    }

    /// Takes up settings. Gives how many zones came and went.
    pub fn configure(&mut self, settings: &ZonemgrSettings, is_committed: bool, now: u64) -> (usize, usize) {
        self.configured = settings.wanted();
        let bounds = settings.without_zones();
        let bounds_changed = bounds != self.settings;
        self.settings = bounds;
        if is_committed {
            self.take_catalogs();
        }
        let change = self.want_all(is_committed, now);
        if bounds_changed {
            let names: Vec<Name> = self.zones.keys().cloned().collect();
            names.iter().for_each(|name| self.place(name));
        }
        change
    }

    /// Has exactly the zones that the settings name and the catalogs list. Gives how many zones came and went.
    pub(super) fn want_all(&mut self, is_committed: bool, now: u64) -> (usize, usize) {
        let wanted = self.all_wanted();
        let unwanted: Vec<Name> =
            self.zones.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
        for name in &unwanted {
            self.forget(name);
            if is_committed {
                self.leaving.insert(name.clone());
            } else {
                // Its row stays as it is.
                self.dirty.remove(name);
            }
        }
        let mut added = 0;
        for (name, primaries) in wanted {
            added += usize::from(self.want(&name, primaries, now));
        }
        if added > 0 || !unwanted.is_empty() {
            self.change_list(ListChange::Urgent);
            let (removed, zones) = (unwanted.len(), self.zones.len());
            info!(
                message_id = messages::CONFIGURED,
                added,
                removed,
                zones,
                "{zones} secondary zones, {added} of them new; {removed} are no longer"
            );
        }
        (added, unwanted.len())
    }

    /// One zone of the settings; true when it is new.
    fn want(&mut self, name: &Name, primaries: Primaries, now: u64) -> bool {
        match self.zones.get_mut(name) {
            Some(zone) if zone.primaries == primaries => return false,
            Some(zone) => {
                let was_known = !zone.primaries.is_empty();
                zone.primaries = primaries;
                if was_known {
                    // Somebody else may have something newer.
                    zone.next = now;
                    self.place(name);
                }
                return false;
            }
            None => {}
        }
        self.leaving.remove(name);
        self.zones.insert(name.clone(), Zone::new(primaries, now));
        self.dirty.insert(name.clone());
        self.place(name);
        true
    }

    /// Zones that are no longer configured and may still be stored.
    #[must_use]
    pub fn leaving(&self) -> Vec<Name> {
        self.leaving.iter().cloned().collect()
    }

    /// Whether a zone is still to be removed from the store.
    #[must_use]
    pub fn is_leaving(&self, name: &Name) -> bool {
        self.leaving.contains(name)
    }

    /// The store has nothing of the zone any more.
    pub fn left(&mut self, name: &Name, now: u64) {
        if self.leaving.remove(name) {
            self.dirty.insert(name.clone());
        }
        // It was added again meanwhile, and what it may have found there is gone.
        self.learn_one(name, None, u64::MAX, now);
        if self.memberships.left(name) {
            self.want_all(true, now);
        }
    }

    /// What the store has, as read since `began`. What this process knows better, because it was told since, stays.
    /// Gives how many stored zones are nobody's: neither configured nor leaving.
    pub fn learn(&mut self, stored: &BTreeMap<Name, StoredZone>, began: u64, now: u64) -> usize {
        let names: Vec<Name> = self.zones.keys().cloned().collect();
        for name in names {
            self.learn_one(&name, stored.get(&name), began, now);
        }
        stored.keys().filter(|name| !self.zones.contains_key(*name) && !self.leaving.contains(*name)).count()
    }

    fn learn_one(&mut self, name: &Name, found: Option<&StoredZone>, began: u64, now: u64) {
        let Some(zone) = self.zones.get_mut(name) else { return };
        if zone.run.is_some() || zone.looked >= began || zone.added >= began {
            return;
        }
        let version = found.map(|found| Stored {
            serial: found.serial,
            times: SoaTimes { refresh: found.refresh, retry: found.retry, expire: found.expire },
        });
        if zone.stored == version {
            return;
        }
        zone.refreshed = match found {
            Some(found) => zone.refreshed.max(found.committed_usec).min(now),
            None => 0,
        };
        zone.stored = version;
        zone.granted = None;
        if version.is_none() {
            zone.is_expired = false;
        }
        zone.next = now;
        self.change_list(ListChange::Urgent);
        self.dirty.insert(name.clone());
        self.place(name);
        self.read_if_catalog(name);
    }
}

/// Stands for the times of a zone without data.
const NO_TIMES: SoaTimes = SoaTimes { refresh: 0, retry: 0, expire: 0 };
