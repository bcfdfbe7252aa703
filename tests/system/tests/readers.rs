//! What names zones and peers is read by a group alone, once the administrator said so.

use crate::zones::{load, serial};
use std::process::Output;
use tenon_system_tests::{Bus, Machine, zones};

/// What an ordinary user may read before, a reader always, and others not once reading is restricted.
const NAMING: [&str; 9] = [
    "bindctl zone list",
    "bindctl config show zonemgr",
    "bindctl explain query www.example.com A",
    "bindctl record show example.com www",
    "busctl call org.tenon.Zonec1 /org/tenon/Zonec1 org.tenon.Zonec1 ListZones su '' 0",
    "busctl call org.tenon.Xfrin1 /org/tenon/Jobs1 org.tenon.Jobs1 List tu 0 0",
    "busctl get-property org.tenon.Zonemgr1 /org/tenon/Zonemgr1 org.tenon.Zonemgr1 Faults",
    "busctl call org.tenon.Auth1.Instance1 /org/tenon/Auth1 org.tenon.Auth1 ListZoneCounters su '' 0",
    "busctl call org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 Get sb zonemgr/secondary_zones false",
];
/// These name nothing.
const HARMLESS: [&str; 3] = [
    "bindctl stats show zonec",
    "busctl call org.tenon.Zonec1 /org/tenon/Zonec1 org.tenon.Stats1 Counters",
    "busctl call org.tenon.Zonec1 /org/tenon/Zonec1 org.freedesktop.DBus.Introspectable Introspect",
];

fn run_as(machine: &Machine, user: &str, command: &str) -> Output {
    machine.run(&format!("setpriv --reuid {user} --regid {user} --init-groups {command}"))
}

/// Whether a user may do all of this or none of it.
fn may(machine: &Machine, user: &str, commands: &[&str]) -> bool {
    let outcomes: Vec<bool> = commands
        .iter()
        .map(|command| {
            let output = run_as(machine, user, command);
            println!("{user}: {command}: {}", String::from_utf8_lossy(&output.stderr).trim());
            output.status.success()
        })
        .collect();
    assert!(outcomes.iter().all(|may| *may == outcomes[0]), "{user}: {commands:?}: {outcomes:?}");
    outcomes[0]
}

/// Whether a user hears of a zone that is loaded with this serial.
fn hears(machine: &Machine, user: &str, serial: u32) -> bool {
    let heard = format!("/tmp/heard-{user}-{serial}");
    machine.must(&format!(
        "setpriv --reuid {user} --regid {user} --init-groups dbus-monitor --system \
         \"type='signal',interface='org.tenon.Zones1'\" \"type='signal',interface='org.tenon.Heard'\" \
         >{heard} 2>&1 & echo $! > {heard}.pid"
    ));
    let call = "dbus-send --system --type=signal /org/tenon/Heard org.tenon.Heard";
    machine.wait(&format!("{call}.Begin; grep -q Begin {heard}"));
    load(machine, "example.com", &zones::example(serial));
    machine.wait(&format!("dig +short @127.0.0.1 example.com SOA | grep -q ' {serial} '"));
    // The bus keeps order: what was to come has come before this.
    machine.wait(&format!("{call}.End; grep -q End {heard}"));
    machine.must(&format!("kill $(cat {heard}.pid)"));
    machine.must(&format!("cat {heard}")).contains("example.com.")
}

fn serving(bus: Bus) -> Machine {
    let machine = Machine::boot_with(bus);
    machine.must("systemctl start tenon.target");
    machine.must("groupadd dns && useradd -m -G dns ann && useradd -m bob && useradd -m -G tenon op");
    // No rule of the shipped policies lets users send signals.
    machine.write(
        "/etc/dbus-1/system.d/heard.conf",
        "<busconfig><policy context=\"default\"><allow send_interface=\"org.tenon.Heard\"/></policy></busconfig>",
    );
    machine.must("busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig");
    machine.must("bindctl config set auth/zone_statistics true && bindctl config set stats/zones true && bindctl config commit");
    load(&machine, "example.com", &zones::example(1));
    machine
}

