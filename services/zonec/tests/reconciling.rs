//! Stores in, images out, without a bus: what is compiled, packed, kept, deleted, and what happens when things go wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::{Place, name};
use tenon_bus::ZoneEvent;
use tenon_datasrc::DataSource;
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_image::{Catalog, ZoneState};
use tenon_zonec::reconcile::{Reconciler, do_beside};
use tenon_zonec::zonec::News;
use tenon_zonec::{StorePlace, Zonec, ZonecSettings};
use tokio::sync::mpsc::Receiver;

/// A zone compiler whose threads are the test's own.
struct Bench {
    zonec: Arc<Zonec>,
    news: Receiver<News>,
    reconciler: Reconciler,
}

impl Bench {
    fn start(place: &Place) -> Self {
        Self::start_with(vec![StorePlace::primary(&place.database())], place)
    }

    fn start_with(stores: Vec<StorePlace>, place: &Place) -> Self {
        let settings = ZonecSettings { large_zone_records: 20_000, ..ZonecSettings::default() };
        let (zonec, news) = Zonec::start(&place.images(), stores, &place.unavailable(), settings);
        let reconciler = Reconciler::new(&zonec);
        Self { zonec, news, reconciler }
    }

    fn look(&mut self) {
        self.reconciler.look();
    }

    /// What the thread beside would do.
    fn beside(&self) {
        let mut stores = self.zonec.stores();
        while let Some(task) = self.zonec.take_task(&|_| true) {
            do_beside(&self.zonec, &mut stores, task);
        }
    }

    /// The zone events since the last call.
    fn events(&mut self) -> Vec<ZoneEvent> {
        let mut events = Vec::new();
        while let Ok(news) = self.news.try_recv() {
            if let News::Zone(event) = news {
                events.push(event);
            }
        }
        events
    }

    fn faults(&self) -> Vec<String> {
        self.zonec.ledger().faults()
    }
}

fn zones<const N: usize>(zones: [(&str, u32); N]) -> BTreeMap<String, u32> {
    zones.into_iter().map(|(zone, serial)| (zone.to_owned(), serial)).collect()
}

#[test]
fn zones_come_change_and_go() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    bench.look();
    assert_eq!(place.manifest().generation, 0);
    place.store("b.example.", 1, 10);
    place.store("A.example.", 7, 10);
    bench.look();
    assert_eq!(place.served(), zones([("A.example.", 7), ("b.example.", 1)]));
    // On a slow disk the two are published one after the other.
    let events = bench.events();
    let is_ready = |zone: &str, number: u32| {
        events.iter().any(|event| {
            matches!(event, ZoneEvent::ImageReady { zone: it, serial, .. } if it == zone && *serial == number)
        })
    };
    assert!(matches!(events[0], ZoneEvent::ManifestChanged { generation: 1 }), "{events:?}");
    assert!(is_ready("a.example.", 7) && is_ready("b.example.", 1), "{events:?}");
    place.store("b.example.", 2, 11);
    bench.look();
    assert_eq!(place.served(), zones([("A.example.", 7), ("b.example.", 2)]));
    let previous = place.manifest().zones[1].previous.clone().unwrap();
    assert_eq!(previous.serial, 1);
    assert_eq!(place.files().len(), 3);
    place.source.remove(name("b.example.").as_ref()).unwrap();
    bench.look();
    assert_eq!(place.served(), zones([("A.example.", 7)]));
    assert_eq!(place.files().len(), 1);
    bench.events();
    bench.look();
    assert!(bench.events().is_empty(), "nothing changed, nothing is done");
}

#[test]
fn two_stores_make_one_manifest_and_a_zone_in_both_is_named() {
    let place = Place::new();
    let stores = vec![StorePlace::primary(&place.database()), StorePlace::secondary(&place.secondary())];
    let mut bench = Bench::start_with(stores, &place);
    place.store("a.example.", 1, 3);
    bench.look();
    assert!(bench.faults().is_empty(), "the second store may be absent: {:?}", bench.faults());
    let before = bench.zonec.statistics.reconciliations.load(Ordering::Relaxed);
    bench.look();
    let looks = bench.zonec.statistics.reconciliations.load(Ordering::Relaxed) - before;
    assert_eq!(looks, 0, "nothing is compared while nothing changes");

    let secondary = SqliteSource::open(&place.secondary(), Access::Create).unwrap();
    common::store(&secondary, "b.example.", 7, 3);
    bench.look();
    assert_eq!(place.served(), zones([("a.example.", 1), ("b.example.", 7)]));
    let storages: Vec<_> = place.manifest().zones.iter().map(|zone| zone.storage.clone()).collect();
    assert_eq!(storages, ["primary", "secondary"]);

    common::store(&secondary, "a.example.", 9, 3);
    bench.look();
    assert_eq!(place.served()["a.example."], 1, "the primary one wins");
    let told = "a.example. is stored as primary and as secondary";
    assert!(bench.faults()[0].contains(told), "{:?}", bench.faults());
    place.source.remove(name("a.example.").as_ref()).unwrap();
    bench.look();
    assert_eq!(place.served(), zones([("a.example.", 9), ("b.example.", 7)]));
    assert!(bench.faults().is_empty(), "{:?}", bench.faults());
    secondary.remove(name("b.example.").as_ref()).unwrap();
    bench.look();
    assert_eq!(place.served(), zones([("a.example.", 9)]));
}

