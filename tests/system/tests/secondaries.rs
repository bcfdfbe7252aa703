//! Secondary zones: from the distribution's servers, by NOTIFY and by the clock, expired and back again.

use crate::zones::{load, serial};
use std::time::{Duration, Instant};
use tenon_system_tests::peer::{Kind, Peer};
use tenon_system_tests::{Machine, zones};

/// A small zone with these times in its SOA: refresh, retry, expire.
fn zone(name: &str, serial: u32, times: &str) -> String {
    format!(
        "$ORIGIN {name}.\n$TTL 60\n@ IN SOA ns1 hostmaster {serial} {times} 60\n@ IN NS ns1\nns1 IN A 192.0.2.1\n\
         www IN A 192.0.2.{}\n",
        serial % 250
    )
}

/// Times under which only a NOTIFY has a zone looked at in the time of a test.
const SLOW: &str = "7200 3600 1209600";

/// Waits until a serial is answered; gives how long that took.
fn wait_serial(machine: &Machine, zone: &str, serial: u32) -> Duration {
    machine.wait_for(
        &format!("test \"$(dig +short +tries=1 +time=1 @127.0.0.1 {zone} SOA | cut -d' ' -f3)\" = {serial}"),
        Duration::from_secs(30),
    )
}

fn shown(machine: &Machine, zone: &str) -> serde_json::Value {
    let text = machine.must(&format!("bindctl --json zone show {zone}"));
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["secondary"].take()
}

/// Has the zone manager take short times of SOA records as they are.
fn allow_short_times(machine: &Machine) {
    machine.must(
        "bindctl config set zonemgr/lowerbound_refresh_s 1 && bindctl config set zonemgr/lowerbound_retry_s 1 && bindctl config commit",
    );
}

fn add(machine: &Machine, zone: &str, peer: &Peer<'_>) {
    let said = machine.must(&format!("bindctl zone add {zone} --primary {} --wait 30", peer.address()));
    println!("{}", said.trim());
}

#[test]
fn zones_of_knot_nsd_and_bind_follow_their_notifies() {
    let machine = Machine::start();
    for kind in Kind::ALL {
        let name = format!("{}.test", kind.program());
        let Some(peer) = machine.primary(kind, &[(&name, zone(&name, 1, SLOW))], true) else { continue };
        add(&machine, &name, &peer);
        assert_eq!(serial(&machine, &name), "1");
        // More than one second, so that the change of the file is a change to everybody.
        for serial in 2..4 {
            peer.change(&name, &zone(&name, serial, SLOW));
            let took = wait_serial(&machine, &name, serial);
            println!("{kind:?}: serial {serial} answered {took:?} after the change");
            assert_eq!(
                machine.dig(&format!("@127.0.0.1 +short www.{name} A")).text.trim(),
                format!("192.0.2.{serial}")
            );
        }
        let state = shown(&machine, &name);
        assert_eq!(
            (state["state"].as_str(), state["notify_peer"].as_str()),
            (Some("ok"), Some("127.0.0.1")),
            "{state}"
        );
    }
    let list = machine.must("bindctl zone list");
    println!("{list}");
}

#[test]
fn without_a_notify_the_refresh_timer_does_it() {
    let machine = Machine::start();
    allow_short_times(&machine);
    let times = "3 1 1000";
    let Some(peer) = machine.primary(Kind::Knot, &[("timer.test", zone("timer.test", 1, times))], false)
    else {
        return;
    };
    add(&machine, "timer.test", &peer);
    let before = shown(&machine, "timer.test");
    peer.change("timer.test", &zone("timer.test", 2, times));
    let took = wait_serial(&machine, "timer.test", 2);
    println!("answered {took:?} after the change, by the clock");
    let after = shown(&machine, "timer.test");
    assert!(after["refreshed_usec"].as_u64() > before["refreshed_usec"].as_u64(), "{before} {after}");
    assert!(after["notify_peer"].is_null(), "{after}");

    // The operator need not wait either.
    let said = machine.must("bindctl zone refresh timer.test");
    assert!(said.contains("current with serial 2"), "{said}");
    let said = machine.must("bindctl zone retransfer timer.test");
    assert!(said.contains("was transferred from 127.0.0.1@5301: serial 2"), "{said}");
}

