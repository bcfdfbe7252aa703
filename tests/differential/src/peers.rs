//! Knot DNS, NSD and BIND 9 with settings under which they answer as Tenon is set up to.
//!
//! Each leaves name servers out of positive answers or has them taken out when answers are compared, sends all of ANY,
//! has no rate limit and takes every zone it can read.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::cookie::SECRET;
use crate::process::Process;
use crate::world::Zone;

/// Starts all three on the same zones.
#[must_use]
pub fn start(zones: &[Zone], directory: &Path) -> [Process; 3] {
    [knot(zones, directory), nsd(zones, directory), bind(zones, directory)]
}

fn run(
    name: &'static str,
    directory: &Path,
    text: impl FnOnce(&Path, SocketAddr) -> String,
    program: &str,
    arguments: &[&str],
) -> Process {
    let directory = directory.join(name);
    std::fs::create_dir(&directory).unwrap();
    let address = tenon_private_bus::own_address();
    let configuration = directory.join("configuration");
    std::fs::write(&configuration, text(&directory, address)).unwrap();
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new(program);
    command.env("PATH", path).args(arguments).arg("-c").arg(&configuration).current_dir(&directory);
    Process::start(name, address, &mut command, &directory)
}

fn knot(zones: &[Zone], directory: &Path) -> Process {
    let text = |directory: &Path, address: SocketAddr| {
        let (place, ip, port) = (directory.display(), address.ip(), address.port());
        let mut text = format!(
            "server:\n  rundir: {place}\n  listen: {ip}@{port}\n  udp-workers: 1\n  tcp-workers: 1\n  \
             background-workers: 1\n  tcp-io-timeout: 0\nlog:\n  - target: stderr\n    any: warning\ndatabase:\n  storage: {place}\n\
             mod-cookies:\n  - id: shared\n    secret: 0x{SECRET}\ntemplate:\n  - id: default\n    semantic-checks: off\n    journal-content: none\n    zonefile-load: whole\n    \
             zonefile-sync: -1\n    global-module: mod-cookies/shared\nzone:\n"
        );
        for zone in zones {
            let _ = writeln!(
                text,
                "  - domain: \"{}\"\n    file: {}",
                quoted(&zone.origin.to_string()),
                zone.plain.display()
            );
        }
        text
    };
    run("knot", directory, text, "knotd", &[])
}

fn nsd(zones: &[Zone], directory: &Path) -> Process {
    let text = |directory: &Path, address: SocketAddr| {
        let (place, ip, port) = (directory.display(), address.ip(), address.port());
        let mut text = format!(
            "server:\n  ip-address: {ip}@{port}\n  server-count: 1\n  username: \"\"\n  zonesdir: \"{place}\"\n  \
             database: \"\"\n  pidfile: \"\"\n  xfrdfile: \"{place}/xfrd\"\n  xfrdir: \"{place}\"\n  \
             zonelistfile: \"{place}/list\"\n  rrl-ratelimit: 0\n  minimal-responses: no\n  round-robin: no\n  tcp-count: 64\n\
             remote-control:\n  control-enable: no\n"
        );
        for zone in zones {
            let _ = writeln!(
                text,
                "zone:\n  name: \"{}\"\n  zonefile: \"{}\"",
                quoted(&zone.origin.to_string()),
                zone.plain.display()
            );
        }
        text
    };
    run("nsd", directory, text, "nsd", &["-d"])
}

fn bind(zones: &[Zone], directory: &Path) -> Process {
    let text = |directory: &Path, address: SocketAddr| {
        let (place, ip, port) = (directory.display(), address.ip(), address.port());
        let mut text = format!(
            "options {{ directory \"{place}\"; listen-on port {port} {{ {ip}; }}; listen-on-v6 {{ none; }}; \
             recursion no; allow-query {{ any; }}; pid-file none; session-keyfile none; managed-keys-directory \"{place}\"; \
             minimal-responses no-auth; minimal-any no; notify no; dnssec-validation no; check-names primary ignore; check-integrity no; \
             check-mx ignore; check-srv-cname ignore; check-mx-cname ignore; check-sibling no; check-wildcard no; \
             check-dup-records ignore; check-spf ignore; empty-zones-enable no; rrset-order {{ order none; }}; max-cache-size 16m; \
             answer-cookie yes; cookie-algorithm siphash24; cookie-secret \"{SECRET}\"; }};\n\
             controls {{ }};\nlogging {{ category lame-servers {{ null; }}; category queries {{ null; }}; category query-errors {{ null; }}; }};\n"
        );
        for zone in zones {
            let _ = writeln!(
                text,
                "zone \"{}\" {{ type primary; file \"{}\"; }};",
                quoted(&zone.origin.to_string()),
                zone.plain.display()
            );
        }
        text
    };
    run("bind", directory, text, "named", &["-g", "-n", "1"])
}

/// Backslashes of names stand doubled in the peers' strings.
fn quoted(name: &str) -> String {
    name.replace('\\', "\\\\")
}
