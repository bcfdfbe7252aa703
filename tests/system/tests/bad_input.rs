//! Bad input and broken storage: a clear error, the old zone served, nothing lost.

use crate::zones::{load, serial};
use std::time::Duration;
use tenon_system_tests::{Machine, zones};

#[test]
fn an_error_deep_in_a_zone_file_names_file_and_line() {
    let machine = Machine::start();
    load(&machine, "tld", &zones::delegations(1000, 1));
    let mut text = zones::delegations(400_000, 2);
    let at = text.match_indices('\n').nth(499_998).unwrap().0 + 1;
    text.insert_str(at, "broken.tld. 3600 IN A 192.0.2.256\n");
    machine.write("/tmp/broken.zone", &text);
    let output = machine.run("tenon-loadzone tld /tmp/broken.zone");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{said}");
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("/tmp/broken.zone:500000") && said.contains("192.0.2.256"), "{said}");
    assert_eq!(serial(&machine, "tld"), "1");
}

#[test]
fn a_flipped_byte_in_an_image_is_found_and_the_previous_image_served() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    load(&machine, "example.com", &zones::example(2));
    machine.wait("test \"$(dig +short @127.0.0.1 example.com SOA | cut -d' ' -f3)\" = 2");
    // The image of the zone now, from the manifest's own telling; its last but one quarter is data.
    let file = machine.must(
        "busctl --json=short call org.tenon.Auth1.Instance1 /org/tenon/Auth1 org.tenon.Auth1 GetZone s example.com.",
    );
    let value: serde_json::Value = serde_json::from_str(&file).unwrap();
    let name = value["data"][0]["files"]["data"][0].as_str().expect("a file name").to_owned();
    machine.must(&format!(
        "cd /var/lib/tenon/images; size=$(stat -c %s {name}); cp {name} /tmp/flip; \
         printf '\\xa5\\x5a\\xa5' | dd of=/tmp/flip bs=1 seek=$((size * 3 / 4)) conv=notrunc status=none; \
         chmod u+w {name}; cat /tmp/flip > {name}"
    ));
    machine.must("systemctl restart tenon-auth@1.service");
    machine.wait_for(
        "test \"$(dig +short @127.0.0.1 example.com SOA | cut -d' ' -f3)\" = 1",
        Duration::from_secs(20),
    );
    let status = machine.must("bindctl status");
    println!("{status}");
    assert!(status.contains(&name), "the operator is told: {status}");
}

#[test]
fn a_truncated_database_leaves_the_zone_answered_and_is_named() {
    let machine = Machine::start();
    load(&machine, "tld", &zones::delegations(20_000, 1));
    machine.must("sqlite3 /var/lib/tenon/primary/zones.sqlite 'PRAGMA wal_checkpoint(TRUNCATE)'");
    machine.must("systemctl stop tenon-zonec.service; truncate -s 300000 /var/lib/tenon/primary/zones.sqlite; rm -f /var/lib/tenon/primary/zones.sqlite-*; systemctl start tenon-zonec.service");
    machine.write("/tmp/second", zones::delegations(20_000, 2));
    let output = machine.run("tenon-loadzone tld /tmp/second");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{said}");
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("zones.sqlite"), "{said}");
    assert_eq!(serial(&machine, "tld"), "1");
    machine.must("systemctl restart tenon-auth@1.service");
    assert_eq!(serial(&machine, "tld"), "1");
}

#[test]
fn a_full_disk_keeps_the_old_zone_and_work_goes_on_when_there_is_room() {
    let machine = Machine::boot();
    machine.must(
        "mount -t tmpfs -o size=24M,mode=0755 small /var/lib/tenon && systemd-tmpfiles --create tenon.conf && systemctl start tenon.target",
    );
    load(&machine, "tld", &zones::delegations(2000, 1));
    machine.write("/tmp/second", zones::delegations(200_000, 2));
    let output = machine.run("tenon-loadzone tld /tmp/second");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{said}");
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("full") || said.contains("space"), "{said}");
    assert_eq!(serial(&machine, "tld"), "1");

    machine.must("mount -o remount,size=400M /var/lib/tenon");
    machine.must("tenon-loadzone --wait 60 tld /tmp/second");
    machine.wait("test \"$(dig +short @127.0.0.1 tld SOA | cut -d' ' -f3)\" = 2");
}
