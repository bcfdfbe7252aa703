//! What an operator can choose about answers.

use std::sync::Arc;

use tenon_image::Expiries;

use crate::CookieSecrets;

/// The options of answering; the workers share them, unchanged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnswerSettings {
    /// Largest UDP response, and the size we tell clients that we take (RFC 6891 section 6.2.3); 512 to 4096.
    pub udp_payload_size: u16,
    /// Leave out the zone's name servers and their addresses beside a positive answer.
    pub minimal_responses: bool,
    /// Answer ANY over UDP with one RRset (RFC 8482 section 4.1), and RRSIG with the signatures of one.
    pub minimal_any: bool,
    /// How long a TCP connection may be idle, told to clients that ask (RFC 7828); in units of 100 milliseconds, 0 for
    /// not told.
    pub tcp_keepalive: u16,
    /// What cookies are made with (RFC 7873, RFC 9018); none for no cookies.
    pub cookie_secrets: Option<CookieSecrets>,
    /// Answer over UDP with BADCOOKIE when a client that speaks of cookies has none of ours that is good.
    pub require_cookies: bool,
    /// What the NSID option says (RFC 5001); 0 to 128 octets, none for no option.
    pub nsid: String,
    /// Answer to `version.bind` and `version.server`, class CH; 0 to 255 octets, none for REFUSED.
    pub version: String,
    /// Answer to `hostname.bind` and `id.server` (RFC 4892), class CH; 0 to 255 octets, none for REFUSED.
    pub identity: String,
    /// Answer to `authors.bind`, class CH; 0 to 255 octets, none for REFUSED.
    pub authors: String,
    /// How long secondary zones may still be answered, for the option EXPIRE (RFC 7314).
    pub expiries: Arc<Expiries>,
}

impl Default for AnswerSettings {
    fn default() -> Self {
        Self {
            udp_payload_size: 1232,
            minimal_responses: true,
            minimal_any: true,
            tcp_keepalive: 0,
            cookie_secrets: None,
            require_cookies: false,
            nsid: String::new(),
            version: String::new(),
            identity: String::new(),
            authors: String::new(),
            expiries: Arc::default(),
        }
    }
}
