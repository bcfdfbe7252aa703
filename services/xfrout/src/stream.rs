//! A zone as a row of DNS messages (RFC 5936 section 2.2).
//!
//! Records are copied from the image as they lie there; only owner names and the holes in record data are filled in.
//! Messages are 16 KiB long at most, so that every name in them is in reach of a compression pointer; only a record
//! that is larger by itself makes a larger one.

mod difference;
mod owner;

use std::io;

use tenon_image::rrset::{RECORD_HEAD, Target};
use tenon_image::{Fault, RrsetView, ZoneImage};
use tenon_tsig::Session;
use tenon_wire::RrType;
use tenon_wire::message::edns::{DNSSEC_OK, OPT_RECORD, option};
use tenon_wire::message::header::{HEADER, flag};

use crate::reply::signed;
pub use difference::ixfr;
use owner::{Owner, pointer};

/// Octets of a message; the highest place that a pointer reaches is one less (RFC 1035 section 4.1.4).
const MESSAGE: usize = 16 * 1024;
/// Octets of the longest message.
const MESSAGE_MAX: usize = 65_535;
/// Octets collected before they are sent.
const CHUNK: usize = 128 * 1024;
/// The largest UDP query that we take, told in OPT records.
const UDP_PAYLOAD_SIZE: u16 = 1232;
/// Octets of the option EXPIRE.
const EXPIRE: usize = 8;
/// Class IN.
const IN: [u8; 2] = [0, 1];

/// What the messages begin with.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// Identifier of the query.
    pub id: u16,
    /// Flags taken over from the query: RD, CD.
    pub flags: u16,
    /// The question, repeated in the first message.
    pub question: &'a [u8],
    /// The query had an OPT record; its DO bit.
    pub edns: Option<bool>,
    /// For how many seconds the client may answer the zone, if it asked (RFC 7314); in the OPT record, so not without one.
    pub expire: Option<u32>,
    /// The query was signed, and so is every message.
    pub session: Option<&'a Session>,
}

/// How much was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    /// DNS messages.
    pub messages: u64,
    /// Records; an AXFR has one more than the zone, its SOA coming twice.
    pub records: u64,
    /// Octets with the lengths before the messages.
    pub octets: u64,
}

/// Why the row broke off.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The image is damaged.
    #[error("the image is damaged: {0}")]
    Fault(#[from] Fault),
    /// The client, or who passes the answer on, does not take any more.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Writes the whole zone: its SOA, everything else, its SOA. `sink` takes finished messages, each with its length before
/// it, and how much there is so far.
///
/// # Errors
/// See [`StreamError`]; what came before was sent.
pub fn axfr(
    zone: &ZoneImage,
    opening: Opening<'_>,
    sink: &mut dyn FnMut(&[u8], Sent) -> io::Result<()>,
) -> Result<Sent, StreamError> {
    let mut writer = Writer::new(zone, opening, sink);
    let soa = soa(zone)?;
    writer.rrset(&without_signatures(soa))?;
    for node in zone.nodes()? {
        let node = node?;
        let relative = node.relative_name()?;
        writer.owner.turn_to(relative);
        for rrset in node.rrsets() {
            let rrset = rrset?;
            let is_soa = rrset.rrtype == RrType::SOA && relative.is_empty();
            writer.rrset(&if is_soa { rrset.signatures_only() } else { rrset })?;
        }
    }
    writer.owner.turn_to(&[]);
    writer.rrset(&without_signatures(soa))?;
    writer.finish()
}

/// One message with the zone's SOA: all that a client needs to know who has this version, or who asked over UDP.
///
/// # Errors
/// A damaged image.
pub fn soa_alone(zone: &ZoneImage, opening: Opening<'_>) -> Result<Vec<u8>, StreamError> {
    let mut message = Vec::new();
    let mut sink = |octets: &[u8], _| {
        message.extend_from_slice(octets);
        Ok(())
    };
    let mut writer = Writer::new(zone, opening, &mut sink);
    writer.rrset(&without_signatures(soa(zone)?))?;
    writer.finish()?;
    Ok(message)
}

/// The record data of the zone's SOA without compression, and its TTL.
///
/// # Errors
/// A damaged image.
pub fn soa_data(zone: &ZoneImage) -> Result<(u32, Vec<u8>), Fault> {
    let soa = soa(zone)?;
    let data = soa.expanded(zone.origin().octets())?;
    Ok((soa.ttl, data.into_iter().next().ok_or(Fault("its SOA is empty"))?))
}

fn soa(zone: &ZoneImage) -> Result<RrsetView<'_>, Fault> {
    zone.apex()?.rrset(RrType::SOA)?.ok_or(Fault("it has no SOA"))
}

