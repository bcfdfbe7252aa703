//! What `busctl` shows of each service, held against transcripts in `golden/`.
//!
//! `TENON_UPDATE_GOLDEN=1 make test` writes them anew; read the difference before you commit it.

use crate::zones::load;
use std::path::Path;
use tenon_system_tests::{Machine, zones};

pub(crate) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    if std::env::var_os("TENON_UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} differs from its golden transcript; now:\n{text}");
}

/// Without trailing blanks and with what differs from run to run replaced.
fn steady(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        // Microseconds since the epoch, and versions, which start at the time the store was made.
        let steady = words.iter().map(|word| match word.len() {
            16 if word.bytes().all(|b| b.is_ascii_digit()) => "<usec>",
            10 if word.bytes().all(|b| b.is_ascii_digit()) => "<version>",
            _ => word,
        });
        lines.push(steady.collect::<Vec<&str>>().join(" "));
    }
    lines.join("\n") + "\n"
}

/// All services, the door among them, which is there once there is an account.
fn with_door() -> Machine {
    let machine = Machine::boot();
    machine.must("bindctl account add alice && systemctl start tenon.target");
    machine.wait("busctl status org.tenon.Cmdctl1");
    machine
}

#[test]
fn tree_and_introspection_of_each_service() {
    let machine = with_door();
    load(&machine, "example.com", &zones::example(1));
    for (service, path) in [
        ("org.tenon.Auth1.Instance1", "/org/tenon/Auth1"),
        ("org.tenon.Zonec1", "/org/tenon/Zonec1"),
        ("org.tenon.Cfgmgr1", "/org/tenon/Cfgmgr1"),
        ("org.tenon.Collector1", "/org/tenon/Collector1"),
        ("org.tenon.Xfrin1", "/org/tenon/Xfrin1"),
        ("org.tenon.Zonemgr1", "/org/tenon/Zonemgr1"),
        ("org.tenon.Xfrout1", "/org/tenon/Xfrout1"),
        ("org.tenon.Ddns1", "/org/tenon/Ddns1"),
        ("org.tenon.Cmdctl1", "/org/tenon/Cmdctl1"),
    ] {
        machine.wait(&format!("busctl status {service}"));
        golden(&format!("{service}.tree"), &steady(&machine.must(&format!("busctl tree {service}"))));
        // The columns without the values, which vary.
        let table = machine
            .must(&format!("busctl introspect --no-legend {service} {path} | awk '{{print $1, $2, $3}}'"));
        golden(&format!("{service}.introspect"), &steady(&table));
    }
}

