//! A client's signature, and its look at each message of the answer (RFC 8945 sections 5.1, 5.3.1 and 5.4).

use tenon_wire::Name;

use crate::error::{ErrorCode, SignError, TsigError};
use crate::key::Key;
use crate::mac::{Code, Mac};
use crate::record::{Record, Timers};
use crate::walk;
use crate::{FUDGE, MAX_UNSIGNED};

/// Looks at the messages of the answer to a request that was signed, in the order in which they come.
#[derive(Clone)]
pub struct AnswerCheck {
    key: Key,
    algorithm: Name,
    /// Begun with the code of the message before that was signed, and covering all unsigned ones since.
    covered: Mac,
    first: bool,
    /// Messages since the last that was signed.
    unsigned: u32,
}

/// A message of an answer that may be believed, or will be when one that is signed follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checked {
    /// It is signed; all before it are confirmed as well.
    pub signed: bool,
    /// Octets of the message without its TSIG record. Its header still counts that record.
    pub length: usize,
}

/// Signs a request; gives what the answer is to be held against.
///
/// # Errors
/// The message is no whole header, or it would be longer than 65,535 octets.
pub fn sign_request(message: &mut Vec<u8>, key: &Key, now: u64) -> Result<AnswerCheck, SignError> {
    let id = *message.first_chunk::<2>().ok_or(SignError)?;
    let algorithm = key.algorithm().wire_name();
    let unsigned = Record {
        owner: key.name().clone(),
        algorithm: algorithm.clone(),
        timers: Timers { time: now, fudge: FUDGE },
        mac: &[],
        original_id: u16::from_be_bytes(id),
        error: ErrorCode::NONE.0,
        other: &[],
    };
    let mut mac = key.begin();
    unsigned.cover_message(&mut mac, message, false);
    unsigned.cover_variables(&mut mac);
    let code = mac.finish().cut(key.algorithm().mac_octets());
    Record { mac: code.octets(), ..unsigned }.push(message)?;
    Ok(AnswerCheck { key: key.clone(), algorithm, covered: after(key, &code), first: true, unsigned: 0 })
}

impl AnswerCheck {
    /// The name of the key, in lower case.
    #[must_use]
    pub const fn key(&self) -> &Name {
        self.key.name()
    }

    /// Looks at the next message. After an error the rest of the answer is not to be believed.
    ///
    /// # Errors
    /// See [`TsigError`].
    pub fn check(&mut self, message: &[u8], now: u64) -> Result<Checked, TsigError> {
        match walk::find(message).map_err(|malformed| TsigError::Malformed(malformed.0))? {
            Some(walk::Found { start, record }) => {
                self.signed(message.get(..start).unwrap_or(&[]), &record, now)?;
                Ok(Checked { signed: true, length: start })
            }
            None => {
                self.unsigned(message)?;
                Ok(Checked { signed: false, length: message.len() })
            }
        }
    }

    /// To be called behind the last message, which must be signed.
    ///
    /// # Errors
    /// [`TsigError::Unsigned`].
    pub const fn finish(&self) -> Result<(), TsigError> {
        if self.first || self.unsigned > 0 { Err(TsigError::Unsigned) } else { Ok(()) }
    }

    fn unsigned(&mut self, message: &[u8]) -> Result<(), TsigError> {
        if self.first {
            return Err(TsigError::Unsigned);
        }
        if self.unsigned == MAX_UNSIGNED {
            return Err(TsigError::TooManyUnsigned);
        }
        self.unsigned += 1;
        self.covered.update(message);
        Ok(())
    }

    fn signed(&mut self, message: &[u8], record: &Record<'_>, now: u64) -> Result<(), TsigError> {
        let code = ErrorCode(record.error);
        if record.owner != *self.key.name() || record.algorithm != self.algorithm {
            return Err(TsigError::OtherKey);
        }
        let (octets, algorithm) = (record.mac.len(), self.key.algorithm());
        if octets == 0 && code != ErrorCode::NONE {
            // Nobody vouches for it, but then nobody vouches for an answer either (section 5.4.1).
            return Err(TsigError::Refused { code, server_time: None });
        }
        let hash = algorithm.hash();
        if !(usize::from(hash.shortest())..=usize::from(hash.octets())).contains(&octets) {
            return Err(TsigError::Malformed("a code that is shorter or longer than ever allowed"));
        }
        let mut mac = self.covered.clone();
        record.cover_message(&mut mac, message, true);
        if self.first {
            record.cover_variables(&mut mac);
        } else {
            record.cover_timers(&mut mac);
        }
        if !mac.finish().begins_with(record.mac) {
            return Err(TsigError::BadSignature);
        }
        if code != ErrorCode::NONE {
            return Err(TsigError::Refused { code, server_time: server_time(record.other) });
        }
        if let Some(off) = record.timers.off(now) {
            return Err(TsigError::BadTime(off));
        }
        let least = algorithm.mac_octets();
        if octets < least {
            return Err(TsigError::Truncated { octets, least });
        }
        self.covered = after(&self.key, &Code::of(record.mac));
        (self.first, self.unsigned) = (false, 0);
        Ok(())
    }
}

