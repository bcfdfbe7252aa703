//! The REST door on a whole system, with curl.

use std::process::Stdio;

use crate::zones::load;
use serde_json::{Value, json};
use tenon_system_tests::{Bus, Machine, zones};

const PASSWORD: &str = "open sesame, please";
const CERTIFICATE: &str = "/var/lib/tenon/cmdctl/certificate.pem";

/// A machine with a door, and alice, who may all.
fn with_door(bus: Bus) -> Machine {
    let machine = Machine::boot_with(bus);
    machine.must(&format!("echo '{PASSWORD}' | bindctl account add alice --password-stdin"));
    machine.must("systemctl start tenon.target");
    machine.wait("busctl status org.tenon.Cmdctl1");
    machine
}

/// Asks as alice; status and body.
fn ask(machine: &Machine, path: &str, more: &str) -> (u16, Value) {
    let text = machine.must(&format!(
        "curl -sS --max-time 60 --cacert {CERTIFICATE} -u 'alice:{PASSWORD}' -w '\\n%{{http_code}}' {more} https://localhost:8951{path}"
    ));
    let (body, status) = text.trim_end().rsplit_once('\n').unwrap_or(("", text.trim_end()));
    (status.parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
}

fn commit(machine: &Machine, document: &Value) -> (u16, Value) {
    ask(machine, "/v1/config/commit", &format!("--json '{document}'"))
}

#[test]
fn without_an_account_there_is_no_door_and_nothing_is_missing() {
    let machine = Machine::start();
    assert_eq!(machine.must("systemctl is-active tenon-cmdctl.service || true").trim(), "inactive");
    machine.must("! ss -ltn | grep -q :8951");
    let status = machine.must("bindctl status");
    assert!(!status.contains("nothing can be seen or changed over HTTPS"), "{status}");
    assert!(machine.must("bindctl account list").contains("bindctl account add NAME"));
    let said = machine.must("bindctl account add alice");
    let password = said.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
    machine.must("systemctl start tenon-cmdctl");
    machine.wait(&format!(
        "curl -sS --fail --cacert {CERTIFICATE} -u alice:{password} https://localhost:8951/v1/status"
    ));
    machine.wait(&format!(
        "curl -sS --fail --cacert {CERTIFICATE} -u alice:{password} 'https://[::1]:8951/v1/status'"
    ));
    for path in ["", "/accounts.json", "/key.pem"] {
        let denied = machine.run(&format!(
            "setpriv --reuid tenon-stats --regid tenon-stats --clear-groups cat /var/lib/tenon/cmdctl{path}"
        ));
        assert!(!denied.status.success(), "{path}");
    }
    assert!(machine.must("bindctl account list").contains("read commit"));
    assert_eq!(machine.must("bindctl --complete -- account remove ''").trim(), "alice");
    machine.must("bindctl account remove alice");
    assert!(!machine.run("bindctl account remove alice").status.success());
}

#[test]
fn a_walk_through_the_door_under_both_buses() {
    for bus in [Bus::Daemon, Bus::Broker] {
        let machine = with_door(bus);
        load(&machine, "example.com", &zones::example(7));
        let wrong = machine.must(&format!(
            "curl -sS -o /dev/null -w '%{{http_code}}' --cacert {CERTIFICATE} -u alice:wrong https://localhost:8951/v1/status"
        ));
        assert_eq!(wrong, "401");
        machine.must("journalctl -b -u tenon-cmdctl MESSAGE_ID=9d27e61b40c84a3f8f15c2d7ab60e506 -o verbose | grep -q PEER=127.0.0.1");

        let (status, body) = ask(&machine, "/v1/status", "");
        assert_eq!((status, &body["zones"]), (200, &json!(1)), "{body}");
        let running =
            body["services"].as_array().unwrap().iter().filter(|service| service["running"] == json!(true));
        assert!(running.count() >= 5, "{body}");
        let (status, body) = ask(&machine, "/v1/zones", "");
        assert_eq!(
            (status, &body["zones"][0]["name"], &body["next"]),
            (200, &json!("example.com."), &Value::Null)
        );
        let (status, body) = ask(&machine, "/v1/zones/Example.COM", "");
        assert_eq!((status, &body["answered"][0]["serial"]), (200, &json!(7)), "{body}");
        assert_eq!(ask(&machine, "/v1/zones/nowhere.example", "").0, 404);
        let (status, body) = ask(&machine, "/v1/config/auth/udp_payload_size", "");
        assert_eq!((status, &body["value"]), (200, &json!(1232)));
        assert_eq!(ask(&machine, "/v1/config", "").1["generation"], json!(0));
        let (status, body) = ask(&machine, "/v1/config/schema/auth", "");
        assert_eq!(status, 200);
        assert!(body["properties"]["udp_payload_size"].is_object(), "{body}");
        let (status, body) = ask(&machine, "/v1/statistics", "");
        assert_eq!(status, 200);
        assert!(body["components"]["cmdctl"]["counters"]["requests"].as_u64() > Some(5), "{body}");
        assert!(body["answer_times"]["udp"]["buckets"].as_array().unwrap().len() > 10, "{body}");
        let (status, body) = ask(&machine, "/v1/statistics/zones", "");
        assert_eq!((status, body), (200, json!({"zones": {}, "next": null, "left_out": 0})));
        let (status, body) = ask(&machine, "/v1/statistics/clients", "");
        assert_eq!((status, body), (200, json!({"networks": []})));

        let edits = json!([{"path": "auth/udp_payload_size", "value": 1400}]);
        let (status, body) = commit(&machine, &json!({"edits": edits, "comment": "larger"}));
        assert_eq!((status, &body["generation"]), (200, &json!(1)), "{body}");
        assert!(machine.dig("@127.0.0.1 www.example.com").text.contains("udp: 1400"));
        let history = machine.must("bindctl config history");
        assert!(history.contains("cmdctl:alice") && history.contains("larger"), "{history}");
        let edits = json!([{"path": "auth/udp_payload_size", "value": 1300},
            {"path": "auth/listen_on", "value": [{"address": "224.0.0.1"}]}]);
        let (status, body) = commit(&machine, &json!({"edits": edits}));
        assert_eq!((status, &body["error"]), (422, &json!("org.tenon.Error.Rejected")), "{body}");
        assert!(body["detail"].as_str().unwrap().contains("multicast"), "{body}");
        assert_eq!(ask(&machine, "/v1/config/auth/udp_payload_size", "").1["value"], json!(1400));
    }
}

#[test]
fn a_stopped_service_is_named_stays_stopped_and_the_rest_serve_on() {
    let machine = with_door(Bus::usual());
    load(&machine, "example.com", &zones::example(1));
    for (unit, path) in
        [("tenon-zonec", "/v1/zones"), ("tenon-cfgmgr", "/v1/config"), ("tenon-stats", "/v1/statistics")]
    {
        machine.must(&format!("systemctl stop {unit}.service"));
        let (status, body) = ask(&machine, path, "");
        assert_eq!((status, &body["service"]), (503, &json!(unit)), "{body}");
        let (status, body) = ask(&machine, "/v1/status", "");
        let cost = body["problems"].to_string();
        assert!(status == 200 && cost.contains(&format!("{unit} is not on the bus")), "{body}");
        assert_eq!(machine.must(&format!("systemctl is-active {unit} || true")).trim(), "inactive");
        assert_eq!(machine.dig("@127.0.0.1 www.example.com A").status, "NOERROR");
        machine.must(&format!("systemctl start {unit}.service"));
    }
}

#[test]
fn bindctl_says_of_every_service_what_its_absence_costs() {
    let machine = with_door(Bus::usual());
    load(&machine, "example.com", &zones::example(1));
    let units = machine.must("systemctl show -P Wants tenon.target");
    for (unit, part) in [
        ("tenon-zonec", "not compiled"),
        ("tenon-zonemgr", "neither refreshed nor expire"),
        ("tenon-xfrin", "are not transferred"),
        ("tenon-xfrout", "secondaries are not told of changes"),
        ("tenon-ddns", "records cannot be edited"),
        ("tenon-cfgmgr", "settings cannot be changed"),
        ("tenon-stats", "counters are not shown"),
        ("tenon-cmdctl", "over HTTPS"),
    ] {
        if !units.contains(unit) {
            println!("{unit} is not installed here");
            continue;
        }
        machine.must(&format!("systemctl stop {unit}.service $(systemctl list-unit-files --no-legend {unit}.socket | cut -d' ' -f1)"));
        machine.wait(&format!("! systemctl is-active {unit}.service"));
        let status = machine.must("bindctl status");
        let problem =
            status.lines().find(|line| line.contains(&format!("problem   {unit} is not on the bus")));
        println!("{}", problem.unwrap_or_default());
        assert!(problem.is_some_and(|problem| problem.contains(part)), "{unit}: {status}");
        assert_eq!(machine.dig("@127.0.0.1 www.example.com A").status, "NOERROR", "without {unit}");
        machine.must("systemctl start tenon.target");
        machine.wait(&format!("systemctl is-active {unit}.service"));
    }
    machine.must("systemctl stop 'tenon-auth@*.socket' tenon-auth@1.service");
    let status = machine.must("bindctl status");
    assert!(status.contains("queries are not answered"), "{status}");
}

#[test]
fn its_user_may_call_the_listed_verbs_and_no_others() {
    for bus in [Bus::Daemon, Bus::Broker] {
        let machine = with_door(bus);
        load(&machine, "example.com", &zones::example(1));
        let as_door = |command: &str| {
            machine.run(&format!(
                "setpriv --reuid tenon-cmdctl --regid tenon-cmdctl --clear-groups busctl {command}"
            ))
        };
        let (cfgmgr, zonec) =
            ("org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1", "org.tenon.Zonec1 /org/tenon/Zonec1");
        for allowed in [
            format!("call {cfgmgr} Get sb auth/udp_payload_size false"),
            format!("call {cfgmgr} CommitEdits 'sta(ss)su' alice 0 1 auth/udp_payload_size 1400 '' 0"),
            format!("call {cfgmgr} Rollback stsu alice 0 x 600"),
            format!("call {cfgmgr} Confirm s alice"),
            format!("call {zonec} org.tenon.Zonec1 GetZone s example.com."),
            format!("call {zonec} org.freedesktop.DBus.Properties GetAll s org.tenon.Zonec1"),
            "call org.tenon.Collector1 /org/tenon/Collector1 org.tenon.Collector1 Schema ss '' ''".to_owned(),
            "call org.tenon.Zonec1 /org/freedesktop/LogControl1 org.freedesktop.DBus.Properties Set ssv org.freedesktop.LogControl1 LogLevel s info".to_owned(),
        ] {
            let output = as_door(&allowed);
            assert!(output.status.success(), "{allowed}: {}", String::from_utf8_lossy(&output.stderr));
        }
        for denied in [
            format!("call {cfgmgr} Set ss auth/udp_payload_size 1300"),
            format!("call {cfgmgr} Commit s x"),
            format!("call {cfgmgr} CommitToConfirm su x 60"),
            format!("call {cfgmgr} Revert"),
            format!("call {zonec} org.tenon.Zonec1 Reconcile"),
            format!("call {zonec} org.tenon.Config1 Apply ts 99 {{}}"),
            format!("call {zonec} org.tenon.Config1 Check s {{}}"),
            "call org.tenon.Auth1.Instance1 /org/tenon/Auth1 org.tenon.Auth1 Reconcile".to_owned(),
            "call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager ListUnits".to_owned(),
            "call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager StopUnit ss tenon-zonec.service replace".to_owned(),
            "call org.tenon.Xfrin1 /org/tenon/Xfrin1 org.tenon.Xfrin1 Remove s example.com.".to_owned(),
            "call org.tenon.Zonec1 /org/tenon/Zonec1 org.freedesktop.DBus.Properties Set ssv org.tenon.Zonec1 State s x".to_owned(),
        ] {
            let output = as_door(&denied);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success() && said.to_lowercase().contains("denied"), "{denied}: {said}");
        }
        // Named authors are believed from nobody else.
        let forged = machine.run(&format!("busctl call {cfgmgr} CommitEdits 'sta(ss)su' alice 0 0 '' 0"));
        assert!(!forged.status.success(), "root named another author");
        let unnamed = as_door(&format!("call {cfgmgr} Rollback stsu '' 0 x 0"));
        assert!(!unnamed.status.success(), "the door named nobody");
        assert!(machine.must("bindctl config history").contains("cmdctl:alice"));
    }
}

