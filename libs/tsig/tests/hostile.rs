//! Octets that nobody would send in earnest: nothing panics, nothing is believed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;
use tenon_tsig::{Algorithm, AnswerCheck, Examined, Key, KeyRing, examine, sign_request};

const NOW: u64 = 1_700_000_000;

fn key() -> Key {
    Key::new("key.".parse().unwrap(), Algorithm::HMAC_SHA256, b"secret").unwrap()
}

fn signed() -> (Vec<u8>, AnswerCheck) {
    let mut request = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x06\x00\x01".to_vec();
    let check = sign_request(&mut request, &key(), NOW).unwrap();
    (request, check)
}

fn ring() -> KeyRing {
    [key()].into_iter().collect()
}

fn is_signed(message: &[u8]) -> bool {
    match examine(message, &ring(), NOW) {
        Examined::Signed(mut session) => {
            let mut answer = message.get(..session.unsigned_length()).unwrap().to_vec();
            let _ = session.sign(&mut answer, NOW);
            true
        }
        Examined::Refused(refusal) => {
            if let Some(answer) = refusal.answer(message) {
                assert!(answer.len() <= message.len() + 512);
            }
            false
        }
        Examined::Unsigned => false,
    }
}

proptest! {
    #[test]
    fn any_octets(octets in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(!is_signed(&octets));
        prop_assert!(signed().1.check(&octets, NOW).is_err());
    }

    #[test]
    fn any_octets_behind_a_header_that_counts_them(
        counts in prop::array::uniform4(0u8..4),
        body in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(1), Just(250), Just(255), Just(0xc0)], 0..120),
    ) {
        let mut message = vec![0x12, 0x34, 1, 0];
        counts.iter().for_each(|&count| message.extend([0, count]));
        message.extend(body);
        prop_assert!(!is_signed(&message));
        prop_assert!(signed().1.check(&message, NOW).is_err());
    }

    #[test]
    fn one_octet_changed_anywhere_but_in_the_identifier(at in 2usize..1000, change in 1u8..=255) {
        let (mut message, _) = signed();
        let at = 2 + at % (message.len() - 2);
        message[at] ^= change;
        // Names ignore the case of letters; what is covered is the lower case.
        let case = change == 0x20 && message[at].is_ascii_alphabetic() && at > 19;
        prop_assert!(case || !is_signed(&message), "octet {}", at);
    }

    #[test]
    fn cut_anywhere(at in 0usize..1000) {
        let (message, _) = signed();
        let at = at % message.len();
        prop_assert!(!is_signed(&message[..at]));
    }

    #[test]
    fn key_files_of_any_text(text in "\\PC{0,200}") {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        std::fs::write(&path, &text).unwrap();
        prop_assert!(KeyRing::read(&path).is_err());
    }
}
