//! DNS cookies (RFC 7873) that other servers with the same secret understand (RFC 9018).

use std::fmt;
use std::hash::Hasher;
use std::net::IpAddr;

use siphasher::sip::SipHasher24;

use crate::Asker;

/// Octets of a client's cookie.
const CLIENT: usize = 8;
/// Octets of our cookie behind it.
const SERVER: usize = 16;
/// Octets of a server's cookie, whoever's (RFC 7873 section 4).
const ANY_SERVER: std::ops::RangeInclusive<usize> = 8..=32;
/// Seconds for which a cookie is good, and so many it may be ahead of our clock (RFC 9018 section 4.3).
const GOOD_FOR: u32 = 3600;
const AHEAD: u32 = 300;
/// A cookie older than this is replaced.
const FRESH_FOR: u32 = 1800;
/// The one way to make cookies that is registered: SipHash-2-4.
const VERSION: u8 = 1;

/// Octets of a secret.
pub const SECRET: usize = 16;

/// What the server's cookies are made with.
#[derive(Clone, PartialEq, Eq)]
pub struct CookieSecrets {
    /// Makes cookies.
    pub current: [u8; SECRET],
    /// Cookies made with these are good as well: the one before, or the one to come, while servers change over.
    pub others: Vec<[u8; SECRET]>,
}

impl fmt::Debug for CookieSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CookieSecrets({})", 1 + self.others.len())
    }
}

/// What a client's cookie came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presented {
    /// Only its own part; it does not know ours yet.
    Client,
    /// With one of ours that is good.
    Valid,
    /// With one that is too old, not ours, or made for somebody else.
    Invalid,
}

/// What to make of the COOKIE option of a query; none when its length is not allowed.
///
/// The octets are the option for the response: the client's cookie and one that is good for the client's address.
pub(crate) fn examine(
    secrets: &CookieSecrets,
    asker: &Asker,
    option: &[u8],
) -> Option<(Presented, [u8; CLIENT + SERVER])> {
    let (client, server) = option.split_first_chunk::<CLIENT>()?;
    if !server.is_empty() && !ANY_SERVER.contains(&server.len()) {
        return None;
    }
    let ours = server.first_chunk::<SERVER>().filter(|_| server.len() == SERVER);
    let found = ours.and_then(|cookie| judge(secrets, asker, client, cookie));
    let presented = match found {
        Some(_) => Presented::Valid,
        None if server.is_empty() => Presented::Client,
        None => Presented::Invalid,
    };
    let server = match (ours, found) {
        (Some(cookie), Some(Good::Fresh)) => *cookie,
        _ => make(&secrets.current, asker.address, client, [VERSION, 0, 0, 0], asker.seconds),
    };
    let mut both = [0; CLIENT + SERVER];
    let octets = client.iter().chain(&server);
    both.iter_mut().zip(octets).for_each(|(place, octet)| *place = *octet);
    Some((presented, both))
}

/// A cookie that is good.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Good {
    /// It can be used on.
    Fresh,
    /// It is to be replaced, for its age or because another secret made it.
    Ageing,
}

/// What one of our cookies is worth; none when it is not good, or not ours.
fn judge(
    secrets: &CookieSecrets,
    asker: &Asker,
    client: &[u8; CLIENT],
    cookie: &[u8; SERVER],
) -> Option<Good> {
    let [version, x, y, z, a, b, c, d, ..] = *cookie;
    if version != VERSION {
        return None;
    }
    // Times are serial numbers (RFC 9018 section 4.3).
    let made = u32::from_be_bytes([a, b, c, d]);
    let age = asker.seconds.wrapping_sub(made);
    let ahead = made.wrapping_sub(asker.seconds);
    if age > GOOD_FOR && ahead > AHEAD {
        return None;
    }
    let made_with = |secret| is_equal(&make(secret, asker.address, client, [version, x, y, z], made), cookie);
    match made_with(&secrets.current) {
        true if age <= FRESH_FOR || ahead <= AHEAD => Some(Good::Fresh),
        true => Some(Good::Ageing),
        false => secrets.others.iter().any(made_with).then_some(Good::Ageing),
    }
}

/// The server's cookie: `head` (version and reserved octets), time, hash (RFC 9018 section 4).
fn make(
    secret: &[u8; SECRET],
    address: IpAddr,
    client: &[u8; CLIENT],
    head: [u8; 4],
    seconds: u32,
) -> [u8; SERVER] {
    let ([v, x, y, z], [a, b, c, d]) = (head, seconds.to_be_bytes());
    let mut hasher = SipHasher24::new_with_key(secret);
    hasher.write(client);
    hasher.write(&[v, x, y, z, a, b, c, d]);
    match address {
        IpAddr::V4(address) => hasher.write(&address.octets()),
        IpAddr::V6(address) => hasher.write(&address.octets()),
    }
    let [e, f, g, h, i, j, k, l] = hasher.finish().to_le_bytes();
    [v, x, y, z, a, b, c, d, e, f, g, h, i, j, k, l]
}

