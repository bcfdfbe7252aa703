//! Every part of two Tenons killed again and again, in random order, while zones change and are transferred: what was
//! served is served throughout, and in the end both have the same without a hand.
//!
//! `TENON_CHAOS_SECONDS` says for how long to kill (`make chaos`: longer), `TENON_CHAOS_SEED` repeats the order of a run.

use crate::twins::{PRIMARY, boot};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tenon_system_tests::dice::number;
use tenon_system_tests::{Dice, Machine, zones};

/// Everything that may be killed, on either side.
const UNITS: [&str; 9] = [
    "tenon-auth@1.service",
    "tenon-zonec.service",
    "tenon-xfrin.service",
    "tenon-xfrout.service",
    "tenon-zonemgr.service",
    "tenon-ddns.service",
    "tenon-cfgmgr.service",
    "tenon-stats.service",
    "tenon-cmdctl.service",
];
/// Who has a hand in a transfer: on the primary (0) or the secondary (1).
const HANDS: [(usize, &str); 5] = [
    (0, "tenon-xfrout.service"),
    (0, "tenon-auth@1.service"),
    (1, "tenon-xfrin.service"),
    (1, "tenon-zonemgr.service"),
    (1, "tenon-auth@1.service"),
];
const SMALL: u32 = 30;
/// How long everything may take to be the same on both sides after the last kill.
const CONVERGENCE: Duration = Duration::from_secs(120);

/// The zones, and the serial that each is to have.
struct World {
    serials: BTreeMap<String, u32>,
}

impl World {
    fn new() -> Self {
        let small = (0..SMALL).map(|number| (format!("s{number}.test"), 1));
        let serials = small.chain([("tld".to_owned(), 1), ("example.com".to_owned(), 1)]).collect();
        Self { serials }
    }

    /// The zone file of a zone with its serial; refreshed often, since a NOTIFY may die with who heard it.
    fn text(&self, zone: &str) -> String {
        let serial = self.serials[zone];
        let text = match zone {
            "tld" => zones::delegations(20_000, serial),
            "example.com" => zones::example(serial),
            _ => format!(
                "$ORIGIN {zone}.\n$TTL 60\n@ IN SOA ns1 h {serial} 7200 3600 1209600 300\n@ IN NS ns1\nns1 IN A 192.0.2.{}\n",
                serial % 250
            ),
        };
        text.replace("7200 3600 1209600", "15 3 1209600")
    }

    fn load(&self, machine: &Machine, zones: &[String]) {
        let mut list = String::new();
        for zone in zones {
            machine.write(&format!("/tmp/chaos/{zone}"), self.text(zone));
            list += &format!("{zone} /tmp/chaos/{zone}\n");
        }
        machine.write("/tmp/chaos/.list", list);
        // The loader itself is not killed here; the bus or the compiler may be gone, which does not concern it.
        machine.must("tenon-loadzone --wait 60 --list /tmp/chaos/.list");
    }
}

/// Asks one machine for the serials of a few zones all the time: there must always be an answer, and none may go back.
fn watch(machine: &Machine, name: &str, stop: &AtomicBool, asked: &AtomicU64) -> Result<(), String> {
    let zones = ["tld", "example.com", "s0.test"];
    let mut last = [0_u32; 3];
    while !stop.load(Ordering::Relaxed) {
        for (zone, last) in zones.iter().zip(&mut last) {
            // What a killed auth had in hand dies with it: such a question is asked again, as every client does.
            let text = machine.text(&format!("dig +tries=4 +time=2 +norec @127.0.0.1 {zone} SOA"));
            asked.fetch_add(1, Ordering::Relaxed);
            let serial = text
                .lines()
                .find(|line| !line.starts_with(';') && line.contains("SOA"))
                .and_then(|line| line.split_whitespace().nth(6)?.parse::<u32>().ok());
            match serial {
                Some(serial) if serial >= *last => *last = serial,
                Some(serial) => return Err(format!("{name}: {zone} went back from {last} to {serial}")),
                None => return Err(format!("{name}: no answer for {zone}: {text}")),
            }
        }
    }
    Ok(())
}

/// `kill -9` of a unit's process, if it has one at the moment.
fn kill(machine: &Machine, unit: &str) -> bool {
    let script = format!("pid=$(systemctl show -P MainPID {unit}); test \"$pid\" -gt 0 && kill -9 $pid");
    machine.run(&script).status.success()
}

