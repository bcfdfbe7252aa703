//! DNS over HTTPS and over QUIC with foreign clients (kdig, dig, curl, dnsperf), and certificates of clients.

use crate::tls::MAKE;
use crate::zones::load;
use tenon_system_tests::{Machine, zones};

/// Makes a certificate for a name, and its key, below a directory, for which that in another directory vouches.
const SIGN: &str = r#"sign() {
    mkdir -p "$1"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" -keyout "$1/key.pem" -out "$1/request" 2>&1
    openssl x509 -req -in "$1/request" -CA "$3/certificate.pem" -CAkey "$3/key.pem" -days 30 \
        -extfile <(echo "subjectAltName=DNS:$2") -out "$1/certificate.pem" 2>&1
}
"#;

/// A machine that speaks all of them, with a certificate for `dns.example` in /tmp/own.
fn machine() -> Machine {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    machine.must(&format!("{MAKE} make /tmp/own && place /tmp/own"));
    machine.must(
        r#"bindctl config set auth/listen_on '[{"address":"127.0.0.1"},{"address":"127.0.0.1","transport":"tls"},
           {"address":"127.0.0.1","transport":"https"},{"address":"::1","transport":"https"},
           {"address":"127.0.0.1","transport":"quic"},{"address":"0.0.0.0","port":8853,"transport":"quic"}]' && bindctl config commit"#,
    );
    machine.wait("ss -ltn | grep -q 127.0.0.1:443 && ss -lun | grep -q 127.0.0.1:853");
    machine
}

#[test]
fn https_is_spoken_with_foreign_clients() {
    let machine = machine();
    let strict = "+tls-ca=/tmp/own/certificate.pem +tls-hostname=dns.example";
    machine.wait(&format!("kdig @127.0.0.1 +https {strict} +retry=0 www.example.com A | grep -q NOERROR"));
    for ask in [
        format!("kdig @127.0.0.1 +https=dns.example/dns-query {strict} +retry=0 www.example.com A"),
        format!("kdig @::1 +https +https-get {strict} +retry=0 www.example.com A"),
        format!("dig @127.0.0.1 +https {strict} +tries=1 www.example.com A"),
        format!("dig @127.0.0.1 +https-get {strict} +tries=1 www.example.com A"),
    ] {
        let said = machine.text(&ask);
        assert!(said.contains("NOERROR") && said.contains("192.0.2.80"), "{ask}\n{said}");
    }
    let stranger = machine.text(
        "kdig @127.0.0.1 +https +tls-ca=/tmp/own/certificate.pem +tls-hostname=other.example +retry=0 www.example.com",
    );
    assert!(!stranger.contains("NOERROR"), "{stranger}");
    // Zones do not go this way.
    let transfer = machine.text(&format!("kdig @127.0.0.1 +https {strict} +retry=0 example.com AXFR"));
    assert!(transfer.contains("REFUSED") && !transfer.contains("192.0.2.80"), "{transfer}");
    curl(&machine);
    let shown = machine.must("bindctl stats show auth");
    for counter in ["https4_sent", "https6_sent", "https4_notfound", "https4_badmethod", "https4_badtype"] {
        let value = shown.lines().find(|line| line.contains(counter)).unwrap_or_default();
        assert!(!value.trim_end().ends_with(" 0") && !value.is_empty(), "{counter}: {value}");
    }
    // Another path, from the next request on.
    machine.must("bindctl config set auth/https_path /elsewhere && bindctl config commit");
    machine.wait(&format!(
        "kdig @127.0.0.1 +https=dns.example/elsewhere {strict} +retry=0 www.example.com A | grep -q NOERROR"
    ));
}

/// Methods, types and paths, right and wrong.
fn curl(machine: &Machine) {
    // The question for www.example.com A of RFC 8484 section 4.1.1.
    let text = "AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB";
    machine.must(&format!("echo {text} | basenc -d --base64url > /tmp/question"));
    let curl =
        "curl -s -i --http2 --max-time 20 --cacert /tmp/own/certificate.pem --connect-to ::127.0.0.1:443";
    let status = |arguments: &str| {
        let said = machine.text(&format!("{curl} {arguments} | tr -cd '[:print:]\\n'"));
        let status = said.lines().next().unwrap_or_default().trim().to_owned();
        (status, said)
    };
    let post = "-H content-type:application/dns-message --data-binary @/tmp/question";
    let url = "https://dns.example/dns-query";
    for good in [format!("'{url}?dns={text}'"), format!("{post} {url}")] {
        let (told, said) = status(&good);
        assert_eq!(told, "HTTP/2 200", "{good}\n{said}");
        let said = said.to_ascii_lowercase();
        assert!(said.contains("content-type: application/dns-message"), "{said}");
        assert!(said.contains("cache-control: max-age="), "{said}");
    }
    machine.must(&format!(
        "{curl} {post} {url} --output /tmp/whole && od -An -v -tx1 /tmp/whole | tr -d ' \\n' | grep -q c0000250"
    ));
    for (wrong, code) in [
        (format!("'{url}?dns=!'"), 400),
        (url.to_owned(), 400),
        (format!("{post} https://dns.example/"), 404),
        (format!("-X PUT {post} {url}"), 405),
        (format!("-H content-type:text/plain --data-binary @/tmp/question {url}"), 415),
    ] {
        let (told, said) = status(&wrong);
        assert_eq!(told, format!("HTTP/2 {code}"), "{wrong}\n{said}");
    }
    // There is no HTTP/1.1.
    assert!(!machine.run(&format!("{} --http1.1 {url}", curl.replace("--http2", ""))).status.success());
}