#[test]
fn zones_and_peers_are_read_by_a_group_alone_under_both_buses() {
    for bus in [Bus::Daemon, Bus::Broker] {
        let machine = serving(bus);
        let metrics = || machine.must("curl -sS --fail http://127.0.0.1:9153/metrics");
        assert!(may(&machine, "bob", &NAMING) && hears(&machine, "bob", 2));
        assert!(run_as(&machine, "bob", "cat /var/lib/tenon/images/MANIFEST").status.success());
        assert!(metrics().contains("example.com."));

        let refused = machine.text("bindctl readers restrict nosuch");
        assert!(refused.contains("there is no group nosuch"), "{refused}");
        assert!(!run_as(&machine, "ann", "bindctl readers restrict dns").status.success());
        let said = machine.must("bindctl readers restrict dns");
        assert!(said.contains("root and the groups tenon and dns"), "{said}");

        assert!(!may(&machine, "bob", &NAMING) && !hears(&machine, "bob", 3));
        assert!(may(&machine, "bob", &HARMLESS));
        let refusal = run_as(&machine, "bob", "bindctl zone list");
        let said = String::from_utf8_lossy(&refusal.stderr).into_owned();
        assert!(said.contains("read by root and the groups tenon and dns alone"), "{said}");
        for file in ["images/MANIFEST", "config/current", "primary/zones.sqlite", ""] {
            let ls = run_as(&machine, "bob", &format!("ls /var/lib/tenon/{file}"));
            assert!(!ls.status.success(), "{file}");
        }
        assert!(!metrics().contains("example.com."));
        for reader in ["ann", "op"] {
            assert!(may(&machine, reader, &NAMING), "{reader}");
        }
        assert!(hears(&machine, "ann", 4));
        let given = run_as(
            &machine,
            "ann",
            "busctl call org.tenon.Zonec1 /org/tenon/Zonec1 org.tenon.Config1 Apply ts 99 {}",
        );
        assert!(!given.status.success(), "a reader gives settings");

        services_go_on(&machine);
        machine.must("bindctl readers everybody");
        assert!(may(&machine, "bob", &NAMING));
        assert!(run_as(&machine, "bob", "cat /var/lib/tenon/images/MANIFEST").status.success());
        assert!(metrics().contains("example.com."));
    }
}

/// Each asks its neighbours: after a restart, with files that are closed to others.
fn services_go_on(machine: &Machine) {
    machine.must("systemctl restart tenon.target");
    load(machine, "example.com", &zones::example(5));
    assert_eq!(serial(machine, "example.com"), "5");
    // zonemgr asks xfrin, and hears how it ended.
    machine.must("bindctl zone add second.test --primary 127.0.0.1@1 --no-wait");
    machine.wait("bindctl zone show second.test | grep -q refused");
    machine.must("bindctl record set example.com www 60 A 192.0.2.99 --yes");
    machine.wait("dig +short @127.0.0.1 www.example.com | grep -qx 192.0.2.99");
    let faults = "busctl get-property org.tenon.Collector1 /org/tenon/Collector1 org.tenon.Collector1 Faults";
    assert_eq!(machine.must(&format!("bindctl stats show >/tmp/stats; {faults}")).trim(), "as 0");
    let status = run_as(machine, "bob", "bindctl status");
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("told to root and the groups tenon and dns alone\nproblems  none"), "{status}");
    machine.must("bindctl account add alice > /tmp/account && bindctl account token alice | sed 's/.*: //' > /tmp/token");
    machine.must("systemctl start tenon-cmdctl");
    machine.wait(
        "curl --silent --fail --cacert /var/lib/tenon/cmdctl/certificate.pem \
         -H \"Authorization: Bearer $(cat /tmp/token)\" https://localhost:8951/v1/zones | grep -q example.com",
    );
}
