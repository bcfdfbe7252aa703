//! `If-Match` and `If-None-Match`: which version a change was made on (RFC 9110 section 13). Entity tags are serials.

use axum::http::StatusCode;
use axum::http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use tenon_bus::{BusError, Expect};

use crate::problem::Problem;

/// What the header fields say of the version to be replaced.
pub(super) fn of(headers: &HeaderMap) -> Result<Expect, Problem> {
    let field = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?").trim());
    match (field(IF_MATCH), field(IF_NONE_MATCH)) {
        (None, None) => Ok(Expect::Anything),
        (None, Some("*")) => Ok(Expect::Absent),
        (Some(tag), None) => serial(tag).map(Expect::Serial),
        _ => Err(bad("If-None-Match takes * only, and not together with If-Match")),
    }
}

fn serial(tag: &str) -> Result<u32, Problem> {
    let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    inner.and_then(|serial| serial.parse().ok()).ok_or_else(|| {
        bad("If-Match takes one entity tag of the zone as it was told: its serial in double quotes")
    })
}

fn bad(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "BadPrecondition", "the precondition cannot be read", detail)
}

/// The problem of a service that found another version.
pub(super) fn failed(service: &'static str) -> impl Fn(BusError) -> Problem {
    move |error| match error {
        BusError::Conflict(reason) => missed(&reason),
        error => Problem::from_service(service, error).of_a_change(),
    }
}

/// The version is another.
pub(super) fn missed(reason: &str) -> Problem {
    Problem::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", "it is another version", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_serials_in_quotes() {
        let read = |fields: &[(HeaderName, &str)]| {
            let fields = fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap()));
            of(&fields.collect()).map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(read(&[]), Ok(Expect::Anything));
        assert_eq!(read(&[(IF_MATCH, "\"7\"")]), Ok(Expect::Serial(7)));
        assert_eq!(read(&[(IF_NONE_MATCH, "*")]), Ok(Expect::Absent));
        for wrong in ["7", "\"x\"", "*", "W/\"7\"", "\"7\", \"8\"", "\"4294967296\""] {
            assert_eq!(read(&[(IF_MATCH, wrong)]), Err(400), "{wrong}");
        }
        assert_eq!(read(&[(IF_NONE_MATCH, "\"7\"")]), Err(400));
        assert_eq!(read(&[(IF_MATCH, "\"7\""), (IF_NONE_MATCH, "*")]), Err(400));
    }
}
