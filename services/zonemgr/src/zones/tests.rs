//! The life of secondary zones by a clock that the test holds.

use super::*;
use crate::catalog::{Catalog, CatalogError, Member};
use crate::settings::{Primary, SecondaryZone};
use crate::timing::SoaTimes;
use crate::zone::Stored;

const SECOND: u64 = 1_000_000;
/// Some time on the wall clock.
const START: u64 = 1_700_000_000 * SECOND;
const TIMES: SoaTimes = SoaTimes { refresh: 1000, retry: 100, expire: 10_000 };

struct Bench {
    zones: Zones,
    now: u64,
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn settings(zones: &[&str]) -> ZonemgrSettings {
    let primary = |address: &str| Primary::plain(address.parse().unwrap(), 53);
    let zone = |name: &&str| SecondaryZone {
        name: (*name).to_owned(),
        primaries: vec![primary("192.0.2.1"), primary("192.0.2.2")],
    };
    ZonemgrSettings {
        secondary_zones: zones.iter().map(zone).collect(),
        refresh_jitter: 0.0,
        ..ZonemgrSettings::default()
    }
}

fn notice(zone: &str, peer: &str, serial: Option<u32>) -> Notice {
    let request = tenon_acl::OwnedRequest {
        peer: format!("{peer}:5353").parse().unwrap(),
        local: "192.0.2.9:53".parse().unwrap(),
        transport: tenon_acl::Transport::Udp,
        key: None,
        tls_name: None,
    };
    Notice { zone: name(zone), serial, request }
}

fn current(serial: u32) -> Outcome {
    Outcome::Current {
        stored: Stored { serial, times: TIMES },
        primary: "192.0.2.1@53".into(),
        expires_in: None,
    }
}

fn transferred(serial: u32) -> Outcome {
    Outcome::Transferred {
        stored: Stored { serial, times: TIMES },
        primary: "192.0.2.1@53".into(),
        expires_in: None,
    }
}

impl Bench {
    fn new(zones: &[&str]) -> Self {
        Self::with(&settings(zones), Vec::new())
    }

    fn with(settings: &ZonemgrSettings, rows: Vec<(Name, Row)>) -> Self {
        let mut zones = Zones::new(Dice::seeded(7), Arc::default());
        zones.restore(rows, START);
        zones.start(settings, true, START);
        Self { zones, now: START }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += seconds * SECOND;
        self.zones.expire(self.now);
    }

    fn take(&mut self) -> Option<Look> {
        self.zones.take_look(self.now)
    }

    fn end(&mut self, look: &Look, outcome: Outcome) {
        self.zones.ended(look, outcome, self.now);
    }

    /// Looks at what is due and ends that so.
    fn look(&mut self, outcome: Outcome) {
        let look = self.take().expect("a zone is due");
        self.end(&look, outcome);
    }

    fn hear(&mut self, notice: &Notice) -> Verdict {
        self.zones.notify(notice, self.now)
    }

    fn zone(&self, zone: &str) -> &Zone {
        self.zones.get(&name(zone)).unwrap()
    }

    fn state(&self, zone: &str) -> State {
        self.zone(zone).state()
    }

    fn unavailable(&self) -> Vec<(String, Cause, u64)> {
        let zones = self.zones.unavailable(|time| time);
        zones.into_iter().map(|(zone, u)| (zone.to_string(), u.cause, u.since_usec)).collect()
    }

