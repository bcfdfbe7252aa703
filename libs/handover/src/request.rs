//! A request on its way from one process to the other.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::RecvFlags;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Longest DNS message, in octets.
pub const MAX_MESSAGE: usize = 65_535;
/// Longest request frame, in octets: its length, header, a name and the message.
pub const MAX_FRAME: usize = LENGTH_OCTETS + HEADER_OCTETS + TLS_NAME_MAX + MAX_MESSAGE;

/// The frame begins with the length of what follows.
const LENGTH_OCTETS: usize = 4;
/// Version, kind, transport, two addresses, the length of the name in the client's certificate.
const HEADER_OCTETS: usize = 3 + 2 * ADDRESS_OCTETS + 1;
/// Longest name in a certificate that is passed on; a longer one counts as none.
const TLS_NAME_MAX: usize = 255;
/// Family, sixteen octets of address, port.
const ADDRESS_OCTETS: usize = 1 + 16 + 2;
const VERSION: u8 = 2;
/// So much is read at once.
const PIECE: usize = 8 << 10;
/// The giver has sent the whole frame before the connection can be accepted.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// AXFR or IXFR; answered with a stream of messages.
    Transfer,
    /// NOTIFY (RFC 1996); not answered.
    Notify,
    /// UPDATE (RFC 2136); answered with one message.
    Update,
}

/// How the message came from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A plain stream.
    Tcp,
    /// A stream in TLS (RFC 7858).
    Tls,
    /// HTTP/2 (RFC 8484).
    Https,
    /// QUIC (RFC 9250).
    Quic,
}

/// One message with what is known about its sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub kind: Kind,
    /// How it came.
    pub transport: Transport,
    /// Who asks.
    pub peer: SocketAddr,
    /// The address that was asked.
    pub local: SocketAddr,
    /// The name in the certificate that the client showed and that was found good (mutual TLS); none without one.
    pub tls_name: Option<String>,
    /// The message as it came, without a length before it; at most [`MAX_MESSAGE`] octets.
    pub message: Vec<u8>,
}

/// Why a request could not be read.
#[derive(Debug, Error)]
pub enum ReceiveError {
    /// The connection failed or ended too early.
    #[error("the connection broke before the request was whole: {0}")]
    Broken(#[from] io::Error),
    /// Nothing more came for five seconds.
    #[error("the request did not come within {} s", PATIENCE.as_secs())]
    TooSlow,
    /// What came is not of this version or makes no sense.
    #[error("the request is not understood ({0}); are all of Tenon's programs of one version?")]
    Malformed(&'static str),
}

impl Request {
    /// The frame: length (4 octets), version, kind, transport, peer, local address, length of the name in the client's
    /// certificate (0 for none), that name, message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let tls_name = self.tls_name.as_deref().filter(|name| name.len() <= TLS_NAME_MAX).unwrap_or("");
        let length = HEADER_OCTETS + tls_name.len() + self.message.len();
        let mut frame = Vec::with_capacity(LENGTH_OCTETS + length);
        frame.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        frame.extend_from_slice(&[VERSION, self.kind.code(), self.transport.code()]);
        put_address(&mut frame, self.peer);
        put_address(&mut frame, self.local);
        frame.push(tls_name.len() as u8);
        frame.extend_from_slice(tls_name.as_bytes());
        frame.extend_from_slice(&self.message);
        frame
    }

    fn decode(body: &[u8]) -> Result<Self, ReceiveError> {
        let mut rest = body;
        let [version, kind, transport] = take::<3>(&mut rest)?;
        if version != VERSION {
            return Err(ReceiveError::Malformed("another version"));
        }
        Ok(Self {
            kind: Kind::from_code(kind)?,
            transport: Transport::from_code(transport)?,
            peer: take_address(&mut rest)?,
            local: take_address(&mut rest)?,
            tls_name: take_name(&mut rest)?,
            message: rest.to_vec(),
        })
    }
}

/// Reads one request, for five seconds at most.
pub async fn receive(stream: &mut (impl AsyncRead + Unpin)) -> Result<Request, ReceiveError> {
    let reading = async {
        let mut length = [0; LENGTH_OCTETS];
        stream.read_exact(&mut length).await?;
        let mut body = vec![0; body_length(length)?];
        stream.read_exact(&mut body).await?;
        Request::decode(&body)
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap_or(Err(ReceiveError::TooSlow))
}

/// Reads one request without waiting; none when not all of it is there. What was read is added to `frame`, which holds what came
/// before.
pub fn receive_at_once(stream: &UnixStream, frame: &mut Vec<u8>) -> Result<Option<Request>, ReceiveError> {
    let mut piece = [0; PIECE];
    loop {
        if let Some((&length, body)) = frame.split_first_chunk()
            && let Some(body) = body.get(..body_length(length)?)
        {
            return Request::decode(body).map(Some);
        }
        match rustix::net::recv(stream, &mut piece, RecvFlags::DONTWAIT) {
            Ok((_, 0)) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok((_, octets)) => frame.extend_from_slice(piece.get(..octets).unwrap_or_default()),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
}

fn body_length(octets: [u8; LENGTH_OCTETS]) -> Result<usize, ReceiveError> {
    let length = usize::try_from(u32::from_be_bytes(octets)).unwrap_or(usize::MAX);
    if (HEADER_OCTETS..=HEADER_OCTETS + TLS_NAME_MAX + MAX_MESSAGE).contains(&length) {
        return Ok(length);
    }
    Err(ReceiveError::Malformed("its length"))
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::Transfer => 1,
            Self::Notify => 2,
            Self::Update => 3,
        }
    }

    const fn from_code(code: u8) -> Result<Self, ReceiveError> {
        match code {
            1 => Ok(Self::Transfer),
            2 => Ok(Self::Notify),
            3 => Ok(Self::Update),
            _ => Err(ReceiveError::Malformed("its kind")),
        }
    }
}

impl Transport {
    const fn code(self) -> u8 {
        match self {
            Self::Udp => 1,
            Self::Tcp => 2,
            Self::Tls => 3,
            Self::Https => 4,
            Self::Quic => 5,
        }
    }

    const fn from_code(code: u8) -> Result<Self, ReceiveError> {
        match code {
            1 => Ok(Self::Udp),
            2 => Ok(Self::Tcp),
            3 => Ok(Self::Tls),
            4 => Ok(Self::Https),
            5 => Ok(Self::Quic),
            _ => Err(ReceiveError::Malformed("its transport")),
        }
    }
}

fn put_address(frame: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            frame.push(4);
            frame.extend_from_slice(&ip.octets());
            frame.extend_from_slice(&[0; 12]);
        }
        IpAddr::V6(ip) => {
            frame.push(6);
            frame.extend_from_slice(&ip.octets());
        }
    }
    frame.extend_from_slice(&address.port().to_be_bytes());
}