#[test]
fn an_expired_zone_is_servfail_over_restarts_and_recovers() {
    let machine = Machine::start();
    allow_short_times(&machine);
    let zones = [("short.test", zone("short.test", 1, "2 1 6"))];
    let Some(peer) = machine.primary(Kind::Nsd, &zones, false) else { return };
    add(&machine, "short.test", &peer);
    // Who asks us may answer it no longer than we may: six seconds at most, however often we are asked.
    let told = || {
        let text = machine.text("dig +tries=1 +time=1 +expire @127.0.0.1 short.test SOA");
        let seconds =
            text.lines().find_map(|line| line.split_once("EXPIRE: ")).map(|(_, rest)| rest.to_owned());
        seconds.and_then(|rest| rest.split(' ').next().and_then(|seconds| seconds.parse::<u32>().ok()))
    };
    let started = std::time::Instant::now();
    let left = loop {
        if let Some(left) = told() {
            break left;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "EXPIRE is not told");
    };
    assert!(left <= 6, "{left}");
    peer.stop();
    let servfail = "dig +tries=1 +time=1 @127.0.0.1 www.short.test A | grep -q 'status: SERVFAIL'";
    machine.wait_for(
        "bindctl --json zone show short.test | grep -q '\"state\": \"retrying\"'",
        Duration::from_secs(20),
    );
    assert_eq!(serial(&machine, "short.test"), "1", "what is stored is answered until it expires");
    machine.wait_for(servfail, Duration::from_secs(30));
    let answer = machine.dig("@127.0.0.1 www.short.test A");
    assert!(answer.text.contains("EDE: 24") && answer.text.contains("zone expired"), "{}", answer.text);
    assert_eq!(shown(&machine, "short.test")["state"], "expired");
    let list = machine.must("bindctl zone list");
    assert!(list.contains("expired") && list.contains("SERVFAIL"), "{list}");
    let status = machine.text("bindctl status");
    assert!(status.contains("short.test. is expired"), "{status}");

    machine.must("systemctl restart tenon-zonemgr tenon-zonec tenon-xfrin tenon-auth@1");
    machine.wait("busctl status org.tenon.Zonemgr1 && busctl status org.tenon.Zonec1");
    machine.must(servfail);
    assert_eq!(shown(&machine, "short.test")["state"], "expired");
    // With everything else and the bus stopped auth knows it from the manifest.
    machine.must(
        "systemctl stop tenon-zonemgr.socket tenon-zonemgr tenon-zonec tenon-xfrin dbus.socket dbus.service",
    );
    machine.kill("tenon-auth@1.service");
    machine.wait(servfail);
    machine.must("systemctl start dbus.socket dbus.service tenon.target");
    machine.wait("busctl status org.tenon.Zonemgr1 && busctl status org.tenon.Xfrin1");
    peer.start();
    let took = wait_serial(&machine, "short.test", 1);
    println!("answered again {took:?} after the primary came back");
    machine.wait_for(
        "bindctl --json zone show short.test | grep -q '\"failing_since_usec\": null'",
        Duration::from_secs(10),
    );
}

#[test]
fn a_zone_that_was_never_transferred_is_servfail_and_says_why() {
    let machine = Machine::start();
    let refused = machine.run("bindctl zone add new.test --primary 127.0.0.1@5399 --wait 3");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    println!("{said}");
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("new.test. is configured, but could not be transferred yet"), "{said}");
    machine.wait("dig +tries=1 +time=1 @127.0.0.1 new.test SOA | grep -q 'EDE: 14'");
    assert_eq!(machine.dig("@127.0.0.1 a.b.new.test A").status, "SERVFAIL");
    assert!(machine.must("bindctl zone list").contains("unloaded"));
    machine.must("systemctl restart tenon-zonemgr tenon-zonec tenon-auth@1");
    machine.wait("dig +tries=1 +time=1 @127.0.0.1 new.test SOA | grep -q 'status: SERVFAIL'");
    machine.must("bindctl zone remove new.test");
    machine.wait("dig +tries=1 +time=1 @127.0.0.1 new.test SOA | grep -q 'status: REFUSED'");
    assert!(!machine.must("bindctl zone list").contains("new.test"));
}

