//! Changes of `listen_on`: one that works, one that cannot be bound.

use crate::zones::load;
use tenon_system_tests::{Machine, zones};

#[test]
fn a_new_address_costs_one_restart_and_nothing_on_the_others() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    machine.must("ip addr add 192.0.2.7/32 dev lo");
    let before =
        machine.must("journalctl -b -o cat -u tenon-auth@1.service | grep -c 'Started tenon-auth@1'");

    let flood = machine.flood("127.0.0.1:53", "www.example.com", 20_000, 5);
    let done = machine.must(
        r#"bindctl config set auth/listen_on '[{"address":"127.0.0.1"},{"address":"::1"},{"address":"192.0.2.7","port":53}]' && bindctl config commit"#,
    );
    assert!(done.contains("auth       accepted  restarted, in force"), "{done}");
    let tally = flood.finish();
    println!("address added: {}", serde_json::to_string(&tally).unwrap());
    assert_eq!((tally.refused, tally.lost), (0, 0), "{tally:?}");
    assert_eq!(machine.dig("@192.0.2.7 www.example.com A").status, "NOERROR");
    assert_eq!(machine.dig("@192.0.2.7 +tcp www.example.com A").status, "NOERROR");
    let after = machine.must("journalctl -b -o cat -u tenon-auth@1.service | grep -c 'Started tenon-auth@1'");
    let restarts = after.trim().parse::<u32>().unwrap() - before.trim().parse::<u32>().unwrap();
    assert_eq!(restarts, 1, "auth was restarted once");

    machine.must(r#"bindctl config set auth/listen_on '[{"address":"127.0.0.1"},{"address":"::1"}]' && bindctl config commit"#);
    assert_eq!(machine.dig("@192.0.2.7 www.example.com A").status, "");
    assert_eq!(machine.dig("@127.0.0.1 www.example.com A").status, "NOERROR");
}

#[test]
fn an_address_that_cannot_be_bound_leaves_the_old_ones_and_tells_why() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    // Somebody on the TCP port. (A UDP socket of PID 1 would not do: it has SO_REUSEADDR, as ours.)
    machine.must("systemd-run --unit=holder --socket-property=ListenStream=127.0.0.9:53 sleep 600");
    machine.wait("ss -ltn | grep -q 127.0.0.9:53");
    let auth = machine.main_pid("tenon-auth@1.service");

    let flood = machine.flood("127.0.0.1:53", "www.example.com", 20_000, 5);
    machine.must(r#"bindctl config set auth/listen_on '[{"address":"127.0.0.1"},{"address":"::1"},{"address":"127.0.0.9"}]'"#);
    let commit = machine.run("bindctl config commit");
    let said = String::from_utf8_lossy(&commit.stderr).into_owned();
    println!("{said}");
    assert_eq!(commit.status.code(), Some(1));
    assert!(said.contains("127.0.0.9") && said.contains("in use"), "{said}");
    let tally = flood.finish();
    println!("address refused: {}", serde_json::to_string(&tally).unwrap());
    assert_eq!((tally.refused, tally.lost), (0, 0), "{tally:?}");

    assert_eq!(machine.main_pid("tenon-auth@1.service"), auth, "auth was left alone");
    let shown = machine.must("bindctl --json config show auth/listen_on");
    assert!(!shown.contains("127.0.0.9"), "{shown}");
    let failed = machine.must("systemctl list-units --failed --no-legend 'tenon*'");
    assert_eq!(failed, "");
}

#[test]
fn a_forged_request_changes_nothing() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    for forged in [
        r#"{"generation":9,"listen_on":[{"address":"127.0.0.1\nExecStart=/bin/sh"}]}"#,
        r#"{"generation":9,"listen_on":[{"address":"127.0.0.1","unit":"x"}]}"#,
        "not json",
        "",
    ] {
        machine.write("/var/lib/tenon/config/listen.json", forged);
        machine.must("systemctl start tenon-listen@change.service");
        let status = machine.must("cat /run/tenon/listen-status.json");
        assert!(status.contains("\"ok\":false"), "{forged}: {status}");
        assert_eq!(machine.dig("@127.0.0.1 www.example.com A").status, "NOERROR", "{forged}");
    }
}