#[test]
fn many_small_zones_make_few_files_and_a_change_touches_one() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    for number in 0..300 {
        place.store(&format!("z{number:03}.example."), 1, 3);
    }
    bench.look();
    assert_eq!(place.served().len(), 300);
    assert_eq!(place.files().len(), 1);
    let pack = place.files().first().unwrap().clone();
    assert!(pack.starts_with("pack-"));
    let before = fs::metadata(place.images().join(&pack)).unwrap().modified().unwrap();
    place.store("z123.example.", 2, 3);
    bench.look();
    assert_eq!(place.served()["z123.example."], 2);
    assert_eq!(place.files().len(), 2);
    assert_eq!(fs::metadata(place.images().join(&pack)).unwrap().modified().unwrap(), before);

    // One by one they leave the pack; then they share one again.
    for number in 0..70 {
        place.store(&format!("z{number:03}.example."), 2, 3);
        bench.look();
    }
    assert_eq!(place.served().len(), 300);
    assert!(place.files().len() < 20, "{:?}", place.files());
}

#[test]
fn small_zones_do_not_wait_for_large_ones() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    place.store("large.example.", 1, 30_000);
    place.store("small.example.", 1, 3);
    bench.look();
    assert_eq!(place.served(), zones([("small.example.", 1)]));
    place.store("small.example.", 2, 3);
    bench.look();
    assert_eq!(place.served(), zones([("small.example.", 2)]));
    let stored = bench.zonec.stored_zone(name("large.example.").as_ref()).unwrap();
    assert_eq!(stored.state(), "compiling");
    bench.beside();
    assert_eq!(place.served(), zones([("large.example.", 1), ("small.example.", 2)]));
    assert_eq!(bench.zonec.stored_zone(name("large.example.").as_ref()).unwrap().state(), "ready");
}

#[test]
fn one_bad_zone_keeps_nobody_else_from_a_pack() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    place.store("z05.example.", 1, 3);
    bench.look();
    for number in 0..100 {
        place.store(&format!("z{number:02}.example."), 2, 3);
    }
    place.store_bad("z05.example.", 3);
    bench.look();
    assert_eq!(place.served().len(), 100);
    assert_eq!(place.served()["z05.example."], 1, "the version before goes on being answered");
    assert_eq!(place.served()["z06.example."], 2);
    assert!(bench.faults()[0].contains("z05.example."), "{:?}", bench.faults());
    let failed = |event: &ZoneEvent| matches!(event, ZoneEvent::ImageFailed { serial: 3, .. });
    assert_eq!(bench.events().iter().filter(|event| failed(event)).count(), 1);
    assert_eq!(bench.zonec.stored_zone(name("z05.example.").as_ref()).unwrap().state(), "failed");
    place.store("z05.example.", 4, 3);
    place.store_bad("z06.example.", 3);
    bench.look();
    assert_eq!(place.served()["z05.example."], 4);
    assert_eq!(bench.faults().len(), 1);
    place.source.remove(name("z06.example.").as_ref()).unwrap();
    bench.look();
    assert!(bench.faults().is_empty(), "a zone that is gone is nobody's fault");
}

#[test]
fn what_a_killed_process_left_goes_at_start_and_its_work_is_done() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    place.store("a.example.", 1, 3);
    bench.look();
    drop(bench);
    place.store("a.example.", 2, 3);
    let leftovers = ["zone-a.example-1-2.image.new", "zone-a.example-1-1.image", "MANIFEST.new"];
    for leftover in leftovers {
        fs::write(place.images().join(leftover), b"half").unwrap();
    }
    let mut bench = Bench::start(&place);
    assert_eq!(place.files().len(), 1);
    assert_eq!(place.served(), zones([("a.example.", 1)]), "served throughout");
    bench.look();
    assert_eq!(place.served(), zones([("a.example.", 2)]));
}