#[test]
fn adding_and_removing_by_command() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    let refused = machine.run("bindctl zone add example.com --primary 127.0.0.1@5301");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("is a primary zone here"), "{said}");
    let names: Vec<String> = (0..50).map(|n| format!("z{n}.test")).collect();
    let texts: Vec<(&str, String)> = names.iter().map(|name| (name.as_str(), zone(name, 7, SLOW))).collect();
    let Some(peer) = machine.primary(Kind::Bind, &texts, true) else { return };
    machine.write("/tmp/names", names.join("\n"));
    // Edits of the user's own are neither committed along nor lost.
    machine.must("bindctl config set auth/udp_payload_size 1400");
    let began = Instant::now();
    let said = machine.must(&format!("bindctl zone add --from /tmp/names --primary {}", peer.address()));
    println!("{} after {:?}", said.trim(), began.elapsed());
    assert!(said.contains("50 zones are answered"), "{said}");
    assert!(machine.must("bindctl config diff").contains("1400"));
    machine.must("bindctl config revert");
    assert!(machine.must("bindctl config history").contains("zone add z0.test. and 49 more"));
    machine.must("bindctl zone add < /dev/null --from - z0.test --primary 127.0.0.1@5303 --no-wait");
    let refused = machine.run("bindctl zone add z0.test --primary 127.0.0.2");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("with other primaries"));

    let said = machine.must("bindctl zone remove z7.test");
    println!("{}", said.trim());
    machine.wait("test -z \"$(sqlite3 /var/lib/tenon/secondary/zones.sqlite \"SELECT 1 FROM zones WHERE name = 'z7.test.'\")\"");
    assert_eq!(machine.dig("@127.0.0.1 z7.test SOA").status, "REFUSED");
    assert_eq!(serial(&machine, "z8.test"), "7");
    // A configuration that cannot be read removes nothing.
    machine.must("systemctl stop tenon-cfgmgr tenon-zonemgr.socket tenon-zonemgr; for g in /var/lib/tenon/config/generations/*; do echo '{' > $g; done; systemctl start tenon-zonemgr");
    machine.wait("busctl status org.tenon.Zonemgr1");
    machine.wait("bindctl status | grep -q 'not the committed ones'");
    assert_eq!(serial(&machine, "z8.test"), "7");
    assert_eq!(
        machine.must("sqlite3 /var/lib/tenon/secondary/zones.sqlite 'SELECT count(*) FROM zones'").trim(),
        "49"
    );
}

#[test]
fn what_a_stopped_part_costs_is_said_and_the_rest_serve_on() {
    let machine = Machine::start();
    let Some(peer) = machine.primary(Kind::Knot, &[("a.test", zone("a.test", 1, SLOW))], true) else {
        return;
    };
    add(&machine, "a.test", &peer);
    machine.must("systemctl stop tenon-xfrin");
    let status = machine.text("bindctl status");
    assert!(
        status.contains("tenon-xfrin is not on the bus: secondary zones are not transferred"),
        "{status}"
    );
    let refused = machine.run("bindctl zone add b.test --primary 127.0.0.1@5301");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(3) && said.contains("tenon-xfrin is not on the bus"), "{said}");
    let refused = machine.run("bindctl zone refresh a.test");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("tenon-xfrin does not run"));
    // A NOTIFY meanwhile is not forgotten.
    peer.change("a.test", &zone("a.test", 2, SLOW));
    machine.wait("bindctl --json zone show a.test | grep -q '\"notify_serial\": 2'");
    assert_eq!(serial(&machine, "a.test"), "1");
    machine.must("systemctl start tenon-xfrin");
    wait_serial(&machine, "a.test", 2);

    machine.must("systemctl stop tenon-zonemgr.socket tenon-zonemgr.service");
    let status = machine.text("bindctl status");
    assert!(
        status.contains("tenon-zonemgr is not on the bus: secondary zones are neither refreshed"),
        "{status}"
    );
    assert_eq!(serial(&machine, "a.test"), "2");
    machine.must("bindctl zone list | grep -q a.test");
}
