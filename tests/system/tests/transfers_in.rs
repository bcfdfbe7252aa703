//! Secondary zones: brought in from a primary, compiled, answered; and what who brings them in may touch.

use crate::zones::{load, serial};
use tenon_system_tests::peer::Kind;
use tenon_system_tests::{Machine, zones};

/// Starts Knot in the machine as the primary of zones with these texts, on port 5301; it ends with the machine.
fn primary(machine: &Machine, served: &[(&str, String)]) {
    machine.primary(Kind::Knot, served, false).expect("knotd, which `make test` installs");
}

fn refresh(machine: &Machine, zone: &str) -> String {
    let said = machine.must(&format!(
        "busctl call org.tenon.Xfrin1 /org/tenon/Xfrin1 org.tenon.Xfrin1 Refresh 'sa(sq)b' {zone} 1 127.0.0.1 5301 false"
    ));
    let job = said.trim().strip_prefix("t ").expect("the number of a job").to_owned();
    let get = format!("busctl -j call org.tenon.Xfrin1 /org/tenon/Jobs1 org.tenon.Jobs1 Get t {job}");
    machine.wait(&format!("{get} | grep -qE '\"data\":\"(done|failed)\"'"));
    machine.must(&get)
}

#[test]
fn a_zone_of_a_primary_is_stored_compiled_and_answered() {
    let machine = Machine::start();
    machine.wait("busctl status org.tenon.Xfrin1");
    primary(&machine, &[("tld", zones::delegations(20_000, 7)), ("example.com", zones::example(3))]);
    for (zone, number) in [("example.com", "3"), ("tld", "7")] {
        let ended = refresh(&machine, zone);
        assert!(ended.contains("\"transferred\""), "{ended}");
        machine.wait(&format!("test \"$(dig +short @127.0.0.1 {zone} SOA | cut -d' ' -f3)\" = {number}"));
    }
    // What is answered here is what the primary answers.
    for question in [
        "www.example.com A",
        "large.example.com TXT",
        "x.wild.example.com TXT",
        "sub.example.com NS",
        "tld NS",
    ] {
        let ask =
            |port: u16| machine.must(&format!("dig +short +tcp @127.0.0.1 -p {port} {question} | sort"));
        assert_eq!(ask(53), ask(5301), "{question}");
    }
    let transfer = |port: u16| {
        machine
            .must(&format!("dig +noall +authority +additional @127.0.0.1 -p {port} x.d00000000.tld A | sort"))
    };
    assert_eq!(transfer(53), transfer(5301));
    let list: serde_json::Value = serde_json::from_str(&machine.must("bindctl --json zone list")).unwrap();
    assert_eq!(list.to_string().matches("\"storage\":\"secondary\"").count(), 2, "{list}");
    assert!(refresh(&machine, "tld").contains("\"current\""));
    let refused = refresh(&machine, "not.there");
    assert!(refused.contains("\"failed\"") && refused.contains("127.0.0.1@5301"), "{refused}");
    let journal = machine.must(
        "journalctl -b -u tenon-xfrin -o json MESSAGE_ID=c58d0b6e41f24a0e9a7336d5f0b8e201 ZONE=tld. PEER=127.0.0.1@5301 SERIAL=7",
    );
    assert_eq!(journal.lines().count(), 1, "{journal}");
    machine.must("journalctl -b -u tenon-xfrin -x | grep -q 'could not be brought in from one primary'");
}

#[test]
fn a_zone_in_both_stores_is_answered_from_the_primary_one_and_named() {
    let machine = Machine::start();
    machine.wait("busctl status org.tenon.Xfrin1");
    load(&machine, "example.com", &zones::example(1));
    primary(&machine, &[("example.com", zones::example(9))]);
    assert!(refresh(&machine, "example.com").contains("\"transferred\""));
    let faults = "busctl get-property org.tenon.Zonec1 /org/tenon/Zonec1 org.tenon.Zonec1 Faults";
    machine.wait(&format!("{faults} | grep -q 'example.com. is stored as primary and as secondary'"));
    assert!(machine.text("bindctl status").contains("is stored as primary and as secondary"));
    assert_eq!(serial(&machine, "example.com"), "1");
    machine.must("tenon-loadzone --remove example.com");
    machine.wait("test \"$(dig +short @127.0.0.1 example.com SOA | cut -d' ' -f3)\" = 9");
    machine.wait(&format!("{faults} | grep -qx 'as 0'"));
    machine.must("busctl call org.tenon.Xfrin1 /org/tenon/Xfrin1 org.tenon.Xfrin1 Remove s example.com");
    machine.wait("dig @127.0.0.1 example.com SOA | grep -q 'status: REFUSED'");
}

#[test]
fn who_brings_zones_in_writes_one_folder_and_answers_outlive_it() {
    let machine = Machine::start();
    machine.wait("busctl status org.tenon.Xfrin1");
    primary(&machine, &[("example.com", zones::example(3))]);
    refresh(&machine, "example.com");
    machine.wait("dig +short @127.0.0.1 www.example.com | grep -q .");
    let pid = machine.main_pid("tenon-xfrin.service");
    let as_xfrin = format!(
        "nsenter -t {pid} -m setpriv --reuid tenon-xfrin --regid tenon-xfrin --groups \"$(id -G tenon-xfrin | tr ' ' ,)\""
    );
    let writable = machine.must(&format!(
        "{as_xfrin} find /etc /usr /var/lib /opt /srv /run \\( -type f -o -type d \\) -writable -print 2>/dev/null | grep -v '^/var/lib/tenon/secondary' || true"
    ));
    assert_eq!(writable, "");
    for place in ["/var/lib/tenon/primary/x", "/var/lib/tenon/images/x", "/var/lib/tenon/config/x"] {
        assert!(!machine.run(&format!("{as_xfrin} touch {place}")).status.success(), "{place}");
    }
    machine.must(&format!("{as_xfrin} touch /var/lib/tenon/secondary/x"));
    machine.must("stat -c '%a %U:%G' /var/lib/tenon/secondary/zones.sqlite | grep -x '664 tenon-xfrin:tenon-secondary'");
    machine.must("systemctl stop tenon-xfrin.service");
    assert_eq!(machine.dig("@127.0.0.1 www.example.com A").status, "NOERROR");
}
