//! What RFC 8945 section 5 says of servers, case by case.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use tenon_tsig::{
    Algorithm, AnswerCheck, ErrorCode, Examined, Key, KeyRing, Reason, Refusal, TsigError, examine,
    sign_request,
};
use tenon_wire::message::Rcode;

const NOW: u64 = 1_700_000_000;
const QUESTION: &[u8] = b"\x07example\x00\x00\x06\x00\x01";
const OPT: &[u8] = b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00";

fn query() -> Vec<u8> {
    [b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", QUESTION].concat()
}

fn key(name: &str, algorithm: Algorithm, secret: &[u8]) -> Key {
    Key::new(name.parse().unwrap(), algorithm, secret).unwrap()
}

fn good(algorithm: Algorithm) -> Key {
    key("key.example.", algorithm, b"the right secret")
}

fn ring(key: &Key) -> KeyRing {
    [key.clone()].into_iter().collect()
}

fn signed(key: &Key, time: u64) -> (Vec<u8>, AnswerCheck) {
    let mut request = query();
    let check = sign_request(&mut request, key, time).unwrap();
    (request, check)
}

fn refusal(request: &[u8], ring: &KeyRing, now: u64) -> Box<Refusal> {
    match examine(request, ring, now) {
        Examined::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

/// What a client reads in the answer to a refused request: response code, and what its TSIG record says.
fn told(refusal: &Refusal, request: &[u8], mut check: AnswerCheck, now: u64) -> (u8, TsigError) {
    let answer = refusal.answer(request).unwrap();
    assert_eq!((&answer[..2], answer[2] & 0x80), (&request[..2], 0x80));
    (answer[3] & 15, check.check(&answer, now).unwrap_err())
}

#[test]
fn every_algorithm_signs_and_checks_and_none_takes_another_secret() {
    for algorithm in Algorithm::ALL {
        let key = good(algorithm);
        let (request, mut check) = signed(&key, NOW);
        let Examined::Signed(mut session) = examine(&request, &ring(&key), NOW + 300) else {
            panic!("{algorithm}")
        };
        assert_eq!((session.unsigned_length(), session.key()), (query().len(), key.name()));
        let length = query().len() + session.overhead();
        let mut answer = query();
        answer[2] |= 0x80;
        session.sign(&mut answer, NOW + 300).unwrap();
        assert_eq!(answer.len(), length);
        let mut damaged = answer.clone();
        damaged[13] ^= 1;
        assert_eq!(check.clone().check(&damaged, NOW), Err(TsigError::BadSignature), "{algorithm}");
        assert!(check.check(&answer, NOW).unwrap().signed);
        assert_eq!(check.check(&answer, NOW), Err(TsigError::BadSignature), "{algorithm}: the same again");

        let other = [super_key(&key)].into_iter().collect();
        let refusal = refusal(&request, &other, NOW);
        assert_eq!((refusal.code(), refusal.reason()), (Some(ErrorCode::BADSIG), Reason::BadSignature));
    }
}

/// The same key with another secret.
fn super_key(key: &Key) -> Key {
    Key::new(key.name().clone(), key.algorithm(), b"another secret").unwrap()
}

#[test]
fn what_is_not_signed_is_left_alone() {
    let ring = ring(&good(Algorithm::HMAC_SHA256));
    let with_opt = {
        let mut message = [&query(), OPT].concat();
        message[11] = 1;
        message
    };
    for message in [query(), with_opt, Vec::new(), vec![0xff; 100]] {
        assert!(matches!(examine(&message, &ring, NOW), Examined::Unsigned), "{message:02x?}");
    }
}

#[test]
fn an_unknown_key_or_another_algorithm_is_badkey_and_nobody_signs_the_answer() {
    let key = good(Algorithm::HMAC_SHA256);
    let (request, check) = signed(&key, NOW);
    let unknown = refusal(&request, &KeyRing::default(), NOW);
    assert_eq!((unknown.rcode(), unknown.reason()), (Rcode::NOTAUTH, Reason::UnknownKey));
    assert_eq!(unknown.key(), Some(key.name()));
    let badkey = TsigError::Refused { code: ErrorCode::BADKEY, server_time: None };
    assert_eq!(told(&unknown, &request, check.clone(), NOW), (9, badkey));
    let other = refusal(&request, &ring(&good(Algorithm::HMAC_SHA512)), NOW);
    assert_eq!(other.reason(), Reason::OtherAlgorithm(Algorithm::HMAC_SHA512));
    assert_eq!(told(&other, &request, check, NOW), (9, badkey));
}

#[test]
fn a_wrong_secret_is_badsig_and_nobody_signs_the_answer() {
    let key = good(Algorithm::HMAC_SHA1);
    let (request, check) = signed(&key, NOW);
    let refusal = refusal(&request, &ring(&super_key(&key)), NOW);
    let badsig = TsigError::Refused { code: ErrorCode::BADSIG, server_time: None };
    assert_eq!(told(&refusal, &request, check, NOW), (9, badsig));
}

#[test]
fn a_wrong_time_is_badtime_signed_and_tells_ours() {
    let key = good(Algorithm::HMAC_SHA256);
    for (now, off) in [(NOW + 301, -301), (NOW - 301, 301)] {
        let (request, check) = signed(&key, NOW);
        let refusal = refusal(&request, &ring(&key), now);
        assert_eq!(refusal.reason(), Reason::BadTime(off));
        // The client's own clock does not matter: its time is repeated.
        let badtime = TsigError::Refused { code: ErrorCode::BADTIME, server_time: Some(now) };
        assert_eq!(told(&refusal, &request, check.clone(), NOW), (9, badtime));
        let mut forged = refusal.answer(&request).unwrap();
        let last = forged.len() - 1;
        forged[last] ^= 1;
        assert_eq!(check.clone().check(&forged, NOW), Err(TsigError::BadSignature), "the time is covered");
    }
}

#[test]
fn a_code_cut_further_than_the_key_says_is_badtrunc_and_signed() {
    let cut: Algorithm = "hmac-sha256-128".parse().unwrap();
    let (request, check) = signed(&good(cut), NOW);
    let refusal = refusal(&request, &ring(&good(Algorithm::HMAC_SHA256)), NOW);
    assert_eq!(refusal.reason(), Reason::Truncated { octets: 16, least: 32 });
    let badtrunc = TsigError::Refused { code: ErrorCode::BADTRUNC, server_time: None };
    assert_eq!(told(&refusal, &request, check, NOW), (9, badtrunc));
    // Who allows that much takes that much and more, and cuts its own codes as the other side does.
    for (used, octets) in [(cut, 16), (Algorithm::HMAC_SHA256, 32)] {
        let (request, mut check) = signed(&good(used), NOW);
        let Examined::Signed(mut session) = examine(&request, &ring(&good(cut)), NOW) else { panic!() };
        let mut answer = query();
        session.sign(&mut answer, NOW).unwrap();
        assert_eq!(answer.len() - query().len(), 13 + 10 + 13 + 16 + octets);
        assert!(check.check(&answer, NOW).unwrap().signed);
    }
}

#[test]
fn the_time_is_looked_at_before_the_length_and_after_the_code() {
    let cut: Algorithm = "hmac-sha512-256".parse().unwrap();
    let (mut request, _) = signed(&good(cut), NOW);
    let whole = ring(&good(Algorithm::HMAC_SHA512));
    assert_eq!(refusal(&request, &whole, NOW + 999).code(), Some(ErrorCode::BADTIME));
    request[0] ^= 1;
    assert!(
        !matches!(examine(&request, &whole, NOW), Examined::Refused(refusal) if refusal.code() == Some(ErrorCode::BADSIG)),
        "the identifier may change on the way: the original one is in the record"
    );
    request[13] ^= 1;
    assert_eq!(refusal(&request, &whole, NOW + 999).code(), Some(ErrorCode::BADSIG));
}

/// The TSIG record of a signed query, taken apart: what is before the code, the code, what is behind it.
fn apart(request: &[u8], mac: usize) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let end = request.len() - 6;
    let (start, code) = (&request[..end - mac - 2], &request[end - mac..end]);
    (start.to_vec(), code.to_vec(), request[end..].to_vec())
}

/// The same query with another code, its lengths put right.
fn with_code(request: &[u8], mac: usize, code: &[u8]) -> Vec<u8> {
    let (mut start, _, rest) = apart(request, mac);
    let length_at = query().len() + 13 + 8;
    let length =
        u16::from_be_bytes([start[length_at], start[length_at + 1]]) - mac as u16 + code.len() as u16;
    start[length_at..length_at + 2].copy_from_slice(&length.to_be_bytes());
    [&start[..], &(code.len() as u16).to_be_bytes(), code, &rest].concat()
}

#[test]
fn codes_of_impossible_lengths_are_malformed() {
    for (algorithm, shortest) in
        [(Algorithm::HMAC_MD5, 10), (Algorithm::HMAC_SHA1, 10), (Algorithm::HMAC_SHA512, 32)]
    {
        let key = good(algorithm);
        let whole = algorithm.mac_octets();
        let (request, _) = signed(&key, NOW);
        let (_, code, _) = apart(&request, whole);
        assert_eq!(with_code(&request, whole, &code), request);
        let rcode = |code: &[u8]| {
            let refusal = refusal(&with_code(&request, whole, code), &ring(&key), NOW);
            (refusal.rcode(), refusal.code())
        };
        let longer = [&code[..], &[0]].concat();
        for code in [&[][..], &code[..shortest - 1], &longer] {
            assert_eq!(rcode(code), (Rcode::FORMERR, None), "{algorithm} with {} octets", code.len());
        }
        assert_eq!(rcode(&code[..shortest]), (Rcode::NOTAUTH, Some(ErrorCode::BADTRUNC)));
    }
}

#[test]
fn a_record_that_is_not_the_last_or_comes_twice_is_malformed() {
    let key = good(Algorithm::HMAC_SHA256);
    let (request, _) = signed(&key, NOW);
    let record = request[query().len()..].to_vec();
    for behind in [OPT, &record] {
        let mut message = [&request[..], behind].concat();
        message[11] = 2;
        let refusal = refusal(&message, &ring(&key), NOW);
        assert_eq!((refusal.rcode(), refusal.code()), (Rcode::FORMERR, None));
        let answer = refusal.answer(&message).unwrap();
        assert_eq!(answer[3] & 15, 1);
        let named = answer.windows(5).any(|octets| octets == b"\x03key\x07");
        assert!(!named, "there is no TSIG record");
    }
    let trailing = [&request[..], &[0]].concat();
    assert_eq!(refusal(&trailing, &ring(&key), NOW).rcode(), Rcode::FORMERR);
    let owner = query().len() + 13;
    for at in [owner + 3, owner + 7] {
        let mut message = request.clone();
        message[at] ^= 1;
        assert_eq!(refusal(&message, &ring(&key), NOW).rcode(), Rcode::FORMERR, "class and TTL, octet {at}");
    }
}

#[test]
fn a_refusal_repeats_question_and_edns() {
    let mut request = [&query(), OPT].concat();
    request[11] = 1;
    let check = sign_request(&mut request, &good(Algorithm::HMAC_SHA256), NOW).unwrap();
    let refusal = refusal(&request, &KeyRing::default(), NOW);
    let answer = refusal.answer(&request).unwrap();
    assert_eq!(&answer[12..12 + QUESTION.len()], QUESTION);
    assert_eq!(&answer[12 + QUESTION.len()..][..11], OPT, "with DO");
    assert_eq!(answer[11], 2);
    assert_eq!(told(&refusal, &request, check, NOW).0, 9);
    let mut response = request;
    response[2] |= 0x80;
    assert!(refusal.answer(&response).is_none(), "responses are not answered");
}
