//! The PROXY protocol, version 2: a proxy says before a stream, or at the start of a datagram, for whom it speaks.
//!
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt> section 2.2. What stands behind the addresses is passed
//! over.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What every header begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and protocol, length of the rest.
const FIXED: usize = SIGNATURE.len() + 4;
/// Longest rest that is taken: addresses and then some; the longest of haproxy are below 600.
const REST_MAX: usize = 2048;

/// A header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// For whom the proxy speaks, and the address that was asked; none when it speaks for itself.
    pub(crate) addresses: Option<(SocketAddr, SocketAddr)>,
    /// Octets of the header.
    pub(crate) length: usize,
}

/// What is no header of version 2.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Header {
    /// The header at the start of a datagram.
    pub(crate) fn of(datagram: &[u8]) -> Result<Self, Malformed> {
        let (fixed, rest) = datagram.split_first_chunk::<FIXED>().ok_or(Malformed)?;
        let fixed = Fixed::read(fixed)?;
        let rest = rest.get(..fixed.rest).ok_or(Malformed)?;
        fixed.with(rest)
    }

    /// Reads the header before a stream, and nothing behind it.
    pub(crate) async fn before(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let malformed = |Malformed| io::Error::from(io::ErrorKind::InvalidData);
        let mut fixed = [0; FIXED];
        stream.read_exact(&mut fixed).await?;
        let fixed = Fixed::read(&fixed).map_err(malformed)?;
        let mut rest = vec![0; fixed.rest];
        stream.read_exact(&mut rest).await?;
        fixed.with(&rest).map_err(malformed)
    }
}

/// What the part of fixed length says.
struct Fixed {
    /// The proxy speaks for somebody else, with addresses of that family.
    family: Option<Family>,
    /// Octets that follow.
    rest: usize,
}

#[derive(Clone, Copy)]
enum Family {
    Four,
    Six,
}

impl Fixed {
    fn read(octets: &[u8; FIXED]) -> Result<Self, Malformed> {
        let [signature @ .., command, family, high, low] = octets;
        let rest = usize::from(u16::from_be_bytes([*high, *low]));
        if *signature != SIGNATURE || rest > REST_MAX {
            return Err(Malformed);
        }
        let family = match (command, family >> 4, family & 15) {
            // LOCAL: the proxy looks whether we are there.
            (0x20, ..) => None,
            (0x21, 1, 0..=2) => Some(Family::Four),
            (0x21, 2, 0..=2) => Some(Family::Six),
            // Of unknown family, or of UNIX sockets: nobody that can be named.
            (0x21, 0 | 3, 0..=2) => None,
            _ => return Err(Malformed),
        };
        Ok(Self { family, rest })
    }

    fn with(&self, rest: &[u8]) -> Result<Header, Malformed> {
        let addresses = match self.family {
            None => None,
            Some(Family::Four) => Some(addresses::<4>(rest)?),
            Some(Family::Six) => Some(addresses::<16>(rest)?),
        };
        Ok(Header { addresses, length: FIXED + self.rest })
    }
}

/// Source and destination address, then source and destination port.
fn addresses<const N: usize>(rest: &[u8]) -> Result<(SocketAddr, SocketAddr), Malformed>
where
    IpAddr: From<[u8; N]>,
{
    let (source, rest) = rest.split_first_chunk::<N>().ok_or(Malformed)?;
    let (destination, rest) = rest.split_first_chunk::<N>().ok_or(Malformed)?;
    let ([a, b, c, d], _) = rest.split_first_chunk().ok_or(Malformed)?;
    let address = |octets: &[u8; N], port| SocketAddr::new(IpAddr::from(*octets), u16::from_be_bytes(port));
    Ok((address(source, [*a, *b]), address(destination, [*c, *d])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    const FOUR: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x34, 0, 53];

    fn six() -> Vec<u8> {
        let one: std::net::Ipv6Addr = "2001:db8::1".parse().unwrap();
        let two: std::net::Ipv6Addr = "2001:db8::2".parse().unwrap();
        [&one.octets()[..], &two.octets(), &[0x12, 0x34, 0, 53]].concat()
    }

    #[test]
    fn whom_a_proxy_speaks_for() {
        let pair = |one: &str, two: &str| Some((one.parse().unwrap(), two.parse().unwrap()));
        let four = pair("192.0.2.1:4660", "198.51.100.2:53");
        for (octets, addresses) in [
            (header(0x21, 0x11, &FOUR), four),
            (header(0x21, 0x12, &[&FOUR[..], &[1, 0, 2, 9, 9]].concat()), four),
            (header(0x21, 0x21, &six()), pair("[2001:db8::1]:4660", "[2001:db8::2]:53")),
            (header(0x20, 0x00, &[]), None),
            (header(0x20, 0x11, &FOUR), None),
            (header(0x21, 0x00, &[]), None),
            (header(0x21, 0x31, &[7; 216]), None),
        ] {
            let whole = octets.len();
            let datagram = [&octets[..], b"behind it"].concat();
            assert_eq!(Header::of(&datagram), Ok(Header { addresses, length: whole }));
            for length in 0..whole {
                assert_eq!(Header::of(&datagram[..length]), Err(Malformed), "{length} of {whole}");
            }
        }
    }

    #[test]
    fn what_is_no_header() {
        let mut signature = header(0x21, 0x11, &FOUR);
        signature[5] ^= 1;
        for octets in [
            signature,
            header(0x11, 0x11, &FOUR),
            header(0x22, 0x11, &FOUR),
            header(0x21, 0x41, &FOUR),
            header(0x21, 0x13, &FOUR),
            header(0x21, 0x11, &FOUR[1..]),
            header(0x21, 0x21, &FOUR),
            header(0x21, 0x11, &[0; REST_MAX + 1]),
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 53\r\n".to_vec(),
        ] {
            assert_eq!(Header::of(&octets), Err(Malformed));
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn before_a_stream_nothing_behind_it_is_read() {
        let octets = [&header(0x21, 0x11, &FOUR)[..], b"behind it"].concat();
        let mut stream = &octets[..];
        assert_eq!(Header::before(&mut stream).await.unwrap(), Header::of(&octets).unwrap());
        assert_eq!(stream, b"behind it");
        assert!(Header::before(&mut &octets[..20]).await.is_err());
        assert!(Header::before(&mut &b"GET / HTTP/1.1\r\n\r\n"[..]).await.is_err());
    }
}
