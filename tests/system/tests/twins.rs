//! Two Tenons, each on a systemd and in a network of its own, joined by a cable: one the secondary of the other.

use crate::zones::{load, serial};
use std::time::{Duration, Instant};
use tenon_system_tests::{Bus, Machine, zones};

pub(crate) const PRIMARY: &str = "192.0.2.1";
pub(crate) const SECONDARY: &str = "192.0.2.2";

/// Both ends; what the first says of changes is heard by the second.
pub(crate) fn boot() -> (Machine, Machine) {
    boot_with(Machine::start)
}

fn boot_with(start: impl Fn() -> Machine + Sync) -> (Machine, Machine) {
    let (primary, secondary) = std::thread::scope(|scope| {
        let other = scope.spawn(&start);
        (start(), other.join().unwrap())
    });
    primary.join(PRIMARY, &secondary, SECONDARY);
    primary.must(&format!(
        r#"bindctl config set xfrout/transfer_acl '[{{"action":"ACCEPT","from":["{SECONDARY}","127.0.0.0/8"]}}]' &&
           bindctl config set xfrout/also_notify '[{{"address":"{SECONDARY}"}}]' && bindctl config commit"#
    ));
    secondary.must(
        "bindctl config set zonemgr/lowerbound_refresh_s 1 && bindctl config set zonemgr/lowerbound_retry_s 1 && bindctl config commit",
    );
    (primary, secondary)
}

/// Waits until a serial is answered; gives how long that took.
pub(crate) fn wait_serial(machine: &Machine, zone: &str, serial: u32) -> Duration {
    machine.wait_for(
        &format!("test \"$(dig +short +tries=1 +time=1 @127.0.0.1 {zone} SOA | cut -d' ' -f3)\" = {serial}"),
        Duration::from_secs(60),
    )
}

#[test]
fn a_change_on_one_is_answered_by_the_other() {
    changes_are_answered_by_the_other(&boot());
}

#[test]
fn a_change_on_one_is_answered_by_the_other_under_dbus_broker() {
    let machines = boot_with(|| {
        let machine = Machine::boot_with(Bus::Broker);
        machine.must("systemctl start tenon.target");
        machine
    });
    for machine in [&machines.0, &machines.1] {
        assert!(machine.text("systemctl status dbus.service").contains("dbus-broker"));
    }
    changes_are_answered_by_the_other(&machines);
}

fn changes_are_answered_by_the_other((primary, secondary): &(Machine, Machine)) {
    load(primary, "example.com", &zones::example(1));
    let said = secondary.must(&format!("bindctl zone add example.com --primary {PRIMARY}"));
    println!("{}", said.trim());
    let whole = |machine: &Machine| {
        let mut lines: Vec<String> =
            machine.dig("@127.0.0.1 +tcp example.com AXFR +onesoa").text.lines().map(str::to_owned).collect();
        lines.retain(|line| !line.starts_with(';') && !line.is_empty());
        lines.sort();
        lines
    };
    for number in 2..5 {
        primary
            .write("/tmp/next", zones::example(number).replace("192.0.2.80", &format!("192.0.2.{number}")));
        primary.must("tenon-loadzone example.com /tmp/next");
        let took = wait_serial(secondary, "example.com", number);
        println!("serial {number}: answered by the secondary {took:?} after it was loaded on the primary");
        assert!(took < Duration::from_secs(10));
    }
    assert_eq!(secondary.dig("@127.0.0.1 +short www.example.com A").text.trim(), "192.0.2.4");
    assert_eq!(whole(primary), whole(secondary));
    assert!(whole(primary).len() > 60);
    let zone = secondary.must("bindctl zone show example.com");
    println!("{zone}");
    assert!(zone.contains("from 192.0.2.1"), "{zone}");
}

