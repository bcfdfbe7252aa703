//! Processes of the tests: the door, and the real configuration manager behind it.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tenon_bus::{Bus, names};
use tenon_image::{ImageBuilder, Manifest, ManifestZone};
use tenon_private_bus::{KeptAddress, PrivateBus, Process};
use tenon_wire::rdata::parse_line;
use tenon_wire::{Name, RrType};
use tenon_zone::RrsetRef;

/// Nothing here takes long; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The password of alice, who may all, and of rita, who may look.
pub(crate) const PASSWORD: &str = "open sesame, please";

/// A bus with a door on it.
pub(crate) struct Bench {
    pub(crate) daemon: PrivateBus,
    pub(crate) bus: Bus,
    pub(crate) address: SocketAddr,
    _kept: KeptAddress,
    door: Option<Process>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Bench {
    /// A door with these settings more than its address and files.
    pub(crate) async fn start(settings: Value) -> Self {
        let daemon = PrivateBus::start().unwrap();
        let kept = KeptAddress::new().unwrap();
        let address = kept.get();
        let place = |name: &str| daemon.directory().join(name);
        for name in ["config/generations", "schema", "cmdctl", "images"] {
            std::fs::create_dir_all(place(name)).unwrap();
        }
        let mut own = json!({
            "listen_on": [{"address": "127.0.0.1", "port": address.port()}],
            "certificate_file": place("cmdctl/certificate.pem"),
            "key_file": place("cmdctl/key.pem"),
        });
        own.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let generation = json!({"generation": 1, "committed_usec": 1, "author": "root", "comment": "",
            "settings": {"cmdctl": own}});
        std::fs::write(place("config/generations/00000001.json"), generation.to_string()).unwrap();
        std::os::unix::fs::symlink("generations/00000001.json", place("config/current")).unwrap();
        let schema = Command::new(DOOR).arg("--print-schema").output().unwrap().stdout;
        std::fs::write(place("schema/cmdctl.json"), schema).unwrap();
        let bus = Bus::at(&daemon.address()).await.unwrap();
        let mut bench = Self { daemon, bus, address, _kept: kept, door: None };
        for (name, more) in [("alice", &[][..]), ("rita", &["--read-only"])] {
            bench.account(&[&["--add-account", name, "--password-stdin"], more].concat());
        }
        let arguments = ["--state-dir", "cmdctl", "--config-dir", "config", "--image-dir", "images"];
        bench.door = Some(bench.program(Path::new(DOOR), &arguments));
        bench.daemon.wait_for(names::CMDCTL, true).await;
        bench
    }

    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.daemon.directory().join(name)
    }

    /// The configuration manager, to which this user is the door's.
    pub(crate) async fn cfgmgr(&self) -> Process {
        let me = Command::new("id").arg("--user").arg("--name").output().unwrap().stdout;
        let me = String::from_utf8(me).unwrap();
        let arguments = ["--config-dir", "config", "--schema-dir", "schema", "--door-user", me.trim()];
        self.example("cfgmgr", &arguments, names::CFGMGR).await
    }

    /// The loader of zones that are sent.
    pub(crate) async fn loader(&self) -> Process {
        let arguments = ["--config-dir", "config", "--store", "zones.sqlite"];
        self.example("loader", &arguments, names::LOADER).await
    }

    async fn example(&self, name: &str, arguments: &[&str], bus_name: &str) -> Process {
        let test = std::env::current_exe().unwrap();
        let path = test.parent().and_then(Path::parent).unwrap().join("examples").join(name);
        assert!(
            path.exists(),
            "{} is not built; run `cargo test -p tenon-cmdctl` as a whole",
            path.display()
        );
        let process = self.program(&path, arguments);
        self.daemon.wait_for(bus_name, true).await;
        process
    }