#[test]
fn killed_it_comes_back_and_its_certificate_is_the_same_until_it_is_replaced() {
    let machine = with_door(Bus::usual());
    let fingerprint = || {
        machine.must("busctl get-property org.tenon.Cmdctl1 /org/tenon/Cmdctl1 org.tenon.Cmdctl1 Fingerprint")
    };
    let before = fingerprint();
    machine.kill("tenon-cmdctl.service");
    machine.wait(&format!(
        "curl -sS --fail --cacert {CERTIFICATE} -u 'alice:{PASSWORD}' https://localhost:8951/v1/status"
    ));
    machine.wait("busctl status org.tenon.Cmdctl1");
    assert_eq!(fingerprint(), before);
    let pid = machine.main_pid("tenon-cmdctl.service");
    machine.must(
        "cd /var/lib/tenon/cmdctl && openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
         -addext subjectAltName=DNS:localhost -keyout new.key -out new.pem && chown tenon-cmdctl new.* && \
         mv new.key key.pem && mv new.pem certificate.pem",
    );
    assert_eq!(ask(&machine, "/v1/status", "").0, 200);
    assert_ne!(fingerprint(), before);
    assert_eq!(machine.main_pid("tenon-cmdctl.service"), pid, "it was not restarted");
}

#[test]
fn a_commit_is_taken_back_after_a_restart_of_the_manager() {
    let machine = Machine::start();
    machine.must("bindctl config set auth/udp_payload_size 1400 && bindctl config commit --confirm 4");
    assert!(machine.must("bindctl status").contains("bindctl config confirm"));
    assert!(machine.dig("@127.0.0.1 example.com").text.contains("udp: 1400"));
    machine.kill("tenon-cfgmgr.service");
    machine.wait("dig +tries=1 +time=1 @127.0.0.1 example.com | grep -q 'udp: 1232'");
    machine.wait("bindctl config history | grep -q 'not confirmed'");
    machine.must("bindctl config rollback 1 --confirm 600 && bindctl config confirm");
    assert!(machine.dig("@127.0.0.1 example.com").text.contains("udp: 1400"));
}

