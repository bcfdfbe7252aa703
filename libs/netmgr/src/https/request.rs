//! What is asked for by a request of HTTP (RFC 8484 section 4.1).

use data_encoding::BASE64URL_NOPAD;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};

use crate::answering::{MESSAGE_MAX, MESSAGE_MIN};

/// The type of content of a DNS message (RFC 8484 section 6).
pub(super) const DNS_MESSAGE: &str = "application/dns-message";

/// The name of the variable with the message, in the query of a GET.
const VARIABLE: &str = "dns=";

/// Where the message of a request is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Here.
    Message(Vec<u8>),
    /// In the content, which follows.
    Follows,
}

/// Looks at the head of a request, whose content may have so many octets.
///
/// # Errors
/// The status that the request deserves.
pub(super) fn examine(
    head: &Parts,
    is_known: impl Fn(&str) -> bool,
    longest: usize,
) -> Result<Asked, StatusCode> {
    if !is_known(head.uri.path()) {
        return Err(StatusCode::NOT_FOUND);
    }
    match head.method {
        Method::GET | Method::HEAD => message_in(head.uri.query().unwrap_or_default(), longest),
        Method::POST => {
            let header = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
            if !header(CONTENT_TYPE).is_some_and(is_dns_message) {
                return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
            }
            let length = header(CONTENT_LENGTH).map(str::parse::<usize>);
            match length {
                Some(Err(_)) => Err(StatusCode::BAD_REQUEST),
                Some(Ok(length)) if length > longest => Err(StatusCode::PAYLOAD_TOO_LARGE),
                _ => Ok(Asked::Follows),
            }
        }
        _ => Err(StatusCode::METHOD_NOT_ALLOWED),
    }
}

/// Whether so many octets can be a message.
pub(super) fn is_message(length: usize) -> bool {
    (MESSAGE_MIN..=MESSAGE_MAX).contains(&length)
}

/// What a request without use is answered with; no content.
pub(super) fn refusal(status: StatusCode) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
    }
    response
}

/// The type may have parameters, of which none is defined.
fn is_dns_message(content_type: &str) -> bool {
    let kind = content_type.split_once(';').map_or(content_type, |(kind, _)| kind);
    kind.trim().eq_ignore_ascii_case(DNS_MESSAGE)
}

/// The message in the query of a URI, in base64url without padding (RFC 8484 section 6).
fn message_in(query: &str, longest: usize) -> Result<Asked, StatusCode> {
    let text = query.split('&').find_map(|pair| pair.strip_prefix(VARIABLE));
    let text = text.ok_or(StatusCode::BAD_REQUEST)?;
    let message = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| StatusCode::BAD_REQUEST)?;
    match message.len() {
        length if length > longest => Err(StatusCode::PAYLOAD_TOO_LARGE),
        length if !is_message(length) => Err(StatusCode::BAD_REQUEST),
        _ => Ok(Asked::Message(message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn asked(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<Asked, u16> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        examine(&head, |path| path == "/dns-query", 512).map_err(|status| status.as_u16())
    }

    #[test]
    fn requests_and_the_status_each_deserves() {
        // The example of RFC 8484 section 4.1.1.
        let text = "AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB";
        let url = format!("https://dns.example/dns-query?dns={text}");
        let Ok(Asked::Message(message)) = asked("GET", &url, &[]) else { panic!() };
        assert_eq!((message.len(), &message[12..16]), (33, &b"\x03www"[..]));
        assert!(matches!(asked("HEAD", &format!("{url}&other=1"), &[]), Ok(Asked::Message(_))));
        for (query, status) in [
            ("", 400),
            ("?dns", 400),
            ("?dns=", 400),
            ("?dns=AAAA", 400),
            ("?name=example.com", 400),
            (&format!("?dns={text}="), 400),
            (&format!("?dns={}", text.replace('A', "+")), 400),
            (&format!("?dns={}", "A".repeat(1000)), 413),
        ] {
            assert_eq!(asked("GET", &format!("/dns-query{query}"), &[]), Err(status), "{query}");
        }
        for path in ["/", "/dns-query/", "/dns-quer", "/DNS-query"] {
            assert_eq!(asked("GET", &format!("{path}?dns={text}"), &[]), Err(404), "{path}");
        }
        for method in ["PUT", "DELETE", "OPTIONS", "CONNECTS"] {
            assert_eq!(asked(method, "/dns-query", &[]), Err(405), "{method}");
        }
        let post = |headers: &[_]| asked("POST", "/dns-query", headers);
        assert_eq!(post(&[("content-type", DNS_MESSAGE)]), Ok(Asked::Follows));
        let odd = "Application/DNS-Message; q=1";
        assert_eq!(post(&[("content-type", odd), ("content-length", "512")]), Ok(Asked::Follows));
        assert_eq!(post(&[("content-type", DNS_MESSAGE), ("content-length", "513")]), Err(413));
        assert_eq!(post(&[("content-type", DNS_MESSAGE), ("content-length", "-1")]), Err(400));
        assert_eq!(post(&[]), Err(415));
        assert_eq!(post(&[("content-type", "application/dns-json")]), Err(415));
    }
}
