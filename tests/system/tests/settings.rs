//! The committed settings: rejected, amended, in conflict, kept over restarts.

use tenon_system_tests::Machine;

#[test]
fn what_the_owner_rejects_changes_nothing_and_the_reason_is_shown() {
    let machine = Machine::start();
    let generation = || {
        machine.must("busctl get-property org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 Generation")
    };
    let before = generation();
    // Fits the schema, but nobody asks a server at a multicast address: the owner's own rule.
    machine.must(r#"bindctl config set auth/listen_on '[{"address":"127.0.0.1"},{"address":"224.0.0.1"}]'"#);
    let commit = machine.run("bindctl config commit");
    let said = String::from_utf8_lossy(&commit.stderr).into_owned();
    println!("{said}");
    assert_eq!(commit.status.code(), Some(1), "{said}");
    assert!(said.contains("multicast") && said.contains("listen_on"), "{said}");
    assert_eq!(generation(), before);
    machine.must("bindctl config revert");
    assert_eq!(machine.must("bindctl config diff").trim(), "");
}

#[test]
fn what_does_not_fit_the_schema_is_refused_at_once() {
    let machine = Machine::start();
    for (path, value, part) in [
        ("auth/udp_payload_size", "100", "512"),
        ("auth/udp_payload_size", "many", "udp_payload_size"),
        ("auth/no_such_option", "1", "no_such_option"),
        ("nobody/option", "1", "nobody"),
    ] {
        let output = machine.run(&format!("bindctl config set {path} {value}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("{path} {value}: {}", said.trim());
        assert_eq!(output.status.code(), Some(1), "{path} {value}: {said}");
        assert!(said.contains(part), "{path} {value}: {said}");
    }
}

#[test]
fn what_the_owner_amends_comes_back_amended() {
    let machine = Machine::start();
    machine.must(
        r#"bindctl config set auth/listen_on '[{"address":"127.0.0.1"},{"address":"::1"},{"address":"127.0.0.1"}]'"#,
    );
    let said = machine.text("bindctl config commit");
    println!("{said}");
    assert!(said.contains("twice"), "{said}");
    let now: serde_json::Value =
        serde_json::from_str(&machine.must("bindctl --json config show auth/listen_on")).unwrap();
    assert_eq!(now.to_string().matches("127.0.0.1").count(), 1, "{now}");
}

#[test]
fn a_stopped_owner_is_asked_by_its_shipped_checker() {
    let machine = Machine::start();
    machine.must("systemctl stop tenon-zonec.service 'tenon-auth@*.socket' tenon-auth@1.service");
    let refused = machine.run(
        r#"bindctl config set auth/listen_on '[{"address":"127.0.0.1"},{"address":"224.0.0.1"}]' && bindctl config commit"#,
    );
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("multicast"));
    let done = machine.must(
        "bindctl config revert && bindctl config set auth/udp_payload_size 1400 && bindctl config commit",
    );
    assert!(
        done.contains("accepted by the checker it shipped  not running; in force when it starts"),
        "{done}"
    );
    machine.must("systemctl start tenon.target");
    machine.wait("dig +tries=1 +time=1 @127.0.0.1 example.com | grep -q 'udp: 1400'");
}

#[test]
fn history_names_author_and_comment_and_diff_shows_both_values() {
    let machine = Machine::start();
    machine.must("bindctl config set auth/udp_payload_size 1400");
    let diff = machine.must("bindctl config diff");
    assert!(
        diff.contains("auth/udp_payload_size") && diff.contains("1232") && diff.contains("1400"),
        "{diff}"
    );
    machine.must("bindctl config commit --comment 'larger answers'");
    let history = machine.must("bindctl config history");
    assert!(history.contains("root") && history.contains("larger answers"), "{history}");
    machine.must("systemctl restart tenon-cfgmgr.service");
    machine.wait("bindctl config show auth/udp_payload_size | grep -q 1400");
    machine.must("bindctl config unset auth/udp_payload_size && bindctl config commit");
    machine.wait("dig @127.0.0.1 example.com | grep -q 'udp: 1232'");
}
