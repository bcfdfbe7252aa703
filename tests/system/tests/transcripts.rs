//! What `bindctl` prints, held against transcripts in `golden/`.
//!
//! `TENON_UPDATE_GOLDEN=1 make test` writes them anew; read the difference before you commit it.

use crate::busctl::golden;
use crate::zones::load;
use tenon_system_tests::peer::Kind;
use tenon_system_tests::{Machine, zones};

const SETTINGS: [&str; 27] = [
    "bindctl config show_json auth/listen_on/0",
    "bindctl config describe auth/udp_payload_size",
    "bindctl config describe logging/loggers",
    "bindctl config describe auth/nothing",
    "printf 'config go auth/listen_on\nconfig show 0\nconfig go ..\nconfig show workers\n' | bindctl",
    "bindctl config history",
    "bindctl config show auth/udp_payload_size",
    "bindctl config show auth/listen_on",
    "bindctl config set auth/udp_payload_size 1400",
    "bindctl config set auth/udp_payload_size 14",
    "bindctl config set auth/udp_paylod_size 1400",
    "bindctl config show --candidate auth/udp_payload_size",
    "bindctl config diff",
    "bindctl config commit -m 'larger answers'",
    "bindctl config commit",
    "bindctl config unset auth/udp_payload_size",
    "bindctl config revert",
    "bindctl config set auth/listen_on/0/address 224.0.0.1",
    "bindctl config commit",
    "bindctl config revert",
    "bindctl config diff 0 1",
    "bindctl config rollback 0 --confirm 600",
    "bindctl config set auth/workers 2 && bindctl config commit",
    "bindctl config confirm",
    "bindctl config confirm",
    "bindctl config history",
    "bindctl --json config history --limit 1",
];

const REST: [&str; 12] = [
    "bindctl zone list",
    "bindctl --json zone list",
    "bindctl zone show nowhere.example",
    "bindctl zone remove example.com",
    "bindctl account list",
    "bindctl account add 'two words'",
    "bindctl account add alice --read-only",
    "bindctl account token alice",
    "bindctl account list",
    "bindctl account remove bob",
    "bindctl log level zonec debug",
    "bindctl log level zonec",
];

const RECORDS: [&str; 12] = [
    "bindctl record show example.com www",
    "bindctl record add --yes example.com new 300 A 192.0.2.77",
    "bindctl record set --yes example.com new A 192.0.2.78",
    "bindctl record add --yes example.com new A 192.0.2.x",
    "bindctl record add --yes example.net new A 192.0.2.7",
    "bindctl record set --yes --if-serial 7 example.com new A 192.0.2.79",
    "printf 'add x TXT \"one\"\\nadd y TXT \"two\"\\n' | bindctl record apply --yes example.com -",
    "bindctl record show example.com x TXT",
    "bindctl record delete --yes example.com new",
    "bindctl record delete --yes example.com new",
    "bindctl --json record show example.com y",
    "bindctl zone write example.com | grep '^[xy][.]'",
];

const KEYS: [&str; 9] = [
    "bindctl key list",
    "echo c2VjcmV0IG9mIHRoaXJ0eS10d28gb2N0ZXRzIGhlcmU= | bindctl key add transfer.example.com --secret-file -",
    "echo c2VjcmV0 | bindctl key add short.example.com --algorithm hmac-md5 --secret-file -",
    "bindctl key add a..b",
    r#"bindctl config set xfrout/transfer_acl '[{"action": "ACCEPT", "key": "transfer.example.com"}]' | tail -1"#,
    "bindctl config commit",
    "bindctl key list",
    "bindctl key remove transfer.example.com",
    "bindctl key remove short.example.com",
];

const EXPLANATIONS: [&str; 6] = [
    "bindctl explain query www.example.com A",
    "bindctl explain query nothing.example.com",
    "bindctl explain query www.example.net",
    "bindctl explain transfer example.com --peer 192.0.2.1",
    "bindctl explain update example.com --peer 192.0.2.1 --transport udp",
    "bindctl explain query-acl --peer 2001:db8::1 --transport tls",
];

const FILES: [&str; 12] = [
    "bindctl backup /tmp/backup.tar",
    "bindctl backup /tmp/backup.tar",
    "bindctl zone remove example.org",
    "bindctl restore /tmp/backup.tar",
    "bindctl restore /dev/null",
    "bindctl --json restore /tmp/backup.tar",
    "bindctl report | grep ^==",
    "bindctl stats show zonec | grep -o '^[a-z_]*' | head -4",
    "bindctl stats show nobody",
    "bindctl status | cut -d' ' -f1",
    "bindctl zone load example.net /nowhere",
    "bindctl zone write example.net",
];

