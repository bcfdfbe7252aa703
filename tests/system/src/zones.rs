//! Zone files that the tests load.

use std::fmt::Write;

/// A zone with one of each thing: CNAME, wildcard, delegation with glue, empty non-terminal, a large RRset.
#[must_use]
pub fn example(serial: u32) -> String {
    let mut text = format!(
        "$ORIGIN example.com.\n$TTL 3600\n\
         @ IN SOA ns1 hostmaster {serial} 7200 3600 1209600 300\n\
         @ IN NS ns1\n@ IN NS ns2\n\
         ns1 IN A 192.0.2.1\nns1 IN AAAA 2001:db8::1\nns2 IN A 192.0.2.2\n\
         @ IN MX 10 mail\nmail IN A 192.0.2.25\n\
         www IN A 192.0.2.80\nwww IN AAAA 2001:db8::80\n\
         alias IN CNAME www\n\
         *.wild IN TXT \"any\"\n\
         a.deep.name IN A 192.0.2.3\n\
         sub IN NS ns.sub\nsub IN NS ns.elsewhere.example.\nns.sub IN A 192.0.2.53\n"
    );
    for n in 0..60 {
        let _ = writeln!(text, "large IN TXT \"{n:03} {}\"", "x".repeat(60));
    }
    text
}

/// A zone of `count` unsorted delegations below `tld.`, two name servers each, every third with glue.
#[must_use]
pub fn delegations(count: u32, serial: u32) -> String {
    let mut text = format!(
        "tld. 3600 IN SOA ns1.tld. admin.tld. {serial} 7200 3600 1209600 300\ntld. 3600 IN NS ns1.tld.\nns1.tld. 3600 IN A 198.51.100.1\n"
    );
    for number in 0..count {
        // A multiplication by an odd number is a permutation of 32 bits: every name once, in no order.
        let name = format!("d{:08x}.tld.", number.wrapping_mul(0x9E37_79B1));
        if number % 3 == 0 {
            let _ = writeln!(
                text,
                "{name} 86400 IN NS ns1.{name}\n{name} 86400 IN NS ns2.{name}\nns1.{name} 86400 IN A 198.18.0.1\nns2.{name} 86400 IN A 198.18.0.2"
            );
        } else {
            let _ = writeln!(text, "{name} 86400 IN NS ns1.hoster.net.\n{name} 86400 IN NS ns2.hoster.net.");
        }
    }
    text
}
