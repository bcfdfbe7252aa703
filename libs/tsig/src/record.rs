//! The TSIG record (RFC 8945 section 4.2), and what of it a code covers (section 4.3).

use tenon_wire::Name;

use crate::error::SignError;
use crate::mac::Mac;

/// Type of the record.
pub(crate) const TSIG: u16 = 250;
/// Class of the record: ANY.
pub(crate) const ANY: u16 = 255;
/// Octets of a message header.
pub(crate) const HEADER: usize = 12;
/// Octets of record data besides algorithm, code and other data.
const FIXED_DATA: usize = 16;
/// Octets between owner and data of a record.
const RECORD_HEAD: usize = 10;
/// Offset of the number of additional records.
const ADDITIONAL: usize = 10;

/// A TSIG record, read or to be written. Class and TTL are those that it must have.
#[derive(Clone)]
pub(crate) struct Record<'m> {
    /// The name of the key.
    pub(crate) owner: Name,
    /// The name of the algorithm.
    pub(crate) algorithm: Name,
    pub(crate) timers: Timers,
    pub(crate) mac: &'m [u8],
    /// The identifier of the message when it was signed.
    pub(crate) original_id: u16,
    pub(crate) error: u16,
    pub(crate) other: &'m [u8],
}

/// When a message was signed, and how far clocks may differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Timers {
    /// Seconds since 1970, 48 bits.
    pub(crate) time: u64,
    /// Seconds.
    pub(crate) fudge: u16,
}

impl Timers {
    /// As they are written.
    pub(crate) fn octets(self) -> [u8; 8] {
        let ([_, _, a, b, c, d, e, f], [g, h]) = (self.time.to_be_bytes(), self.fudge.to_be_bytes());
        [a, b, c, d, e, f, g, h]
    }

    /// Seconds between the signature and our clock when that is more than the fudge; positive when it is ahead of us.
    pub(crate) fn off(self, now: u64) -> Option<i64> {
        let distance = self.time.abs_diff(now);
        let signed = i64::try_from(distance).unwrap_or(i64::MAX);
        (distance > u64::from(self.fudge)).then_some(if self.time > now { signed } else { -signed })
    }
}

impl Record<'_> {
    /// Octets of a record with a code of so many octets and without other data.
    pub(crate) fn length(owner: &Name, algorithm: &Name, mac: usize) -> usize {
        owner.octets().len() + RECORD_HEAD + algorithm.octets().len() + FIXED_DATA + mac
    }

    /// Puts the record behind a message and counts it.
    pub(crate) fn push(&self, message: &mut Vec<u8>) -> Result<(), SignError> {
        let length = Self::length(&self.owner, &self.algorithm, self.mac.len()) + self.other.len();
        let counter = message.get_mut(ADDITIONAL..HEADER).ok_or(SignError)?;
        let count = counter.iter().fold(0, |count, octet| count << 8 | u16::from(*octet));
        let count = count.checked_add(1).ok_or(SignError)?;
        counter.copy_from_slice(&count.to_be_bytes());
        if message.len() + length > usize::from(u16::MAX) {
            return Err(SignError);
        }
        let data = self.algorithm.octets().len() + FIXED_DATA + self.mac.len() + self.other.len();
        message.reserve(length);
        message.extend_from_slice(self.owner.octets());
        put(message, TSIG);
        put(message, ANY);
        message.extend_from_slice(&[0; 4]);
        put(message, data as u16);
        message.extend_from_slice(self.algorithm.octets());
        message.extend_from_slice(&self.timers.octets());
        put(message, self.mac.len() as u16);
        message.extend_from_slice(self.mac);
        put(message, self.original_id);
        put(message, self.error);
        put(message, self.other.len() as u16);
        message.extend_from_slice(self.other);
        Ok(())
    }

    /// The message as it was when it was signed, its TSIG record cut off already. `signed`: it had one, which its header
    /// counts.
    pub(crate) fn cover_message(&self, mac: &mut Mac, message: &[u8], signed: bool) {
        let Some((header, body)) = message.split_first_chunk::<HEADER>() else { return };
        let [_, _, middle @ .., a, b] = header;
        let additional = u16::from_be_bytes([*a, *b]).saturating_sub(u16::from(signed));
        mac.update(&self.original_id.to_be_bytes());
        mac.update(middle);
        mac.update(&additional.to_be_bytes());
        mac.update(body);
    }

    /// All variables (section 4.3.3).
    pub(crate) fn cover_variables(&self, mac: &mut Mac) {
        mac.update(self.owner.as_ref().to_lowercase().octets());
        mac.update(&ANY.to_be_bytes());
        mac.update(&[0; 4]);
        mac.update(self.algorithm.as_ref().to_lowercase().octets());
        self.cover_timers(mac);
        mac.update(&self.error.to_be_bytes());
        mac.update(&(self.other.len() as u16).to_be_bytes());
        mac.update(self.other);
    }

    /// The timers alone, for the later messages of an answer (section 5.3.1).
    pub(crate) fn cover_timers(&self, mac: &mut Mac) {
        mac.update(&self.timers.octets());
    }
}

fn put(message: &mut Vec<u8>, word: u16) {
    message.extend_from_slice(&word.to_be_bytes());
}
