//! Loading, changing and removing zones by the operator's commands.

use tenon_system_tests::{Machine, zones};

/// Loads text as a zone and waits until it is answered.
pub(crate) fn load(machine: &Machine, zone: &str, text: &str) {
    let file = format!("/tmp/{zone}.zone");
    machine.write(&file, text);
    machine.must(&format!("tenon-loadzone --wait 60 {zone} {file}"));
    machine.wait(&format!("dig +short +tries=1 +time=1 @127.0.0.1 {zone} SOA | grep -q ."));
}

/// The serial that is answered for a zone, empty when there is none.
pub(crate) fn serial(machine: &Machine, zone: &str) -> String {
    machine
        .dig(&format!("@127.0.0.1 +short {zone} SOA"))
        .text
        .split_whitespace()
        .nth(2)
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_zone_is_loaded_changed_and_removed() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    assert_eq!(serial(&machine, "example.com"), "1");

    machine.write("/tmp/second", zones::example(2).replace("192.0.2.80", "192.0.2.81"));
    machine.must("bindctl zone load example.com /tmp/second");
    machine.wait("dig +short @127.0.0.1 www.example.com | grep -qx 192.0.2.81");
    assert_eq!(serial(&machine, "example.com"), "2");

    machine.must("bindctl zone remove example.com");
    machine.wait("dig @127.0.0.1 www.example.com | grep -q 'status: REFUSED'");
    assert!(!machine.must("bindctl --json zone list").contains("example.com"));
}

#[test]
fn list_and_show_tell_what_is_stored_and_what_is_answered() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(7));
    let list = machine.must("bindctl zone list");
    assert!(list.contains("example.com.") && list.contains('7'), "{list}");
    let show: serde_json::Value =
        serde_json::from_str(&machine.must("bindctl --json zone show example.com")).unwrap();
    assert!(show.to_string().contains("\"example.com.\""), "{show}");
    let missing = machine.run("bindctl zone show nowhere.example");
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nowhere.example"));
}

#[test]
fn many_small_zones_share_packs() {
    let machine = Machine::start();
    machine.write(
        "/tmp/make",
        "mkdir -p /tmp/many; for n in $(seq 1000); do z=z$n.test; printf '%s. 60 IN SOA ns.%s. h.%s. 1 2 3 4 5\\n%s. 60 IN NS ns.%s.\\nns.%s. 60 IN A 192.0.2.1\\n' $z $z $z $z $z $z > /tmp/many/$z; echo $z /tmp/many/$z; done > /tmp/set",
    );
    machine.must("bash /tmp/make; tenon-loadzone --list /tmp/set");
    machine.wait("dig +short @127.0.0.1 z1000.test SOA | grep -q .");
    machine.wait("dig +short @127.0.0.1 z1.test SOA | grep -q .");
    let files: usize = machine.must("ls /var/lib/tenon/images | grep -vc MANIFEST").trim().parse().unwrap();
    // At most so many loose files as zonec's setting loose_files (64) allows, and the packs.
    assert!(files <= 80, "1,000 small zones in {files} files");
}