const STATISTICS: [&str; 9] = [
    "bindctl stats times | cut -d' ' -f1",
    "bindctl stats top",
    "bindctl stats show --zones",
    "bindctl stats show --zone nowhere.example",
    "bindctl config set auth/top_clients true && bindctl config set auth/zone_statistics true && bindctl config commit",
    "for name in www nothing www; do dig +noall +answer @127.0.0.1 $name.example.com A; done",
    "bindctl stats top",
    "bindctl --json stats top --limit 1",
    "bindctl stats show --zone example.com",
];

const LISTS: [&str; 20] = [
    r#"bindctl config add logging/loggers '{"component": "zonec", "severity": "debug"}'"#,
    r#"bindctl config add logging/loggers '{"component": "*", "severity": "loud"}'"#,
    "bindctl config add logging/loggers",
    "bindctl config add auth/workers 2",
    "bindctl config commit",
    "bindctl log level zonec",
    r#"bindctl config add auth/listen_on '{"address": "127.0.0.2"}'"#,
    "bindctl config remove auth/listen_on 127.0.0.3",
    "bindctl config remove auth/listen_on[0]",
    "bindctl config remove auth/listen_on 127.0.0.2",
    "bindctl config revert",
    "bindctl config remove logging/loggers zonec",
    r#"bindctl config set logging/loggers '[{"component": "zonc"}]' | tail -1; bindctl config commit"#,
    r#"bindctl config set data_sources/master_files '[{"zone": "a.test", "file": "/nowhere"}]' | tail -1; bindctl config commit"#,
    "bindctl execute init_authoritative_server",
    "bindctl config revert",
    "systemctl stop tenon-xfrin && bindctl config set xfrin/max_octets 500000000 | tail -1",
    r#"bindctl config set auth/listen_on '[{"address": "127.0.0.1"}, {"address": "127.0.0.1"}, {"address": "::1"}]' | tail -1"#,
    "bindctl config commit",
    r#"bindctl config set cmdctl/key_file key && bindctl config set xfrin/max_octets 600000000 | tail -1; bindctl --json config commit"#,
];

const SECONDARY: [&str; 13] = [
    "bindctl zone add a.test --primary 127.0.0.1@5301",
    "bindctl zone add a.test --primary 127.0.0.1@5301",
    "bindctl zone add a.test --primary 127.0.0.1",
    "bindctl zone add example.com --primary 127.0.0.1",
    "bindctl zone add b.test --primary ns.b.test",
    "bindctl zone add b.test --primary 127.0.0.1@5399 --no-wait",
    "bindctl zone show a.test | grep -v image",
    "bindctl zone refresh a.test",
    "bindctl zone retransfer a.test",
    "bindctl zone refresh example.com",
    "bindctl zone refresh b.test",
    "bindctl zone remove b.test",
    "bindctl zone list",
];

const HELP: [&str; 12] = [
    "bindctl --help",
    "bindctl help config",
    "bindctl config commit --help",
    "bindctl help account",
    "bindctl help log",
    "bindctl config comit",
    "bindctl execute --help",
    "bindctl config go auth",
    "printf '!echo hello\n!verbose on\nAuth shutdown\n' | bindctl execute file -",
    "bindctl Xfrin help",
    "bindctl Msgq members",
    "bindctl Nobody show",
];

fn transcript(machine: &Machine, name: &str, commands: &[&str]) {
    let mut text = String::new();
    for command in commands {
        let said =
            machine.text(&format!("{command}; status=$?; [ $status = 0 ] || echo \"[exit status $status]\""));
        text += &format!("$ {command}\n{}", steady(&said));
    }
    golden(name, &text);
}

/// With what differs from run to run replaced by something of the same width.
fn steady(text: &str) -> String {
    let word = |word: &str| {
        // A secret may begin or end with either of two signs.
        let kept = |c: char| c.is_ascii_alphanumeric() || (word.len() >= 30 && "-_".contains(c));
        let bare = word.trim_matches(|c: char| !kept(c));
        let date = bare.len() == 20 && bare.ends_with('Z') && bare.contains('T');
        let usec = bare.len() == 16 && bare.bytes().all(|b| b.is_ascii_digit());
        let secret =
            bare.len() >= 30 && bare.chars().all(kept) && bare.bytes().any(|b| b.is_ascii_alphanumeric());
        // What tokens are called in lists.
        if let Some((account, token)) = bare.split_once('/')
            && token.len() == 8
            && token.bytes().all(|b| b.is_ascii_hexdigit())
        {
            return format!("{account}/********");
        }
        if date || usec || secret {
            word.replace(bare, &"*".repeat(bare.len().min(32)))
        } else {
            word.to_owned()
        }
    };
    let line =
        |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ").trim_end().to_owned() + "\n";
    text.lines().map(line).collect()
}

