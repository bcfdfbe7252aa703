//! Answers outlive everything: the bus and every other service stopped.

use crate::zones::{load, serial};
use std::time::Duration;
use tenon_system_tests::{Machine, zones};

const OTHERS: &str = "tenon-zonec.service tenon-cfgmgr.service tenon-stats.service tenon-xfrin.service tenon-zonemgr.service tenon-listen.path";

#[test]
fn auth_answers_and_restarts_without_bus_and_services_and_reconciles_when_they_are_back() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    machine.must("bindctl config set auth/udp_payload_size 1400 && bindctl config commit");
    let payload = || machine.dig("@127.0.0.1 www.example.com").text.contains("udp: 1400");
    assert!(payload(), "the setting is in force");

    machine.must(&format!("systemctl stop {OTHERS} dbus.socket dbus.service"));
    assert_eq!(machine.dig("@127.0.0.1 www.example.com A").status, "NOERROR");

    let killed = machine.kill("tenon-auth@1.service");
    machine.wait("dig +short +tries=1 +time=1 @127.0.0.1 www.example.com | grep -q .");
    assert_ne!(machine.main_pid("tenon-auth@1.service"), killed);
    assert_eq!(serial(&machine, "example.com"), "1");
    assert!(payload(), "the setting outlived the bus");

    // A change while nobody listens is found when they are back.
    machine.write("/tmp/second", zones::example(2));
    machine.must("tenon-loadzone example.com /tmp/second");
    let auth = machine.main_pid("tenon-auth@1.service");
    machine.must(&format!("systemctl start dbus.socket dbus.service {OTHERS}"));
    let took = machine.wait_for(
        "test \"$(dig +short +tries=1 +time=1 @127.0.0.1 example.com SOA | cut -d' ' -f3)\" = 2 && busctl status org.tenon.Auth1.Instance1",
        Duration::from_secs(5),
    );
    println!("reconciled {took:?} after the bus came back");
    assert_eq!(machine.main_pid("tenon-auth@1.service"), auth, "auth was not restarted");
}

#[test]
fn the_bus_restarted_under_everything_is_not_noticed() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    let units = [
        "tenon-auth@1.service",
        "tenon-zonec.service",
        "tenon-cfgmgr.service",
        "tenon-stats.service",
        "tenon-xfrin.service",
        "tenon-xfrout.service",
        "tenon-ddns.service",
        "tenon-zonemgr.service",
    ];
    let before = units.map(|unit| machine.main_pid(unit));
    machine.must("systemctl restart dbus.service");
    for name in ["org.tenon.Auth1.Instance1", "org.tenon.Zonec1", "org.tenon.Cfgmgr1", "org.tenon.Collector1"]
    {
        machine.wait_for(&format!("busctl status {name}"), Duration::from_secs(5));
    }
    assert_eq!(units.map(|unit| machine.main_pid(unit)), before, "nobody was restarted");
    load(&machine, "example.org", &zones::example(5).replace("example.com", "example.org"));
}

#[test]
fn the_same_under_dbus_broker() {
    let machine = Machine::boot_with(tenon_system_tests::Bus::Broker);
    machine.must("systemctl start tenon.target");
    assert!(machine.text("systemctl status dbus.service").contains("dbus-broker"));
    load(&machine, "example.com", &zones::example(1));
    machine.must("bindctl config set auth/udp_payload_size 1400 && bindctl config commit");
    machine.wait(
        "busctl call org.tenon.Auth1.Instance1 /org/tenon/Auth1 org.tenon.Auth1 GetZone s example.com.",
    );
    let metrics = machine.must("curl -sS --fail http://127.0.0.1:9153/metrics");
    for component in ["auth", "zonec", "cfgmgr", "stats", "xfrin", "zonemgr"] {
        let up =
            metrics.lines().find(|line| line.starts_with(&format!("tenon_up{{component=\"{component}\"")));
        assert!(up.is_some_and(|line| line.ends_with(" 1")), "{component}: {metrics}");
    }
}
