//! Looks at primaries: which comes next, and what came of it.

use tenon_bus::ZoneEvent;
use tenon_wire::Name;
use tracing::{info, warn};

use super::{ListChange, Zones};
use crate::messages;
use crate::settings::Primary;
use crate::statistics::count;
use crate::zone::{Again, Run, Stored};

/// A look to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Look {
    /// The zone.
    pub zone: Name,
    /// Its number here.
    pub number: u64,
    /// Who to ask, in this order.
    pub primaries: Vec<Primary>,
    /// Transfer whatever the serial.
    pub force: bool,
}

/// What came of a look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// A primary has nothing newer than this.
    Current {
        /// The stored version.
        stored: Stored,
        /// Who said so.
        primary: String,
        /// For how many seconds they may still answer it, if they said so (RFC 7314).
        expires_in: Option<u32>,
    },
    /// A new version is stored.
    Transferred {
        /// The stored version.
        stored: Stored,
        /// Who it is from.
        primary: String,
        /// For how many seconds they may still answer it, if they said so (RFC 7314).
        expires_in: Option<u32>,
    },
    /// No primary would do.
    Failed(String),
    /// It could not be made or finished, which says nothing of the primaries.
    Interrupted(String),
}

/// What came of a request for a look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Asked {
    /// It is to be made now.
    Begin(Look),
    /// One is being made already; its job, if that is known yet.
    Running(Option<u64>),
    /// One is being made that does not do what was asked for.
    Busy,
    /// There is no such zone.
    NoSuchZone,
}

impl Zones {
    /// The next zone whose turn it is, if there is room for another look.
    pub fn take_look(&mut self, now: u64) -> Option<Look> {
        while self.has_room(true) {
            let name = match self.front.pop_front() {
                Some(name) if self.zones.get(&name).is_some_and(|zone| zone.is_hurried) => name,
                Some(_) => continue,
                None if self.has_room(false) => self.due.take_due(now)?,
                None => return None,
            };
            if let Some(look) = self.begin(&name, false) {
                return Some(look);
            }
        }
        None
    }

    /// A look that somebody asks for now, whose turn need not come.
    pub fn ask(&mut self, name: &Name, force: bool) -> Asked {
        match self.zones.get(name).map(|zone| zone.run) {
            None => Asked::NoSuchZone,
            Some(Some(run)) if run.force || !force => Asked::Running(run.job),
            Some(Some(_)) => Asked::Busy,
            Some(None) => self.begin(name, force).map_or(Asked::Busy, Asked::Begin),
        }
    }

    fn begin(&mut self, name: &Name, force: bool) -> Option<Look> {
        let zone = self.zones.get_mut(name).filter(|zone| zone.run.is_none())?;
        self.last_number += 1;
        zone.run = Some(Run { number: self.last_number, job: None, force });
        let look = Look { zone: name.clone(), number: self.last_number, primaries: zone.ask_order(), force };
        (zone.first, zone.is_hurried) = (None, false);
        self.running += 1;
        self.due.remove(name);
        self.interrupted.remove(name);
        count(&self.statistics.refreshes);
        Some(look)
    }

    /// The job that makes a look.
    pub fn begun(&mut self, look: &Look, job: u64) {
        let run = self.zones.get_mut(&look.zone).and_then(|zone| zone.run.as_mut());
        if let Some(run) = run.filter(|run| run.number == look.number) {
            run.job = Some(job);
        }
    }

    /// A look is over. To be called once for each look.
    pub fn ended(&mut self, look: &Look, outcome: Outcome, now: u64) {
        self.running = self.running.saturating_sub(1);
        let is_ours = |zone: &&mut crate::zone::Zone| zone.run.is_some_and(|run| run.number == look.number);
        // It was taken out meanwhile, or is another zone of that name.
        let Some(zone) = self.zones.get_mut(&look.zone).filter(is_ours) else { return };
        zone.run = None;
        zone.looked = now;
        let again = zone.again.take();
        match outcome {
            Outcome::Current { stored, primary, expires_in } => {
                count(&self.statistics.refreshes_current);
                // What is known to hold for longer goes on to (RFC 7314 section 4).
                let left = self.zones.get(&look.zone).and_then(|zone| self.expires(zone)).unwrap_or(0);
                let granted = expires_in.map(|seconds| granted(seconds).max(left.saturating_sub(now)));
                self.grant(&look.zone, granted);
                self.succeeded(&look.zone, stored, primary, now);
            }
            Outcome::Transferred { stored, primary, expires_in } => {
                count(&self.statistics.refreshes_transferred);
                self.grant(&look.zone, expires_in.map(granted));
                self.succeeded(&look.zone, stored, primary, now);
                self.read_if_catalog(&look.zone);
            }
            Outcome::Failed(reason) => {
                count(&self.statistics.refreshes_failed);
                self.failed(&look.zone, reason, now);
            }
            Outcome::Interrupted(reason) => {
                count(&self.statistics.refreshes_interrupted);
                self.interrupted(&look.zone, reason, now);
            }
        }
        if let Some(again) = again {
            self.look_again(&look.zone, again, now);
        }
        self.dirty.insert(look.zone.clone());
        self.place(&look.zone);
    }

