//! DNS over TLS with foreign clients: kdig, strict about the certificate, and openssl.

use crate::zones::load;
use std::time::Duration;
use tenon_system_tests::{Machine, zones};

/// Makes a certificate, for `dns.example` unless another name is given, and its key below a directory; puts them where
/// auth looks for its own.
pub(crate) const MAKE: &str = r#"make() {
    mkdir -p "$1"
    name=${2:-dns.example}
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=$name" \
        -addext "subjectAltName=DNS:$name" -keyout "$1/key.pem" -out "$1/certificate.pem" 2>&1
}
place() {
    for file in certificate.pem key.pem; do
        install -o tenon-auth -g tenon-auth -m 0400 "$1/$file" "/var/lib/tenon/auth/$file.new"
        mv "/var/lib/tenon/auth/$file.new" "/var/lib/tenon/auth/$file"
    done
}
"#;

/// A strict question over TLS; succeeds when it is answered.
fn ask(machine: &Machine, trusted: &str, more: &str) -> String {
    let command = format!(
        "kdig @127.0.0.1 +tls +tls-ca={trusted}/certificate.pem +tls-hostname=dns.example +retry=0 +time=2 {more}"
    );
    machine.text(&command)
}

#[test]
fn tls_is_spoken_once_there_is_a_certificate_which_may_be_replaced() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    machine.must(
        r#"bindctl config set auth/listen_on '[{"address":"127.0.0.1"},{"address":"127.0.0.1","transport":"tls"}]' && bindctl config commit"#,
    );
    machine.wait("ss -ltn | grep -q 127.0.0.1:853");
    assert_eq!(machine.dig("@127.0.0.1 www.example.com A").status, "NOERROR", "as before");
    assert!(
        !machine.run("kdig @127.0.0.1 +tls +retry=0 www.example.com").status.success(),
        "no certificate yet"
    );
    machine.wait("bindctl status | grep -q certificate.pem");

    machine.must(&format!("{MAKE} make /tmp/one && place /tmp/one"));
    machine
        .wait_for("kdig @127.0.0.1 +tls +retry=0 www.example.com | grep -q NOERROR", Duration::from_secs(20));
    assert!(!machine.must("bindctl status").contains("certificate.pem"), "nothing is wrong any more");
    let said = ask(&machine, "/tmp/one", "www.example.com A");
    assert!(said.contains("NOERROR") && said.contains("192.0.2.80"), "{said}");
    let other = machine.text(
        "kdig @127.0.0.1 +tls +tls-ca=/tmp/one/certificate.pem +tls-hostname=other.example +retry=0 www.example.com",
    );
    assert!(!other.contains("NOERROR"), "{other}");

    // Both versions, and a session resumed.
    for version in ["-tls1_2", "-tls1_3"] {
        let session = machine.text(&format!(
            "echo | openssl s_client -connect 127.0.0.1:853 {version} -alpn dot -CAfile /tmp/one/certificate.pem -brief 2>&1"
        ));
        assert!(session.contains("Verification: OK"), "{session}");
    }
    let resumed = machine.text("echo | openssl s_client -connect 127.0.0.1:853 -tls1_2 -reconnect 2>&1");
    assert!(resumed.contains("Reused"), "{resumed}");
    let wrong = machine.text("echo | openssl s_client -connect 127.0.0.1:853 -alpn h2 2>&1");
    assert!(wrong.contains("no application protocol"), "{wrong}");

    let auth = machine.main_pid("tenon-auth@1.service");
    machine.must(&format!("{MAKE} make /tmp/two && place /tmp/two"));
    machine.wait_for(
        "kdig @127.0.0.1 +tls +tls-ca=/tmp/two/certificate.pem +tls-hostname=dns.example +retry=0 www.example.com | grep -q NOERROR",
        Duration::from_secs(20),
    );
    assert_eq!(machine.main_pid("tenon-auth@1.service"), auth, "without a restart");
    assert!(!ask(&machine, "/tmp/one", "www.example.com A").contains("NOERROR"));

    // The key is for auth alone, and there at once after a restart.
    assert!(!machine.run("setpriv --reuid=tenon-zonec --regid=tenon-zonec --clear-groups cat /var/lib/tenon/auth/key.pem").status.success());
    machine.must("systemctl restart tenon-auth@1.service");
    assert!(ask(&machine, "/tmp/two", "www.example.com A").contains("NOERROR"));
}

