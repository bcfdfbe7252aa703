//! Who may use which verb: polkit says, and where it does not answer, the group `tenon` may.

use std::process::Output;

use crate::zones::load;
use tenon_system_tests::{Machine, zones};

/// Those of an administrator: one user may have zones transferred, one may edit one zone, one of the group may not have keys.
const RULES: &str = r#"polkit.addRule(function(action, subject) {
    if (subject.user == "junior" && action.id == "org.tenon.zone.transfer") return polkit.Result.YES;
    if (subject.user == "customer" && action.id == "org.tenon.zone.edit" && action.lookup("zone") == "example.com")
        return polkit.Result.YES;
    if (subject.user == "op" && action.id == "org.tenon.keys") return polkit.Result.NO;
});
"#;

const NOTIFY: &str = "bindctl zone notify example.com";
const COMMIT: &str = "bindctl config set auth/udp_payload_size 1400 && bindctl config commit";
const KEY: &str = "bindctl key add k.example";
const LOG: &str = "bindctl log level zonec debug";

fn record(zone: &str, owner: &str) -> String {
    format!("bindctl record set --yes {zone} {owner} 300 A 192.0.2.9")
}

fn run_as(machine: &Machine, user: &str, command: &str) -> Output {
    machine.run(&format!("setpriv --reuid {user} --regid {user} --init-groups bash -c '{command}'"))
}

/// Asserts that a user may do that, or that the refusal names the action that polkit would have to allow.
fn expect(machine: &Machine, user: &str, command: &str, refused: Option<&str>) {
    let output = run_as(machine, user, command);
    let said = String::from_utf8_lossy(&[output.stderr.clone(), output.stdout.clone()].concat()).into_owned();
    match refused {
        None => assert!(output.status.success(), "{user}: {command}: {said}"),
        Some(action) => {
            assert!(!output.status.success() && said.contains(action), "{user}: {command}: {said}");
        }
    }
}

#[test]
fn polkit_says_who_may_and_its_rules_see_the_zone() {
    let machine = Machine::start();
    machine.must("useradd -m junior && useradd -m customer && useradd -m bob && useradd -m -G tenon op");
    machine.write("/etc/polkit-1/rules.d/10-test.rules", RULES);
    for zone in ["example.com", "example.net"] {
        load(&machine, zone, &zones::example(1).replace("example.com.", &format!("{zone}.")));
    }
    let edit = Some("org.tenon.zone.edit");

    for (command, action) in [
        (NOTIFY, "org.tenon.zone.transfer"),
        (&record("example.com", "a"), "org.tenon.zone.edit"),
        (COMMIT, "org.tenon.config.commit"),
        (KEY, "org.tenon.keys"),
        (LOG, "org.tenon.service.control"),
    ] {
        expect(&machine, "bob", command, Some(action));
    }
    // It was asked indeed.
    machine.must("busctl --auto-start=no status org.freedesktop.PolicyKit1");
    expect(&machine, "junior", NOTIFY, None);
    expect(&machine, "junior", &record("example.com", "a"), edit);
    expect(&machine, "customer", &record("example.com", "a"), None);
    expect(&machine, "customer", &record("Example.COM.", "b"), None);
    expect(&machine, "customer", &record("example.net", "a"), edit);
    expect(&machine, "customer", NOTIFY, Some("org.tenon.zone.transfer"));
    for command in [NOTIFY, &record("example.net", "a"), COMMIT, LOG] {
        expect(&machine, "op", command, None);
    }
    expect(&machine, "op", KEY, Some("org.tenon.keys"));
    let log = machine.must("journalctl -q -t tenon-cfgmgr -t tenon-ddns -t tenon-xfrout -t tenon-zonec");
    assert!(!log.contains("polkit does not answer"), "{log}");

    // Without it the group is all there is.
    machine.must("systemctl mask --now polkit");
    expect(&machine, "junior", NOTIFY, Some("org.tenon.zone.transfer"));
    expect(&machine, "customer", &record("example.com", "c"), edit);
    expect(&machine, "op", NOTIFY, None);
    expect(&machine, "op", KEY, None);
}

/// On a terminal whose user types `password` as soon as one is asked for: what is shown there, and the exit status.
fn on_a_terminal(machine: &Machine, user: &str, command: &str, password: &str) -> String {
    machine.text(&format!(
        "rm -f /tmp/typed /tmp/shown; mkfifo /tmp/typed; \
         script -qefc 'setpriv --reuid {user} --regid {user} --init-groups {command}' /tmp/shown \
         < /tmp/typed > /dev/null 2>&1 & exec 3> /tmp/typed; \
         until grep -qs Password: /tmp/shown || ! kill -0 $! 2>/dev/null; do sleep 0.02; done; trap \"\" PIPE; echo {password} >&3; \
         wait $!; status=$?; cat /tmp/shown; echo status $status"
    ))
}

#[test]
fn whoever_is_at_a_terminal_is_asked_for_a_password() {
    let machine = Machine::start();
    machine.must("useradd -m bob && echo root:open-sesame | chpasswd");
    machine.write(
        "/etc/polkit-1/rules.d/10-test.rules",
        "polkit.addAdminRule(function(action, subject) { return [\"unix-user:root\"]; });\n",
    );
    load(&machine, "example.com", &zones::example(1));
    let shown = on_a_terminal(&machine, "bob", NOTIFY, "open-sesame");
    assert!(shown.contains("org.tenon.zone.transfer") && shown.ends_with("status 0\n"), "{shown}");
    let shown = on_a_terminal(&machine, "bob", &record("example.com", "a"), "wrong");
    assert!(shown.contains("org.tenon.zone.edit") && shown.ends_with("status 1\n"), "{shown}");
    assert_eq!(machine.dig("@127.0.0.1 a.example.com A").status, "NXDOMAIN");
    // Who only looks is not asked.
    let shown = on_a_terminal(&machine, "bob", "bindctl zone list", "none");
    assert!(!shown.contains("AUTHENTICATING") && shown.ends_with("status 0\n"), "{shown}");
    machine.wait("! pgrep -x pkttyagent");
}

#[test]
fn two_users_who_edit_the_same_option_are_in_conflict_and_others_are_not() {
    let machine = Machine::start();
    machine.must("useradd -m -G tenon op");
    let as_op = |command: &str| expect(&machine, "op", command, None);
    // Both look at the same generation, and edit one option each and one together.
    machine.must("bindctl config set auth/workers 8 && bindctl config set auth/udp_sockets 2");
    as_op("bindctl config set auth/workers 9 && bindctl config set cfgmgr/keep_generations 50");
    machine.must("bindctl config commit -m of-root");
    expect(&machine, "op", "bindctl config commit", Some("auth/workers changed since"));
    let kept = run_as(&machine, "op", "bindctl config diff");
    let kept = String::from_utf8_lossy(&kept.stdout).into_owned();
    assert!(kept.contains("auth/workers") && kept.contains('8') && kept.contains('9'), "both values: {kept}");
    // Having seen it, that user wants it all the same.
    as_op("bindctl config set auth/workers 9 && bindctl config commit -m of-op");
    let value = |path: &str| machine.must(&format!("bindctl config show_json {path}"));
    assert!(value("auth/workers").contains('9') && value("auth/udp_sockets").contains('2'));
    assert!(value("cfgmgr/keep_generations").contains("50"));
    let history = machine.must("bindctl --json config history");
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    let author = |at: usize| &history["generations"][at]["author"];
    assert_eq!((author(0), author(1)), (&"op".into(), &"root".into()));
}
