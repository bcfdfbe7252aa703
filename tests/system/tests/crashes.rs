//! `kill -9` of each part in the middle of its work: the old state served throughout, nothing left over, work resumes.

use crate::zones::{load, serial};
use std::time::Duration;
use tenon_system_tests::{Machine, zones};

const IMAGES: &str = "/var/lib/tenon/images";

#[test]
fn zonec_killed_while_compiling() {
    let machine = Machine::start();
    load(&machine, "tld", &zones::delegations(200_000, 1));
    // More than a layer takes, so that the zone is compiled whole.
    machine.write("/tmp/second", zones::delegations(300_000, 2));
    machine.must("setsid tenon-loadzone --quiet tld /tmp/second >/tmp/loaded 2>&1 &");
    // A file that no manifest names yet is the image being written.
    let is_compiling = format!("ls {IMAGES} | grep -q image.new");
    let is_served = "dig +short @127.0.0.1 tld SOA | cut -d' ' -f3 | grep -q 2";
    let mut kills = 0;
    while kills < 3 {
        let before = machine.main_pid("tenon-zonec.service");
        let outcome = machine.must(&format!(
            "until {is_compiling} || {is_served}; do sleep 0.01; done; \
             if {is_compiling}; then kill -9 {before} && echo killed; fi"
        ));
        assert_ne!(serial(&machine, "tld"), "", "the zone is answered throughout");
        if outcome.trim() != "killed" {
            break;
        }
        kills += 1;
        // The next one clears what this one left, and only then begins.
        machine.wait(&format!(
            "pid=$(systemctl show -P MainPID tenon-zonec.service); test $pid -ne {before} -a $pid -ne 0 && \
             systemctl is-active tenon-zonec.service"
        ));
    }
    println!("zonec was killed {kills} times while compiling");
    assert!(kills > 0, "zonec was never caught compiling");
    machine.wait("test \"$(dig +short @127.0.0.1 tld SOA | cut -d' ' -f3)\" = 2");
    assert_eq!(machine.must(&format!("ls {IMAGES} | grep image.new || true")), "");
}

#[test]
fn loadzone_killed_interrupted_and_terminated_while_loading() {
    let machine = Machine::start();
    load(&machine, "tld", &zones::delegations(1000, 1));
    machine.write("/tmp/second", zones::delegations(300_000, 2));
    for (signal, status) in [("KILL", "137"), ("TERM", "143"), ("INT", "130")] {
        let said = machine.text(&format!(
            "set -m; tenon-loadzone tld /tmp/second & \
             until [ \"$(stat -c %s /var/lib/tenon/primary/zones.sqlite-wal 2>/dev/null || echo 0)\" -gt 3000000 ] || ! kill -0 $! 2>/dev/null; do sleep 0.01; done; \
             kill -{signal} $!; wait $!; echo status $?"
        ));
        println!("{signal}: {said}");
        assert!(said.contains(&format!("status {status}")), "{signal}: {said}");
        assert_eq!(serial(&machine, "tld"), "1", "after {signal}");
        machine.must("sqlite3 /var/lib/tenon/primary/zones.sqlite 'PRAGMA wal_checkpoint(TRUNCATE)'");
    }
    // A later load finds the way free and clears what the killed one left.
    machine.must("tenon-loadzone --wait 60 tld /tmp/second");
    machine.wait("test \"$(dig +short @127.0.0.1 tld SOA | cut -d' ' -f3)\" = 2");
    let rows = "sqlite3 /var/lib/tenon/primary/zones.sqlite \
                'SELECT count(*) FROM (SELECT base FROM rrsets UNION SELECT base FROM blocks)'";
    machine.wait(&format!("test \"$({rows})\" = 1"));
    assert_eq!(
        machine.must("sqlite3 /var/lib/tenon/primary/zones.sqlite 'PRAGMA integrity_check'").trim(),
        "ok"
    );
}

#[test]
fn a_new_zone_is_compiled_while_it_is_written_and_either_side_is_killed() {
    let machine = Machine::start();
    machine.write("/tmp/tld.zone", zones::delegations(300_000, 1));
    let load_until_compiled = |then: &str| {
        machine.must(&format!(
            "set -m; tenon-loadzone --quiet tld /tmp/tld.zone & \
             until ls {IMAGES} | grep -q image.new || ! kill -0 $!; do sleep 0.01; done; {then}; wait $! || true"
        ))
    };
    load_until_compiled("kill -KILL $!");
    machine.wait(&format!("! ls {IMAGES} | grep -q image"));
    assert_eq!(serial(&machine, "tld"), "", "what was not committed is not answered");
    load_until_compiled("systemctl kill --signal=KILL tenon-zonec.service");
    machine.wait("test \"$(dig +short @127.0.0.1 tld SOA | cut -d' ' -f3)\" = 1");
    assert_eq!(machine.must(&format!("ls {IMAGES} | grep -c image")).trim(), "1");
}

#[test]
fn cfgmgr_killed_while_committing() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    // So that there is a generation to be left with in the first round.
    machine.must("bindctl config set auth/udp_payload_size 1299 && bindctl config commit");
    for round in 0..10 {
        let value = 1300 + round;
        machine.must(&format!("bindctl config set auth/udp_payload_size {value}"));
        let pid = machine.main_pid("tenon-cfgmgr.service");
        machine.text(&format!("bindctl config commit & sleep 0.0{round}; kill -9 {pid}; wait"));
        machine.wait("bindctl config show");
        let committed: serde_json::Value =
            serde_json::from_str(&machine.must("cat /var/lib/tenon/config/current"))
                .expect("a whole generation");
        let stored = committed["settings"]["auth"]["udp_payload_size"].as_u64().unwrap_or(1232);
        // What is stored is what is in force, soon after cfgmgr is back.
        machine.wait_for(
            &format!("dig @127.0.0.1 www.example.com | grep -q 'udp: {stored}'"),
            Duration::from_secs(10),
        );
        println!("round {round}: generation {} with {stored}", committed["generation"]);
        assert_eq!(
            machine.must("ls /var/lib/tenon/config/generations | grep -v '^[0-9]*.json$' || true"),
            ""
        );
        machine.must("bindctl config revert");
    }
}

#[test]
fn every_part_killed_in_turn_comes_back() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    for unit in [
        "tenon-zonec.service",
        "tenon-cfgmgr.service",
        "tenon-stats.service",
        "tenon-xfrin.service",
        "tenon-xfrout.service",
        "tenon-ddns.service",
        "tenon-zonemgr.service",
        "tenon-auth@1.service",
    ] {
        let before = machine.kill(unit);
        machine.wait(&format!(
            "test $(systemctl show -P MainPID {unit}) -ne {before} && systemctl is-active {unit}"
        ));
        assert_eq!(machine.dig("@127.0.0.1 www.example.com A").status, "NOERROR", "after {unit}");
    }
    load(&machine, "example.com", &zones::example(2));
    assert_eq!(serial(&machine, "example.com"), "2");
}
