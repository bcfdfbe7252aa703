//! Name servers of the distribution as secondaries of Tenon, inside a machine, on the loopback address.

use crate::Machine;
use crate::peer::Kind;

/// A secondary at work; it ends with the machine, or when stopped.
pub struct Secondary<'m> {
    machine: &'m Machine,
    kind: Kind,
}

/// A key that a secondary signs with.
#[derive(Clone, Debug)]
pub struct Tsig {
    /// Its name, without final dot.
    pub name: String,
    /// Its algorithm, as all servers name it.
    pub algorithm: String,
    /// Its secret in base64.
    pub secret: String,
}

impl Machine {
    /// Starts a secondary of these zones (names without final dot), whose primary is tenon-auth at 127.0.0.1. None where
    /// it is not installed.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn secondary(&self, kind: Kind, zones: &[&str]) -> Option<Secondary<'_>> {
        let plain: Vec<(&str, Option<Tsig>)> = zones.iter().map(|zone| (*zone, None)).collect();
        self.signing_secondary(kind, &plain)
    }

    /// The same, with the key of each zone: requests are signed with it, and notices have to be.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn signing_secondary(&self, kind: Kind, zones: &[(&str, Option<Tsig>)]) -> Option<Secondary<'_>> {
        if !self.run(&format!("command -v {}", kind.program())).status.success() {
            println!("{} is not installed: skipped", kind.program());
            return None;
        }
        let secondary = Secondary { machine: self, kind };
        self.write(&secondary.file("config"), secondary.configuration(zones));
        secondary.start();
        Some(secondary)
    }
}

impl Secondary<'_> {
    /// The port it listens on at 127.0.0.1, for queries and NOTIFY.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.kind.port() + 10
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
            self.port()
        ));
    }

    /// Stops it.
    ///
    /// # Panics
    /// When that fails.
    pub fn stop(&self) {
        self.machine.must(&format!("systemctl stop {}", self.unit()));
    }

    fn unit(&self) -> String {
        format!("secondary-{}.service", self.kind.program())
    }

    fn file(&self, name: &str) -> String {
        format!("/tmp/secondary-{}/{name}", self.kind.program())
    }

    fn configuration(&self, zones: &[(&str, Option<Tsig>)]) -> String {
        let (port, directory) = (self.port(), self.file(""));
        let directory = directory.trim_end_matches('/');
        let keys: Vec<&Tsig> = zones.iter().filter_map(|(_, key)| key.as_ref()).collect();
        let mut text = match self.kind {
            Kind::Knot => {
                let all =
                    |part: &dyn Fn(&Tsig) -> String| keys.iter().map(|key| part(key)).collect::<String>();
                format!(
                    "server:\n  listen: 127.0.0.1@{port}\n  rundir: {directory}\ndatabase:\n  storage: {directory}\n\
                     {keys}remote:\n  - id: tenon\n    address: 127.0.0.1@53\n{remotes}\
                     acl:\n  - id: told\n    address: 127.0.0.1\n    action: [notify, transfer]\n{acls}\
                     template:\n  - id: default\n    journal-content: none\n    zonefile-sync: -1\nzone:\n",
                    keys = if keys.is_empty() { String::new() } else { "key:\n".to_owned() }
                        + &all(&|Tsig { name, algorithm, secret }| {
                            format!("  - id: {name}\n    algorithm: {algorithm}\n    secret: {secret}\n")
                        }),
                    remotes = all(&|Tsig { name, .. }| {
                        format!("  - id: tenon-{name}\n    address: 127.0.0.1@53\n    key: {name}\n")
                    }),
                    acls = all(&|Tsig { name, .. }| {
                        format!("  - id: told-{name}\n    key: {name}\n    action: notify\n")
                    })
                )
            }
            Kind::Nsd => format!(
                "server:\n  ip-address: 127.0.0.1@{port}\n  username: \"\"\n  chroot: \"\"\n  server-count: 1\n  \
                 pidfile: \"{directory}/pid\"\n  xfrdfile: \"{directory}/xfrd\"\n  xfrdir: \"{directory}\"\n  \
                 zonelistfile: \"{directory}/zonelist\"\n  cookie-secret-file: \"\"\nremote-control:\n  control-enable: no\n"
            ),
            Kind::Bind => format!(
                "options {{ directory \"{directory}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; \
                 recursion no; pid-file none; session-keyfile none; allow-transfer {{ any; }}; notify no; \
                 transfers-in 20; transfers-per-ns 20; }};\ncontrols {{ }};\n"
            ),
        };
        for Tsig { name, algorithm, secret } in keys.iter().filter(|_| self.kind != Kind::Knot) {
            text += &match self.kind {
                Kind::Nsd => {
                    format!("key:\n  name: \"{name}\"\n  algorithm: {algorithm}\n  secret: \"{secret}\"\n")
                }
                _ => format!("key \"{name}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};\n"),
            };
        }
        zones.iter().for_each(|(zone, key)| text += &self.zone(zone, key.as_ref()));
        text
    }

    fn zone(&self, zone: &str, key: Option<&Tsig>) -> String {
        let file = self.file(&format!("{zone}.zone"));
        let name = key.map(|key| key.name.as_str());
        match self.kind {
            Kind::Knot => {
                let of_key = name.map(|name| format!("-{name}")).unwrap_or_default();
                format!(
                    "  - domain: {zone}\n    file: {file}\n    master: tenon{of_key}\n    acl: told{of_key}\n"
                )
            }
            Kind::Nsd => {
                let name = name.unwrap_or("NOKEY");
                format!(
                    "zone:\n  name: \"{zone}\"\n  zonefile: \"{file}\"\n  request-xfr: 127.0.0.1@53 {name}\n  \
                     allow-notify: 127.0.0.1 {name}\n  provide-xfr: 127.0.0.1 NOKEY\n"
                )
            }
            Kind::Bind => {
                let signs = name.map(|name| format!(" key \"{name}\"")).unwrap_or_default();
                let told =
                    name.map(|name| format!(" allow-notify {{ key \"{name}\"; }};")).unwrap_or_default();
                format!(
                    "zone \"{zone}\" {{ type secondary; file \"{file}\"; primaries {{ 127.0.0.1 port 53{signs}; }};\
                     {told} }};\n"
                )
            }
        }
    }
}
