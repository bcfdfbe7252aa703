//! A server's look at a message before all others (RFC 8945 sections 5.2 and 5.3.2).

use std::fmt;
use std::sync::Arc;

use tenon_wire::Name;
use tenon_wire::message::edns::{DNSSEC_OK, flags_kept};
use tenon_wire::message::header::flag;
use tenon_wire::message::{Edns, Header, Query, QueryError, Question, Rcode};

use crate::algorithm::Algorithm;
use crate::error::ErrorCode;
use crate::key::Key;
use crate::mac::Code;
use crate::record::{Record, Timers};
use crate::ring::KeyRing;
use crate::session::{Session, sign};
use crate::walk::{self, Found};

/// The largest UDP query that we take, told in OPT records.
const UDP_PAYLOAD_SIZE: u16 = 1232;

/// What a message came to.
#[derive(Debug)]
pub enum Examined {
    /// It has no TSIG record.
    Unsigned,
    /// It is signed with a key of the ring.
    Signed(Session),
    /// It is signed, but not well; see [`Refusal::answer`].
    Refused(Box<Refusal>),
}

/// Why a signed message is not taken, and the answer to it.
pub struct Refusal {
    rcode: Rcode,
    code: Option<ErrorCode>,
    reason: Reason,
    key: Option<Name>,
    record: Option<RecordBack>,
}

/// What was wrong, for the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Reason {
    /// The record cannot be read or stands where it must not.
    #[error("{0}")]
    Malformed(&'static str),
    /// There is no such key here.
    #[error("the key is not known here")]
    UnknownKey,
    /// The key is there with another algorithm.
    #[error("the key is known here with {0}, not with the algorithm that was used")]
    OtherAlgorithm(Algorithm),
    /// The code is wrong.
    #[error("the signature is wrong: another secret, or changed on the way")]
    BadSignature,
    /// Signed so many seconds off our clock.
    #[error("signed {0} s off our clock; are both clocks right?")]
    BadTime(i64),
    /// The code is cut to so many octets.
    #[error("the signature is cut to {octets} octets; the key asks for {least}")]
    Truncated {
        /// Octets that came.
        octets: usize,
        /// Octets that the key asks for.
        least: usize,
    },
}

/// The TSIG record of a refusal.
struct RecordBack {
    owner: Name,
    algorithm: Name,
    timers: Timers,
    original_id: u16,
    error: ErrorCode,
    other: Vec<u8>,
    /// Who signs it, where the key is known and was used (section 5.3.2), and the code of the request.
    signer: Option<(Arc<Key>, Code)>,
}

/// Looks at a message: whether it is signed, and well. Costs next to nothing for one that is not.
///
/// A message that cannot be read as far as its TSIG record counts as unsigned, as it will be refused by who reads it.
#[must_use]
pub fn examine(message: &[u8], ring: &KeyRing, now: u64) -> Examined {
    match walk::find(message) {
        Ok(None) => Examined::Unsigned,
        Ok(Some(found)) => match check(message, &found, ring, now) {
            Ok(session) => Examined::Signed(session),
            Err(refusal) => Examined::Refused(refusal),
        },
        Err(malformed) => Examined::Refused(Refusal::malformed(malformed.0, None)),
    }
}

/// The checks in their order: key, code, time, truncation (section 5.2).
fn check(message: &[u8], found: &Found<'_>, ring: &KeyRing, now: u64) -> Result<Session, Box<Refusal>> {
    let Found { start, record } = found;
    let Some(key) = ring.get(&record.owner) else {
        return Err(Refusal::unsigned(record, ErrorCode::BADKEY, Reason::UnknownKey));
    };
    let Some(named) = key.is_for(record.algorithm.as_ref()) else {
        let reason = Reason::OtherAlgorithm(key.algorithm());
        return Err(Refusal::unsigned(record, ErrorCode::BADKEY, reason));
    };
    let octets = record.mac.len();
    let shortest = named.mac_octets().min(usize::from(named.hash().shortest()));
    if !(shortest..=named.mac_octets()).contains(&octets) {
        let reason = "a TSIG record with a code that is shorter or longer than ever allowed";
        return Err(Refusal::malformed(reason, Some(record)));
    }
    let mut mac = key.begin();
    record.cover_message(&mut mac, message.get(..*start).unwrap_or(&[]), true);
    record.cover_variables(&mut mac);
    if !mac.finish().begins_with(record.mac) {
        return Err(Refusal::unsigned(record, ErrorCode::BADSIG, Reason::BadSignature));
    }
    let prior = Code::of(record.mac);
    if let Some(off) = record.timers.off(now) {
        return Err(Refusal::signed(record, ErrorCode::BADTIME, Reason::BadTime(off), key, now));
    }
    let least = key.algorithm().mac_octets();
    if octets < least {
        let reason = Reason::Truncated { octets, least };
        return Err(Refusal::signed(record, ErrorCode::BADTRUNC, reason, key, now));
    }
    Ok(Session::new(key.clone(), record.algorithm.as_ref().to_lowercase(), octets, prior, *start))
}

