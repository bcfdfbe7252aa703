//! Questions about the server itself: TXT records of class CH (RFC 4892 and what BIND began).

use tenon_wire::message::header::HEADER;
use tenon_wire::message::{Full, Question, Rcode, ResponseWriter, Section};
use tenon_wire::{Class, RrType};

use crate::AnswerSettings;

/// Answers a question of class CH. What has no text, and every other name and type, is refused as by the peers.
pub(crate) fn respond(
    settings: &AnswerSettings,
    question: &Question<'_>,
    writer: &mut ResponseWriter<'_>,
) -> Rcode {
    let asked = matches!(question.rrtype, RrType::TXT | RrType::ANY);
    let Some(text) = text(settings, question.name.octets()).filter(|text| asked && !text.is_empty()) else {
        return Rcode::REFUSED;
    };
    let mark = writer.mark();
    match write(writer, text.as_bytes()) {
        Ok(()) => Rcode::NOERROR,
        Err(Full) => {
            writer.rewind(mark);
            Rcode::SERVFAIL
        }
    }
}

fn text<'s>(settings: &'s AnswerSettings, name: &[u8]) -> Option<&'s str> {
    let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
    if is(b"\x07version\x04bind\x00") || is(b"\x07version\x06server\x00") {
        Some(&settings.version)
    } else if is(b"\x08hostname\x04bind\x00") || is(b"\x02id\x06server\x00") {
        Some(&settings.identity)
    } else if is(b"\x07authors\x04bind\x00") {
        Some(&settings.authors)
    } else {
        None
    }
}

/// Writes one TXT record of one string at the name of the question, not to be cached.
fn write(writer: &mut ResponseWriter<'_>, text: &[u8]) -> Result<(), Full> {
    let length = u8::try_from(text.len()).map_err(|_| Full)?;
    let ([a, b], [c, d]) = (RrType::TXT.0.to_be_bytes(), Class::CH.0.to_be_bytes());
    let [e, f] = (u16::from(length) + 1).to_be_bytes();
    writer.put(&[0xc0, HEADER as u8, a, b, c, d, 0, 0, 0, 0, e, f, length])?;
    writer.put(text)?;
    writer.count(Section::Answer, 1);
    Ok(())
}
