//! What the settings keep: how much is logged, master files elsewhere, the engine that keeps them, and backups of it all.

use crate::zones::load;
use tenon_system_tests::peer::Kind;
use tenon_system_tests::{Machine, zones};

/// Has tenon-cfgmgr of the machine do this while it does not run.
fn convert(machine: &Machine, engine: &str) -> String {
    machine.must(&format!(
        "mkdir -p /run/systemd/system/tenon-cfgmgr.service.d && systemctl stop tenon-cfgmgr && \
         printf '[Service]\\nEnvironment=TENON_STORAGE={engine}\\n' > /run/systemd/system/tenon-cfgmgr.service.d/storage.conf && \
         setpriv --reuid tenon-cfgmgr --regid tenon-cfgmgr --init-groups \
         $(systemctl cat tenon-cfgmgr | sed -n 's/^ExecStart=//p') --convert {engine} && \
         systemctl daemon-reload && systemctl start tenon-cfgmgr"
    ))
}

#[test]
fn how_much_is_logged_outlives_a_restart() {
    let machine = Machine::start();
    let level = || machine.must("bindctl --json log level zonec");
    machine.must(
        r#"bindctl config add logging/loggers '{"component": "zonec", "severity": "debug"}' && bindctl config commit"#,
    );
    assert!(level().contains("debug"), "{}", level());
    // For the moment, until it is restarted.
    machine.must("bindctl log level zonec err && systemctl restart tenon-zonec");
    machine.wait("bindctl --json log level zonec | grep -q debug");
    let refused =
        machine.run(r#"bindctl config add logging/loggers '{"component": "zonc"}' && bindctl config commit"#);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("logging/loggers/1/component: there is no component \"zonc\""), "{said}");
    machine.must(
        "bindctl config revert && bindctl config remove logging/loggers zonec && bindctl config commit",
    );
    assert!(level().contains("info"), "{}", level());
}

#[test]
fn a_zone_follows_a_master_file_that_the_settings_name() {
    let machine = Machine::start();
    machine.must("mkdir -p /srv/zones");
    machine.write("/srv/zones/elsewhere", zones::example(3));
    let commit = |file: &str| {
        machine.text(&format!(
            r#"bindctl config set data_sources/master_files '[{{"zone": "example.com", "file": "{file}"}}]' && bindctl config commit"#
        ))
    };
    let refused = commit("/srv/zones/nowhere");
    assert!(
        refused.contains("data_sources/master_files/0/file: /srv/zones/nowhere: is not there"),
        "{refused}"
    );
    let done = commit("/srv/zones/elsewhere");
    assert!(done.contains("is in force"), "{done}");
    machine.wait("dig +short +norec @127.0.0.1 example.com SOA | grep -q ' 3 '");
    let refused = machine.text("bindctl zone add example.com --primary 127.0.0.1 --no-wait");
    assert!(refused.contains("example.com. is a primary zone here"), "{refused}");
}

#[test]
fn sqlite_keeps_the_settings_and_gives_them_back() {
    let machine = Machine::start();
    machine.must("bindctl config set auth/udp_payload_size 1400 && bindctl config commit -m larger");
    machine.must("bindctl config set auth/udp_payload_size 1300");
    assert!(convert(&machine, "sqlite").contains("converted, with 1 generations"));
    machine.wait("bindctl config diff | grep -q 1300");
    machine.must("bindctl config commit -m smaller && test -f /var/lib/tenon/config/settings.sqlite");
    machine.wait("dig @127.0.0.1 example.com | grep -q 'udp: 1300'");
    // Daemons start from files, with nobody to ask.
    machine.must("systemctl stop tenon-cfgmgr && systemctl restart tenon-auth@1");
    machine.wait("dig +tries=1 +time=1 @127.0.0.1 example.com | grep -q 'udp: 1300'");
    assert!(convert(&machine, "directory").contains("converted, with 2 generations"));
    machine.wait("bindctl config history | grep -q larger");
    machine.must("bindctl config rollback 1 && test ! -e /var/lib/tenon/config/settings.sqlite");
    machine.wait("dig @127.0.0.1 example.com | grep -q 'udp: 1400'");
}

#[test]
fn a_backup_brings_secondary_zones_back_from_their_primaries() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(7));
    let text = "a.test. 60 IN SOA ns h 3 7200 3600 1209600 60\na.test. 60 IN NS ns.a.test.\nns.a.test. 60 IN A 192.0.2.1\n";
    let Some(peer) = machine.primary(Kind::Knot, &[("a.test", text.to_owned())], false) else { return };
    machine.must(&format!("bindctl zone add a.test --primary {}", peer.address()));
    machine.must("bindctl account add alice > /tmp/account && bindctl account token alice | sed 's/.*: //' > /tmp/token");
    machine.must("systemctl start tenon-cmdctl");
    machine.wait("test -s /var/lib/tenon/cmdctl/certificate.pem && busctl status org.tenon.Cmdctl1");
    let rest = "curl --silent --show-error --fail-with-body --cacert /var/lib/tenon/cmdctl/certificate.pem \
                -H \"Authorization: Bearer $(cat /tmp/token)\" https://localhost:8951/v1";
    let ways = [
        ("bindctl backup /tmp/here.tar".to_owned(), "bindctl restore /tmp/here.tar".to_owned()),
        (
            format!("{rest}/backup --output /tmp/there.tar"),
            format!("{rest}/restore --data-binary @/tmp/there.tar"),
        ),
    ];
    for (backup, restore) in ways {
        machine.must(&backup);
        let file = if backup.starts_with("bindctl") { "/tmp/here.tar" } else { "/tmp/there.tar" };
        let contents = machine.must(&format!("tar --to-stdout -xf {file} tenon-backup.json"));
        assert!(contents.contains("example.com.") && !contents.contains("a.test."), "{contents}");
        machine.must("bindctl zone remove a.test && bindctl zone remove example.com");
        assert_eq!(machine.must("dig +short +norec @127.0.0.1 a.test SOA").trim(), "");
        println!("{}", machine.must(&restore).trim());
        machine.wait("dig +short +norec @127.0.0.1 a.test SOA | grep -q ' 3 '");
        machine.wait("dig +short +norec @127.0.0.1 example.com SOA | grep -q ' 7 '");
    }
    // Keys are in no backup: settings that name one want it first.
    machine.must("bindctl key add k.test");
    machine.must(
        r#"bindctl config set xfrout/transfer_acl '[{"action": "ACCEPT", "key": "k.test"}]' && bindctl config commit && bindctl backup /tmp/key.tar"#,
    );
    machine.must(
        "bindctl config unset xfrout/transfer_acl && bindctl config commit && bindctl key remove k.test",
    );
    let refused = machine.text("bindctl restore /tmp/key.tar");
    assert!(refused.contains("there is no secret for key k.test."), "{refused}");
    machine.must("bindctl key add k.test && bindctl restore /tmp/key.tar");
    assert!(machine.must("bindctl key list").contains("xfrout/transfer_acl/0/key"));
}