#[test]
fn everything_killed_in_random_order_converges() {
    let seconds = number("TENON_CHAOS_SECONDS").unwrap_or(45);
    let mut dice = Dice::from_environment("TENON_CHAOS_SEED");
    println!("for {seconds} s");
    let (primary, secondary) = boot();
    let mut world = World::new();
    let all: Vec<String> = world.serials.keys().cloned().collect();
    world.load(&primary, &all);
    for zone in ["tld", "example.com", "s0.test"] {
        crate::twins::wait_serial(&primary, zone, 1);
    }
    secondary.write("/tmp/names", all.join("\n"));
    secondary.must(&format!("bindctl zone add --from /tmp/names --primary {PRIMARY}"));

    let (stop, asked) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut kills: BTreeMap<&str, u64> = BTreeMap::new();
    let (mut changes, mut mid_transfer) = (0, 0);
    std::thread::scope(|scope| {
        let watchers = [(&primary, "primary"), (&secondary, "secondary")]
            .map(|(machine, name)| scope.spawn(|| watch(machine, name, &stop, &asked)));
        let until = Instant::now() + Duration::from_secs(seconds);
        let latest = until + 3 * Duration::from_secs(seconds);
        let is_time = |mid_transfer| Instant::now() < if mid_transfer > 0 { until } else { latest };
        while is_time(mid_transfer) && watchers.iter().all(|watcher| !watcher.is_finished()) {
            changes += change(&mut world, &primary, &mut dice);
            if is_transferring(&secondary) {
                let (side, unit) = HANDS[dice.below(HANDS.len() as u64) as usize];
                if kill([&primary, &secondary][side], unit) {
                    *kills.entry(unit).or_default() += 1;
                    mid_transfer += 1;
                }
            }
            disturb([&primary, &secondary], &mut dice, &mut kills);
        }
        stop.store(true, Ordering::Relaxed);
        for watcher in watchers {
            watcher.join().unwrap().unwrap();
        }
    });
    let killed: u64 = kills.values().sum();
    println!(
        "{killed} kills {kills:?}, {mid_transfer} of them during a transfer, {changes} changes, {} questions answered",
        asked.load(Ordering::Relaxed)
    );
    assert!(killed > 10 && mid_transfer > 0, "too few kills to mean anything");
    let took = converge(&world, &primary, &secondary);
    println!("the same on both sides {took:?} after the last kill");
    check(&world, &primary, &secondary);
}

/// Loads new versions of one zone or of several on the primary; gives of how many.
fn change(world: &mut World, primary: &Machine, dice: &mut Dice) -> u64 {
    let zones: Vec<String> = match dice.below(4) {
        0 => vec!["tld".into()],
        1 => vec!["example.com".into()],
        _ => {
            let first = dice.below(u64::from(SMALL));
            (0..5).map(|n| format!("s{}.test", (first + n) % u64::from(SMALL))).collect()
        }
    };
    for zone in &zones {
        *world.serials.get_mut(zone).unwrap() += 1;
    }
    world.load(primary, &zones);
    zones.len() as u64
}

/// Has the large zone transferred whole, since differences are over before anybody looks, and waits a moment for a transfer
/// to be under way; whether one is.
fn is_transferring(secondary: &Machine) -> bool {
    let whole = "busctl call org.tenon.Zonemgr1 /org/tenon/Zonemgr1 org.tenon.Zonemgr1 Retransfer s tld";
    let jobs = "busctl call org.tenon.Xfrin1 /org/tenon/Jobs1 org.tenon.Jobs1 List tu 0 0";
    secondary
        .run(&format!("{whole} >/dev/null 2>&1; for n in $(seq 40); do {jobs} 2>/dev/null | grep -q '\"running\"' && exit 0; sleep 0.02; done; exit 1"))
        .status
        .success()
}

/// Kills one part or all, on one side or both, and waits a moment.
fn disturb(machines: [&Machine; 2], dice: &mut Dice, kills: &mut BTreeMap<&'static str, u64>) {
    let mut victims: Vec<(usize, &'static str)> = match dice.below(6) {
        // All of both, in random order.
        0 => (0..2).flat_map(|side| UNITS.map(|unit| (side, unit))).collect(),
        _ => {
            (0..3).map(|_| (dice.below(2) as usize, UNITS[dice.below(UNITS.len() as u64) as usize])).collect()
        }
    };
    while !victims.is_empty() {
        let (side, unit) = victims.swap_remove(dice.below(victims.len() as u64) as usize);
        if kill(machines[side], unit) {
            *kills.entry(unit).or_default() += 1;
        }
        std::thread::sleep(Duration::from_millis(dice.below(150)));
    }
}

