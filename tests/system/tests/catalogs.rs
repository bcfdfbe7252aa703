//! Catalog zones (RFC 9432) of the distribution's servers: zones come and go without a change of settings.

use tenon_system_tests::Machine;
use tenon_system_tests::peer::Kind;

const TIMES: &str = "7200 3600 1209600 60";

/// A catalog of a version with zones and their labels.
fn catalog(serial: u32, version: &str, members: &[(&str, &str)]) -> String {
    let mut text = format!(
        "@ 60 IN SOA invalid. invalid. {serial} {TIMES}\n@ 60 IN NS invalid.\nversion 0 IN TXT {version}\n"
    );
    for (zone, label) in members {
        text += &format!("{label}.zones 0 IN PTR {zone}.\ngroup.{label}.zones 0 IN TXT \"all of them\"\n");
    }
    text
}

fn zone(serial: u32) -> String {
    format!("@ 60 IN SOA ns1 hostmaster {serial} {TIMES}\n@ 60 IN NS ns1\nns1 60 IN A 192.0.2.1\n")
}

fn is_answered(machine: &Machine, zone: &str) {
    machine.wait(&format!("dig +tries=1 +time=1 @127.0.0.1 {zone} SOA | grep -q 'status: NOERROR'"));
}

fn is_refused(machine: &Machine, zone: &str) {
    machine.wait(&format!("dig +tries=1 +time=1 @127.0.0.1 {zone} SOA | grep -q 'status: REFUSED'"));
}

fn follow(machine: &Machine, catalog: &str, primary: &str) {
    machine.must(&format!(
        r#"bindctl zone add {catalog} --primary {primary} --wait 60 &&
           bindctl config set zonemgr/catalogs '[{{"name": "{catalog}"}}]' && bindctl config commit"#
    ));
}

#[test]
fn zones_of_a_catalog_of_knot_nsd_or_bind_come_and_go_with_it() {
    for kind in Kind::ALL {
        let machine = Machine::start();
        let zones = ["a.test", "b.test", "c.test"].map(|name| (name, zone(1)));
        let listing = ("catalog.test", catalog(1, "2", &[("a.test", "1"), ("b.test", "2")]));
        let Some(peer) = machine.primary(kind, &[&[listing][..], &zones].concat(), true) else { continue };
        follow(&machine, "catalog.test", &peer.address());
        is_answered(&machine, "a.test");
        is_answered(&machine, "b.test");
        is_refused(&machine, "c.test");
        let shown = machine.must("bindctl zone show a.test");
        assert!(shown.contains("catalog catalog.test., groups all of them"), "{shown}");

        peer.change("catalog.test", &catalog(2, "2", &[("c.test", "3"), ("b.test", "2")]));
        is_answered(&machine, "c.test");
        is_refused(&machine, "a.test");
        is_answered(&machine, "b.test");

        // A broken one changes nothing, neither now nor after a restart.
        peer.change("catalog.test", &catalog(3, "3", &[]));
        machine.wait("bindctl status | grep -q 'catalog catalog.test. is broken'");
        machine.kill("tenon-zonemgr.service");
        machine.wait("bindctl status | grep -q 'catalog catalog.test. is broken'");
        is_answered(&machine, "b.test");
        is_answered(&machine, "c.test");

        // Another label: another zone, which has nothing of the first; it is there again a moment later.
        peer.change("catalog.test", &catalog(4, "2", &[("b.test", "new"), ("a.test", "1")]));
        is_answered(&machine, "a.test");
        is_answered(&machine, "b.test");
        is_refused(&machine, "c.test");
        machine.must("! bindctl status | grep -q 'is broken'");
        machine.must("journalctl -u tenon-zonemgr | grep -q '1 zones came, 1 went, 1 begin anew'");

        machine.must("bindctl config set zonemgr/catalogs '[]' && bindctl config commit");
        is_refused(&machine, "a.test");
        is_refused(&machine, "b.test");
        is_answered(&machine, "catalog.test");
    }
}

/// Knot with a catalog that it writes itself.
fn producer(zones: std::ops::Range<u32>) -> String {
    let mut text = "server:\n  listen: 127.0.0.1@5305\n  rundir: /tmp/producer\ndatabase:\n  storage: /tmp/producer\n\
                    remote:\n  - id: tenon\n    address: 127.0.0.1@53\nacl:\n  - id: all\n    address: 127.0.0.0/8\n    \
                    action: transfer\ntemplate:\n  - id: member\n    acl: all\n    storage: /tmp/producer\n    file: zone\n    \
                    catalog-role: member\n    catalog-zone: catalog.test\n    catalog-group: small\n    zonefile-sync: -1\n    \
                    journal-content: none\nzone:\n  - domain: catalog.test\n    acl: all\n    notify: tenon\n    \
                    catalog-role: generate\n"
        .to_owned();
    for number in zones {
        text += &format!("  - domain: z{number}.test\n    template: member\n");
    }
    text
}

#[test]
fn a_catalog_that_knot_writes_is_followed() {
    let machine = Machine::start();
    if !machine.run("command -v knotd").status.success() {
        println!("knotd is not installed: skipped");
        return;
    }
    machine.write("/tmp/producer/zone", zone(1));
    machine.write("/tmp/producer/config", producer(0..200));
    machine.must("systemd-run --quiet --unit producer $(command -v knotd) -c /tmp/producer/config");
    machine.wait("dig +tries=1 +time=1 @127.0.0.1 -p 5305 catalog.test AXFR | grep -q z199");
    follow(&machine, "catalog.test", "127.0.0.1@5305");
    let all = |zones: usize| {
        format!("test $(bindctl --json zone list | grep -o '\"z[0-9]*.test.\"' | sort -u | wc -l) = {zones}")
    };
    println!("200 zones listed by bindctl {:?} after the catalog", machine.wait(&all(200)));
    is_answered(&machine, "z0.test");
    is_answered(&machine, "z199.test");

    machine.write("/tmp/producer/config", producer(100..300));
    machine.must("systemctl kill --kill-whom=main --signal=HUP producer.service");
    is_answered(&machine, "z299.test");
    is_refused(&machine, "z0.test");
    machine.wait(&all(200));
    is_answered(&machine, "z150.test");
}
