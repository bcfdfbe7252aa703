//! One secondary zone: what is stored of it, how old that is, and what is being done about it.
//!
//! Times are microseconds of the process's clock.

use std::net::IpAddr;

use tenon_wire::Name;

use crate::primaries::Primaries;
use crate::settings::Primary;
use crate::timing::SoaTimes;

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// Who is asked, in this order.
    pub primaries: Primaries,
    /// The version in the store; none while there is none.
    pub stored: Option<Stored>,
    /// Since when it is a secondary zone here.
    pub added: u64,
    /// When a primary last confirmed that what is stored is the newest; 0 for never.
    pub refreshed: u64,
    /// For how long, from then on, the primary said that it may be answered (RFC 7314); none when it did not.
    pub granted: Option<u64>,
    /// When it is to be looked at next.
    pub next: u64,
    /// Since when all looks failed.
    pub failing_since: Option<u64>,
    /// Failed looks in a row.
    pub failures: u32,
    /// Why the last look failed; empty when it did not.
    pub reason: String,
    /// Who answered last.
    pub primary: String,
    /// It is too old to be answered.
    pub is_expired: bool,
    /// The last NOTIFY that was heard.
    pub notified: Option<Notified>,
    /// The look under way.
    pub run: Option<Run>,
    /// A NOTIFY wants another look after the one under way.
    pub again: Option<Again>,
    /// The primary that is asked first, because it sent a NOTIFY.
    pub first: Option<IpAddr>,
    /// When the last look ended.
    pub looked: u64,
    /// It is among those to be looked at before all others.
    pub is_hurried: bool,
}

/// The version in the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stored {
    /// Its serial.
    pub serial: u32,
    /// Times of its SOA.
    pub times: SoaTimes,
}

/// A NOTIFY that was heard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notified {
    /// When.
    pub at: u64,
    /// From where.
    pub peer: IpAddr,
    /// The serial it named.
    pub serial: Option<u32>,
}

/// A look under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// Its number here.
    pub number: u64,
    /// The job of tenon-xfrin, once it is known.
    pub job: Option<u64>,
    /// It transfers whatever the serial.
    pub force: bool,
}

/// Why to look once more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Again {
    /// Who is to be asked first.
    pub peer: IpAddr,
    /// The serial that is to be had; none when it was not said.
    pub serial: Option<u32>,
}

/// How a zone stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// All is well.
    Ok,
    /// A look or transfer is under way.
    Refreshing,
    /// The last look failed.
    Retrying,
    /// Too old to be answered.
    Expired,
    /// Never transferred.
    Unloaded,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Refreshing, Self::Retrying, Self::Expired, Self::Unloaded];

    /// The word for it on the bus.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refreshing => "refreshing",
            Self::Retrying => "retrying",
            Self::Expired => "expired",
            Self::Unloaded => "unloaded",
        }
    }
}

impl Zone {
    /// A zone that was just added: to be looked at now.
    #[must_use]
    pub const fn new(primaries: Primaries, now: u64) -> Self {
        Self {
            primaries,
            stored: None,
            added: now,
            refreshed: 0,
            granted: None,
            next: now,
            failing_since: None,
            failures: 0,
            reason: String::new(),
            primary: String::new(),
            is_expired: false,
            notified: None,
            run: None,
            again: None,
            first: None,
            looked: 0,
            is_hurried: false,
        }
    }

    /// How it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        if self.is_expired {
            State::Expired
        } else if self.run.is_some() {
            State::Refreshing
        } else if self.stored.is_none() {
            State::Unloaded
        } else if self.failing_since.is_some() {
            State::Retrying
        } else {
            State::Ok
        }
    }

    /// The times of the stored SOA.
    #[must_use]
    pub fn times(&self) -> Option<SoaTimes> {
        self.stored.map(|stored| stored.times)
    }

    /// Whether one of the primaries has this address.
    #[must_use]
    pub fn has_primary(&self, peer: IpAddr) -> bool {
        self.primaries_at(peer).next().is_some()
    }

    /// Whether a message from this address, signed with this key or not at all, is from one of the primaries.
    #[must_use]
    pub fn is_from_primary(&self, peer: IpAddr, key: Option<&Name>) -> bool {
        self.primaries_at(peer).any(|primary| primary.may_sign_with(key))
    }

    fn primaries_at(&self, peer: IpAddr) -> impl Iterator<Item = &Primary> {
        self.primaries.iter().filter(move |primary| primary.address.to_canonical() == peer.to_canonical())
    }

    /// The primaries in the order in which to ask them now.
    #[must_use]
    pub fn ask_order(&self) -> Vec<Primary> {
        let mut order = self.primaries.to_vec();
        if let Some(first) = self.first {
            // Stable: the rest keep their order.
            order.sort_by_key(|primary| primary.address.to_canonical() != first.to_canonical());
        }
        order
    }

    /// Whether a NOTIFY was heard since the last look that succeeded, of something that is not stored.
    #[must_use]
    pub fn has_unheeded_notify(&self) -> bool {
        let is_unheeded = |notified: &Notified| {
            notified.at > self.refreshed && !notified.serial.is_some_and(|serial| self.has_serial(serial))
        };
        self.notified.as_ref().is_some_and(is_unheeded)
    }

    /// Whether the primaries are known to have nothing newer than this serial (RFC 1982).
    #[must_use]
    pub fn has_serial(&self, serial: u32) -> bool {
        self.stored.is_some_and(|stored| !is_newer(serial, stored.serial))
    }
}

/// Serial number arithmetic (RFC 1982 section 3.2); of two serials half the circle apart either counts as newer.
fn is_newer(a: u32, b: u32) -> bool {
    a != b && a.wrapping_sub(b) <= 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_wrap() {
        for (a, b) in [(2, 1), (0, u32::MAX), (1 << 31, 0), (0, 1 << 31)] {
            assert!(is_newer(a, b), "{a} {b}");
        }
        for (a, b) in [(1, 2), (7, 7), (u32::MAX, 0)] {
            assert!(!is_newer(a, b), "{a} {b}");
        }
    }

    #[test]
    fn who_sent_the_notify_is_asked_first() {
        let primaries: Vec<Primary> = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
            .map(|text| Primary::plain(text.parse().unwrap(), 53))
            .into();
        let mut zone = Zone::new(primaries.clone().into(), 1);
        assert_eq!(zone.ask_order(), primaries);
        zone.first = Some("::ffff:192.0.2.2".parse().unwrap());
        assert_eq!(zone.ask_order(), [primaries[1].clone(), primaries[0].clone(), primaries[2].clone()]);
        assert!(zone.has_primary("192.0.2.3".parse().unwrap()));
        assert!(!zone.has_primary("192.0.2.4".parse().unwrap()));
    }
}