#[test]
fn killed_under_use_every_change_is_made_and_none_twice() {
    // An option for each client, so that a change that is asked for again finds itself made.
    let options = ["stats/poll_interval_s", "cmdctl/connection_timeout_s", "cfgmgr/listen_timeout_ms"];
    let machine = with_door(Bus::usual());
    machine.must("bindctl config set cfgmgr/keep_generations 10000 && bindctl config commit");
    let clients = options.map(|option| {
        let script = format!(
            r#"change=0
               until test -e /run/enough; do
                 change=$((change + 1))
                 until test 200 = "$(curl -s -o /dev/null -w '%{{http_code}}' --max-time 60 --cacert {CERTIFICATE} -u 'alice:{PASSWORD}' \
                     --json "{{\"edits\": [{{\"path\": \"{option}\", \"value\": $((1000 + change))}}], \"comment\": \"{option} $change\"}}" \
                     https://localhost:8951/v1/config/commit)"; do sleep 0.05; done
               done
               echo $change"#
        );
        machine.command("/bin/bash").args(["-c", &script]).stdout(Stdio::piped()).spawn().unwrap()
    });
    let property = "busctl get-property org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 Generation";
    let mut seen = 0;
    for unit in ["tenon-cfgmgr", "tenon-cmdctl", "tenon-stats"].repeat(2) {
        // Between two kills something is done.
        machine.wait(&format!("test $({property} | cut -d' ' -f2) -gt {}", seen + 3));
        seen = machine.must(&format!("{property} | cut -d' ' -f2")).trim().parse::<u64>().unwrap();
        machine.kill(&format!("{unit}.service"));
        machine.wait(&format!("systemctl is-active {unit}.service && {property}"));
    }
    machine.must("touch /run/enough");
    let changes = clients.map(|client| {
        let output = client.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().trim().parse::<usize>().unwrap()
    });
    let mut made: Vec<(String, String)> = Vec::new();
    let mut before = 0;
    loop {
        let page = machine.must(&format!("bindctl --json config history --limit 100 --before {before}"));
        let page: Value = serde_json::from_str(&page).unwrap();
        let Some(last) = page["generations"].as_array().unwrap().last() else { break };
        before = last["generation"].as_u64().unwrap();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
        made.extend(
            page["generations"].as_array().unwrap().iter().map(|e| (text(e, "author"), text(e, "comment"))),
        );
    }
    let taken_back = made.iter().filter(|(author, _)| author == "tenon-cfgmgr").count();
    println!("{changes:?} changes, {} generations, {taken_back} of them took one back", made.len());
    for (option, changes) in options.into_iter().zip(changes) {
        for change in 1..=changes {
            let comment = format!("{option} {change}");
            let times =
                made.iter().filter(|(author, said)| author == "cmdctl:alice" && *said == comment).count();
            // One that an owner died over is taken back and asked for again.
            assert!(times >= 1 && times <= 1 + taken_back, "{comment}: {times} times");
        }
        let now = machine.must(&format!("bindctl --json config show {option}"));
        assert_eq!(now.trim(), (1000 + changes).to_string(), "{option}");
    }
    machine.wait(
        "busctl get-property org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 Faults | grep -q '^as 0'",
    );
}

#[test]
fn zones_go_in_through_the_door_and_are_answered_and_bindctl_does_it_from_afar() {
    let machine = with_door(Bus::usual());
    machine.write("/tmp/zone", zones::example(7));
    assert!(!machine.run("systemctl is-active tenon-loader.service").status.success());
    let (status, loaded) = ask(
        &machine,
        "/v1/zones/example.com",
        "-X PUT --data-binary @/tmp/zone -H 'content-type: text/dns' -H 'if-none-match: *'",
    );
    assert_eq!((status, &loaded["serial"]), (200, &json!(7)), "{loaded}");
    machine.wait("dig +short +norec @127.0.0.1 example.com SOA | grep -q ' 7 '");
    assert_eq!(machine.must("systemctl show -P User tenon-loader.service").trim(), "tenon-loadzone");
    let export = machine.must(&format!(
        "curl -sS --fail --cacert {CERTIFICATE} -u 'alice:{PASSWORD}' https://localhost:8951/v1/zones/example.com/export"
    ));
    assert!(export.starts_with("example.com.\t") && export.contains("\tSOA\t"), "{export}");
    // What was exported is the same zone.
    machine.write("/tmp/export", &export);
    let again = machine.must("tenon-loadzone --json example.com /tmp/export");
    assert!(again.contains("\"outcome\":\"unchanged\""), "{again}");

    // Records, on the version that they were read of.
    let json = "-H 'content-type: application/json'";
    let page = "/v1/zones/example.com/records/new/A";
    let put = |data: &str, more: &str| ask(&machine, page, &format!("-X PUT {json} {more} -d '{data}'"));
    let (status, changed) =
        put(r#"{"ttl": 60, "records": ["192.0.2.7", "192.0.2.8"]}"#, "-H 'if-match: \"7\"'");
    assert_eq!((status, &changed["serial"]), (200, &json!(8)), "{changed}");
    let (status, shown) = ask(&machine, page, "");
    assert_eq!(
        (status, &shown["ttl"], shown["records"].as_array().map(Vec::len)),
        (200, &json!(60), Some(2)),
        "{shown}"
    );
    machine.wait("dig +short +norec @127.0.0.1 new.example.com A | grep -q 192.0.2.8");
    assert_eq!(put(r#"{"records": ["192.0.2.9"]}"#, "-H 'if-match: \"7\"'").0, 412);
    assert_eq!(put(r#"{"records": ["192.0.2.9"]}"#, "-H 'if-none-match: *'").0, 412);
    assert_eq!(put(r#"{"records": ["nonsense"]}"#, "").0, 422);
    let edits = r#"{"edits": [{"action": "add", "record": "new A 192.0.2.9"}, {"action": "delete", "record": "www"}]}"#;
    let (status, changed) = ask(&machine, "/v1/zones/example.com/records", &format!("{json} -d '{edits}'"));
    assert_eq!((status, &changed["serial"]), (200, &json!(9)), "{changed}");
    assert_eq!(ask(&machine, page, "-X DELETE").0, 200);
    assert_eq!(ask(&machine, page, "").0, 404);
    assert_eq!(ask(&machine, "/v1/zones/example.net/records/x/A", "-X DELETE").0, 404);

    machine.must("bindctl account token alice | sed 's/.*: //' > /tmp/token");
    let afar = format!(
        "env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere bindctl --server https://localhost:8951 --certificate {CERTIFICATE} --token-file /tmp/token"
    );
    machine.write("/tmp/other", zones::example(20));
    let said = machine.must(&format!("{afar} zone load example.com /tmp/other"));
    assert!(said.contains("example.com. is answered with serial 20"), "{said}");
    machine.must(
        "bindctl config set auth/top_clients true && bindctl config set auth/zone_statistics true && bindctl config commit",
    );
    assert_eq!(machine.dig("@127.0.0.1 www.example.com A").status, "NOERROR");
    for command in [
        "zone list",
        "zone show example.com",
        "config show auth",
        "config history",
        "stats show xfrin",
        "stats times",
        "stats top",
        "stats show --zone example.com",
        "log level",
    ] {
        let (here, there) =
            (machine.must(&format!("bindctl {command}")), machine.must(&format!("{afar} {command}")));
        let steady = |text: &str| {
            text.lines().filter(|line| !line.contains("counting for")).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(steady(&here), steady(&there), "{command}");
    }
    assert!(machine.must(&format!("{afar} --json status")).contains("\"org.tenon.Cfgmgr1\""));
    machine.must(&format!("{afar} backup /tmp/backup.tar"));
    let removed = machine.must(&format!("{afar} zone remove example.com"));
    assert!(removed.contains("example.com. is removed"), "{removed}");
    let restored = machine.must(&format!("{afar} restore /tmp/backup.tar"));
    assert!(restored.contains("1 zones loaded"), "{restored}");
    machine.wait("dig +short +norec @127.0.0.1 example.com SOA | grep -q ' 20 '");
    machine.must("journalctl -b -u tenon-cmdctl MESSAGE_ID=9d27e61b40c84a3f8f15c2d7ab60e508 ZONE=example.com. VERB=load ACCOUNT=alice | grep -q done");
    machine.must("journalctl -b -u tenon-loader -x | grep -q 'A zone that was sent is loaded'");
}

#[test]
fn clients_come_in_by_certificate() {
    let machine = with_door(Bus::usual());
    machine.must(&format!("echo '{PASSWORD}' | bindctl account add rita --read-only --password-stdin"));
    // Two authorities of which one is vouched for by the settings, and certificates of both for the same names.
    machine.must(
        r#"mkdir -p /etc/tenon && cd /etc/tenon && printf '[req]\ndistinguished_name=name\n[name]\n' > openssl.cnf
           make() { openssl req -config openssl.cnf -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                    -keyout "$1.key" -out "$1.pem" "${@:2}" 2>/dev/null; }
           for ca in ca other; do
               make $ca -subj "/CN=$ca" -addext basicConstraints=critical,CA:TRUE
               for name in alice rita bob; do
                   make $ca.$name -subj "/CN=$name" -addext basicConstraints=critical,CA:FALSE -CA $ca.pem -CAkey $ca.key
                   cat $ca.$name.pem $ca.$name.key > $ca.$name.both
               done
           done"#,
    );
    let ask = |client: &str, more: &str, path: &str| {
        machine
            .text(&format!(
                "cd /etc/tenon && curl -s -o /dev/null -w '%{{http_code}}' --max-time 60 --cacert {CERTIFICATE} \
                 --cert {client}.pem --key {client}.key {more} https://localhost:8951{path}"
            ))
            .trim()
            .to_owned()
    };
    assert_eq!(ask("ca.alice", "", "/v1/status"), "401", "nobody is vouched for yet");
    let refused = machine
        .text("bindctl config set cmdctl/client_ca_file /etc/tenon/nowhere.pem && bindctl config commit");
    assert!(refused.contains("cmdctl/client_ca_file"), "{refused}");
    machine.must("bindctl config set cmdctl/client_ca_file /etc/tenon/ca.pem && bindctl config commit");
    let commit = r#"--json '{"edits": [{"path": "cmdctl/connections", "value": 20}]}'"#;
    let as_all_see_it = || {
        for (client, status, may_commit) in [
            ("ca.alice", "200", "200"),
            ("ca.rita", "200", "403"),
            ("ca.bob", "401", "401"),
            ("other.alice", "000", "000"),
        ] {
            assert_eq!(ask(client, "", "/v1/status"), status, "{client}");
            assert_eq!(ask(client, commit, "/v1/config/commit"), may_commit, "{client}");
        }
    };
    as_all_see_it();
    machine.must("journalctl -b -u tenon-cmdctl MESSAGE_ID=9d27e61b40c84a3f8f15c2d7ab60e508 ACCOUNT=alice VERB=commit | grep -q done");
    // The settings hold over a restart, and another file in its place counts at once.
    machine.must("systemctl restart tenon-cmdctl");
    machine.wait("busctl status org.tenon.Cmdctl1");
    as_all_see_it();
    let afar = format!(
        "env DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere bindctl --server https://localhost:8951 --certificate {CERTIFICATE}"
    );
    assert!(
        machine
            .must(&format!("{afar} --identity /etc/tenon/ca.alice.both config history"))
            .contains("cmdctl:alice")
    );
    assert!(
        !machine.run(&format!("{afar} --identity /etc/tenon/ca.bob.both config history")).status.success()
    );
    machine.must("cd /etc/tenon && cp other.pem new.pem && mv new.pem ca.pem");
    assert_eq!(
        (ask("other.alice", "", "/v1/status"), ask("ca.alice", "", "/v1/status")),
        ("200".into(), "000".into())
    );
}
