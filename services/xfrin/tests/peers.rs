//! Knot, NSD and BIND of the distribution as primaries: what is stored is what they serve.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Bench, text};
use rustix::process::Signal;
use serde_json::json;
use tenon_bus::JobState;
use tenon_private_bus::{Process, own_address};

/// How long a peer may take to load its zones.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// A name server of the distribution with zones; killed when dropped.
struct Peer {
    kind: &'static str,
    process: Process,
    address: SocketAddr,
    _directory: tempfile::TempDir,
}

/// One zone: its name and its text.
type Zone = (String, String);

impl Peer {
    /// None where it is not installed.
    fn start(kind: &'static str, zones: &[Zone]) -> Option<Self> {
        let program =
            ["/usr/sbin", "/usr/bin"].iter().map(|place| Path::new(place).join(kind)).find(|p| p.exists());
        let Some(program) = program else {
            println!("{kind} is not installed: skipped");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let address = own_address();
        let files: Vec<(String, PathBuf)> = zones.iter().map(|zone| file(directory.path(), zone)).collect();
        let config = directory.path().join("config");
        fs::write(&config, configuration(kind, directory.path(), address, &files)).unwrap();
        let mut command = Command::new(program);
        match kind {
            "knotd" => command.arg("-c").arg(&config),
            "nsd" => command.arg("-d").arg("-c").arg(&config),
            _ => command.arg("-f").arg("-n").arg("1").arg("-c").arg(&config),
        };
        let log = fs::File::create(directory.path().join("log")).unwrap();
        let process = Process::start(command.stdout(log.try_clone().unwrap()).stderr(log));
        let mut peer = Self { kind, process, address, _directory: directory };
        peer.wait_for(&zones.last().unwrap().0);
        Some(peer)
    }

    fn wait_for(&mut self, zone: &str) {
        let began = Instant::now();
        while !self.dig(&format!("{zone} SOA +norecurse")).contains("ANSWER: 1") {
            let log = || fs::read_to_string(self._directory.path().join("log")).unwrap_or_default();
            assert!(began.elapsed() < START_PATIENCE, "{} does not answer: {}", self.kind, log());
            if let Some(status) = self.process.ended() {
                panic!("{} ended ({status}): {}", self.kind, log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn dig(&self, arguments: &str) -> String {
        let (at, port) = (format!("@{}", self.address.ip()), self.address.port().to_string());
        let mut dig = Command::new("dig");
        dig.args([&at, "-p", &port, "+tries=1", "+time=5"]).args(arguments.split(' '));
        String::from_utf8_lossy(&dig.output().unwrap().stdout).into_owned()
    }

    /// The zone as `owner ttl TYPE rdata`, sorted, by a transfer of somebody else's.
    fn records(&self, zone: &str) -> Vec<String> {
        let text = self.dig(&format!("{zone} AXFR +noall +answer +onesoa +nosplit"));
        let line = |line: &str| {
            let mut words = line.split_whitespace();
            let (owner, ttl, _class, rrtype) = (words.next()?, words.next()?, words.next()?, words.next()?);
            Some(format!("{owner} {ttl} {rrtype} {}", words.collect::<Vec<_>>().join(" ")))
        };
        let mut records: Vec<String> = text.lines().filter_map(line).collect();
        records.sort();
        records
    }
}

impl Peer {
    /// Gives it a new version of a zone and waits until it serves that.
    fn change(&self, zone: &Zone, serial: u32) {
        let (path, started) = (self._directory.path().join(format!("{}zone", zone.0)), Instant::now());
        fs::write(&path, &zone.1).unwrap();
        // Some look at the time of change, in seconds.
        let later = std::time::SystemTime::now() + Duration::from_secs(u64::from(serial) * 2);
        fs::File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
        let reload = || self.process.send(Signal::HUP);
        reload();
        let mut asked = 0;
        while !self.dig(&format!("{} SOA +short +norecurse", zone.0)).contains(&format!(" {serial} ")) {
            assert!(started.elapsed() < START_PATIENCE, "{} does not take serial {serial}", self.kind);
            std::thread::sleep(Duration::from_millis(20));
            asked += 1;
            if asked % 100 == 0 {
                reload();
            }
        }
    }
}

fn file(directory: &Path, (zone, text): &Zone) -> (String, PathBuf) {
    let path = directory.join(format!("{zone}zone"));
    fs::write(&path, text).unwrap();
    (zone.clone(), path)
}

fn configuration(kind: &str, directory: &Path, address: SocketAddr, zones: &[(String, PathBuf)]) -> String {
    let (ip, port, directory) = (address.ip(), address.port(), directory.display());
    let mut text = match kind {
        "knotd" => format!(
            "server:\n  listen: {ip}@{port}\n  rundir: {directory}\n  tcp-io-timeout: 60000\n\
             database:\n  storage: {directory}\n\
             acl:\n  - id: all\n    address: 127.0.0.1\n    action: transfer\n\
             template:\n  - id: default\n    acl: all\n    journal-content: changes\n    \
             zonefile-load: difference\n    zonefile-sync: -1\nzone:\n"
        ),
        "nsd" => format!(
            "server:\n  ip-address: {ip}@{port}\n  username: \"\"\n  server-count: 1\n  pidfile: \"\"\n  \
             database: \"\"\n  zonesdir: \"{directory}\"\n  xfrdir: \"{directory}\"\n  \
             zonelistfile: \"{directory}/zone.list\"\n  xfrdfile: \"{directory}/xfrd.state\"\n\
             remote-control:\n  control-enable: no\n"
        ),
        _ => format!(
            "options {{ directory \"{directory}\"; listen-on port {port} {{ {ip}; }}; listen-on-v6 {{ none; }}; \
             pid-file none; session-keyfile \"{directory}/session.key\"; recursion no; allow-transfer {{ any; }}; \
             notify no; transfers-out 100; tcp-clients 500; ixfr-from-differences yes; }};\ncontrols {{ }};\n"
        ),
    };
    for (zone, path) in zones {
        let path = path.display();
        let _ = match kind {
            "knotd" => writeln!(text, "  - domain: {zone}\n    file: {path}"),
            "nsd" => writeln!(
                text,
                "zone:\n  name: \"{zone}\"\n  zonefile: \"{path}\"\n  provide-xfr: 127.0.0.1 NOKEY\n  \
                 store-ixfr: yes\n  create-ixfr: yes"
            ),
            _ => writeln!(text, "zone \"{zone}\" {{ type primary; file \"{path}\"; }};"),
        };
    }
    text
}

/// A zone with one of each kind of name in record data, aliases, a wildcard, a delegation, and types that are unknown.
fn host_zone(serial: u32) -> Zone {
    let mut text = format!(
        "$ORIGIN example.com.\n$TTL 3600\n\
         @ SOA ns1 hostmaster {serial} 7200 3600 1209600 300\n@ NS ns1\n@ NS ns.elsewhere.example.\n\
         ns1 A 192.0.2.1\nns1 AAAA 2001:db8::1\n@ MX 10 Mail\nMail A 192.0.2.25\n\
         www 60 A 192.0.2.80\nwww 60 AAAA 2001:db8::80\nalias CNAME www\n*.wild TXT \"any\" \"thing\"\n\
         a.deep.name A 192.0.2.3\nsub NS ns.sub\nsub NS ns.elsewhere.example.\nns.sub A 192.0.2.53\n\
         _sip._tcp SRV 1 2 5060 www\nptr PTR www\nrp RP admin.example.com. www\nold DNAME new.example.net.\n\
         naptr NAPTR 100 10 \"S\" \"SIP+D2U\" \"\" _sip._tcp\n\
         ca CAA 0 issue \"ca.example.net\"\ntlsa TLSA 3 1 1 {digest}\n\
         unknown TYPE65280 \\# 4 0A000001\n",
        digest = "ab".repeat(32),
    );
    for number in 0..1000 {
        let _ = writeln!(
            text,
            "h{number:04} A 198.51.100.{}\nh{number:04} TXT \"{}\"",
            number % 256,
            "x".repeat(number % 200)
        );
    }
    ("example.com.".to_owned(), text)
}

fn delegations(count: u32) -> Zone {
    let mut text = "tld. 3600 SOA ns1.tld. admin.tld. 1 7200 3600 1209600 300\ntld. 3600 NS ns1.tld.\nns1.tld. 3600 A 198.51.100.1\n".to_owned();
    for number in 0..count {
        let name = format!("d{:08x}.tld.", number.wrapping_mul(0x9E37_79B1));
        let _ = writeln!(
            text,
            "{name} 86400 NS ns1.{name}\n{name} 86400 NS ns2.hoster.net.\nns1.{name} 86400 A 198.18.0.1"
        );
    }
    ("tld.".to_owned(), text)
}

fn small(number: u32) -> Zone {
    let zone = format!("z{number}.test.");
    let text = format!(
        "{zone} 60 SOA ns.{zone} h.{zone} {serial} 7200 3600 1209600 300\n{zone} 60 NS ns.{zone}\nns.{zone} 60 A 192.0.2.1\n",
        serial = number + 1
    );
    (zone, text)
}

async fn what_is_served_is_stored(kind: &'static str) {
    let bench = Bench::start(json!({})).await;
    let Some(peer) = Peer::start(kind, &[delegations(100_000), host_zone(7)]) else { return };
    for zone in ["example.com.", "tld."] {
        let began = Instant::now();
        let status = bench.refresh(zone, &[peer.address]).await;
        assert_eq!(status.state, JobState::Done, "{kind}: {}", status.reason());
        assert_eq!(text(&status, "outcome"), "transferred", "{kind}");
        println!("{kind}: {zone} {} records stored after {:?}", text(&status, "records"), began.elapsed());
        let (stored, served) = (bench.records(zone), peer.records(zone));
        assert_eq!(stored.len(), served.len(), "{kind} {zone}");
        let differs = stored.iter().zip(&served).find(|(stored, served)| stored != served);
        assert_eq!(differs, None, "{kind} {zone}");
        assert_eq!(text(&status, "records"), served.len().to_string(), "{kind} {zone}");
        let status = bench.refresh(zone, &[peer.address]).await;
        assert_eq!(text(&status, "outcome"), "current", "{kind} {zone}");
    }
    let refused = bench.refresh("not.there.", &[peer.address]).await;
    assert_eq!(refused.state, JobState::Failed);
    println!("{kind}: a zone that it does not have: {}", refused.reason());
}

#[tokio::test]
async fn from_knot() {
    what_is_served_is_stored("knotd").await;
}

#[tokio::test]
async fn from_nsd() {
    what_is_served_is_stored("nsd").await;
}

#[tokio::test]
async fn from_bind() {
    what_is_served_is_stored("named").await;
}

#[tokio::test]
async fn a_thousand_small_zones_at_once_from_each() {
    let zones: Vec<Zone> = (0..1000).map(small).collect();
    for kind in ["knotd", "nsd", "named"] {
        let bench = Bench::start(json!({})).await;
        let Some(peer) = Peer::start(kind, &zones) else { continue };
        let began = Instant::now();
        let mut jobs = Vec::new();
        for (zone, _) in &zones {
            jobs.push(bench.xfrin.refresh(zone, &[peer.address], false).await.unwrap());
        }
        for job in jobs {
            let status = bench.ended(job).await;
            assert_eq!(text(&status, "outcome"), "transferred", "{kind}: {}", status.reason());
        }
        println!("{kind}: 1,000 zones stored after {:?}", began.elapsed());
        assert_eq!(bench.xfrin.state().await.unwrap().zone_count, 1000);
        assert_eq!(bench.records("z77.test."), peer.records("z77.test."), "{kind}");
        assert_eq!(bench.serial("z999.test."), Some(1000));
    }
}

/// Random numbers that anybody can have again (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// A zone of so many lines at random, some of which change with each version.
fn edited(lines: &[(u64, u64, u64)], serial: u32) -> Zone {
    let mut text = format!(
        "$ORIGIN edit.test.\n@ 300 SOA ns admin {serial} 7200 3600 1209600 300\n@ 300 NS ns\nns 300 A 192.0.2.1\n"
    );
    for (owner, kind, value) in lines {
        let ttl = 300 + (owner + value / 32) % 2 * 300;
        let _ = match kind {
            0 => writeln!(text, "n{owner} {ttl} A 192.0.2.{}", value % 8),
            1 => writeln!(text, "n{owner} {ttl} TXT \"value {}\"", value % 8),
            2 => writeln!(text, "d{owner} {ttl} NS ns{}.d{owner}", value % 8),
            3 => writeln!(text, "a.b.n{owner} {ttl} MX {} n{owner}", value % 8),
            _ => writeln!(text, "*.w{owner} {ttl} TYPE65280 \\# 1 0{}", value % 8),
        };
    }
    ("edit.test.".to_owned(), text)
}

/// Version after version, each compared record for record.
async fn random_edits(kind: &'static str) {
    const VERSIONS: u32 = 12;
    let seed = std::env::var("TENON_SEED").map_or(20_261_123, |seed| seed.parse().unwrap());
    println!("{kind}: TENON_SEED={seed}");
    let mut dice = Dice(seed);
    // All records of a set have one TTL, as it comes from owner and value: peers mend others in ways of their own.
    let mut lines: std::collections::BTreeMap<(u64, u64), u64> = std::collections::BTreeMap::new();
    let mut edit = |lines: &mut std::collections::BTreeMap<(u64, u64), u64>, count: u64| {
        for _ in 0..count {
            let place = (dice.below(60), dice.below(5));
            match dice.below(3) {
                0 => lines.remove(&place),
                _ => lines.insert(place, dice.below(64)),
            };
        }
    };
    let zone = |lines: &std::collections::BTreeMap<(u64, u64), u64>, serial| {
        let lines: Vec<_> = lines.iter().map(|(place, value)| (place.0, place.1, *value)).collect();
        edited(&lines, serial)
    };
    edit(&mut lines, 300);
    let bench = Bench::start(json!({})).await;
    let Some(peer) = Peer::start(kind, &[zone(&lines, 1)]) else { return };
    assert_eq!(text(&bench.refresh("edit.test.", &[peer.address]).await, "outcome"), "transferred", "{kind}");
    for serial in 2..=VERSIONS {
        edit(&mut lines, 1 + u64::from(serial) * 2 % 11);
        peer.change(&zone(&lines, serial), serial);
        let status = bench.refresh("edit.test.", &[peer.address]).await;
        assert_eq!(text(&status, "serial"), serial.to_string(), "{kind}: {status:?}");
        let (stored, served) = (bench.records("edit.test."), peer.records("edit.test."));
        let differs = stored.iter().zip(&served).find(|(stored, served)| stored != served);
        assert_eq!((differs, stored.len()), (None, served.len()), "{kind}, serial {serial}");
    }
    let counters = bench.counters().await;
    println!("{kind}: {} of {} versions came as differences", counters["ixfr_done"], VERSIONS - 1);
    assert!(counters["ixfr_done"] >= 3 && counters["ixfr_failed"] == 0, "{kind}: {counters:?}");
}

#[tokio::test]
async fn random_edits_from_knot() {
    random_edits("knotd").await;
}

#[tokio::test]
async fn random_edits_from_nsd() {
    random_edits("nsd").await;
}

#[tokio::test]
async fn random_edits_from_bind() {
    random_edits("named").await;
}