#[test]
fn quic_is_spoken_with_a_foreign_client() {
    let machine = machine();
    // kdig 3.2 breaks down when it is to verify a certificate over QUIC; that is tested with another client
    // (libs/netmgr/tests/quic.rs).
    machine.wait("kdig @127.0.0.1 +quic +retry=0 www.example.com A | grep -q NOERROR");
    // Also to an address that the socket was not bound to by itself.
    for place in ["@127.0.0.1", "@127.0.0.1 -p 8853", "@127.0.0.3 -p 8853"] {
        let ask = format!("kdig {place} +quic +retry=0 www.example.com A");
        let said = machine.text(&ask);
        assert!(said.contains("NOERROR") && said.contains("192.0.2.80"), "{ask}\n{said}");
    }
    // With the address to be proven first.
    machine.must("bindctl config set auth/quic_unproven 0 && bindctl config commit");
    machine.wait("kdig @127.0.0.1 +quic +retry=0 www.example.com A | grep -q NOERROR && bindctl stats show auth | grep -E 'quic4_retry +[1-9]'");
    // Over a restart.
    machine.must("systemctl restart tenon-auth@1.service");
    machine.wait("kdig @127.0.0.1 +quic +retry=0 www.example.com A | grep -q NOERROR");
}

#[test]
fn a_load_over_tls_and_https_is_answered() {
    let machine = machine();
    machine.wait("kdig @127.0.0.1 +https +retry=0 www.example.com A | grep -q NOERROR");
    machine.must("for name in www mail ns1 nothing; do echo $name.example.com A; done > /tmp/questions");
    // Of several responses in one record of TLS dnsperf would lose all but one.
    for mode in ["dot", "doh -q 80", "doh -q 80 -O doh-method=POST"] {
        let said = machine.text(&format!(
            "dnsperf -m {mode} -s 127.0.0.1 -d /tmp/questions -n 250 -c 4 -t 30 -O doh-uri=https://dns.example/dns-query"
        ));
        let lost = said.lines().find(|line| line.contains("Queries lost")).unwrap_or_default();
        assert!(
            said.contains("Queries completed:    1000 (100.00%)") && lost.contains(" 0 "),
            "{mode}\n{said}"
        );
    }
}

#[test]
fn a_client_with_a_certificate_has_a_name() {
    let machine = machine();
    machine.must(&format!(
        "{MAKE}{SIGN} make /tmp/authority an.authority && sign /tmp/two second.example /tmp/authority && \
         make /tmp/other an.authority && sign /tmp/three second.example /tmp/other && \
         install -o tenon-auth -g tenon-auth -m 0400 /tmp/authority/certificate.pem /var/lib/tenon/auth/client-ca.pem"
    ));
    machine.must(
        r#"bindctl config set auth/tls_clients optional && bindctl config set xfrout/transfer_acl '[{"action":"ACCEPT","tls_name":"second.example"}]' && bindctl config commit"#,
    );
    let transfer = |own: &str| {
        let own = if own.is_empty() {
            String::new()
        } else {
            format!("+tls-certfile=/tmp/{own}/certificate.pem +tls-keyfile=/tmp/{own}/key.pem")
        };
        format!("kdig @127.0.0.1 +tls {own} +retry=0 example.com AXFR")
    };
    machine.wait(&format!("{} | grep -q 192.0.2.80", transfer("two")));
    assert!(!machine.text(&transfer("")).contains("192.0.2.80"), "without a name");
    assert!(!machine.text(&transfer("three")).contains("192.0.2.80"), "nobody vouches for it");
    let plain = machine.text("kdig @127.0.0.1 +tls +retry=0 www.example.com");
    assert!(plain.contains("NOERROR"), "who shows none is answered: {plain}");

    machine.must("bindctl config set auth/tls_clients required && bindctl config commit");
    machine.wait("! kdig @127.0.0.1 +tls +retry=0 www.example.com | grep -q NOERROR");
    machine.must(&format!("{} | grep -q 192.0.2.80", transfer("two")));
}
