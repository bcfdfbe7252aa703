//! Updates of a zone: whatever comes, the zone can be served afterwards.

use std::cell::RefCell;
use std::ops::ControlFlow;

use tenon_datasrc::DataSource;
use tenon_datasrc::bulk::{self, Collector, StoredRecord};
use tenon_datasrc::master::{Item, Limits, read_text};
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_ddns::draft::WorkingZone;
use tenon_ddns::execute::execute;
use tenon_ddns::message::UpdateMessage;
use tenon_ddns::reply::reply;
use tenon_ddns::serial::SerialPolicy;
use tenon_ddns::transaction::{Steps, Transaction};
use tenon_wire::Name;
use tenon_wire::message::Rcode;
use tenon_zone::{Severity, ZoneChecker};

/// Changes between two looks at the whole zone, which cost more than all the rest.
const LOOK_EVERY: u32 = 16;
/// Changes after which the zone is as in the beginning again.
const RENEW_EVERY: u32 = 256;

thread_local! {
    static PLACE: RefCell<Place> = RefCell::new(Place::new());
}

struct Place {
    _directory: tempfile::TempDir,
    source: SqliteSource,
    origin: Name,
    changes: u32,
}

/// Reads octets as an update, makes it, and looks at the zone.
///
/// # Panics
/// The zone could not be served any more.
pub fn update(octets: &[u8]) {
    let message = match UpdateMessage::read(octets) {
        Ok(message) => message,
        Err(bad) => {
            if let Some(asked) = bad.asked {
                assert!(reply(asked, bad.rcode, None).len() >= 12);
            }
            return;
        }
    };
    assert!(reply(message.asked, Rcode::NOERROR, Some(14)).len() >= 12);
    PLACE.with_borrow_mut(|place| place.make(message));
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let source = SqliteSource::open(&directory.path().join("zones.sqlite"), Access::Create).unwrap();
        let place = Self { _directory: directory, source, origin: "example.".parse().unwrap(), changes: 0 };
        place.renew();
        place
    }

    fn renew(&self) {
        let text = "@ 300 SOA ns a 7 1 1 1 1\n@ 300 NS ns\nns 300 A 192.0.2.1\nwww 300 A 192.0.2.80\nalias 300 CNAME www\n\
            sub 300 NS ns.sub\nns.sub 300 A 192.0.2.2\nd 300 DNAME elsewhere.\n";
        let mut collector = Collector::new(self.origin.as_ref());
        read_text(text.as_bytes(), self.origin.as_ref(), &Limits::default(), |item| {
            let Item::Record(record) = item else { panic!("{item:?}") };
            let (owner, rrtype, ttl, rdata) = (record.owner, record.rrtype, record.ttl, record.rdata);
            collector.add(&StoredRecord { owner, rrtype, ttl, rdata, file: 0, line: 0 });
            ControlFlow::Continue(())
        });
        let records = collector.finish(Vec::new()).unwrap();
        let writer =
            bulk::write(&self.source, &records, &mut |_| ControlFlow::Continue(())).unwrap().unwrap();
        writer.commit_unsynced().unwrap();
    }

    fn make(&mut self, message: UpdateMessage<'_>) {
        let UpdateMessage { prerequisites, updates, .. } = message;
        let transaction = Transaction {
            zone: self.origin.clone(),
            prerequisites,
            expected_serial: None,
            steps: Steps::Message(updates),
            is_trial: false,
            wants_differences: true,
        };
        let mut zone = WorkingZone::begin(&self.source, self.origin.as_ref()).unwrap();
        let Ok(applied) = execute(&mut zone, transaction, SerialPolicy::Increment, 1) else {
            assert!(!zone.is_changed());
            return;
        };
        assert_eq!(applied.serial == applied.serial_before, applied.differences.is_empty());
        if !zone.is_changed() {
            return;
        }
        zone.commit(false).unwrap();
        self.changes += 1;
        if self.changes.is_multiple_of(LOOK_EVERY) {
            self.look();
        }
        if self.changes.is_multiple_of(RENEW_EVERY) {
            self.renew();
        }
    }

    fn look(&self) {
        let entry = self.source.zone(self.origin.as_ref()).unwrap().unwrap();
        let mut checker = ZoneChecker::new(self.origin.as_ref());
        let mut report =
            |problem: tenon_zone::Problem| assert_ne!(problem.severity(), Severity::Error, "{problem}");
        self.source
            .read(&entry, &mut |rrset| {
                checker.rrset(rrset, &mut report);
                ControlFlow::Continue(())
            })
            .unwrap();
        checker.finish(&mut report);
    }
}