#[test]
fn settings() {
    transcript(&Machine::start(), "bindctl.config", &SETTINGS);
}

#[test]
fn zones_accounts_and_logging() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(7));
    load(&machine, "example.org", &zones::example(5).replace("example.com", "example.org"));
    transcript(&machine, "bindctl", &REST);
    // What is logged at debug and was not before.
    machine.must("busctl call org.tenon.Zonec1 /org/tenon/Zonec1 org.tenon.Zonec1 Reconcile");
    machine.must("bindctl report | grep -q '== journal'");
    assert!(!machine.must("bindctl report").contains("argon2"));
    machine.must(
        "journalctl -b -u tenon-zonec.service MESSAGE_ID=2f6d1a7e5c3b4c0f9a1e7d20b8c4e60d | grep -q debug",
    );
    let nobody =
        machine.run("setpriv --reuid nobody --regid nogroup --clear-groups bindctl log level zonec info");
    assert_eq!(nobody.status.code(), Some(1), "an ordinary user set how much is logged");
}

#[test]
fn records_keys_explanations_files_and_lists() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(7));
    load(&machine, "example.org", &zones::example(5).replace("example.com", "example.org"));
    // What is explained is what is answered, and with the first version.
    transcript(&machine, "bindctl.explain", &EXPLANATIONS);
    transcript(&machine, "bindctl.record", &RECORDS);
    machine.wait("dig +short +norec @127.0.0.1 example.com SOA | grep -q ' 11 '");
    transcript(&machine, "bindctl.backup", &FILES);
    transcript(&machine, "bindctl.lists", &LISTS);
    machine.must("bindctl config revert");
    transcript(&machine, "bindctl.key", &KEYS);
    transcript(&machine, "bindctl.stats", &STATISTICS);
}

#[test]
fn secondary_zones() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(7));
    let text = "a.test. 60 IN SOA ns h 3 7200 3600 1209600 60\na.test. 60 IN NS ns.a.test.\nns.a.test. 60 IN A 192.0.2.1\n";
    let Some(_peer) = machine.primary(Kind::Knot, &[("a.test", text.to_owned())], false) else { return };
    // b.test has no primary that answers; when it is tried, whatever else happens, must not show.
    machine.must(
        "bindctl config set zonemgr/lowerbound_retry_s 3600 && bindctl config commit && systemctl restart tenon-zonemgr",
    );
    machine.wait("busctl status org.tenon.Zonemgr1");
    transcript(&machine, "bindctl.secondary", &SECONDARY);
}

/// Events with a line each in the journal: service, message.
const EXPLAINED: [(&str, &str); 6] = [
    ("tenon-zonec", "7c1b52d86f0a4e4cb8d1a3e95f206c01"),
    ("tenon-zonec", "7c1b52d86f0a4e4cb8d1a3e95f206c03"),
    ("tenon-cfgmgr", "83a1c7d45e0b4d5f8f6a2b90c3d7e101"),
    ("tenon-cfgmgr", "83a1c7d45e0b4d5f8f6a2b90c3d7e107"),
    ("tenon-cfgmgr", "83a1c7d45e0b4d5f8f6a2b90c3d7e108"),
    ("tenon-zonemgr", "9d3e7a41c05b4f7c8a26e1b90d57f301"),
];

#[test]
fn the_journal_explains_what_happened() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(7));
    machine.must(
        "bindctl config set auth/udp_payload_size 1400 && bindctl config commit -m larger --confirm 600",
    );
    machine.must("bindctl config confirm && bindctl zone remove example.com");
    machine.must("bindctl zone add b.test --primary 127.0.0.1@5399 --no-wait");
    let mut text = String::new();
    for (unit, message) in EXPLAINED {
        let newest = format!("journalctl -b -x --no-hostname -n 1 -u {unit} MESSAGE_ID={message}");
        machine.wait(&format!("{newest} | grep -q Subject:"));
        // Without the time and the number of the process.
        text += &machine.must(&format!("{newest} | sed -E 's/^.{{15}} (tenon-[^ ]*)\\[[0-9]+\\]/\\1/'"));
    }
    golden("journal", &text);
}

#[test]
fn help() {
    transcript(&Machine::boot(), "bindctl.help", &HELP);
}