    /// What a later process finds.
    fn rows(&mut self) -> Vec<(Name, Row)> {
        self.zones.rewrite_all();
        let forget_primaries = |(name, row)| match row {
            Row::Managed(zone) => {
                (name, Row::Managed(Box::new(Zone { primaries: [].into(), run: None, ..*zone })))
            }
            row => (name, row),
        };
        self.zones.take_rows().into_iter().map(forget_primaries).collect()
    }
}

#[test]
fn a_new_zone_is_looked_at_at_once_and_then_by_its_soa() {
    let mut bench = Bench::new(&["a."]);
    assert_eq!(bench.state("a."), State::Unloaded);
    assert_eq!(bench.unavailable(), [("a.".to_owned(), Cause::Unloaded, START)]);
    let look = bench.take().unwrap();
    assert_eq!((bench.state("a."), look.force, look.primaries.len()), (State::Refreshing, false, 2));
    bench.pass(5);
    bench.end(&look, transferred(7));
    assert_eq!((bench.state("a."), bench.zone("a.").refreshed), (State::Ok, START + 5 * SECOND));
    assert!(bench.unavailable().is_empty());
    assert_eq!(bench.zones.take_news(), [ZoneEvent::Refreshed { zone: "a.".into(), serial: 7 }]);
    bench.pass(999);
    assert_eq!(bench.take(), None);
    assert_eq!(bench.zones.next_event(true), Some(START + 1005 * SECOND));
    bench.pass(1);
    bench.look(current(7));
    assert_eq!(bench.zone("a.").next, START + 2005 * SECOND);
}

#[test]
fn a_zone_that_cannot_be_refreshed_is_retried_expires_and_recovers() {
    let mut bench = Bench::new(&["a."]);
    bench.look(transferred(7));
    bench.zones.take_news();
    bench.pass(1000);
    bench.look(Outcome::Failed("no answer".into()));
    assert_eq!((bench.state("a."), bench.zone("a.").failing_since), (State::Retrying, Some(bench.now)));
    assert!(bench.unavailable().is_empty(), "it is answered meanwhile");
    while bench.now < START + 10_000 * SECOND {
        bench.pass(100);
        bench.look(Outcome::Failed("no answer".into()));
    }
    assert_eq!(bench.state("a."), State::Expired);
    assert_eq!(bench.unavailable(), [("a.".to_owned(), Cause::Expired, START + 10_000 * SECOND)]);
    let news = bench.zones.take_news();
    let expired = ZoneEvent::Expired { zone: "a.".into() };
    assert_eq!(news.iter().filter(|event| **event == expired).count(), 1);
    assert!(bench.zones.faults()[0].contains("expired") && bench.zones.faults()[0].contains("no answer"));
    bench.pass(100);
    bench.look(current(7));
    assert_eq!((bench.state("a."), bench.unavailable().len()), (State::Ok, 0));
    assert!(bench.zones.faults().is_empty());
}

#[test]
fn a_restart_goes_on_with_the_times_it_finds() {
    let mut bench = Bench::new(&["a.", "b."]);
    bench.look(transferred(7));
    bench.look(Outcome::Failed("no answer".into()));
    let (a, b) = (bench.zone("a.").next, bench.zone("b.").next);
    let mut later = Bench::with(&settings(&["a.", "b."]), bench.rows());
    assert_eq!((later.zone("a.").next, later.zone("b.").next), (a, b), "nobody is looked at because of it");
    assert_eq!(later.zone("b.").reason, "no answer");
    assert_eq!(later.take(), None);
    // Down for longer than the expire time.
    let mut zones = Zones::new(Dice::seeded(7), Arc::default());
    let much_later = START + 20_000 * SECOND;
    zones.restore(later.rows(), much_later);
    zones.start(&settings(&["a.", "b."]), true, much_later);
    assert_eq!(zones.get(&name("a.")).unwrap().state(), State::Expired);
    // A clock that went back far does not make a zone live for ever.
    let mut zones = Zones::new(Dice::seeded(7), Arc::default());
    zones.restore(later.rows(), START / 2);
    zones.start(&settings(&["a.", "b."]), true, START / 2);
    let zone = zones.get(&name("a.")).unwrap();
    assert_eq!(zones.expires(zone), Some(START / 2 + 10_000 * SECOND));
    assert!(zone.next <= START / 2 + 1000 * SECOND, "{zone:?}");
}

#[test]
fn many_overdue_zones_make_no_storm() {
    let names: Vec<String> = (0..5000).map(|n| format!("z{n}.")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let row = |zone: &&str| {
        let mut row = Zone::new([].into(), START - 9000 * SECOND);
        row.stored = Some(Stored { serial: 1, times: TIMES });
        (row.refreshed, row.next) = (START - 5000 * SECOND, START - 4000 * SECOND);
        (name(zone), Row::Managed(Box::new(row)))
    };
    let bench = Bench::with(&settings(&names), names.iter().map(row).collect());
    let (_, waiting) = bench.zones.load(bench.now + SECOND);
    assert!(waiting < 300, "{waiting} of 5,000 are due in the first second");
    assert_eq!(bench.zones.load(bench.now + 75 * SECOND).1, 5000);
    assert!(bench.unavailable().is_empty());
}

#[test]
fn only_so_many_looks_at_once() {
    let mut settings = settings(&["a.", "b.", "c."]);
    settings.refreshes_at_once = 2;
    let mut bench = Bench::with(&settings, vec![]);
    let first = bench.take().unwrap();
    bench.take().unwrap();
    assert_eq!(bench.take(), None);
    assert_eq!(bench.zones.load(bench.now), (2, 1));
    assert!(bench.zones.next_event(true).is_none_or(|next| next > bench.now), "nothing to wake up for");
    bench.end(&first, transferred(1));
    assert!(bench.take().is_some());
}

#[test]
fn primaries_that_do_not_answer_leave_places_for_zones_with_a_notify() {
    let names: Vec<String> = (0..20).map(|n| format!("z{n}.")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut settings = settings(&names);
    settings.refreshes_at_once = 8;
    let mut bench = Bench::with(&settings, vec![]);
    let looks: Vec<Look> = std::iter::from_fn(|| bench.take()).collect();
    assert_eq!(looks.len(), 6);
    let waiting = names.iter().find(|zone| looks.iter().all(|look| look.zone != name(zone))).unwrap();
    assert_eq!(bench.hear(&notice(waiting, "192.0.2.1", None)), Verdict::Look);
    assert_eq!(bench.take().unwrap().zone, name(waiting));
}

#[test]
fn a_notify_has_its_sender_asked_first_and_goes_before_others() {
    let mut bench = Bench::new(&["a.", "b."]);
    bench.look(transferred(7));
    bench.look(transferred(7));
    bench.pass(1000);
    assert_eq!(bench.hear(&notice("b.", "192.0.2.2", Some(8))), Verdict::Look);
    assert_eq!(bench.hear(&notice("b.", "192.0.2.1", Some(8))), Verdict::Coalesced);
    let look = bench.take().unwrap();
    assert_eq!(
        (look.zone.to_string().as_str(), look.primaries[0].address.to_string().as_str()),
        ("b.", "192.0.2.2")
    );
    assert_eq!(bench.hear(&notice("c.", "192.0.2.2", None)), Verdict::Unknown);
    assert_eq!(bench.hear(&notice("a.", "192.0.2.3", None)), Verdict::Refused);
    assert_eq!(bench.hear(&notice("a.", "192.0.2.1", Some(7))), Verdict::Current);
    let heard =
        bench.zones.take_news().into_iter().filter(|event| matches!(event, ZoneEvent::NotifyReceived { .. }));
    assert_eq!(heard.count(), 3);
}

#[test]
fn notifies_during_a_look_make_exactly_one_more() {
    let mut bench = Bench::new(&["a."]);
    bench.look(transferred(7));
    bench.pass(10);
    assert_eq!(bench.hear(&notice("a.", "192.0.2.1", None)), Verdict::Look);
    let look = bench.take().unwrap();
    for _ in 0..5 {
        assert_eq!(bench.hear(&notice("a.", "192.0.2.2", None)), Verdict::Coalesced);
    }
    bench.end(&look, transferred(8));
    bench.pass(1);
    let look = bench.take().unwrap();
    assert_eq!(look.primaries[0].address.to_string(), "192.0.2.2");
    // This one brings the serial that the next NOTIFY names, so there is nothing more to do.
    assert_eq!(bench.hear(&notice("a.", "192.0.2.1", Some(9))), Verdict::Coalesced);
    bench.end(&look, transferred(9));
    bench.pass(60);
    assert_eq!(bench.take(), None);
}

#[test]
fn notifies_cannot_have_a_zone_looked_at_without_end() {
    let mut bench = Bench::new(&["a."]);
    bench.look(transferred(7));
    let mut looks = 0;
    // A hundred NOTIFYs a second for ten seconds, each about something newer that never is.
    for _ in 0..1000 {
        bench.now += SECOND / 100;
        bench.hear(&notice("a.", "192.0.2.1", None));
        if let Some(look) = bench.take() {
            looks += 1;
            bench.end(&look, current(7));
        }
    }
    assert!((15..=21).contains(&looks), "{looks} looks in ten seconds");
}

#[test]
fn an_expired_zone_listens_to_a_notify_of_the_serial_it_has() {
    let mut bench = Bench::new(&["a."]);
    bench.look(transferred(7));
    bench.pass(10_000);
    assert_eq!(bench.state("a."), State::Expired);
    assert_eq!(bench.hear(&notice("a.", "192.0.2.1", Some(7))), Verdict::Look);
    bench.look(current(7));
    assert_eq!(bench.state("a."), State::Ok);
}

#[test]
fn a_primary_with_a_key_is_heard_with_that_key_alone() {
    let mut settings = settings(&["a."]);
    settings.secondary_zones[0].primaries[0].key = Some("Ours.test".into());
    let mut bench = Bench::with(&settings, Vec::new());
    bench.look(transferred(7));
    let signed = |peer: &str, key: Option<&str>| {
        let mut notice = notice("a.", peer, None);
        notice.request.key = key.map(name);
        notice
    };
    assert_eq!(bench.hear(&signed("192.0.2.1", None)), Verdict::Refused);
    assert_eq!(bench.hear(&signed("192.0.2.1", Some("other.test."))), Verdict::Refused);
    assert_eq!(bench.take(), None);
    bench.pass(10);
    assert_eq!(bench.hear(&signed("192.0.2.1", Some("ours.test."))), Verdict::Look);
    bench.look(transferred(8));
    // The other primary has no key, and who may notify without being a primary needs none either.
    bench.pass(10);
    assert_eq!(bench.hear(&signed("192.0.2.2", None)), Verdict::Look);
    settings.allow_notify_from =
        serde_json::from_str(r#"[{"action": "ACCEPT", "from": "192.0.2.1"}]"#).unwrap();
    let mut bench = Bench::with(&settings, Vec::new());
    bench.look(transferred(7));
    bench.pass(10);
    assert_eq!(bench.hear(&signed("192.0.2.1", None)), Verdict::Look);
}

#[test]
fn others_may_be_allowed_to_notify() {
    let mut settings = settings(&["a."]);
    settings.allow_notify_from =
        serde_json::from_str(r#"[{"action": "ACCEPT", "from": "198.51.100.0/24"}]"#).unwrap();
    let mut bench = Bench::with(&settings, vec![]);
    assert_eq!(bench.hear(&notice("a.", "198.51.100.7", None)), Verdict::Look);
    assert_eq!(bench.take().unwrap().primaries[0].address.to_string(), "192.0.2.1");
}

#[test]
fn what_xfrin_could_not_do_is_tried_soon_and_at_once_when_it_is_back() {
    let mut bench = Bench::new(&["a."]);
    bench.look(transferred(7));
    bench.pass(1000);
    bench.look(Outcome::Interrupted("gone".into()));
    assert_eq!((bench.state("a."), bench.zone("a.").failures), (State::Retrying, 0));
    assert_eq!(bench.zone("a.").next, bench.now + 5 * SECOND);
    bench.zones.resume(bench.now);
    assert!(bench.take().is_some());
}

#[test]
fn an_operator_need_not_wait_for_a_turn() {
    let mut settings = settings(&["a.", "b."]);
    settings.refreshes_at_once = 1;
    let mut bench = Bench::with(&settings, vec![]);
    let running = bench.take().unwrap();
    bench.zones.begun(&running, 17);
    assert_eq!(bench.zones.ask(&running.zone, false), Asked::Running(Some(17)));
    assert_eq!(bench.zones.ask(&running.zone, true), Asked::Busy);
    let other = if running.zone == name("a.") { name("b.") } else { name("a.") };
    let Asked::Begin(look) = bench.zones.ask(&other, true) else { panic!("not begun") };
    assert!(look.force);
    assert_eq!(bench.zones.ask(&name("c."), false), Asked::NoSuchZone);
    bench.end(&running, transferred(1));
    bench.end(&look, transferred(1));
    assert_eq!(bench.zones.load(bench.now).0, 0);
}

#[test]
fn only_committed_settings_remove_zones() {
    let mut bench = Bench::new(&["a.", "b."]);
    bench.look(transferred(7));
    let rows = bench.rows();
    let mut zones = Zones::new(Dice::seeded(7), Arc::default());
    zones.restore(rows.clone(), START);
    assert_eq!(zones.start(&ZonemgrSettings::default(), false, START), 2);
    assert!(zones.leaving().is_empty() && zones.is_empty() && zones.take_rows().is_empty());

    let look = bench.take().unwrap();
    assert_eq!(bench.zones.configure(&settings(&["b."]), true, bench.now), (0, 1));
    assert_eq!(bench.zones.leaving(), [name("a.")]);
    // Written down before it is done, and taken back when it is added again.
    let later = Bench::with(&settings(&["b."]), bench.rows());
    assert_eq!(later.zones.leaving(), [name("a.")]);
    bench.zones.left(&name("a."), bench.now);
    assert!(bench.zones.leaving().is_empty());
    bench.end(&look, transferred(7));
    assert_eq!(bench.zones.configure(&settings(&["a.", "b."]), true, bench.now), (1, 0));
    assert_eq!(bench.state("a."), State::Unloaded);
}

#[test]
fn a_zone_taken_out_while_it_is_looked_at_frees_its_place() {
    let mut bench = Bench::new(&["a."]);
    let look = bench.take().unwrap();
    bench.zones.configure(&settings(&[]), true, bench.now);
    bench.zones.configure(&settings(&["a."]), true, bench.now);
    bench.end(&look, transferred(7));
    assert_eq!(bench.zones.load(bench.now).0, 0);
    assert_eq!(bench.state("a."), State::Unloaded, "that was another zone of the name");
}

#[test]
fn other_primaries_are_asked_at_once_and_the_same_settings_change_nothing() {
    let mut bench = Bench::new(&["a."]);
    bench.look(transferred(7));
    let next = bench.zone("a.").next;
    assert_eq!(bench.zones.configure(&settings(&["a."]), true, bench.now), (0, 0));
    assert_eq!(bench.zone("a.").next, next);
    let mut moved = settings(&["a."]);
    moved.secondary_zones[0].primaries.pop();
    bench.zones.configure(&moved, true, bench.now);
    assert_eq!(bench.take().unwrap().primaries.len(), 1);
}

#[test]
fn what_the_store_has_is_learnt() {
    let mut bench = Bench::new(&["a.", "b."]);
    let found = |zone: &str, serial| {
        let SoaTimes { refresh, retry, expire } = TIMES;
        let committed_usec = START - 500 * SECOND;
        let zone = zone.to_owned();
        let stored = tenon_bus::SecondaryZone { name: zone, serial, refresh, retry, expire, committed_usec };
        (name(&stored.name), stored)
    };
    bench.pass(1);
    let store = BTreeMap::from([found("a.", 7), found("stray.", 1)]);
    assert_eq!(bench.zones.learn(&store, bench.now, bench.now), 1);
    assert_eq!((bench.zone("a.").refreshed, bench.state("a.")), (START - 500 * SECOND, State::Ok));
    assert_eq!(bench.unavailable().len(), 1);
    // Meanwhile a transfer ended: what was read before it is old.
    bench.look(transferred(8));
    let before = bench.now - SECOND;
    bench.zones.learn(&store, before, bench.now);
    let loaded =
        bench.zones.after(None).filter(|(_, zone)| zone.stored.is_some_and(|stored| stored.serial == 8));
    assert_eq!(loaded.count(), 1);
    // The store was emptied behind our back.
    bench.pass(10);
    bench.zones.learn(&BTreeMap::new(), bench.now, bench.now);
    assert_eq!((bench.state("a."), bench.state("b.")), (State::Unloaded, State::Unloaded));
}

/// Zones with their labels.
fn catalog(members: &[(&str, &str)]) -> Result<Catalog, CatalogError> {
    let groups =
        |label: &str| label.split_once('/').map(|(_, group)| vec![group.to_owned()]).unwrap_or_default();
    let member = |(zone, label): &(&str, &str)| {
        let member = Member { label: label.as_bytes().to_vec(), groups: groups(label), new_catalog: None };
        (name(zone), member)
    };
    Ok(Catalog { members: members.iter().map(member).collect() })
}

#[test]
fn zones_of_a_catalog_come_and_go_with_it() {
    let mut listing = settings(&["c."]);
    listing.catalogs = serde_json::from_value(serde_json::json!([{
        "name": "c.", "groups": [{"name": "far", "primaries": [{"address": "2001:db8::1"}]}]
    }]))
    .unwrap();
    let mut bench = Bench::with(&listing, Vec::new());
    assert_eq!(bench.zones.take_unread(), [name("c.")].into());
    bench.look(transferred(1));
    assert_eq!(bench.zones.take_unread(), [name("c.")].into(), "a new version is read");
    let two = catalog(&[("a.", "1"), ("b.", "2/far")]);
    assert_eq!(bench.zones.catalog_read(&name("c."), 1, two, bench.now), (2, 0));
    assert_eq!(bench.zone("a.").primaries, bench.zone("c.").primaries);
    assert_eq!(*bench.zone("b.").primaries, [Primary::plain("2001:db8::1".parse().unwrap(), 53)]);
    bench.look(transferred(1));
    bench.look(transferred(1));

    // A restart knows them without having read the catalog again, and so do settings that change.
    let rows = bench.zones.take_rows();
    let members = bench.zones.memberships().take_changed();
    let mut zones = Zones::new(Dice::seeded(7), Arc::default());
    zones.restore_members(members.into_iter().map(|(zone, member)| (zone, member.unwrap())).collect());
    zones.restore(rows, bench.now);
    zones.start(&listing, true, bench.now);
    bench.zones = zones;
    assert_eq!((bench.zones.len(), bench.zones.leaving()), (3, vec![]));
    let broken = Err(CatalogError::TooMany);
    assert_eq!(bench.zones.catalog_read(&name("c."), 2, broken, bench.now), (0, 0));
    assert_eq!(bench.zones.faults().len(), 1);

    // Another zone of the same name begins with nothing, when the store has nothing of the other.
    let other = catalog(&[("a.", "other")]);
    assert_eq!(bench.zones.catalog_read(&name("c."), 3, other, bench.now), (0, 2));
    assert!(bench.zones.get(&name("a.")).is_none());
    bench.zones.left(&name("a."), bench.now);
    assert_eq!((bench.state("a."), bench.zones.leaving()), (State::Unloaded, vec![name("b.")]));

    // Without the catalog they go.
    assert_eq!(bench.zones.configure(&settings(&["c."]), true, bench.now), (0, 1));
    assert_eq!(bench.zones.len(), 1);
}

fn configure_many(count: u32) -> std::time::Duration {
    let names: Vec<String> = (0..count).map(|n| format!("z{n}.example.")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = settings(&names);
    let mut bench = Bench::with(&all, vec![]);
    let began = std::time::Instant::now();
    assert_eq!(bench.zones.configure(&all, true, bench.now), (0, 0));
    let took = began.elapsed();
    for _ in 0..1000 {
        bench.look(transferred(1));
    }
    assert_eq!(bench.zones.load(bench.now).1, names.len() - 1000);
    took
}

#[test]
fn many_zones_are_configured() {
    configure_many(5000);
}

#[test]
#[ignore = "a measurement; run with --release"]
fn a_hundred_thousand_zones_are_configured_in_no_time() {
    println!("the same 100,000 zones again: {:?}", configure_many(100_000));
}

/// An outcome of a primary that says for how long it may still answer the zone.
fn granting(outcome: Outcome, seconds: u32) -> Outcome {
    let expires_in = Some(seconds);
    match outcome {
        Outcome::Current { stored, primary, .. } => Outcome::Current { stored, primary, expires_in },
        Outcome::Transferred { stored, primary, .. } => Outcome::Transferred { stored, primary, expires_in },
        other => other,
    }
}

#[test]
fn no_zone_is_answered_longer_than_its_primary_may() {
    let mut bench = Bench::new(&["a."]);
    let left = |bench: &Bench| (bench.zones.expires(bench.zone("a.")).unwrap() - bench.now) / SECOND;
    bench.look(granting(transferred(1), 4000));
    assert_eq!(left(&bench), 4000, "not the 10,000 of the SOA");
    bench.pass(1000);
    // Another secondary, which is further behind its own primary, takes nothing away (RFC 7314 section 4).
    bench.look(granting(current(1), 500));
    assert_eq!(left(&bench), 3000);
    bench.pass(1000);
    bench.look(granting(current(1), 6000));
    assert_eq!(left(&bench), 6000);
    let rows = bench.rows();
    let later = Bench::with(&settings(&["a."]), rows);
    assert_eq!(later.zone("a.").granted, Some(6000 * SECOND), "a later process knows it");
    bench.pass(1000);
    bench.look(granting(current(1), 1_000_000));
    assert_eq!(left(&bench), 10_000, "nor longer than the SOA says");
    bench.pass(1000);
    bench.look(granting(transferred(2), 100));
    assert_eq!(left(&bench), 100, "of a new version only what is said of it counts");
    bench.pass(100);
    assert_eq!(bench.state("a."), State::Expired);
    bench.pass(1000);
    bench.look(current(2));
    assert_eq!(
        (bench.state("a."), left(&bench)),
        (State::Ok, 10_000),
        "who says nothing leaves it to the SOA"
    );
}

#[test]
fn a_notify_outlives_the_process_that_heard_it() {
    let mut bench = Bench::new(&["a.", "b."]);
    bench.look(transferred(1));
    bench.look(transferred(1));
    bench.pass(100);
    bench.hear(&notice("a.", "192.0.2.1", Some(2)));
    bench.hear(&notice("b.", "192.0.2.1", Some(1)));
    // Killed while the look is under way.
    bench.take().unwrap();
    let rows = bench.rows();
    let mut zones = Zones::new(Dice::seeded(8), Arc::default());
    zones.restore(rows, bench.now);
    zones.start(&settings(&["a.", "b."]), true, bench.now);
    let due = bench.now + SECOND;
    let look = zones.take_look(due).expect("the zone of the NOTIFY is due");
    assert_eq!(look.zone, name("a."));
    assert!(zones.take_look(due).is_none(), "what the other told of is stored");
}