/// Signatures of the first SOA come with the zone's other records.
fn without_signatures(mut rrset: RrsetView<'_>) -> RrsetView<'_> {
    rrset.signatures = 0;
    rrset
}

/// Messages under construction.
struct Writer<'a, 's> {
    opening: Opening<'a>,
    /// Signs the next message.
    session: Option<Session>,
    owner: Owner<'a>,
    /// Finished messages and the one being written.
    out: Vec<u8>,
    /// Where in `out` the header of the latter is.
    start: usize,
    answers: u16,
    /// Octets of a message's signature.
    signature: usize,
    sent: Sent,
    sink: &'s mut dyn FnMut(&[u8], Sent) -> io::Result<()>,
}

impl<'a, 's> Writer<'a, 's> {
    fn new(
        zone: &'a ZoneImage,
        opening: Opening<'a>,
        sink: &'s mut dyn FnMut(&[u8], Sent) -> io::Result<()>,
    ) -> Self {
        let owner = Owner::new(zone.origin());
        let out = Vec::with_capacity(CHUNK + MESSAGE_MAX + 2);
        let session = opening.session.cloned();
        let signature = session.as_ref().map_or(0, Session::overhead);
        let mut writer = Self {
            opening,
            session,
            signature,
            owner,
            out,
            start: 0,
            answers: 0,
            sent: Sent::default(),
            sink,
        };
        writer.begin_message();
        writer
    }

    /// Octets of the message so far.
    const fn position(&self) -> usize {
        self.out.len() - self.start
    }

    const fn is_first(&self) -> bool {
        self.sent.messages == 0
    }

    /// True when so much more makes the message longer than `limit`.
    const fn exceeds(&self, octets: usize, limit: usize) -> bool {
        let opt = if self.is_first() && self.opening.edns.is_some() { OPT_RECORD + EXPIRE } else { 0 };
        self.position() + octets + opt + self.signature > limit
    }

    fn begin_message(&mut self) {
        self.start = self.out.len() + 2;
        self.answers = 0;
        self.out.extend_from_slice(&[0; 2 + HEADER]);
        if self.is_first() {
            self.out.extend_from_slice(self.opening.question);
            self.owner.new_message(Some(HEADER as u16));
        } else {
            self.owner.new_message(None);
        }
    }

    /// Fills in length and header.
    fn end_message(&mut self) {
        let first = self.is_first();
        let opt = self.opening.edns.filter(|_| first);
        if let Some(dnssec_ok) = opt {
            self.out.extend_from_slice(&[0, 0, 41]);
            self.out.extend_from_slice(&UDP_PAYLOAD_SIZE.to_be_bytes());
            self.out.extend_from_slice(&[0, 0]);
            self.out.extend_from_slice(&if dnssec_ok { DNSSEC_OK } else { 0 }.to_be_bytes());
            match self.opening.expire {
                Some(expire) => {
                    let words = [EXPIRE as u16, option::EXPIRE, 4];
                    self.out.extend(words.into_iter().flat_map(u16::to_be_bytes));
                    self.out.extend_from_slice(&expire.to_be_bytes());
                }
                None => self.out.extend_from_slice(&[0, 0]),
            }
        }
        let length = u16::try_from(self.position()).unwrap_or(u16::MAX);
        let flags = flag::QR | flag::AA | self.opening.flags;
        let words =
            [length, self.opening.id, flags, u16::from(first), self.answers, 0, u16::from(opt.is_some())];
        let places = self.out.iter_mut().skip(self.start - 2);
        places.zip(words.into_iter().flat_map(u16::to_be_bytes)).for_each(|(place, octet)| *place = octet);
        self.sign();
        self.sent.messages += 1;
        self.sent.records += u64::from(self.answers);
        self.sent.octets += self.position() as u64 + 2;
    }

    /// Signs the message, where the query was signed: each with the code of the one before (RFC 8945 section 5.3.1).
    fn sign(&mut self) {
        let Some(session) = &mut self.session else { return };
        let message = self.out.split_off(self.start - 2);
        self.out.extend_from_slice(&signed(message, Some(session)));
    }

    fn next_message(&mut self) -> io::Result<()> {
        self.end_message();
        if self.out.len() >= CHUNK {
            self.flush()?;
        }
        self.begin_message();
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        (self.sink)(&self.out, self.sent)?;
        self.out.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Sent, StreamError> {
        self.end_message();
        self.flush()?;
        Ok(self.sent)
    }

    /// Writes an RRset of the current owner with its signatures.
    #[inline]
    fn rrset(&mut self, rrset: &RrsetView<'a>) -> Result<(), StreamError> {
        let count = usize::from(rrset.records) + usize::from(rrset.signatures);
        if count == 0 {
            return Ok(());
        }
        let signatures = if rrset.signatures > 0 { rrset.signature_rdatas().packed().len() } else { 0 };
        // The packed form has the lengths, which are part of a record's head.
        let data = rrset.rdatas().packed().len() + signatures;
        let octets = self.owner.room() + count * (RECORD_HEAD - 2) + data;
        if self.exceeds(octets, MESSAGE) && self.answers > 0 {
            self.next_message()?;
        }
        if self.exceeds(octets, MESSAGE) || self.owner.is_root() {
            return self.rrset_apart(rrset);
        }
        self.rrset_together(rrset)
    }

    /// Into this message, where it fits.
    #[inline]
    fn rrset_together(&mut self, rrset: &RrsetView<'a>) -> Result<(), StreamError> {
        let mut base = None;
        let rest = rest_of_head(rrset.rrtype, rrset.ttl);
        for rdata in rrset.rdatas() {
            let base = &mut base;
            self.record(base, rest, rdata);
        }
        let base_of_data = base.unwrap_or(0);
        for fixup in rrset.fixups() {
            const BROKEN: Fault = Fault("a compressed name leads nowhere");
            let target = match fixup.target {
                Target::OwnerSuffix(labels) => self.owner.suffix(labels).ok_or(BROKEN)?,
                Target::Position(position) => (base_of_data + position) as u16,
            };
            let at = self.start + base_of_data + fixup.position;
            self.out.get_mut(at..at + 2).ok_or(BROKEN)?.copy_from_slice(&pointer(target));
        }
        if rrset.signatures > 0 {
            let rest = rest_of_head(RrType::RRSIG, rrset.ttl);
            for rdata in rrset.signature_rdatas() {
                self.record(&mut base, rest, rdata);
            }
        }
        Ok(())
    }

    /// Appends a record. `base` is where the RRset would begin if its first owner were a pointer.
    #[inline]
    fn record(&mut self, base: &mut Option<usize>, rest_of_head: [u8; 8], rdata: &[u8]) {
        self.owner.write(self.position(), &mut self.out);
        base.get_or_insert(self.position() - 2);
        self.out.extend_from_slice(&rest_of_head);
        self.out.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
        self.out.extend_from_slice(rdata);
        self.answers += 1;
    }

    /// Record by record over several messages, without compressing record data: what is too large for one message, and
    /// what the root zone has at its own name, where owners are shorter than the pointers the image reckons with.
    #[cold]
    fn rrset_apart(&mut self, rrset: &RrsetView<'a>) -> Result<(), StreamError> {
        let whole = self.owner.whole();
        let head = rest_of_head(rrset.rrtype, rrset.ttl);
        rrset.expanded(&whole)?.iter().try_for_each(|rdata| self.record_apart(head, rdata))?;
        if rrset.signatures > 0 {
            let head = rest_of_head(RrType::RRSIG, rrset.ttl);
            rrset.signature_rdatas().iter().try_for_each(|rdata| self.record_apart(head, rdata))?;
        }
        Ok(())
    }

    fn record_apart(&mut self, head: [u8; 8], rdata: &[u8]) -> Result<(), StreamError> {
        let octets = self.owner.room() + RECORD_HEAD - 2 + rdata.len();
        if self.exceeds(octets, MESSAGE) && self.answers > 0 {
            self.next_message()?;
        }
        if self.exceeds(octets, MESSAGE_MAX) {
            return Err(Fault("a record fits into no message").into());
        }
        self.record(&mut None, head, rdata);
        Ok(())
    }
}

/// Type, class and TTL.
const fn rest_of_head(rrtype: RrType, ttl: u32) -> [u8; 8] {
    let ([a, b], [c, d, e, f]) = (rrtype.0.to_be_bytes(), ttl.to_be_bytes());
    [a, b, IN[0], IN[1], c, d, e, f]
}
