//! Large new zones are compiled while they are written: what is answered, and what is left behind, when that goes wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::{Place, name, put_zone};
use tenon_datasrc::DataSource;
use tenon_zonec::reconcile::{Reconciler, do_beside};
use tenon_zonec::{StorePlace, Zonec, ZonecSettings};

const ZONE: &str = "large.example.";
const HOSTS: u32 = 30_000;

struct Bench<'p> {
    place: &'p Place,
    zonec: Arc<Zonec>,
    reconciler: Reconciler,
}

impl<'p> Bench<'p> {
    fn start(place: &'p Place) -> Self {
        let settings = ZonecSettings { large_zone_records: 20_000, ..ZonecSettings::default() };
        let stores = vec![StorePlace::primary(&place.database()), StorePlace::secondary(&place.secondary())];
        let (zonec, _) = Zonec::start(&place.images(), stores, &place.unavailable(), settings);
        let reconciler = Reconciler::new(&zonec);
        let mut bench = Self { place, zonec, reconciler };
        bench.look();
        bench
    }

    fn look(&mut self) {
        self.reconciler.look();
    }

    /// What the thread beside would do; gives how much that was.
    fn beside(&self) -> usize {
        let mut stores = self.zonec.stores();
        let tasks = std::iter::from_fn(|| self.zonec.take_task(&|_| true));
        tasks.map(|task| do_beside(&self.zonec, &mut stores, task)).count()
    }

    /// Waits until nothing is compiled early.
    fn until_idle(&self) {
        self.until("nothing is compiled early", || !self.zonec.is_compiling_early());
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Has the zone compiled that is being written, and waits until that has begun.
    fn expect(&self) {
        self.zonec.expect(name(ZONE));
        self.until("a file is begun", || !self.place.files().is_empty());
    }

    fn early(&self) -> u64 {
        self.zonec.statistics.early.load(Ordering::Relaxed)
    }

    fn served(&self) -> Vec<(String, u32)> {
        self.place.served().into_iter().collect()
    }
}

#[test]
fn it_is_ready_when_it_is_committed() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    let writer = put_zone(&place.source, ZONE, 7, HOSTS);
    bench.expect();
    bench.look();
    assert!(bench.served().is_empty(), "nothing of it is answered before it is committed");
    writer.commit().unwrap();
    // Whoever looks while it is still under way leaves it alone.
    bench.look();
    bench.until_idle();
    bench.look();
    assert_eq!(bench.served(), [(ZONE.to_owned(), 7)]);
    assert_eq!((bench.early(), place.files().len()), (1, 1));
    assert_eq!(bench.zonec.statistics.zones_compiled.load(Ordering::Relaxed), 1);
    // From now on it has an image, and changes of it are looked at before they are compiled.
    let writer = put_zone(&place.source, ZONE, 8, HOSTS + 1);
    bench.zonec.expect(name(ZONE));
    assert!(!bench.zonec.is_compiling_early());
    writer.commit().unwrap();
    bench.look();
    bench.beside();
    assert_eq!(bench.served(), [(ZONE.to_owned(), 8)]);
    assert_eq!(bench.early(), 1);
}

#[test]
fn a_writer_that_gives_up_leaves_nothing() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    let writer = put_zone(&place.source, ZONE, 1, HOSTS);
    bench.expect();
    drop(writer);
    bench.until_idle();
    assert!(place.files().is_empty());
    place.store(ZONE, 2, HOSTS);
    bench.look();
    bench.beside();
    assert_eq!(bench.served(), [(ZONE.to_owned(), 2)]);
    assert_eq!(bench.early(), 0);
}

#[test]
fn a_version_that_is_overtaken_is_forgotten() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    let writer = put_zone(&place.source, ZONE, 1, HOSTS);
    bench.expect();
    writer.commit().unwrap();
    bench.until_idle();
    place.store(ZONE, 2, HOSTS);
    bench.look();
    bench.beside();
    bench.look();
    assert_eq!(bench.served(), [(ZONE.to_owned(), 2)]);
    assert_eq!((bench.early(), place.files().len()), (0, 1));
    // And one that was removed.
    place.source.remove(name(ZONE).as_ref()).unwrap();
    bench.look();
    let writer = put_zone(&place.source, ZONE, 3, HOSTS);
    bench.expect();
    writer.commit().unwrap();
    bench.until_idle();
    place.source.remove(name(ZONE).as_ref()).unwrap();
    bench.look();
    bench.look();
    assert!(bench.served().is_empty() && place.files().is_empty());
}

#[test]
fn what_is_not_coming_is_not_waited_for() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    bench.zonec.expect(name("nobody.example."));
    bench.until_idle();
    // Too small for others to see a part of it.
    let writer = put_zone(&place.source, "small.example.", 1, 3);
    bench.zonec.expect(name("small.example."));
    bench.until_idle();
    writer.commit().unwrap();
    bench.look();
    assert_eq!(bench.served(), [("small.example.".to_owned(), 1)]);
    assert_eq!(bench.early(), 0);
}

#[test]
fn a_zone_that_no_image_can_hold_is_told_once_it_is_committed() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    let mut writer = put_zone(&place.source, ZONE, 1, HOSTS);
    common::put_too_much(&mut *writer, ZONE);
    bench.zonec.expect(name(ZONE));
    writer.commit().unwrap();
    bench.until_idle();
    bench.look();
    bench.beside();
    assert!(bench.served().is_empty() && place.files().is_empty());
    let faults = bench.zonec.ledger().faults();
    assert!(faults.iter().any(|fault| fault.contains(ZONE)), "{faults:?}");
}

#[test]
fn after_a_death_in_the_middle_all_is_as_if_nothing_had_been() {
    let place = Place::new();
    let bench = Bench::start(&place);
    let writer = put_zone(&place.source, ZONE, 1, HOSTS);
    bench.expect();
    // Another process takes over from one that was killed.
    let stores = vec![StorePlace::primary(&place.database())];
    let (next, _) = Zonec::start(&place.images(), stores, &place.unavailable(), ZonecSettings::default());
    assert!(place.files().is_empty());
    writer.commit().unwrap();
    bench.until_idle();
    let mut reconciler = Reconciler::new(&next);
    reconciler.look();
    let mut tasks = next.stores();
    while let Some(task) = next.take_task(&|_| true) {
        do_beside(&next, &mut tasks, task);
    }
    assert_eq!(bench.served(), [(ZONE.to_owned(), 1)]);
}
