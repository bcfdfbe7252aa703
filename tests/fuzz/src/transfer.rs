//! The messages of a transfer as a primary may send them: a zone, a difference or nothing newer comes of them, or a reason.

use tenon_wire::rdata::Soa;
use tenon_wire::serial::is_newer;
use tenon_wire::{Name, RrType};
use tenon_xfrin::incoming::{Came, Incoming, Limits};
use tenon_xfrin::primary::Asked;

/// The serial that is stored.
const HAVE: u32 = 5;
const LIMITS: Limits = Limits { records: 100, octets: 20_000 };

/// Takes an octet that says what is asked for (odd: what changed since serial 5 of `example.`; even: the whole zone) and
/// messages with their lengths before them, as over TCP. The identifier is 0x1234.
///
/// # Panics
/// What came contradicts itself.
pub fn transfer(octets: &[u8]) {
    let Some((kind, mut rest)) = octets.split_first() else { return };
    let zone: Name = "example.".parse().unwrap();
    let stored = Soa { serial: HAVE, ..Soa::default() };
    let is_for_changes = kind & 1 == 1;
    let (rrtype, have) = if is_for_changes { (RrType::IXFR, Some(stored)) } else { (RrType::AXFR, None) };
    let asked = Asked { id: 0x1234, have, ..Asked::new(zone.as_ref(), rrtype) };
    let mut incoming = Incoming::new(asked, have.map(|have| have.serial), LIMITS);
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(behind.len());
        let (message, next) = behind.split_at(length);
        rest = next;
        match incoming.take(message) {
            Ok(false) => {}
            Ok(true) => return judge(incoming, &zone, is_for_changes),
            Err(_) => return,
        }
        assert!(incoming.received().records <= LIMITS.records && incoming.received().octets <= LIMITS.octets);
    }
    // It broke off, and so there is nothing.
    if let Ok(came) = incoming.finish() {
        panic!("{came:?} of messages without an end");
    }
}

fn judge(incoming: Incoming<'_>, zone: &Name, is_for_changes: bool) {
    let received = incoming.received();
    match incoming.finish() {
        Ok(Came::Current(soa)) => assert!(is_for_changes && !is_newer(soa.serial, HAVE)),
        Ok(Came::Zone(whole)) => {
            let soa = whole.records.find(zone.as_ref(), Some(RrType::SOA)).unwrap();
            assert_eq!(Soa::read(soa.rdata), Some(whole.soa));
            assert_eq!(whole.records.count() as u64 + received.ignored, received.records);
        }
        Ok(Came::Difference(difference)) => {
            assert!(is_for_changes && difference.from_serial == HAVE);
            assert!(is_newer(difference.soa.serial, HAVE));
            let mut at = HAVE;
            let mut steps = 0;
            for change in difference.changes() {
                assert!(change.owner.is_at_or_below(zone.as_ref()));
                if change.rrtype == RrType::SOA && change.owner == zone.as_ref() {
                    let serial = Soa::read(change.rdata).unwrap().serial;
                    // Each step goes on from the one before.
                    assert!(if change.is_added { is_newer(serial, at) } else { serial == at });
                    (at, steps) = (serial, steps + u64::from(change.is_added));
                }
            }
            assert_eq!((at, steps), (difference.soa.serial, difference.steps));
        }
        Err(_) => {}
    }
}