#[test]
fn lost_images_and_a_lost_manifest_are_made_anew() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    place.store("a.example.", 1, 3);
    place.store("b.example.", 1, 3);
    bench.look();
    let file = place.manifest().zones[0].files[0].name.clone();
    fs::remove_file(place.images().join(file)).unwrap();
    let mut bench = Bench::start(&place);
    bench.look();
    assert_eq!(place.served(), zones([("a.example.", 1), ("b.example.", 1)]));
    let generation = place.manifest().generation;
    fs::write(place.images().join("MANIFEST"), b"tenon-manifest 1\n").unwrap();
    let mut bench = Bench::start(&place);
    bench.look();
    assert_eq!(place.served(), zones([("a.example.", 1), ("b.example.", 1)]));
    assert!(place.manifest().generation > generation);
    assert_eq!(place.files().len(), 2, "what the old manifest named is gone");
}

#[test]
fn a_damaged_store_changes_nothing_until_it_is_restored() {
    let place = Place::new();
    place.store("a.example.", 1, 2000);
    let mut bench = Bench::start(&place);
    bench.look();
    assert!(bench.faults().is_empty());
    let Place { directory, source } = place;
    drop(source);
    let path = directory.path().join("zones.sqlite");
    let whole = [path.clone(), directory.path().join("zones.sqlite-wal")].map(|path| fs::read(path).unwrap());
    for damaged in [&whole[0][..whole[0].len() / 3], b"", b"not a database at all"] {
        for end in ["-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{end}", path.display()));
        }
        // Another file in its place, as a restore would make it.
        fs::write(directory.path().join("other"), damaged).unwrap();
        fs::rename(directory.path().join("other"), &path).unwrap();
        bench.look();
        assert_eq!(bench.faults().len(), 1, "{damaged:?}");
        assert!(bench.faults()[0].contains("zones.sqlite"), "{:?}", bench.faults());
        assert_eq!(bench.zonec.images().manifest().zones.len(), 1);
    }
    fs::remove_file(&path).unwrap();
    bench.look();
    assert!(bench.faults()[0].contains("there is no zone store"), "{:?}", bench.faults());
    fs::write(directory.path().join("other"), &whole[0]).unwrap();
    fs::write(directory.path().join("zones.sqlite-wal"), &whole[1]).unwrap();
    fs::rename(directory.path().join("other"), &path).unwrap();
    bench.look();
    assert!(bench.faults().is_empty(), "{:?}", bench.faults());
    assert_eq!(bench.zonec.images().manifest().zones.len(), 1);
}

#[test]
fn an_image_directory_that_cannot_be_written_is_told_and_tried_again() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    place.store("a.example.", 1, 3);
    bench.look();
    let (images, away) = (place.images(), place.directory.path().join("away"));
    fs::rename(&images, &away).unwrap();
    place.store("a.example.", 2, 3);
    bench.look();
    assert!(bench.faults()[0].contains("a.example. serial 2 could not be compiled"), "{:?}", bench.faults());
    fs::rename(&away, &images).unwrap();
    while !bench.faults().is_empty() {
        bench.zonec.look.wait(Duration::from_millis(100));
        bench.look();
    }
    assert_eq!(place.served(), zones([("a.example.", 2)]));
}

#[test]
fn replaced_versions_are_cleared_from_the_store() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    place.store("a.example.", 1, 10_000);
    place.store("a.example.", 2, 10_000);
    bench.look();
    bench.beside();
    assert_eq!(place.source.clear_leftovers().unwrap(), 0, "nothing is left to clear");
    assert_eq!(bench.zonec.statistics.leftovers.load(Ordering::Relaxed), 1);
}

