//! What is installed: exposure of the units, who may do what, what stays behind.

use crate::zones::load;
use tenon_system_tests::{Machine, zones};

#[test]
fn exposure_of_every_unit() {
    let machine = Machine::start();
    for (unit, limit) in [
        ("tenon-auth@1.service", 0.5),
        ("tenon-zonec.service", 1.5),
        ("tenon-cfgmgr.service", 1.5),
        ("tenon-stats.service", 1.5),
        ("tenon-xfrin.service", 1.5),
        ("tenon-zonemgr.service", 1.5),
        ("tenon-xfrout.service", 1.5),
        ("tenon-ddns.service", 1.5),
        ("tenon-cmdctl.service", 1.5),
        ("tenon-loader.service", 1.5),
        ("tenon-listen@change.service", 1.5),
    ] {
        let said = machine.text(&format!("systemd-analyze security --no-pager {unit} | tail -1"));
        let exposure: f64 =
            said.split_once(": ").unwrap().1.split_whitespace().next().unwrap().parse().unwrap();
        println!("{unit}: {exposure}");
        assert!(exposure <= limit, "{unit}: {exposure} is more than {limit}");
    }
}

#[test]
fn auth_has_no_capability_no_network_and_nothing_it_can_write() {
    let machine = Machine::start();
    let pid = machine.main_pid("tenon-auth@1.service");
    let status = machine.must(&format!("cat /proc/{pid}/status"));
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(status.contains(&format!("{set}:\t0000000000000000")), "{set} in {status}");
    }
    let links = machine.must(&format!("nsenter -t {pid} -n ip -o link"));
    assert_eq!(links.lines().count(), 1, "its network namespace has a loopback interface only: {links}");
    let writable = machine.must(&format!(
        "nsenter -t {pid} -m setpriv --reuid tenon-auth --regid tenon-auth --clear-groups find /etc /usr /var /opt /srv /tmp /run \\( -type f -o -type d \\) -writable -print -quit 2>/dev/null || true"
    ));
    assert_eq!(writable, "");
}

#[test]
fn an_ordinary_user_reads_and_does_not_write() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    let as_nobody = |command: &str| {
        machine.run(&format!("setpriv --reuid nobody --regid nogroup --clear-groups {command}"))
    };
    for reading in [
        "bindctl status",
        "bindctl zone list",
        "bindctl zone show example.com",
        "bindctl config show",
        "bindctl stats show",
        "busctl introspect org.tenon.Zonec1 /org/tenon/Zonec1",
        "busctl introspect org.tenon.Collector1 /org/tenon/Collector1",
        "busctl introspect org.tenon.Xfrin1 /org/tenon/Xfrin1",
        "busctl introspect org.tenon.Zonemgr1 /org/tenon/Zonemgr1",
        "busctl call org.tenon.Zonemgr1 /org/tenon/Zonemgr1 org.tenon.Zonemgr1 ListZones su '' 0",
        "busctl call org.tenon.Xfrin1 /org/tenon/Jobs1 org.tenon.Jobs1 List tu 0 0",
        "busctl introspect org.tenon.Xfrout1 /org/tenon/Xfrout1",
        "busctl introspect org.tenon.Ddns1 /org/tenon/Ddns1",
        "bindctl record show example.com www",
        "busctl introspect org.tenon.Auth1.Instance1 /org/tenon/Auth1",
    ] {
        let output = as_nobody(reading);
        assert!(output.status.success(), "{reading}: {}", String::from_utf8_lossy(&output.stderr));
    }
    for writing in [
        "bindctl config set auth/udp_payload_size 1400",
        "bindctl config commit",
        "bindctl zone remove example.com",
        "busctl call org.tenon.Auth1.Instance1 /org/tenon/Auth1 org.tenon.Config1 Apply ts 99 {}",
        "busctl call org.tenon.Zonec1 /org/tenon/Zonec1 org.tenon.Config1 Check s {}",
        "busctl call org.tenon.Cfgmgr1 /org/tenon/Cfgmgr1 org.tenon.Cfgmgr1 Commit s x",
        "busctl call org.tenon.Xfrin1 /org/tenon/Xfrin1 org.tenon.Xfrin1 Refresh 'sa(sq)b' example.org 1 127.0.0.1 53 false",
        "busctl call org.tenon.Xfrin1 /org/tenon/Xfrin1 org.tenon.Xfrin1 Remove s example.com",
        "busctl call org.tenon.Zonemgr1 /org/tenon/Zonemgr1 org.tenon.Zonemgr1 Retransfer s example.com",
        "bindctl zone add new.test --primary 127.0.0.1",
        "busctl call org.tenon.Xfrin1 /org/tenon/Jobs1 org.tenon.Jobs1 Cancel t 1",
        "busctl call org.tenon.Xfrout1 /org/tenon/Xfrout1 org.tenon.Xfrout1 Notify s example.com",
        "bindctl record delete example.com www --yes",
    ] {
        let output = as_nobody(writing);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("{writing}: {}", said.trim());
        assert!(!output.status.success(), "{writing} was allowed");
    }
    assert_eq!(machine.dig("@127.0.0.1 www.example.com A").status, "NOERROR");
}