#[test]
fn calls_and_properties() {
    let machine = with_door();
    load(&machine, "example.com", &zones::example(1));
    let calls = [
        "call org.tenon.Auth1.Instance1 /org/tenon/Auth1 org.tenon.Auth1 ListZones su '' 0",
        "call org.tenon.Auth1.Instance1 /org/tenon/Auth1 org.tenon.Auth1 ListZoneCounters su '' 0",
        "get-property org.tenon.Auth1.Instance1 /org/tenon/Auth1 org.tenon.Auth1 Faults",
        "call org.tenon.Zonec1 /org/tenon/Zonec1 org.tenon.Zonec1 ListZones su '' 0",
        "call org.tenon.Zonec1 /org/tenon/Zonec1 org.tenon.Zonec1 GetZone s nowhere.example.",
        "call org.tenon.Auth1.Instance1 /org/tenon/Auth1 org.tenon.Auth1 ExplainQuery ss nothing.example.com. aaaa",
        "call org.tenon.Auth1.Instance1 /org/tenon/Auth1 org.tenon.Auth1 ExplainQuery ss a..b MX",
        "call org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 Get sb auth/udp_payload_size false",
        "call org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 Get sb auth/nothing false",
        "call org.tenon.Xfrin1 /org/tenon/Xfrin1 org.tenon.Xfrin1 ListZones su '' 0",
        "get-property org.tenon.Xfrin1 /org/tenon/Xfrin1 org.tenon.Xfrin1 Faults",
        "call org.tenon.Xfrin1 /org/tenon/Xfrin1 org.tenon.Xfrin1 Refresh 'sa(sq)b' example.org 1 0.0.0.0 53 false",
        "call org.tenon.Xfrin1 /org/tenon/Jobs1 org.tenon.Jobs1 Get t 7",
        "get-property org.tenon.Zonemgr1 /org/tenon/Zonemgr1 org.tenon.Zonemgr1 ZoneCount",
        "call org.tenon.Zonemgr1 /org/tenon/Zonemgr1 org.tenon.Zonemgr1 ListZones su '' 0",
        "call org.tenon.Zonemgr1 /org/tenon/Zonemgr1 org.tenon.Zonemgr1 GetZone s example.com",
        "call org.tenon.Zonemgr1 /org/tenon/Zonemgr1 org.tenon.Zonemgr1 Refresh s example.com",
        "get-property org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Config1 Generation",
        "call org.tenon.Xfrout1 /org/tenon/Xfrout1 org.tenon.Xfrout1 Transfers",
        "call org.tenon.Xfrout1 /org/tenon/Xfrout1 org.tenon.Xfrout1 Notify s example.com",
        "call org.tenon.Xfrout1 /org/tenon/Xfrout1 org.tenon.Xfrout1 Notify s nowhere.example.",
        "get-property org.tenon.Xfrout1 /org/tenon/Xfrout1 org.tenon.Xfrout1 RunningTransfers PendingNotifies Faults",
        "get-property org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 Unconfirmed",
        "call org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 Confirm s ''",
        "call org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 CommitEdits 'sta(ss)su' '' 0 1 auth/udp_payload_size 1400 larger 3600",
        "call org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 DiffGenerations tt 0 1",
        "call org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 Rollback stsu '' 77 '' 0",
        "call org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 Rollback stsu '' 0 '' 0",
        "call org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 CommitEdits 'sta(ss)su' alice 0 0 '' 0",
        "get-property org.tenon.Cmdctl1 /org/tenon/Cmdctl1 org.tenon.Cmdctl1 Addresses Accounts Faults",
        "get-property org.tenon.Ddns1 /org/tenon/Ddns1 org.tenon.Ddns1 WaitingChanges Faults",
        "call org.tenon.Ddns1 /org/tenon/Ddns1 org.tenon.Ddns1 Records sss example.com www ''",
        "call org.tenon.Ddns1 /org/tenon/Ddns1 org.tenon.Ddns1 Preview 'sa(ss)x' example.com 1 add 'new 60 A 192.0.2.7' 1",
        "call org.tenon.Ddns1 /org/tenon/Ddns1 org.tenon.Ddns1 Change 'sa(ss)x' example.com 1 delete 'www A' 7",
        "call org.tenon.Ddns1 /org/tenon/Ddns1 org.tenon.Ddns1 Change 'sa(ss)x' example.com 1 add 'new 60 A 192.0.2.7' 1",
        "call org.tenon.Ddns1 /org/tenon/Ddns1 org.tenon.Ddns1 Change 'sa(ss)x' nowhere.example 1 delete x 1",
    ];
    machine.wait("busctl status org.tenon.Xfrout1");
    machine.wait("busctl status org.tenon.Ddns1");
    let mut transcript = String::new();
    for call in calls {
        transcript += &format!("$ busctl {call}\n{}", steady(&machine.text(&format!("busctl {call}"))));
    }
    golden("calls", &transcript);
}