fn take_address(rest: &mut &[u8]) -> Result<SocketAddr, ReceiveError> {
    let [family] = take::<1>(rest)?;
    let octets = take::<16>(rest)?;
    let port = u16::from_be_bytes(take::<2>(rest)?);
    let ip = match (family, octets.first_chunk::<4>()) {
        (4, Some(octets)) => IpAddr::V4(Ipv4Addr::from(*octets)),
        (6, _) => IpAddr::V6(Ipv6Addr::from(octets)),
        _ => return Err(ReceiveError::Malformed("an address")),
    };
    Ok(SocketAddr::new(ip, port))
}

fn take_name(rest: &mut &[u8]) -> Result<Option<String>, ReceiveError> {
    let [length] = take::<1>(rest)?;
    let (name, left) =
        rest.split_at_checked(usize::from(length)).ok_or(ReceiveError::Malformed("it is too short"))?;
    *rest = left;
    let name = str::from_utf8(name).map_err(|_| ReceiveError::Malformed("the name in a certificate"))?;
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], ReceiveError> {
    let (taken, left) = rest.split_first_chunk::<N>().ok_or(ReceiveError::Malformed("it is too short"))?;
    *rest = left;
    Ok(*taken)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn example() -> Request {
        Request {
            kind: Kind::Transfer,
            transport: Transport::Tcp,
            peer: "192.0.2.7:5353".parse().unwrap(),
            local: "[2001:db8::1]:53".parse().unwrap(),
            tls_name: Some("ns2.example.net".to_owned()),
            message: b"\x12\x34 a message".to_vec(),
        }
    }

    async fn read(frame: &[u8]) -> Result<Request, ReceiveError> {
        receive(&mut &frame[..]).await
    }

    #[tokio::test]
    async fn a_request_comes_through_whole() {
        assert_eq!(read(&example().encode()).await.unwrap(), example());
        let nameless = Request { tls_name: None, ..example() };
        assert_eq!(read(&nameless.encode()).await.unwrap(), nameless);
        let longest =
            Request { tls_name: Some("n".repeat(TLS_NAME_MAX)), message: vec![7; MAX_MESSAGE], ..example() };
        assert_eq!(longest.encode().len(), MAX_FRAME);
        assert_eq!(read(&longest.encode()).await.unwrap(), longest);
    }

    #[test]
    fn a_request_in_pieces_is_read_when_it_is_whole() {
        let (mut giver, taker) = UnixStream::pair().unwrap();
        let frame = Request { message: vec![7; 20_000], ..example() }.encode();
        let mut read = Vec::new();
        for piece in frame.chunks(7000) {
            assert!(receive_at_once(&taker, &mut read).unwrap().is_none());
            giver.write_all(piece).unwrap();
        }
        assert_eq!(receive_at_once(&taker, &mut read).unwrap().unwrap().message, [7; 20_000]);
        giver.write_all(&[0xff; 4]).unwrap();
        let refused = receive_at_once(&taker, &mut Vec::new());
        assert!(matches!(refused, Err(ReceiveError::Malformed(_))), "{refused:?}");
        drop(giver);
        let broken = receive_at_once(&taker, &mut Vec::new());
        assert!(matches!(broken, Err(ReceiveError::Broken(_))), "{broken:?}");
    }

    #[tokio::test]
    async fn every_shorter_frame_and_every_wrong_code_is_refused() {
        let frame = example().encode();
        for length in 0..frame.len() {
            assert!(matches!(read(&frame[..length]).await, Err(ReceiveError::Broken(_))), "{length}");
        }
        for (at, wrong) in [(0, 0xff), (4, 9), (5, 0), (5, 4), (6, 6), (7, 5), (26, 0), (45, 255), (46, 0xff)]
        {
            let mut damaged = frame.clone();
            damaged[at] = wrong;
            assert!(matches!(read(&damaged).await, Err(ReceiveError::Malformed(_))), "octet {at}");
        }
    }
}
