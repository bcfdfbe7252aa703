//! Asks a primary which version of a zone it has: over UDP, and over TCP where that gives no answer.

use std::io;
use std::time::Duration;

use tenon_tsig::{AnswerCheck, Key, TsigError};
use tenon_wire::message::header::flag;
use tenon_wire::message::{Rcode, ReadError, ResponseReader, Scratch, Section};
use tenon_wire::rdata::Soa;
use tenon_wire::{Class, NameRef, RrType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::connection::{Connection, ConnectionError, Patience, prepare};
use crate::primary::{Asked, NoAnswer, expire_option, rcode};
use crate::settings::XfrinSettings;
use crate::statistics::{Statistics, by_family, count};
use crate::tls::{self, TlsError};
use crate::way::{Proof, Upstream};

/// Datagrams in answer to one try that are looked at; who sends more is no primary.
const MOST_DATAGRAMS: u32 = 64;

/// Why a primary told no serial.
#[derive(Debug, thiserror::Error)]
pub enum SerialError {
    /// No answer at all.
    #[error("no answer over UDP ({udp}), and over TCP {tcp}")]
    Silent {
        /// What went wrong over UDP.
        udp: UdpSilence,
        /// What went wrong over TCP.
        tcp: TcpError,
    },
    /// It was not asked.
    #[error("not asked, as it did not answer about another zone just before")]
    PassedOver,
    /// No answer over TCP, where a cut answer sent us.
    #[error("the answer over UDP was cut, and over TCP {0}")]
    Tcp(TcpError),
    /// Its answer is not signed as it should be, or it does not take our signature.
    #[error("the signature of its answer (TSIG): {0}")]
    Signature(TsigError),
    /// The settings name a key that is not there.
    #[error("there is no key {0} (TSIG), which is named for it; `bindctl key list` lists those there are")]
    NoKey(String),
    /// No answer over TLS, which is the only way.
    #[error("over TLS {0}")]
    Tls(TcpError),
    /// An error.
    #[error("it answered {0} when asked for the zone's SOA record")]
    Refused(Rcode),
    /// It does not serve the zone.
    #[error("it is not authoritative for the zone")]
    NotAuthoritative,
    /// An answer without the record.
    #[error("its answer holds no SOA record of the zone")]
    NoSoa,
    /// An answer that cannot be read.
    #[error("it sent a malformed answer: {0}")]
    Malformed(ReadError),
}

/// What went wrong over UDP.
#[derive(Debug, thiserror::Error)]
pub enum UdpSilence {
    /// Nothing came in all this time.
    #[error("within {} s", .0.as_secs_f32())]
    Waited(Duration),
    /// Nobody listens there, or the way is blocked.
    #[error("{0}")]
    Broke(io::Error),
}

/// What went wrong over TCP.
#[derive(Debug, thiserror::Error)]
pub enum TcpError {
    /// No connection.
    #[error("no connection: {0}")]
    Connect(#[from] ConnectError),
    /// The connection broke.
    #[error("it broke off: {0}")]
    Broke(io::Error),
    /// Something else than an answer.
    #[error("{0}")]
    NoAnswer(NoAnswer),
    /// Nothing in time.
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
    /// No agreement over TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The connection over TLS failed.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

/// The version that a primary has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version {
    /// The numbers of its SOA record.
    pub soa: Soa,
    /// For how many seconds it may still be answered, if the primary says so (RFC 7314).
    pub expires_in: Option<u32>,
}

/// What an answer says.
enum Said {
    Soa(Version),
    /// It did not fit.
    Cut,
}

/// Asks for the zone's SOA record, over TLS where that is the way.
///
/// # Errors
/// See [`SerialError`].
pub async fn ask(
    upstream: &Upstream,
    zone: NameRef<'_>,
    key: Option<&Key>,
    settings: &XfrinSettings,
    statistics: &Statistics,
) -> Result<Version, SerialError> {
    let question = Asked::new(zone, RrType::SOA).signed_with(key);
    match ask_as(upstream, question, settings, statistics).await {
        // Perhaps it does not know EDNS.
        Err(SerialError::Refused(Rcode::FORMERR | Rcode::NOTIMP)) => {
            ask_as(upstream, question.anew().without_edns(), settings, statistics).await
        }
        outcome => outcome,
    }
}

async fn ask_as(
    upstream: &Upstream,
    question: Asked<'_>,
    settings: &XfrinSettings,
    statistics: &Statistics,
) -> Result<Version, SerialError> {
    if let Some(proof) = &upstream.way.proof {
        return over_tls(upstream, proof, &question, settings, statistics).await;
    }
    let mut udp = UdpSilence::Waited(Duration::ZERO);
    for attempt in 0..settings.query_tries {
        let asked = question.anew();
        let patience = settings.query_timeout(attempt);
        match tokio::time::timeout(patience, ask_over_udp(upstream, &asked, statistics)).await {
            Ok(Ok(answer)) => match answer.and_then(|answer| read(&asked, &answer, false)) {
                Ok(Said::Soa(soa)) => return Ok(soa),
                Ok(Said::Cut) => {
                    return over_tcp(upstream, &asked, settings, statistics).await.map_err(tcp_only);
                }
                // Knot says so much of its catalogs over UDP, and more over TCP.
                Err(SerialError::Refused(Rcode::REFUSED)) => {
                    let asked = question.anew();
                    return over_tcp(upstream, &asked, settings, statistics).await.map_err(
                        |error| match error {
                            Failed::Tcp(_) => SerialError::Refused(Rcode::REFUSED),
                            Failed::Answer(error) => error,
                        },
                    );
                }
                Err(error) => return Err(error),
            },
            // TCP tells more than another try.
            Ok(Err(error)) => {
                udp = UdpSilence::Broke(error);
                break;
            }
            Err(_) => {
                let UdpSilence::Waited(waited) = &mut udp else { break };
                *waited += patience;
            }
        }
    }
    let asked = question.anew();
    over_tcp(upstream, &asked, settings, statistics).await.map_err(|error| match error {
        Failed::Tcp(tcp) => SerialError::Silent { udp, tcp },
        Failed::Answer(error) => error,
    })
}

/// The first datagram that is an answer, whatever it says; errors of the system end the waiting.
async fn ask_over_udp(
    upstream: &Upstream,
    asked: &Asked<'_>,
    statistics: &Statistics,
) -> io::Result<Result<Vec<u8>, SerialError>> {
    let (message, mut check) = match asked.signed() {
        Ok(signed) => signed,
        Err(error) => return Ok(Err(SerialError::Signature(error))),
    };
    let socket = upstream.udp().await.inspect_err(|_| count(&statistics.bind_failed))?;
    let failed = |_: &io::Error| count(&statistics.udp_failed);
    socket.connect(upstream.primary.0).await.inspect_err(failed)?;
    count(by_family(upstream.primary.0, &statistics.soa_queries_ipv4, &statistics.soa_queries_ipv6));
    socket.send(&message).await.inspect_err(failed)?;
    let mut buffer = vec![0; 4096];
    for _ in 0..MOST_DATAGRAMS {
        let length = socket.recv(&mut buffer).await.inspect_err(failed)?;
        let answer = buffer.get(..length).unwrap_or_default();
        match asked.answer(answer, false) {
            Ok(_) => return Ok(checked(check.as_mut(), answer).map(|()| answer.to_vec())),
            // Perhaps forged; the true one may still come.
            Err(_) => count(&statistics.responses_ignored),
        }
    }
    std::future::pending().await
}

/// Over TLS, which nothing else may stand in for.
async fn over_tls(
    upstream: &Upstream,
    proof: &Proof,
    asked: &Asked<'_>,
    settings: &XfrinSettings,
    statistics: &Statistics,
) -> Result<Version, SerialError> {
    count(&statistics.soa_queries_tcp);
    let (message, mut check) = asked.signed().map_err(SerialError::Signature)?;
    let answer = match connect(upstream, settings, statistics).await {
        Err(error) => Err(TcpError::Connect(error)),
        Ok(stream) => {
            let (settings, proof) = (settings.clone(), proof.clone());
            let asking = move || ask_over_tls(stream, &proof, &settings, &message);
            let broke = |error: tokio::task::JoinError| TcpError::Broke(io::Error::other(error));
            let answer = tokio::task::spawn_blocking(asking).await.map_err(broke).flatten();
            count(&statistics.tcp_closed);
            let is_agreed = !matches!(answer, Err(TcpError::Tls(_)));
            count(if is_agreed { &statistics.tls_connected } else { &statistics.tls_failed });
            answer
        }
    };
    let answer = answer.map_err(SerialError::Tls)?;
    asked.answer(&answer, false).map_err(|error| SerialError::Tls(TcpError::NoAnswer(error)))?;
    checked(check.as_mut(), &answer)?;
    match read(asked, &answer, true)? {
        Said::Soa(version) => Ok(version),
        Said::Cut => Err(SerialError::NoSoa),
    }
}

/// On a thread that may block, for `connect_timeout_s` twice at most.
fn ask_over_tls(
    stream: TcpStream,
    proof: &Proof,
    settings: &XfrinSettings,
    message: &[u8],
) -> Result<Vec<u8>, TcpError> {
    let patience = Patience { idle: settings.connect_timeout(), total: settings.connect_timeout() };
    let stream = stream.into_std().map_err(TcpError::Broke)?;
    prepare(&stream, patience).map_err(TcpError::Broke)?;
    let mut connection = Connection::new(Box::new(tls::begin(stream, proof, settings)?), patience, &|| false);
    connection.send(message)?;
    Ok(connection.receive()?.to_vec())
}

enum Failed {
    Tcp(TcpError),
    Answer(SerialError),
}

fn tcp_only(failed: Failed) -> SerialError {
    match failed {
        Failed::Tcp(error) => SerialError::Tcp(error),
        Failed::Answer(error) => error,
    }
}

async fn over_tcp(
    upstream: &Upstream,
    asked: &Asked<'_>,
    settings: &XfrinSettings,
    statistics: &Statistics,
) -> Result<Version, Failed> {
    count(&statistics.soa_queries_tcp);
    let signed = asked.signed().map_err(|error| Failed::Answer(SerialError::Signature(error)))?;
    let (message, mut check) = signed;
    let answer = ask_over_tcp(upstream, asked, &message, settings, statistics).await.map_err(Failed::Tcp)?;
    checked(check.as_mut(), &answer).map_err(Failed::Answer)?;
    match read(asked, &answer, true).map_err(Failed::Answer)? {
        Said::Soa(soa) => Ok(soa),
        Said::Cut => Err(Failed::Answer(SerialError::NoSoa)),
    }
}

/// Takes `connect_timeout_s` twice at most.
async fn ask_over_tcp(
    upstream: &Upstream,
    asked: &Asked<'_>,
    message: &[u8],
    settings: &XfrinSettings,
    statistics: &Statistics,
) -> Result<Vec<u8>, TcpError> {
    let patience = settings.connect_timeout();
    let mut stream = connect(upstream, settings, statistics).await?;
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX).to_be_bytes();
    let outcome = async {
        stream.write_all(&[&length[..], message].concat()).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    };
    let outcome = tokio::time::timeout(patience, outcome).await;
    let answer = outcome.map_err(|_| TcpError::Late(patience)).and_then(|read| read.map_err(TcpError::Broke));
    count(&statistics.tcp_closed);
    let answer = answer?;
    asked.answer(&answer, false).map_err(TcpError::NoAnswer)?;
    Ok(answer)
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The system says so.
    #[error(transparent)]
    Refused(#[from] io::Error),
    /// Nobody said anything in time.
    #[error("none within {} s (`xfrin/connect_timeout_s`)", .0.as_secs())]
    Late(Duration),
}

/// Connects within `connect_timeout_s`, and counts it.
///
/// # Errors
/// What the system says, or that nobody answered.
pub async fn connect(
    upstream: &Upstream,
    settings: &XfrinSettings,
    statistics: &Statistics,
) -> Result<TcpStream, ConnectError> {
    let patience = settings.connect_timeout();
    let connecting = async {
        let socket = upstream.tcp().inspect_err(|_| count(&statistics.bind_failed))?;
        socket.connect(upstream.primary.0).await
    };
    let connected = tokio::time::timeout(patience, connecting).await;
    let stream = match connected {
        Ok(stream) => stream.map_err(ConnectError::Refused),
        Err(_) => {
            count(&statistics.connect_timeouts);
            Err(ConnectError::Late(patience))
        }
    };
    let primary = upstream.primary;
    let (connected, failed) = (
        by_family(primary.0, &statistics.tcp_connected_ipv4, &statistics.tcp_connected_ipv6),
        by_family(primary.0, &statistics.tcp_connect_failed_ipv4, &statistics.tcp_connect_failed_ipv6),
    );
    count(if stream.is_ok() { connected } else { failed });
    stream
}

/// Whether an answer is signed as it should be (RFC 8945 section 5.4).
fn checked(check: Option<&mut AnswerCheck>, answer: &[u8]) -> Result<(), SerialError> {
    let Some(check) = check else { return Ok(()) };
    check.check(answer, tenon_tsig::now()).map(drop).map_err(SerialError::Signature)
}

/// What the answer says; its head was looked at before.
fn read(asked: &Asked<'_>, answer: &[u8], is_tcp: bool) -> Result<Said, SerialError> {
    let Ok(mut reader) = asked.answer(answer, false) else { return Err(SerialError::NoSoa) };
    if rcode(&reader) != Rcode::NOERROR {
        return Err(SerialError::Refused(rcode(&reader)));
    }
    if !is_tcp && reader.header.flags() & flag::TC != 0 {
        return Ok(Said::Cut);
    }
    if reader.header.flags() & flag::AA == 0 {
        return Err(SerialError::NotAuthoritative);
    }
    soa(asked, &mut reader)
}

fn soa(asked: &Asked<'_>, reader: &mut ResponseReader<'_>) -> Result<Said, SerialError> {
    let (mut scratch, mut soa, mut expires_in) = (Scratch::default(), None, None);
    while let Some(record) = reader.record(&mut scratch).map_err(SerialError::Malformed)? {
        let is_soa = record.rrtype == RrType::SOA && record.class == Class::IN && record.owner == asked.zone;
        if is_soa && record.section == Section::Answer {
            soa = soa.or(Some(Soa::read(record.rdata).ok_or(SerialError::NoSoa)?));
        }
        expires_in = expires_in.or(expire_option(&record));
    }
    soa.map(|soa| Said::Soa(Version { soa, expires_in })).ok_or(SerialError::NoSoa)
}