/// Waits until both answer all zones with their last serials.
fn converge(world: &World, primary: &Machine, secondary: &Machine) -> Duration {
    let began = Instant::now();
    loop {
        let behind: Vec<String> = [(primary, "primary"), (secondary, "secondary")]
            .into_iter()
            .flat_map(|(machine, name)| {
                let zones: Vec<&str> = world.serials.keys().map(String::as_str).collect();
                let script = zones.iter().map(|zone| format!("{zone} SOA ")).collect::<String>();
                let text = machine.text(&format!("dig +noall +answer +tries=2 +time=2 @127.0.0.1 {script}"));
                let answered: BTreeMap<String, u32> = text
                    .lines()
                    .filter_map(|line| {
                        let mut words = line.split_whitespace();
                        let zone = words.next()?.trim_end_matches('.').to_owned();
                        Some((zone, words.nth(5)?.parse().ok()?))
                    })
                    .collect();
                let behind =
                    world.serials.iter().filter(move |(zone, serial)| answered.get(*zone) != Some(serial));
                behind.map(|(zone, serial)| format!("{name}: {zone} {serial}")).collect::<Vec<_>>()
            })
            .collect();
        if behind.is_empty() {
            return began.elapsed();
        }
        assert!(
            began.elapsed() < CONVERGENCE,
            "after {CONVERGENCE:?} still behind: {behind:?}\n{}\n{}",
            secondary.text("bindctl status; bindctl zone list | grep -v ready"),
            primary.text("bindctl status")
        );
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Stores, manifests and what is answered are the same on both sides, and nothing is left over.
fn check(world: &World, primary: &Machine, secondary: &Machine) {
    let sides = [(primary, "primary"), (secondary, "secondary")];
    for (machine, storage) in sides {
        let store = format!("/var/lib/tenon/{storage}/zones.sqlite");
        let sql = |query: &str| machine.must(&format!("sqlite3 {store} \"{query}\""));
        assert_eq!(sql("PRAGMA integrity_check").trim(), "ok");
        let stored: BTreeMap<String, u32> = sql("SELECT name, serial FROM zones")
            .lines()
            .filter_map(|line| line.split_once('|'))
            .map(|(zone, serial)| (zone.trim_end_matches('.').to_lowercase(), serial.parse().unwrap()))
            .collect();
        assert_eq!(stored, world.serials, "{storage} store");
        let manifest = machine.must("cat /var/lib/tenon/images/MANIFEST");
        let named: BTreeMap<String, u32> = manifest
            .lines()
            .filter_map(|line| line.strip_prefix("zone "))
            .map(|line| {
                let mut words = line.split(' ');
                let zone = words.next().unwrap().trim_end_matches('.').to_owned();
                (zone, words.next().unwrap().trim_start_matches("serial=").parse().unwrap())
            })
            .collect();
        assert_eq!(named, world.serials, "{storage} manifest");
        assert!(!manifest.contains("expired=") && !manifest.contains("unloaded="), "{manifest}");
        // Versions that were begun and never finished are cleared away, and so are files.
        machine.wait_for(
            &format!(
                "test \"$(sqlite3 {store} 'SELECT count(*) FROM (SELECT base FROM rrsets UNION SELECT base FROM blocks)')\" = {}",
                world.serials.len()
            ),
            Duration::from_secs(90),
        );
        assert_eq!(machine.must("ls /var/lib/tenon/images | grep -c image.new || true").trim(), "0");
    }
    for zone in world.serials.keys() {
        let sum = |machine: &Machine| {
            machine.must(&format!(
                "dig +tcp +tries=2 +time=20 +onesoa +noall +answer @127.0.0.1 {zone} AXFR | tr -s ' \\t' ' ' | LC_ALL=C sort | tee /tmp/axfr | md5sum; wc -l < /tmp/axfr"
            ))
        };
        let (ours, theirs) = (sum(primary), sum(secondary));
        assert_eq!(ours, theirs, "{zone}");
        assert!(ours.lines().nth(1).unwrap().trim().parse::<u32>().unwrap() >= 3, "{zone}: {ours}");
    }
    println!("stores, manifests and answers of {} zones are the same on both sides", world.serials.len());
}