/// Compares without telling by its duration where the first difference is.
fn is_equal(a: &[u8; SERVER], b: &[u8; SERVER]) -> bool {
    a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap()).collect()
    }

    fn secrets(current: &str, others: &[&str]) -> CookieSecrets {
        let secret = |text: &&str| hex(text).try_into().unwrap();
        CookieSecrets { current: secret(&current), others: others.iter().map(secret).collect() }
    }

    fn asker(address: &str, seconds: u32) -> Asker {
        Asker {
            transport: Transport::Udp,
            address: address.parse().unwrap(),
            encrypted: false,
            seconds,
            reserved: 0,
            refused: false,
        }
    }

    const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

    #[test]
    fn the_examples_of_rfc_9018_appendix_a() {
        let learning = asker("198.51.100.100", 1_559_731_985);
        let (presented, cookie) =
            examine(&secrets(SECRET, &[]), &learning, &hex("2464c4abcf10c957")).unwrap();
        assert_eq!(presented, Presented::Client);
        assert_eq!(cookie.to_vec(), hex("2464c4abcf10c957010000005cf79f111f8130c3eee29480"));

        // A.2: the cookie is good, and so old that it is renewed.
        let later = asker("198.51.100.100", 1_559_734_385);
        let (presented, renewed) = examine(&secrets(SECRET, &[]), &later, &cookie).unwrap();
        assert_eq!(presented, Presented::Valid);
        assert_eq!(renewed.to_vec(), hex("2464c4abcf10c957010000005cf7a871d4a564a1442aca77"));

        // A.3: reserved octets that are not zero.
        let other = asker("203.0.113.203", 1_559_734_700);
        let option = hex("fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5");
        let (presented, _) = examine(&secrets(SECRET, &[]), &other, &option).unwrap();
        assert_eq!(presented, Presented::Invalid, "older than an hour");
        let earlier = Asker { seconds: 1_559_728_000, ..other };
        assert_eq!(examine(&secrets(SECRET, &[]), &earlier, &option).unwrap().0, Presented::Valid);

        // A.4: an IPv6 address, and a secret that was changed.
        let (new, old) = ("445536bcd2513298075a5d379663c962", "dd3bdf9344b678b185a6f5cb60fca715");
        let sixth = asker("2001:db8:220:1:59de:d0f4:8769:82b8", 1_559_741_961);
        let option = hex("22681ab97d52c298010000005cf7c57926556bd0934c72f8");
        let (presented, renewed) = examine(&secrets(new, &[old]), &sixth, &option).unwrap();
        assert_eq!(presented, Presented::Valid);
        assert_eq!(renewed.to_vec(), hex("22681ab97d52c298010000005cf7c609a6bb79d16625507a"));
        assert_eq!(examine(&secrets(new, &[]), &sixth, &option).unwrap().0, Presented::Invalid);
    }

    #[test]
    fn what_is_good_is_good_for_one_client_for_an_hour() {
        let secrets = secrets(SECRET, &[]);
        let at = |seconds| asker("192.0.2.1", seconds);
        let (_, cookie) = examine(&secrets, &at(10_000), &[7; 8]).unwrap();
        let presented = |asker: &Asker| examine(&secrets, asker, &cookie).unwrap().0;
        assert_eq!(presented(&at(10_000)), Presented::Valid);
        assert_eq!(presented(&at(13_600)), Presented::Valid);
        assert_eq!(presented(&at(13_601)), Presented::Invalid);
        assert_eq!(presented(&at(9_700)), Presented::Valid, "clocks differ");
        assert_eq!(presented(&at(9_699)), Presented::Invalid);
        assert_eq!(presented(&asker("192.0.2.2", 10_000)), Presented::Invalid);
        assert_eq!(examine(&secrets, &at(11_000), &cookie).unwrap().1, cookie, "fresh ones are kept");
        assert_ne!(examine(&secrets, &at(12_000), &cookie).unwrap().1, cookie);
    }

    #[test]
    fn lengths() {
        let secrets = secrets(SECRET, &[]);
        let asker = asker("192.0.2.1", 0);
        for length in 0..50 {
            let wanted = match length {
                8 => Some(Presented::Client),
                16..=40 => Some(Presented::Invalid),
                _ => None,
            };
            let found = examine(&secrets, &asker, &vec![1; length]).map(|(presented, _)| presented);
            assert_eq!(found, wanted, "{length}");
        }
    }
}