impl Refusal {
    /// FORMERR without a TSIG record.
    fn malformed(reason: &'static str, record: Option<&Record<'_>>) -> Box<Self> {
        let key = record.map(|record| record.owner.as_ref().to_lowercase());
        let reason = Reason::Malformed(reason);
        Box::new(Self { rcode: Rcode::FORMERR, code: None, reason, key, record: None })
    }

    /// An answer that nobody signs, as the key or the code is not right.
    fn unsigned(record: &Record<'_>, error: ErrorCode, reason: Reason) -> Box<Self> {
        let back = RecordBack {
            owner: record.owner.clone(),
            algorithm: record.algorithm.clone(),
            timers: record.timers,
            original_id: record.original_id,
            error,
            other: Vec::new(),
            signer: None,
        };
        Box::new(Self {
            rcode: Rcode::NOTAUTH,
            code: Some(error),
            reason,
            key: Some(record.owner.as_ref().to_lowercase()),
            record: Some(back),
        })
    }

    /// A signed answer. With BADTIME it repeats the client's time and tells ours in other data (section 5.2.3).
    fn signed(record: &Record<'_>, error: ErrorCode, reason: Reason, key: &Arc<Key>, now: u64) -> Box<Self> {
        let mut refusal = Self::unsigned(record, error, reason);
        if let Some(back) = &mut refusal.record {
            back.signer = Some((key.clone(), Code::of(record.mac)));
            if error == ErrorCode::BADTIME {
                back.other = now.to_be_bytes().get(2..).unwrap_or(&[]).to_vec();
            } else {
                back.timers = Timers { time: now, fudge: crate::FUDGE };
            }
        }
        refusal
    }

    /// The response code of the answer: FORMERR or NOTAUTH.
    #[must_use]
    pub const fn rcode(&self) -> Rcode {
        self.rcode
    }

    /// The error of the answer's TSIG record; none when it has no such record.
    #[must_use]
    pub const fn code(&self) -> Option<ErrorCode> {
        self.code
    }

    /// What was wrong.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The key that the message names, in lower case, as far as it could be read. Nobody vouches for it.
    #[must_use]
    pub const fn key(&self) -> Option<&Name> {
        self.key.as_ref()
    }

    /// The whole answer to the request: header, question, an OPT record when the request has one, the TSIG record. None
    /// when the request is itself a response, which is never answered.
    #[must_use]
    pub fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        let (header, question, edns) = parts(request)?;
        let flags = flag::QR | flags_kept(header.flags()) | self.rcode.0 & 15;
        let words = [header.id(), flags, u16::from(question.is_some()), 0, 0, u16::from(edns.is_some())];
        let mut message: Vec<u8> = words.into_iter().flat_map(u16::to_be_bytes).collect();
        message.extend_from_slice(question.map_or(&[], |question| question.octets));
        if let Some(edns) = edns {
            let dnssec_ok = if edns.dnssec_ok { DNSSEC_OK } else { 0 };
            let words = [41, UDP_PAYLOAD_SIZE, 0, dnssec_ok, 0];
            message.push(0);
            message.extend(words.into_iter().flat_map(u16::to_be_bytes));
        }
        self.append(&mut message);
        Some(message)
    }

    /// Puts the TSIG record, if the answer has one, behind an answer that is otherwise whole.
    pub fn append(&self, message: &mut Vec<u8>) {
        let Some(back) = &self.record else { return };
        let unsigned = Record {
            owner: back.owner.clone(),
            algorithm: back.algorithm.clone(),
            timers: back.timers,
            mac: &[],
            original_id: back.original_id,
            error: back.error.0,
            other: &back.other,
        };
        let code = match &back.signer {
            Some((key, prior)) => {
                let cut = Algorithm::by_wire_name(back.algorithm.as_ref())
                    .map_or(0, Algorithm::mac_octets)
                    .min(prior.octets().len().max(key.algorithm().mac_octets()));
                sign(key, prior, &unsigned, message, true).cut(cut)
            }
            None => Code::NONE,
        };
        // An answer that is too long for the record goes without it: the client asks again or gives up.
        let _ = Record { mac: code.octets(), ..unsigned }.push(message);
    }
}

/// What of a request goes into its answer.
fn parts(request: &[u8]) -> Option<(Header<'_>, Option<Question<'_>>, Option<Edns<'_>>)> {
    match Query::read(request) {
        Ok(Query { header, question, edns }) => Some((header, Some(question), edns)),
        Err(QueryError::Ignore) => None,
        Err(
            QueryError::Malformed { header, question, edns }
            | QueryError::Opcode { header, question, edns, .. },
        ) => Some((header, question, edns)),
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Refusal({} {:?}: {})", self.rcode, self.code, self.reason)
    }
}