#[test]
fn a_proxy_is_answered_for_whom_it_speaks() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    machine.must(
        r#"bindctl config set auth/proxy_acl '[{"action":"ACCEPT","from":"127.0.0.1"}]' && bindctl config set auth/listen_on '[{"address":"127.0.0.1"},{"address":"127.0.0.2","port":5300,"proxy":true}]' && bindctl config commit"#,
    );
    machine.wait("ss -ltn | grep -q 127.0.0.2:5300");
    for way in ["", "+tcp"] {
        let ask = format!("kdig @127.0.0.2 -p 5300 -b 127.0.0.1 {way} +retry=0 +time=2 www.example.com A");
        let said = machine.text(&format!("{ask} +proxy=192.0.2.9-198.51.100.1"));
        assert!(said.contains("NOERROR") && said.contains("192.0.2.80"), "{said}");
        assert!(!machine.run(&ask).status.success(), "without a header");
        let stranger = ask.replace("-b 127.0.0.1", "-b 127.0.0.9");
        assert!(!machine.run(&format!("{stranger} +proxy=192.0.2.9-198.51.100.1")).status.success());
    }
    let shown = machine.must("bindctl stats show");
    assert!(shown.contains("udp4_proxyrefused") && shown.contains("tcp4_proxyfail"), "{shown}");
}

#[test]
fn zones_go_out_over_tls_to_kdig_and_to_bind() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    machine.must(&format!("{MAKE} make /tmp/one && place /tmp/one"));
    machine.must(
        r#"bindctl config set auth/listen_on '[{"address":"127.0.0.1"},{"address":"127.0.0.1","transport":"tls"}]' &&
           bindctl config set xfrout/also_notify '[{"address":"127.0.0.1","port":5323}]' && bindctl config commit"#,
    );
    machine
        .wait_for("kdig @127.0.0.1 +tls +retry=0 www.example.com | grep -q NOERROR", Duration::from_secs(60));
    let whole = ask(&machine, "/tmp/one", "example.com AXFR");
    assert_eq!(whole.matches("hostmaster.example.com. 1 ").count(), 2, "{whole}");
    assert!(whole.contains("192.0.2.80"), "{whole}");
    if !machine.run("command -v named").status.success() {
        return println!("named is not installed: skipped");
    }
    let config = "tls one { ca-file \"/tmp/one/certificate.pem\"; remote-hostname \"dns.example\"; };\n\
        options { directory \"/tmp/xot\"; listen-on port 5323 { 127.0.0.1; }; listen-on-v6 { none; }; recursion no; \
        pid-file none; session-keyfile none; notify no; };\ncontrols { };\n\
        zone \"example.com\" { type secondary; file \"/tmp/xot/zone\"; primaries { 127.0.0.1 port 853 tls one; }; \
        allow-notify { 127.0.0.1; }; };\n";
    machine.write("/tmp/xot/config", config);
    machine.must(
        "systemd-run --quiet --unit secondary-xot.service $(command -v named) -f -n 1 -c /tmp/xot/config",
    );
    let serial = |serial: u32| {
        machine.wait(&format!(
            "test \"$(dig +short +tries=1 +time=1 @127.0.0.1 -p 5323 example.com SOA | cut -d' ' -f3)\" = {serial}"
        ))
    };
    serial(1);
    load(&machine, "example.com", &zones::example(2));
    serial(2);
    let dig = |port: u16| machine.must(&format!("dig +short @127.0.0.1 -p {port} mail.example.com A"));
    assert_eq!(dig(53), dig(5323));
    let stats = machine.must("bindctl --json stats show xfrout");
    println!("{stats}");
}