#[test]
fn monitor_shows_the_life_of_a_zone() {
    let machine = Machine::start();
    let mut monitor = machine
        .command("busctl")
        .args(["monitor", "--match", "type='signal',interface='org.tenon.Zones1'"])
        .stdout(std::fs::File::create(machine.path("/tmp/monitor")).unwrap())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    machine.wait("busctl list | grep -q busctl");
    load(&machine, "example.com", &zones::example(1));
    machine.must("tenon-loadzone --remove example.com");
    machine.wait("grep -q ZoneRemoved /tmp/monitor && test $(grep -c ManifestChanged /tmp/monitor) -ge 2");
    monitor.kill().unwrap();
    monitor.wait().unwrap();
    let text = std::fs::read_to_string(machine.path("/tmp/monitor")).unwrap();
    let members: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("Member=").map(|(_, rest)| rest.trim())).collect();
    golden("monitor", &(members.join("\n") + "\n"));
}

#[test]
fn live_introspection_equals_the_interface_files() {
    let machine = with_door();
    for (service, path, interfaces) in [
        ("org.tenon.Auth1.Instance1", "/org/tenon/Auth1", &["Auth1", "Config1", "Stats1"][..]),
        ("org.tenon.Zonec1", "/org/tenon/Zonec1", &["Zonec1", "Config1", "Stats1"]),
        ("org.tenon.Cfgmgr1", "/org/tenon/Cfgmgr1", &["Cfgmgr1", "Config1", "Stats1"]),
        ("org.tenon.Collector1", "/org/tenon/Collector1", &["Collector1", "Config1", "Stats1"]),
        ("org.tenon.Xfrin1", "/org/tenon/Xfrin1", &["Xfrin1", "Config1", "Stats1"]),
        ("org.tenon.Xfrin1", "/org/tenon/Jobs1", &["Jobs1"]),
        ("org.tenon.Zonemgr1", "/org/tenon/Zonemgr1", &["Zonemgr1", "Config1", "Stats1"]),
        ("org.tenon.Xfrout1", "/org/tenon/Xfrout1", &["Xfrout1", "Config1", "Stats1"]),
        ("org.tenon.Ddns1", "/org/tenon/Ddns1", &["Ddns1", "Explain1", "Config1", "Stats1"]),
        ("org.tenon.Cmdctl1", "/org/tenon/Cmdctl1", &["Cmdctl1", "Config1", "Stats1"]),
    ] {
        // Some are ready before they are on the bus.
        machine.wait(&format!("busctl status {service}"));
        let live = machine.must(&format!("busctl introspect --xml-interface {service} {path}"));
        for interface in interfaces {
            let file = machine.must(&format!("cat /usr/share/dbus-1/interfaces/org.tenon.{interface}.xml"));
            assert_eq!(members(&live, interface), members(&file, interface), "{service} {interface}");
        }
    }
}

/// Methods with their arguments, properties and signals of one interface, sorted; prose and layout left out.
fn members(xml: &str, interface: &str) -> Vec<String> {
    let start = format!("<interface name=\"org.tenon.{interface}\">");
    let body = xml
        .split_once(&start)
        .map_or("", |(_, rest)| rest.split_once("</interface>").map_or("", |(body, _)| body));
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for tag in without_comments(body).split('<').map(str::trim).filter(|tag| !tag.is_empty()) {
        let attribute = |name: &str| {
            tag.split_once(&format!("{name}=\""))
                .and_then(|(_, rest)| rest.split_once('"'))
                .map_or("", |(value, _)| value)
        };
        let word = tag.split([' ', '>', '/']).next().unwrap_or_default();
        match word {
            "method" | "signal" | "property" => {
                found.extend(open.take());
                open = Some(format!(
                    "{word} {} {} {}",
                    attribute("name"),
                    attribute("type"),
                    attribute("access")
                ));
            }
            "arg" => {
                let text =
                    format!(" ({} {} {})", attribute("name"), attribute("type"), attribute("direction"));
                open.as_mut().expect("an argument stands in a member").push_str(&text);
            }
            _ => {}
        }
    }
    found.extend(open);
    found.sort();
    assert!(!found.is_empty(), "no interface {interface}");
    found
}

fn without_comments(text: &str) -> String {
    let mut parts = text.split("<!--");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + part.split_once("-->").map_or("", |(_, rest)| rest))
}
