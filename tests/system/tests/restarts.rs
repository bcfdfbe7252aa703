//! Restarts and kills under load: nothing refused, nothing lost.

use crate::zones::load;
use std::time::Duration;
use tenon_system_tests::flood::Tally;
use tenon_system_tests::{Machine, zones};

const RATE: u32 = 20_000;

/// What a process that is killed may take with it: a batch of 32 that it had read and not yet answered, for each of its
/// workers (the machine has a worker per core). Mostly it is none. What waits in the sockets is never lost.
fn in_hand() -> u64 {
    32 * std::thread::available_parallelism().map_or(1, usize::from) as u64
}

/// Runs `disturb` in the middle of a stream of queries; at most `may_lose` of them may stay without an answer.
fn under_load(machine: &Machine, what: &str, may_lose: u64, disturb: impl FnOnce()) -> Tally {
    let flood = machine.flood("127.0.0.1:53", "www.example.com", RATE, 4);
    std::thread::sleep(Duration::from_secs(1));
    disturb();
    let tally = flood.finish();
    println!("{what}: {}", serde_json::to_string(&tally).unwrap());
    assert_eq!((tally.refused, tally.wrong), (0, 0), "{what}: {tally:?}");
    assert!(tally.lost <= may_lose, "{what}: more than {may_lose} lost: {tally:?}");
    assert_eq!(tally.sent, u64::from(RATE) * 4);
    tally
}

fn serving() -> Machine {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    machine
}

#[test]
fn kill_and_restart_under_load_lose_nothing() {
    let machine = serving();
    let before = machine.main_pid("tenon-auth@1.service");
    under_load(&machine, "kill -9 of auth", in_hand(), || {
        machine.kill("tenon-auth@1.service");
    });
    assert_ne!(machine.main_pid("tenon-auth@1.service"), before);
    under_load(&machine, "systemctl restart tenon-auth@1", 0, || {
        machine.must("systemctl restart tenon-auth@1.service");
    });
    under_load(&machine, "systemctl restart tenon.target", 0, || {
        machine.must("systemctl restart tenon.target");
    });
}

#[test]
fn of_two_instances_on_one_address_one_may_be_killed() {
    let machine = serving();
    machine.must("bindctl config set auth/instances 2 && bindctl config commit");
    machine.wait("systemctl is-active tenon-auth@2.service");
    let before = machine.main_pid("tenon-auth@2.service");
    under_load(&machine, "kill -9 of one of two instances", in_hand(), || {
        machine.kill("tenon-auth@1.service");
    });
    assert_eq!(machine.main_pid("tenon-auth@2.service"), before, "the other instance was left alone");
}

#[test]
fn a_crash_loop_of_auth_does_not_close_the_port() {
    let machine = serving();
    let broken = "/run/systemd/system/tenon-auth@1.service.d/60-broken.conf";
    machine.write(broken, "[Service]\nExecStart=\nExecStart=/bin/false\n");
    machine.must("systemctl daemon-reload");
    machine.kill("tenon-auth@1.service");
    machine.wait("test $(systemctl show -P NRestarts tenon-auth@1.service) -ge 20");
    let sockets = machine.must("systemctl list-units --no-legend --plain 'tenon-auth@*.socket'");
    assert_eq!(sockets.matches("active").count(), 2, "{sockets}");

    let flood = machine.flood("127.0.0.1:53", "www.example.com", 1000, 2);
    machine.must(&format!("rm {broken}; systemctl daemon-reload; systemctl restart tenon-auth@1.service"));
    let tally = flood.finish();
    println!("end of a crash loop: {}", serde_json::to_string(&tally).unwrap());
    assert_eq!((tally.refused, tally.lost), (0, 0), "{tally:?}");
}

#[test]
fn stop_of_the_target_stops_all_and_start_brings_all_back() {
    let machine = serving();
    machine.must("systemctl stop tenon.target");
    let left = machine
        .must("systemctl list-units --no-legend --plain --state=active 'tenon*' | grep -v slice || true");
    assert_eq!(left, "", "still active after the stop");
    machine.must("systemctl start tenon.target");
    machine.wait("dig +short +tries=1 +time=1 @127.0.0.1 www.example.com | grep -q .");
}
