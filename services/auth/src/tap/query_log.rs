//! A line in the log for each query.

use tenon_wire::{NameRef, RrType};
use tracing::info;

use super::Event;
use crate::messages;

/// Octets of the header, and of the type and class behind the name.
const HEADER: usize = 12;

/// Logs who asked what, and what came of it.
pub(super) fn log(event: &Event) {
    let (name, rrtype) = question(&event.query).unwrap_or_else(|| ("?".to_owned(), "?".to_owned()));
    let transport = format!("{:?}", event.transport).to_lowercase();
    let rcode = event.response.as_ref().and_then(|response| response.get(3)).map(|octet| octet & 0x0f);
    let outcome = rcode.map_or_else(|| "no answer".to_owned(), |rcode| format!("rcode {rcode}"));
    let octets = event.response.as_ref().map_or(0, Vec::len);
    info!(
        message_id = messages::QUERY,
        peer = %event.peer,
        transport,
        qname = %name,
        qtype = %rrtype,
        outcome = %outcome,
        octets,
        "{} asked for {name} {rrtype} over {transport}: {outcome}, {octets} octets", event.peer
    );
}

/// Name and type of the first question.
fn question(query: &[u8]) -> Option<(String, String)> {
    let (name, rest) = NameRef::split_from(query.get(HEADER..)?).ok()?;
    let rrtype = RrType(u16::from_be_bytes(*rest.first_chunk::<2>()?));
    Some((name.to_string(), rrtype.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_as_far_as_they_are_there() {
        let query = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x07example\0\0\x1c\0\x01";
        assert_eq!(question(query), Some(("example.".into(), "AAAA".into())));
        for length in 0..query.len() - 2 {
            assert_eq!(question(&query[..length]), None, "{length}");
        }
    }
}
