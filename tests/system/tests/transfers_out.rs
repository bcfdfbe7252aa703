//! Transfers out and NOTIFY: the distribution's servers as secondaries, clients by hand, xfrout killed and stopped.

use crate::zones::load;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tenon_system_tests::dice::number;
use tenon_system_tests::peer::Kind;
use tenon_system_tests::secondary::Secondary;
use tenon_system_tests::{Dice, Machine, zones};
use tenon_test_signer::Denial;

/// A checksum of all records of a zone, in an order of their own and in lower case, and how many there are. Others than
/// ourselves are asked again when they end the connection, as NSD does while it takes up a zone.
pub(crate) fn fingerprint(machine: &Machine, zone: &str, port: u16) -> String {
    let transfer = format!(
        "dig +noall +answer +stats +onesoa +tries=1 +time=30 @127.0.0.1 -p {port} {zone} AXFR > /tmp/axfr.text"
    );
    if port == 53 {
        machine.must(&transfer);
    } else {
        machine.wait(&format!("{transfer} && grep -q '^;; XFR size' /tmp/axfr.text"));
    }
    machine.must(
        "set -o pipefail; grep -v '^;; [QSWXM]' /tmp/axfr.text | \
         sed 's/[[:space:]]\\+/ /g' | tr A-Z a-z | LC_ALL=C sort > /tmp/axfr; wc -l < /tmp/axfr; sha256sum < /tmp/axfr",
    )
}

fn wait_serial(machine: &Machine, zone: &str, port: u16, serial: u32) -> Duration {
    machine.wait(&format!(
        "test \"$(dig +short +tries=1 +time=1 @127.0.0.1 -p {port} {zone} SOA | cut -d' ' -f3)\" = {serial}"
    ))
}

/// A text of [`zones`] under another name.
fn named(zone: &str, text: &str) -> String {
    text.replace("example.com.", &format!("{zone}."))
}

pub(crate) fn set(machine: &Machine, option: &str, value: &str) {
    machine.must(&format!("bindctl config set xfrout/{option} '{value}' && bindctl config commit"));
}

fn counter(machine: &Machine, name: &str) -> u64 {
    counter_of(machine, "xfrout", name)
}

/// A counter of a component.
pub(crate) fn counter_of(machine: &Machine, component: &str, name: &str) -> u64 {
    let text = machine.must(&format!("bindctl --json stats show {component}"));
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    fn find(value: &serde_json::Value, name: &str) -> Option<u64> {
        match value {
            serde_json::Value::Object(members) => members
                .get(name)
                .and_then(|found| found.as_u64().or_else(|| found.get("value")?.as_u64()))
                .or_else(|| members.values().find_map(|member| find(member, name))),
            serde_json::Value::Array(items) => items.iter().find_map(|item| find(item, name)),
            _ => None,
        }
    }
    find(&value, name).unwrap_or_else(|| panic!("no counter {name}: {text}"))
}

#[test]
fn knot_nsd_and_bind_as_secondaries_follow_every_change() {
    let machine = Machine::start();
    let names = ["example.com", "a.test", "b.test", "tld"];
    load(&machine, "example.com", &zones::example(1));
    for name in ["a.test", "b.test"] {
        load(&machine, name, &named(name, &zones::example(1)));
    }
    load(&machine, "tld", &zones::delegations(100_000, 1));
    let secondaries: Vec<Secondary<'_>> =
        Kind::ALL.into_iter().filter_map(|kind| machine.secondary(kind, &names)).collect();
    let targets: Vec<String> = secondaries
        .iter()
        .map(|secondary| format!("{{\"address\": \"127.0.0.1\", \"port\": {}}}", secondary.port()))
        .collect();
    set(&machine, "also_notify", &format!("[{}]", targets.join(", ")));
    set(&machine, "notify_name_servers", "false");
    compare(&machine, &names, &secondaries, 1);

    // Refresh is two hours: only NOTIFY can bring the next version so soon.
    let began = Instant::now();
    load(&machine, "a.test", &named("a.test", &zones::example(2)).replace("192.0.2.80", "192.0.2.81"));
    load(&machine, "tld", &zones::delegations(100_001, 2));
    for secondary in &secondaries {
        for name in ["a.test", "tld"] {
            wait_serial(&machine, name, secondary.port(), 2);
        }
    }
    println!("both new versions are at all secondaries {:?} after the first was loaded", began.elapsed());
    compare(&machine, &["a.test", "tld"], &secondaries, 2);

    // One is away: the others hear of it all the same, and it is named; on request it hears of it later.
    if let [away, others @ ..] = secondaries.as_slice() {
        away.stop();
        load(&machine, "b.test", &named("b.test", &zones::example(3)));
        for secondary in others {
            let took = wait_serial(&machine, "b.test", secondary.port(), 3);
            assert!(took < Duration::from_secs(15), "{took:?}");
        }
        away.start();
        machine.must("bindctl zone notify b.test");
        wait_serial(&machine, "b.test", away.port(), 3);
    }
    let status = machine.text("bindctl status");
    println!("{status}");
    // Knot, NSD and BIND ask for differences, and are given them: one for each change that each heard of.
    let differences = counter(&machine, "ixfr_differences");
    println!("{differences} of the transfers were differences");
    assert!(differences >= secondaries.len() as u64 * 2, "{differences}");
    assert!(counter(&machine, "transfers_done") > 0 && counter(&machine, "notifies_acknowledged") > 0);
}