    /// Memory that the door has, in KiB.
    pub(crate) fn door_memory(&self) -> u64 {
        let door = self.door.as_ref().unwrap().id();
        let status = std::fs::read_to_string(format!("/proc/{door}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Runs the account tool; what it printed.
    pub(crate) fn account(&self, arguments: &[&str]) -> String {
        use std::io::Write;
        let mut tool = Command::new(DOOR)
            .arg("--state-dir")
            .arg(self.place("cmdctl"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // A tool that needs no password may be gone before it is offered one.
        let _unread = writeln!(tool.stdin.take().unwrap(), "{PASSWORD}");
        let output = tool.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn program(&self, path: &Path, arguments: &[&str]) -> Process {
        Process::start(
            Command::new(path)
                .args(arguments)
                .current_dir(self.daemon.directory())
                .env("DBUS_SYSTEM_BUS_ADDRESS", self.daemon.address())
                .env("TENON_LOG", "off"),
        )
    }

    /// Asks as alice.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.curl(path, &["--user", &format!("alice:{PASSWORD}")]).await
    }

    /// Posts a commit as somebody.
    pub(crate) async fn commit(&self, account: &str, body: &str) -> Reply {
        self.post("/v1/config/commit", account, body).await
    }

    /// Posts something as somebody.
    pub(crate) async fn post(&self, path: &str, account: &str, body: &str) -> Reply {
        let user = format!("{account}:{PASSWORD}");
        let arguments = ["--user", &user, "--header", "content-type: application/json", "--data", body];
        self.curl(path, &arguments).await
    }

    /// What a real client gets. Its certificate is checked against the file.
    pub(crate) async fn curl(&self, path: &str, arguments: &[&str]) -> Reply {
        let mut curl = tokio::process::Command::new("curl");
        curl.args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "60", "--include"]);
        curl.args(["--write-out", "\n%{http_code}"])
            .arg("--cacert")
            .arg(self.place("cmdctl/certificate.pem"));
        let url = format!("https://localhost:{}{path}", self.address.port());
        let output = curl.args(arguments).arg("--ipv4").arg(url).output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (text, status) = text.rsplit_once('\n').unwrap();
        let (headers, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        // "100 Continue" comes before the answer.
        let (headers, body) = match body.split_once("\r\n\r\n") {
            Some((more, rest)) if headers.contains(" 100") => (more, rest),
            _ => (headers, body),
        };
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let headers = if headers.is_empty() { errors } else { headers.to_owned() };
        Reply { status: status.parse().unwrap(), headers, body: body.to_owned() }
    }
}

const DOOR: &str = env!("CARGO_BIN_EXE_tenon-cmdctl");

/// An image of `example.com` as zonec would make it, put where the door looks.
pub(crate) fn answer(bench: &Bench, serial: u32, hosts: usize) {
    let directory = bench.place("images");
    let origin: Name = "example.com.".parse().unwrap();
    let file = format!("{serial}.image");
    let mut image = ImageBuilder::create(&directory, &file).unwrap();
    image.begin_zone(origin.as_ref(), serial, 1).unwrap();
    let soa = format!("ns.example.com. admin.example.com. {serial} 1 2 3 4");
    let mut add = |owner: &str, rrtype: RrType, text: &str| {
        let data = parse_line(rrtype, text, None).unwrap();
        let packed = [&u16::try_from(data.len()).unwrap().to_be_bytes()[..], &data].concat();
        let owner: Name = owner.parse().unwrap();
        let rdatas = tenon_zone::RdataList::from_packed(&packed);
        image.add(RrsetRef { owner: owner.as_ref(), rrtype, ttl: 300, rdatas }).unwrap();
    };
    add("example.com.", RrType::NS, "ns.example.com.");
    add("example.com.", RrType::SOA, &soa);
    (0..hosts).for_each(|number| add(&format!("h{number:03}.example.com."), RrType::A, "192.0.2.1"));
    add("ns.example.com.", RrType::A, "192.0.2.53");
    let summary = image.end_zone().unwrap();
    let file = image.finish().unwrap();
    let zone = ManifestZone {
        origin,
        serial,
        version: 1,
        storage: "primary".into(),
        records: summary.records,
        compiled_usec: 0,
        files: vec![file],
        previous: None,
        unavailable: None,
    };
    let manifest = Manifest { generation: u64::from(serial), zones: vec![zone] };
    manifest.write(&directory).unwrap();
}
