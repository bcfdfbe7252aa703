//! The question parser beside hickory-proto's and domain's reading of the same octets.

use domain::base::{Message as DomainMessage, ToName};
use hickory_proto::op::Message as HickoryMessage;
use tenon_wire::message::{Header, Query, QueryError};

/// Reads octets as a query; what could be read must be what the others read.
///
/// # Panics
/// They disagree.
pub fn question(octets: &[u8]) {
    match Query::read(octets) {
        Ok(query) => {
            domain_agrees(octets, &query);
            hickory_agrees(octets, &query);
        }
        Err(QueryError::Ignore) => {
            let header = Header::split_from(octets);
            assert!(header.is_none_or(|(header, _)| header.is_response()), "ignored without a reason");
        }
        Err(QueryError::Malformed { .. } | QueryError::Opcode { .. }) => {}
    }
}

fn domain_agrees(octets: &[u8], query: &Query<'_>) {
    let message = DomainMessage::from_octets(octets).unwrap();
    assert_eq!(message.header().id(), query.header.id());
    let theirs = message.sole_question().unwrap();
    assert_eq!(theirs.qtype().to_int(), query.question.rrtype.0);
    assert_eq!(theirs.qclass().to_int(), query.question.class.0);
    let name: domain::base::Name<Vec<u8>> = theirs.qname().to_name();
    assert_eq!(name.as_slice(), query.question.name.octets());
    let Some(edns) = query.edns else { return };
    let opt = message.opt().unwrap();
    assert_eq!(opt.udp_payload_size(), edns.udp_payload_size);
    assert_eq!(opt.version(), edns.version);
    assert_eq!(opt.dnssec_ok(), edns.dnssec_ok);
}

/// hickory-proto also reads the data of records behind the question, which do not matter here, and may refuse for those.
fn hickory_agrees(octets: &[u8], query: &Query<'_>) {
    let Ok(message) = HickoryMessage::from_vec(octets) else { return };
    assert_eq!(message.metadata.id, query.header.id());
    let [theirs] = &message.queries[..] else { panic!("{} questions", message.queries.len()) };
    assert_eq!(u16::from(theirs.query_type()), query.question.rrtype.0);
    assert_eq!(u16::from(theirs.query_class()), query.question.class.0);
    let labels: Vec<&[u8]> = query.question.name.labels().filter(|label| !label.is_empty()).collect();
    assert!(theirs.name().iter().eq(labels), "{} and {}", theirs.name(), query.question.name);
    assert_eq!(message.edns.is_some(), query.edns.is_some());
    if let (Some(theirs), Some(ours)) = (&message.edns, query.edns) {
        assert_eq!((theirs.version(), theirs.flags().dnssec_ok), (ours.version, ours.dnssec_ok));
        assert_eq!(theirs.max_payload(), ours.udp_payload_size.max(512));
    }
}