/// Zones with the same hosts: as they are, and signed (or looking so) with both kinds of denial.
const EDITED: [(&str, &str); 3] = [("edit.test", ""), ("nsec.test", "nsec"), ("nsec3.test", "nsec3 1 ab")];

/// A zone of hosts, some of which differ from version to version: number, value.
fn edited((zone, denial): (&str, &str), hosts: &BTreeMap<u64, u64>, serial: u32) -> String {
    let mut text = format!(
        "$ORIGIN {zone}.\n@ 300 SOA ns admin {serial} 7200 3600 1209600 300\n@ 300 NS ns\nns 300 A 192.0.2.1\n"
    );
    for (host, value) in hosts {
        text += &match host % 4 {
            0 => format!("h{host} {} A 192.0.2.{value}\n", 300 + value % 2 * 300),
            1 => format!("h{host} 300 MX {value} h{value}\nh{host} 300 MX 1 mail\n"),
            2 => format!("d{host} 300 NS ns.d{host}\nns.d{host} 300 A 192.0.2.{value}\n"),
            _ => format!("a.b.h{host} 300 TXT \"{value}\"\n"),
        };
    }
    Denial::read(denial).sign(&format!("{zone}."), &text)
}

/// `TENON_EDIT_SECONDS` says for how long (`make edits`: five minutes), `TENON_SEED` repeats a run.
#[test]
fn random_edits_reach_every_secondary_as_they_were_made() {
    let seconds = Duration::from_secs(number("TENON_EDIT_SECONDS").unwrap_or(0));
    let (began, mut serial) = (Instant::now(), 1);
    let (machine, mut dice) = (Machine::start(), Dice::from_environment("TENON_SEED"));
    let mut hosts: BTreeMap<u64, u64> = (0..200).map(|host| (host, dice.below(200))).collect();
    let store = |hosts: &BTreeMap<u64, u64>, serial| {
        EDITED.iter().for_each(|zone| load(&machine, zone.0, &edited(*zone, hosts, serial)));
    };
    store(&hosts, serial);
    let names = EDITED.map(|(zone, _)| zone);
    let secondaries: Vec<Secondary<'_>> =
        Kind::ALL.into_iter().filter_map(|kind| machine.secondary(kind, &names)).collect();
    let target =
        |secondary: &Secondary<'_>| format!("{{\"address\": \"127.0.0.1\", \"port\": {}}}", secondary.port());
    set(
        &machine,
        "also_notify",
        &format!("[{}]", secondaries.iter().map(target).collect::<Vec<_>>().join(", ")),
    );
    compare(&machine, &names, &secondaries, 1);
    while serial < 5 || began.elapsed() < seconds {
        serial += 1;
        for _ in 0..1 + dice.below(20) {
            let host = dice.below(250);
            match dice.below(3) {
                0 => hosts.remove(&host),
                _ => hosts.insert(host, dice.below(200)),
            };
        }
        store(&hosts, serial);
        compare(&machine, &names, &secondaries, serial);
    }
    let differences = counter(&machine, "ixfr_differences");
    println!(
        "{serial} versions of {} zones were the same at {} secondaries; {differences} transfers were differences",
        names.len(),
        secondaries.len()
    );
    let transfers = (secondaries.len() * names.len()) as u64 * u64::from(serial - 1);
    assert!(differences >= transfers / 2, "{differences} of {transfers}");
}