#[test]
fn nothing_stays_behind_on_the_host() {
    let look = || {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let root = mounts
            .lines()
            .find_map(|l| l.contains(" cgroup2 ").then(|| l.split(' ').nth(1).unwrap().to_owned()));
        let mut groups: Vec<_> =
            std::fs::read_dir(root.unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
        groups.sort();
        let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let systemds = processes
            .filter(|entry| {
                std::fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.trim() == "systemd")
            })
            .count();
        (mounts, groups, systemds)
    };
    let before = look();
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    assert!(look().2 > before.2, "a machine is seen while it runs");
    drop(machine);
    assert_eq!(look(), before);
}

#[test]
fn a_machine_boots_on_a_host_that_runs_systemd_and_leaves_nothing_there() {
    // The host is a machine of ours: there, as on most servers, systemd is PID 1.
    let host = Machine::boot();
    host.write("/opt/boot.sh", include_bytes!("../boot.sh"));
    let look = "find /sys/fs/cgroup -name 'tenon-boot*'; systemctl list-units --no-legend --plain 'run-*.scope'; wc -l < /proc/mounts";
    let before = host.must(look);
    host.must(
        "chmod +x /opt/boot.sh; mkdir -p /opt/state /opt/stage; \
         (setsid /opt/boot.sh /opt/state /opt/stage private-network > /opt/log 2>&1 < /dev/null &)",
    );
    let inside = "nsenter -t $(cat /opt/state/pid) -m -p -C -u -i -n --";
    host.wait(&format!("test -s /opt/state/pid && {inside} systemctl is-system-running"));
    host.must(&format!("{inside} systemctl start tenon.target"));
    host.wait(&format!("{inside} dig +tries=1 +time=1 @127.0.0.1 example.com | grep -q 'status: REFUSED'"));
    assert_ne!(host.must(look), before, "the machine is seen while it runs");
    host.must("kill -9 $(cat /opt/state/pid)");
    host.wait(&format!("test \"$({look})\" = \"{}\"", before.trim()));
}

#[test]
fn every_message_has_a_catalog_entry() {
    let sources = std::process::Command::new("grep")
        .args([
            "-rhoE",
            "\"[0-9a-f]{32}\"",
            "--include=messages.rs",
            "--include=messages",
            "../../services",
            "../../libs",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let catalog =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../units/tenon.catalog")).unwrap();
    let ids: Vec<String> =
        String::from_utf8(sources.stdout).unwrap().lines().map(|l| l.trim_matches('"').to_owned()).collect();
    assert!(ids.len() >= 5, "found only {ids:?}");
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "an ID stands twice");
    for id in ids {
        assert!(catalog.contains(&format!("-- {id}\n")), "{id} has no entry in tenon.catalog");
    }
}