/// Covers what follows a message with this code.
fn after(key: &Key, code: &Code) -> Mac {
    let mut mac = key.begin();
    mac.update_code(code);
    mac
}

fn server_time(other: &[u8]) -> Option<u64> {
    let &[a, b, c, d, e, f] = other else { return None };
    Some(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

impl std::fmt::Debug for AnswerCheck {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "AnswerCheck({:?})", self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;

    const NOW: u64 = 1_700_000_000;

    /// A server that signs only some of its messages, as NSD does.
    struct Server {
        key: Key,
        covered: Mac,
        first: bool,
    }

    impl Server {
        fn start() -> (Self, AnswerCheck) {
            let key = Key::new("key.".parse().unwrap(), Algorithm::HMAC_SHA224, b"secret").unwrap();
            let mut request = message(0);
            let check = sign_request(&mut request, &key, NOW).unwrap();
            (Self { key, covered: check.covered.clone(), first: true }, check)
        }

        fn next(&mut self, number: u8, signed: bool) -> Vec<u8> {
            let mut message = message(number);
            if !signed {
                self.covered.update(&message);
                return message;
            }
            let unsigned = Record {
                owner: self.key.name().clone(),
                algorithm: self.key.algorithm().wire_name(),
                timers: Timers { time: NOW + u64::from(number), fudge: FUDGE },
                mac: &[],
                original_id: 7,
                error: 0,
                other: &[],
            };
            unsigned.cover_message(&mut self.covered, &message, false);
            if self.first {
                unsigned.cover_variables(&mut self.covered);
            } else {
                unsigned.cover_timers(&mut self.covered);
            }
            let code = self.covered.clone().finish();
            Record { mac: code.octets(), ..unsigned }.push(&mut message).unwrap();
            (self.covered, self.first) = (after(&self.key, &code), false);
            message
        }
    }

    fn message(number: u8) -> Vec<u8> {
        vec![0, 7, 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, number, 0, 0, 252, 0, 1]
    }

    #[test]
    fn messages_without_signatures_are_believed_when_a_signed_one_follows() {
        let (mut server, mut check) = Server::start();
        for (number, signed) in
            [(1, true), (2, false), (3, false), (4, true), (5, true), (6, false), (7, true)]
        {
            let checked = check.check(&server.next(number, signed), NOW).unwrap();
            assert_eq!(checked, Checked { signed, length: 19 }, "message {number}");
            assert_eq!(check.finish().is_ok(), signed, "message {number}");
        }
    }

    #[test]
    fn an_unsigned_message_that_was_changed_is_found_at_the_next_signed_one() {
        let (mut server, mut check) = Server::start();
        check.check(&server.next(1, true), NOW).unwrap();
        let mut changed = server.next(2, false);
        changed[3] ^= 1;
        check.check(&changed, NOW).unwrap();
        assert_eq!(check.check(&server.next(3, true), NOW), Err(TsigError::BadSignature));
    }

    #[test]
    fn a_message_left_out_or_put_in_is_found() {
        for put_in in [false, true] {
            let (mut server, mut check) = Server::start();
            check.check(&server.next(1, true), NOW).unwrap();
            let second = server.next(2, false);
            if put_in {
                check.check(&second, NOW).unwrap();
                check.check(&second, NOW).unwrap();
            }
            assert_eq!(check.check(&server.next(3, true), NOW), Err(TsigError::BadSignature));
        }
    }

    #[test]
    fn the_first_is_signed_and_at_most_99_in_a_row_are_not() {
        let (mut server, mut check) = Server::start();
        assert_eq!(check.clone().check(&message(1), NOW), Err(TsigError::Unsigned));
        assert_eq!(check.finish(), Err(TsigError::Unsigned), "no answer at all");
        check.check(&server.next(0, true), NOW).unwrap();
        for number in 1..=99 {
            check.check(&server.next(number, false), NOW).unwrap();
        }
        assert_eq!(check.finish(), Err(TsigError::Unsigned));
        assert_eq!(check.clone().check(&message(100), NOW), Err(TsigError::TooManyUnsigned));
        assert!(check.check(&server.next(100, true), NOW).unwrap().signed);
        check.finish().unwrap();
    }

    #[test]
    fn an_answer_of_another_time_or_key_is_not_believed() {
        let (mut server, mut check) = Server::start();
        let answer = server.next(1, true);
        assert_eq!(check.clone().check(&answer, NOW + 302), Err(TsigError::BadTime(-301)));
        check.key = Key::new("other.".parse().unwrap(), Algorithm::HMAC_SHA224, b"secret").unwrap();
        assert_eq!(check.check(&answer, NOW), Err(TsigError::OtherKey));
    }
}