fn compare(machine: &Machine, names: &[&str], secondaries: &[Secondary<'_>], serial: u32) {
    for name in names {
        let ours = fingerprint(machine, name, 53);
        for secondary in secondaries {
            wait_serial(machine, name, secondary.port(), serial);
            assert_eq!(fingerprint(machine, name, secondary.port()), ours, "{name} at {}", secondary.port());
        }
        println!("{name}: {}", ours.replace('\n', " "));
    }
}

#[test]
fn clients_by_hand() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(7));
    let axfr = machine.dig("@127.0.0.1 example.com AXFR").text;
    assert_eq!(axfr.matches(" SOA\t").count() + axfr.matches("\tSOA\t").count(), 2, "{axfr}");
    assert!(axfr.contains("XFR size: 7"), "{axfr}");
    let current = machine.text("kdig @127.0.0.1 example.com IXFR=7");
    assert!(current.contains("hostmaster.example.com. 7 ") && !current.contains("192.0.2.80"), "{current}");
    let older = machine.text("kdig @127.0.0.1 example.com IXFR=6");
    assert!(
        older.contains("192.0.2.80") && older.matches("hostmaster.example.com. 7 ").count() == 2,
        "{older}"
    );
    assert_eq!(machine.dig("@127.0.0.1 +tcp nowhere.example AXFR").text.matches("failed").count(), 1);

    // From another address than loopback it is refused, until a list lets it in.
    machine.must("ip addr add 192.0.2.77/32 dev lo");
    let refused = machine.text("dig -b 192.0.2.77 @127.0.0.1 example.com AXFR");
    assert!(refused.contains("Transfer failed"), "{refused}");
    let log = machine.must("journalctl -b -u tenon-xfrout -o json --no-pager | grep ACL_RULE");
    assert!(log.contains("transfer_acl/end") && log.contains("192.0.2.77"), "{log}");
    set(&machine, "transfer_acl", r#"[{"action": "ACCEPT", "from": "192.0.2.0/24"}]"#);
    assert!(machine.text("dig -b 192.0.2.77 @127.0.0.1 example.com AXFR").contains("XFR size: 7"));
    let refused = machine.run(
        "bindctl config set xfrout/transfer_acl '[{\"action\": \"ACCEPT\", \"from\": \"192.0.2.1/24\"}]'",
    );
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    let committed = machine.run("bindctl config commit");
    let said = said + &String::from_utf8_lossy(&committed.stderr);
    assert!(said.contains("192.0.2.0/24"), "{said}");
}

#[test]
fn killed_while_it_sends_the_client_knows_and_the_next_one_is_served() {
    let machine = Machine::start();
    load(&machine, "tld", &zones::delegations(100_000, 1));
    let whole = fingerprint(&machine, "tld", 53);
    let (mut kills, mut cut) = (0, 0);
    let began = Instant::now();
    while kills < 20 && began.elapsed() < Duration::from_secs(60) {
        machine.must("rm -f /tmp/cut /tmp/cut.status; (dig +tries=1 +time=10 +noall +answer @127.0.0.1 tld AXFR > /tmp/cut 2>&1; \
            echo $? > /tmp/cut.status) > /dev/null 2>&1 < /dev/null &");
        // To `kill`, 0 is the group of who calls, and a process that is just being restarted has that number.
        let killed = machine.run(
            "for i in $(seq 50); do test -s /tmp/cut && break; sleep 0.01; done; \
             pid=$(systemctl show -P MainPID tenon-xfrout); test $pid -gt 1 && kill -9 $pid",
        );
        kills += u32::from(killed.status.success());
        machine.wait("test -s /tmp/cut.status");
        let soas = machine.text("grep -c 'SOA' /tmp/cut").trim().parse::<u32>().unwrap_or(0);
        let status = machine.text("cat /tmp/cut.status");
        // Whole with both SOA records, or an error that the client saw.
        cut += u32::from(soas < 2);
        let failed =
            machine.run("grep -Eq 'failed|error|reset|end of file|SERVFAIL' /tmp/cut").status.success();
        assert!(
            soas >= 2 || failed || status.trim() != "0",
            "cut off unnoticed: {}",
            machine.text("tail -3 /tmp/cut")
        );
    }
    println!("{kills} kills, {cut} transfers cut off and noticed");
    machine.wait("systemctl is-active -q tenon-xfrout");
    assert_eq!(fingerprint(&machine, "tld", 53), whole);
}

#[test]
fn stopped_it_is_started_by_a_request_and_its_absence_is_told() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    machine.must("systemctl stop tenon-xfrout.service");
    let status = machine.text("bindctl status");
    assert!(
        status.contains("tenon-xfrout is not on the bus: secondaries are not told of changes"),
        "{status}"
    );
    assert!(machine.dig("@127.0.0.1 example.com AXFR").text.contains("XFR size"), "the request starts it");
    machine.wait("systemctl is-active -q tenon-xfrout.service");
    machine.must("systemctl stop tenon-xfrout.socket tenon-xfrout.service");
    let answer = machine.text("kdig @127.0.0.1 example.com AXFR");
    assert!(answer.contains("SERVFAIL"), "{answer}");
    assert_eq!(machine.dig("@127.0.0.1 www.example.com A").status, "NOERROR", "the rest serves on");
    machine.must("systemctl start tenon.target");
    machine.wait("dig +tries=1 +time=2 @127.0.0.1 example.com AXFR | grep -q 'XFR size'");
}

#[test]
fn servers_in_ns_records_are_told_but_not_ourselves() {
    let machine = Machine::start();
    machine.must("ip addr add 192.0.2.2/32 dev lo; ip addr add 192.0.2.3/32 dev lo");
    // ns1 is the one in the SOA, ns2 is ourselves, ns3 is on loopback and means another server.
    let text = zones::example(1)
        .replace("ns2 IN A 192.0.2.2", "ns2 IN A 192.0.2.2\n@ IN NS ns3\nns3 IN A 127.0.0.77");
    load(&machine, "example.com", &text);
    let said = machine.must("bindctl zone notify example.com");
    assert!(said.contains("telling 1 servers"), "{said}");
}