#[test]
fn with_the_cable_out_the_clock_finds_the_change() {
    let (primary, secondary) = boot();
    let text = |serial| zones::example(serial).replace("7200 3600 1209600", "4 2 1000");
    load(&primary, "example.com", &text(1));
    secondary.must(&format!("bindctl zone add example.com --primary {PRIMARY}"));
    // What is said while nobody can hear it is lost: no more tries after this.
    primary.must("bindctl config set xfrout/notify_tries 1 && bindctl config set xfrout/notify_timeout_ms 10 && bindctl config commit");
    secondary.cable("down");
    primary.write("/tmp/next", text(2));
    primary.must("tenon-loadzone example.com /tmp/next");
    wait_serial(&primary, "example.com", 2);
    primary.wait("bindctl stats show xfrout | grep -Eq 'notifies_unanswered +[1-9]'");
    primary.nothing_waits_for(SECONDARY);
    secondary.wait("bindctl --json zone show example.com | grep -q '\"state\": \"retrying\"'");
    assert_eq!(serial(&secondary, "example.com"), "1", "what is stored is answered meanwhile");
    secondary.cable("up");
    let took = wait_serial(&secondary, "example.com", 2);
    println!("answered {took:?} after the cable was put back");
    let zone = secondary.must("bindctl --json zone show example.com");
    assert!(!zone.contains("\"notify_serial\": 2"), "by the clock, not by NOTIFY: {zone}");
}

/// So many small zones at once.
const SMALL: u32 = 1000;

/// Loads small zones, a large one and that of a host on the primary, all with this serial.
fn load_all(primary: &Machine, number: u32) {
    primary.write("/tmp/tld", zones::delegations(50_000, number));
    primary.write("/tmp/example", zones::example(number));
    primary.write(
        "/tmp/make",
        format!(
            "mkdir -p /tmp/many; echo tld /tmp/tld > /tmp/set; echo example.com /tmp/example >> /tmp/set; \
             for n in $(seq {SMALL}); do z=z$n.test; \
             printf '%s. 60 IN SOA ns.%s. h.%s. {number} 7200 3600 1209600 300\\n%s. 60 IN NS ns.%s.\\nns.%s. 60 IN A 192.0.2.1\\n' $z $z $z $z $z $z > /tmp/many/$z; \
             echo $z /tmp/many/$z; done >> /tmp/set"
        ),
    );
    primary.must("bash /tmp/make && tenon-loadzone --wait 60 --list /tmp/set");
}

#[test]
fn a_thousand_small_zones_and_a_large_one_at_once() {
    let (primary, secondary) = boot();
    load_all(&primary, 1);
    wait_serial(&primary, "tld", 1);
    wait_serial(&primary, &format!("z{SMALL}.test"), 1);
    secondary.write("/tmp/names", primary.must("cut -d' ' -f1 /tmp/set"));
    let began = Instant::now();
    let said = secondary.must(&format!("bindctl zone add --from /tmp/names --primary {PRIMARY} --wait 300"));
    println!("{} after {:?}", said.lines().last().unwrap_or_default(), began.elapsed());
    assert!(said.contains(&format!("{} zones are answered", SMALL + 2)), "{said}");

    let began = Instant::now();
    load_all(&primary, 2);
    println!("loaded again on the primary within {:?}", began.elapsed());
    let manifest = "/var/lib/tenon/images/MANIFEST";
    secondary.wait_for(
        &format!("test \"$(grep -c '^zone [^ ]* serial=2 ' {manifest})\" = {}", SMALL + 2),
        Duration::from_secs(180),
    );
    println!("all on the secondary {:?} after the loading began", began.elapsed());
    for zone in ["tld", "example.com", "z1.test", "z1000.test"] {
        wait_serial(&secondary, zone, 2);
    }
    let counters = secondary.must("bindctl --json stats show zonemgr");
    let counters: serde_json::Value = serde_json::from_str(&counters).unwrap();
    let count = |name: &str| counters["zonemgr"]["counters"][name]["value"].as_u64().unwrap();
    println!(
        "{} NOTIFYs heard, {} looks, {} transfers",
        count("notifies"),
        count("refreshes"),
        count("refreshes_transferred")
    );
    assert!(count("notifies") >= u64::from(SMALL), "by NOTIFY, not by the clock");
    assert_eq!(count("zones_failing"), 0);
}
