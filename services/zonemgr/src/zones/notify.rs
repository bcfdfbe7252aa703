//! NOTIFY (RFC 1996): who may send it, and what it changes.

use tenon_acl::{AccessList, Action};
use tenon_bus::ZoneEvent;
use tenon_wire::Name;
use tracing::{info, warn};

use super::Zones;
use crate::messages;
use crate::statistics::count;
use crate::zone::{Again, Notified};

/// At most one line about refused NOTIFYs is logged in this time, in microseconds.
const REFUSAL_LINE_EVERY: u64 = 1_000_000;

/// A NOTIFY as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// The zone that changed.
    pub zone: Name,
    /// The serial it named.
    pub serial: Option<u32>,
    /// Who sent it, and how.
    pub request: tenon_acl::OwnedRequest,
}

/// What becomes of a NOTIFY.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The zone is looked at now.
    Look,
    /// It is being looked at, or about to be.
    Coalesced,
    /// What it tells of is here.
    Current,
    /// Its sender is no primary of the zone.
    Refused,
    /// It is no secondary zone.
    Unknown,
}

impl Zones {
    /// Who may send NOTIFY besides primaries.
    #[must_use]
    pub const fn allow_notify_from(&self) -> &AccessList {
        &self.settings.allow_notify_from
    }

    /// Takes a NOTIFY.
    pub fn notify(&mut self, notice: &Notice, now: u64) -> Verdict {
        let verdict = self.hear(notice, now);
        count(match verdict {
            Verdict::Look => &self.statistics.notifies_refreshing,
            Verdict::Coalesced => &self.statistics.notifies_coalesced,
            Verdict::Current => &self.statistics.notifies_current,
            Verdict::Refused => &self.statistics.notifies_refused,
            Verdict::Unknown => &self.statistics.notifies_unknown,
        });
        verdict
    }

    fn hear(&mut self, notice: &Notice, now: u64) -> Verdict {
        let Notice { zone: name, serial, request } = notice;
        let peer = request.peer.ip();
        let decision = self.settings.allow_notify_from.decide(&request.as_request());
        let is_allowed = decision.action == Action::Accept;
        let Some(zone) = self.zones.get_mut(name) else { return Verdict::Unknown };
        if !zone.is_from_primary(peer, request.key.as_ref()) && !is_allowed {
            let why = match (zone.has_primary(peer), &request.key) {
                (false, _) => "which is none of its primaries",
                (true, None) => "its primary, unsigned although that has a key",
                (true, Some(_)) => "its primary, signed with another key than that has",
            };
            let rule = decision.named("zonemgr/allow_notify_from").to_string();
            self.tell_refusal(notice, why, &rule, now);
            return Verdict::Refused;
        }
        self.dirty.insert(name.clone());
        zone.notified = Some(Notified { at: now, peer, serial: *serial });
        info!(message_id = messages::NOTIFIED, zone = %name, peer = %peer, serial, "NOTIFY for zone {name} from {peer}");
        let event_serial = serial.unwrap_or_default();
        self.news.push(ZoneEvent::NotifyReceived {
            zone: name.to_string(),
            serial: event_serial,
            peer: peer.to_string(),
        });
        let is_well = zone.failing_since.is_none() && !zone.is_expired;
        if is_well && serial.is_some_and(|serial| zone.has_serial(serial)) {
            return Verdict::Current;
        }
        if zone.run.is_some() {
            // The newest serial counts; without one there is nothing to compare with.
            zone.again = Some(Again { peer, serial: *serial });
            return Verdict::Coalesced;
        }
        self.hurry(name, notice, now)
    }

    /// Logs why a NOTIFY is not heeded; not too often, since anybody can send them.
    fn tell_refusal(&mut self, notice: &Notice, why: &str, rule: &str, now: u64) {
        if now < self.next_refusal_line {
            return;
        }
        self.next_refusal_line = now.saturating_add(REFUSAL_LINE_EVERY);
        let Notice { zone, request, .. } = notice;
        let peer = request.peer.ip();
        let key = request.key.as_ref().map(ToString::to_string).unwrap_or_default();
        warn!(
            message_id = messages::NOTIFY_REFUSED,
            zone = %zone,
            peer = %peer,
            key = %key,
            acl_rule = %rule,
            "a NOTIFY for zone {zone} came from {peer}, {why}, and is refused by {rule}, ignoring"
        );
    }

    /// Has a zone looked at before others, though not too often.
    fn hurry(&mut self, name: &Name, notice: &Notice, now: u64) -> Verdict {
        let interval = u64::from(self.settings.notify_interval_ms) * 1000;
        let Some(zone) = self.zones.get_mut(name) else { return Verdict::Unknown };
        if zone.is_hurried {
            return Verdict::Coalesced;
        }
        zone.first = Some(notice.request.peer.ip());
        let earliest = zone.looked.saturating_add(interval);
        if earliest > now {
            let was_hurried = zone.next <= earliest;
            zone.next = zone.next.min(earliest);
            self.place(name);
            return if was_hurried { Verdict::Coalesced } else { Verdict::Look };
        }
        zone.is_hurried = true;
        // For a later process, should this one end before the look.
        zone.next = now;
        self.due.remove(name);
        self.front.push_back(name.clone());
        Verdict::Look
    }
}
