//! Name servers of the distribution as primaries, inside a machine, on the loopback address.

use crate::Machine;
use crate::secondary::Tsig;

/// A name server of the distribution.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Knot DNS.
    Knot,
    /// NSD.
    Nsd,
    /// BIND 9.
    Bind,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Knot, Self::Nsd, Self::Bind];

    /// The program.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Knot => "knotd",
            Self::Nsd => "nsd",
            Self::Bind => "named",
        }
    }

    /// The port it listens on here.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Knot => 5301,
            Self::Nsd => 5302,
            Self::Bind => 5303,
        }
    }
}

/// A primary at work; it ends with the machine, or when stopped.
pub struct Peer<'m> {
    machine: &'m Machine,
    kind: Kind,
}

impl Machine {
    /// Starts a primary of these zones (name without final dot, text of the zone file) on 127.0.0.1. `notify`: it tells
    /// tenon-auth at 127.0.0.1 of changes. None where it is not installed.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn primary(&self, kind: Kind, zones: &[(&str, String)], notify: bool) -> Option<Peer<'_>> {
        self.signing_primary(kind, zones, notify, &[])
    }

    /// The same; with keys, only who signs with one of them is given zones.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn signing_primary(
        &self,
        kind: Kind,
        zones: &[(&str, String)],
        notify: bool,
        keys: &[Tsig],
    ) -> Option<Peer<'_>> {
        if !self.run(&format!("command -v {}", kind.program())).status.success() {
            println!("{} is not installed: skipped", kind.program());
            return None;
        }
        let peer = Peer { machine: self, kind };
        for (zone, text) in zones {
            self.write(&peer.zone_file(zone), text);
        }
        let names: Vec<&str> = zones.iter().map(|(zone, _)| *zone).collect();
        self.write(&peer.file("config"), peer.configuration(&names, notify, keys));
        peer.start();
        Some(peer)
    }
}

impl Peer<'_> {
    /// What `bindctl zone add --primary` wants.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1@{}", self.kind.port())
    }

    /// Starts it, or again after [`Self::stop`], and waits until it answers.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(&self) {
        let (program, config) = (self.kind.program(), self.file("config"));
        let arguments = match self.kind {
            Kind::Knot => format!("-c {config}"),
            Kind::Nsd => format!("-d -c {config}"),
            Kind::Bind => format!("-f -n 1 -c {config}"),
        };
        self.machine.must(&format!(
            "systemctl reset-failed {0} 2>/dev/null; systemd-run --quiet --unit {0} $(command -v {program}) {arguments}",
            self.unit()
        ));
        self.machine.wait(&format!(
            "dig +tries=1 +time=1 @127.0.0.1 -p {} version.bind CH TXT | grep -q 'status: '",
            self.kind.port()
        ));
    }

    /// Stops it.
    ///
    /// # Panics
    /// When that fails.
    pub fn stop(&self) {
        self.machine.must(&format!("systemctl stop {}", self.unit()));
    }

    /// Gives it a new version of a zone.
    ///
    /// # Panics
    /// When that fails.
    pub fn change(&self, zone: &str, text: &str) {
        // Some look at the time of change, in seconds.
        self.machine.write(&self.zone_file(zone), text);
        self.machine.must(&format!(
            "touch -d '+2 seconds' {}; systemctl kill --kill-whom=main --signal=HUP {}",
            self.zone_file(zone),
            self.unit()
        ));
    }

    fn unit(&self) -> String {
        format!("peer-{}.service", self.kind.program())
    }

    fn file(&self, name: &str) -> String {
        format!("/tmp/peer-{}/{name}", self.kind.program())
    }

    fn zone_file(&self, zone: &str) -> String {
        self.file(&format!("{zone}.zone"))
    }

    fn configuration(&self, zones: &[&str], notify: bool, keys: &[Tsig]) -> String {
        let (port, directory) = (self.kind.port(), self.file(""));
        let directory = directory.trim_end_matches('/');
        let each = |part: &dyn Fn(&Tsig) -> String| keys.iter().map(part).collect::<String>();
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        let mut text = match self.kind {
            Kind::Knot => format!(
                "server:\n  listen: 127.0.0.1@{port}\n  rundir: {directory}\n  tcp-io-timeout: 60000\n\
                 database:\n  storage: {directory}\n{key}\
                 remote:\n  - id: tenon\n    address: 127.0.0.1@53\n\
                 acl:\n  - id: all\n    address: 127.0.0.0/8\n{who}    action: transfer\n\
                 template:\n  - id: default\n    acl: all\n    journal-content: none\n    zonefile-sync: -1\n{}zone:\n",
                if notify { "    notify: tenon\n" } else { "" },
                key = if keys.is_empty() { String::new() } else { "key:\n".to_owned() }
                    + &each(&|Tsig { name, algorithm, secret }| {
                        format!("  - id: {name}\n    algorithm: {algorithm}\n    secret: {secret}\n")
                    }),
                who = if keys.is_empty() {
                    String::new()
                } else {
                    format!("    key: [{}]\n", names.join(", "))
                }
            ),
            Kind::Nsd => format!(
                "server:\n  ip-address: 127.0.0.1@{port}\n  username: \"\"\n  chroot: \"\"\n  server-count: 1\n  \
                 pidfile: \"{directory}/pid\"\n  xfrdfile: \"{directory}/xfrd\"\n  xfrdir: \"{directory}\"\n  \
                 zonelistfile: \"{directory}/zonelist\"\n  cookie-secret-file: \"\"\nremote-control:\n  control-enable: no\n"
            ),
            Kind::Bind => format!(
                "options {{ directory \"{directory}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; \
                 recursion no; pid-file none; session-keyfile none; allow-transfer {{ {who} }}; \
                 notify {}; also-notify {{ 127.0.0.1 port 53; }}; notify-delay 0; }};\ncontrols {{ }};\n",
                if notify { "explicit" } else { "no" },
                who = if keys.is_empty() {
                    "any;".to_owned()
                } else {
                    each(&|Tsig { name, .. }| format!("key \"{name}\"; "))
                }
            ),
        };
        text += &match self.kind {
            Kind::Knot => String::new(),
            Kind::Nsd => each(&|Tsig { name, algorithm, secret }| {
                format!("key:\n  name: \"{name}\"\n  algorithm: {algorithm}\n  secret: \"{secret}\"\n")
            }),
            Kind::Bind => each(&|Tsig { name, algorithm, secret }| {
                format!("key \"{name}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};\n")
            }),
        };
        let given = if keys.is_empty() {
            "  provide-xfr: 127.0.0.1 NOKEY\n".to_owned()
        } else {
            each(&|Tsig { name, .. }| format!("  provide-xfr: 127.0.0.1 {name}\n"))
        };
        for zone in zones {
            let file = self.zone_file(zone);
            text += &match self.kind {
                Kind::Knot => format!("  - domain: {zone}\n    file: {file}\n"),
                Kind::Nsd => format!(
                    "zone:\n  name: \"{zone}\"\n  zonefile: \"{file}\"\n{given}{}",
                    if notify { "  notify: 127.0.0.1@53 NOKEY\n" } else { "" }
                ),
                Kind::Bind => format!("zone \"{zone}\" {{ type primary; file \"{file}\"; }};\n"),
            };
        }
        text
    }
}