#[test]
fn secondary_zones_are_withheld_and_given_back_as_the_zone_manager_says() {
    let place = Place::new();
    place.store("a.", 1, 1);
    let list = |text: &str| {
        fs::write(place.unavailable().with_extension("new"), text).unwrap();
        fs::rename(place.unavailable().with_extension("new"), place.unavailable()).unwrap();
    };
    let states = || -> Vec<(String, ZoneState)> {
        let catalog = Catalog::open(&place.images(), &place.manifest(), None, &BTreeSet::new());
        catalog.zones(None).map(|zone| (zone.origin.to_string(), zone.state)).collect()
    };
    let zone = |name: &str, state| (name.to_owned(), state);
    let mut bench = Bench::start_with(vec![StorePlace::secondary(&place.database())], &place);
    list("unloaded 1 b.\n");
    bench.look();
    bench.look();
    assert_eq!(states(), [zone("a.", ZoneState::Serving), zone("b.", ZoneState::Unloaded)]);

    list("expired 2 a.\nunloaded 1 b.\n");
    bench.look();
    assert_eq!(states(), [zone("a.", ZoneState::Expired), zone("b.", ZoneState::Unloaded)]);
    // It comes and is compiled; what is expired stays so until the zone manager says otherwise.
    place.store("b.", 1, 1);
    place.store("a.", 2, 1);
    bench.look();
    assert_eq!(states(), [zone("a.", ZoneState::Expired), zone("b.", ZoneState::Serving)]);
    // A restart forgets nothing, and a list that cannot be read changes nothing.
    list("nonsense\n");
    let mut bench = Bench::start_with(vec![StorePlace::secondary(&place.database())], &place);
    bench.look();
    assert_eq!(states(), [zone("a.", ZoneState::Expired), zone("b.", ZoneState::Serving)]);
    assert!(bench.faults()[0].contains("line 1"), "{:?}", bench.faults());

    list("");
    bench.look();
    assert_eq!(place.served(), zones([("a.", 2), ("b.", 1)]));
    assert!(bench.faults().is_empty());
}

/// Files, layers compiled and merges so far.
fn layering(place: &Place, bench: &Bench) -> (usize, u64, u64) {
    let zone = &place.manifest().zones[0];
    assert_eq!(place.served(), zones([("a.", zone.serial)]));
    let of = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    let statistics = &bench.zonec.statistics;
    (zone.files.len(), of(&statistics.layers), of(&statistics.merges))
}

/// Whether host number `host` is answered.
fn has_host(place: &Place, host: u32) -> bool {
    let catalog = Catalog::open(&place.images(), &place.manifest(), None, &BTreeSet::new());
    let key = tenon_wire::message::KeyedName::new(name(&format!("h{host:07}.a.")).as_ref());
    catalog.find(&key, false).unwrap().find(&key).unwrap().exact
}

#[test]
fn small_changes_of_large_zones_are_layers() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    place.store("a.", 1, 15_000);
    bench.look();
    assert_eq!(layering(&place, &bench), (1, 0, 0));
    for serial in 2..=10 {
        place.store("a.", serial, 15_000 + serial);
        bench.look();
        assert_eq!(layering(&place, &bench), (2, u64::from(serial) - 1, 0), "small layers are taken in");
        assert!(has_host(&place, 14_999 + serial) && !has_host(&place, 15_000 + serial));
    }
    place.store("a.", 11, 14_990);
    bench.look();
    assert_eq!(layering(&place, &bench), (2, 10, 0));
    assert!(has_host(&place, 14_989) && !has_host(&place, 14_990) && !has_host(&place, 15_005));
    // The same data under another process, which does not know what its layers hold.
    let mut bench = Bench::start(&place);
    place.store("a.", 12, 14_995);
    bench.look();
    assert_eq!(layering(&place, &bench), (3, 1, 0));
    assert!(has_host(&place, 14_994) && !has_host(&place, 14_995));
}

#[test]
fn layers_are_merged_beside_and_later_ones_stay_on_top() {
    let place = Place::new();
    let mut bench = Bench::start(&place);
    place.store("a.", 1, 30_000);
    bench.look();
    bench.beside();
    place.store("a.", 2, 32_000);
    bench.look();
    assert_eq!(layering(&place, &bench), (2, 1, 0));
    bench.beside();
    assert_eq!(layering(&place, &bench), (1, 1, 1));
    assert!(has_host(&place, 31_999));
    // A change that comes while the merge is under way.
    place.store("a.", 3, 34_500);
    bench.look();
    let mut merge = bench.zonec.take_task(&|_| true).unwrap();
    while !matches!(merge, tenon_zonec::zonec::Task::Merge { .. }) {
        merge = bench.zonec.take_task(&|_| true).unwrap();
    }
    place.store("a.", 4, 34_501);
    bench.look();
    assert_eq!(layering(&place, &bench), (3, 3, 1));
    do_beside(&bench.zonec, &mut bench.zonec.stores(), merge);
    let (files, ..) = layering(&place, &bench);
    assert_eq!(place.manifest().zones[0].serial, 4);
    assert!(files <= 3 && has_host(&place, 34_500) && !has_host(&place, 34_501));
    // More changed than a layer takes, and a serial that does not grow: whole images.
    place.store("a.", 5, 90_000);
    bench.look();
    bench.beside();
    assert_eq!(layering(&place, &bench).0, 1);
    place.store("a.", 5, 90_001);
    bench.look();
    bench.beside();
    assert_eq!(layering(&place, &bench).0, 1);
    assert!(has_host(&place, 90_000));
}