    fn grant(&mut self, name: &Name, granted: Option<u64>) {
        if let Some(zone) = self.zones.get_mut(name) {
            zone.granted = granted;
        }
    }

    fn succeeded(&mut self, name: &Name, stored: Stored, primary: String, now: u64) {
        let Some(zone) = self.zones.get_mut(name) else { return };
        let was_unloaded = zone.stored.replace(stored).is_none();
        (zone.refreshed, zone.failures) = (now, 0);
        zone.primary = primary;
        zone.reason.clear();
        zone.next = now.saturating_add(self.settings.refresh_after(stored.times, &mut self.dice));
        let (was_failing, was_expired) = (zone.failing_since.take(), std::mem::take(&mut zone.is_expired));
        let (serial, primary) = (stored.serial, &zone.primary);
        if was_expired {
            count(&self.statistics.recoveries);
            info!(
                message_id = messages::RECOVERED,
                zone = %name, serial, peer = %primary,
                "zone {name} was expired and is answered again with serial {serial}, from {primary}"
            );
        } else if was_failing.is_some() {
            info!(
                message_id = messages::REFRESHED_AGAIN,
                zone = %name, serial, peer = %primary,
                "zone {name} is refreshed again, by {primary}, serial {serial}"
            );
        }
        self.news.push(ZoneEvent::Refreshed { zone: name.to_string(), serial });
        if was_expired {
            self.change_list(ListChange::Urgent);
        } else if was_unloaded {
            self.change_list(ListChange::Lazy);
        }
    }

    fn failed(&mut self, name: &Name, reason: String, now: u64) {
        let Some(zone) = self.zones.get_mut(name) else { return };
        // Once is enough until it is well again: with a dead primary of many zones each would have a line for each retry.
        let is_news = zone.failures == 0;
        zone.failures = zone.failures.saturating_add(1);
        let is_told = zone.notified.as_ref().is_some_and(|notified| notified.at >= zone.refreshed);
        let wait = self.settings.retry_after(zone.times(), zone.failures, is_told, &mut self.dice);
        zone.next = now.saturating_add(wait);
        zone.failing_since.get_or_insert(now);
        zone.reason.clone_from(&reason);
        if is_news {
            warn!(
                message_id = messages::NOT_REFRESHED,
                zone = %name, reason = %reason,
                "zone {name} could not be refreshed: {reason}; trying again"
            );
        }
        self.news.push(ZoneEvent::TransferFailed { zone: name.to_string(), reason });
    }

    fn interrupted(&mut self, name: &Name, reason: String, now: u64) {
        let Some(zone) = self.zones.get_mut(name) else { return };
        zone.next = now.saturating_add(self.settings.soon(&mut self.dice));
        zone.failing_since.get_or_insert(now);
        zone.reason = reason;
        self.interrupted.insert(name.clone());
    }

    /// tenon-xfrin is there (again): what it left undone need not wait.
    pub fn resume(&mut self, now: u64) {
        for name in std::mem::take(&mut self.interrupted) {
            if let Some(zone) = self.zones.get_mut(&name).filter(|zone| zone.run.is_none()) {
                zone.next = now;
                self.place(&name);
            }
        }
    }

    /// A NOTIFY came during the look that just ended. If that brought what was told of, nothing is left to do.
    fn look_again(&mut self, name: &Name, again: Again, now: u64) {
        let interval = u64::from(self.settings.notify_interval_ms) * 1000;
        let Some(zone) = self.zones.get_mut(name) else { return };
        if again.serial.is_some_and(|serial| zone.has_serial(serial)) && zone.failing_since.is_none() {
            return;
        }
        zone.first = Some(again.peer);
        zone.next = zone.next.min(now.saturating_add(interval));
    }
}

/// Seconds that a primary grants, in microseconds.
const fn granted(seconds: u32) -> u64 {
    seconds as u64 * 1_000_000
}
