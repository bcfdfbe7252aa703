//! What an operator can choose about answers.

/// The options of answering; plain values, copied into each worker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AnswerSettings {
    /// Largest UDP response, and the size we tell clients that we take (RFC 6891 section 6.2.3); 512 to 4096.
    pub udp_payload_size: u16,
    /// Leave the authority and additional sections out where they are optional.
    pub minimal_responses: bool,
}

impl Default for AnswerSettings {
    fn default() -> Self {
        Self { udp_payload_size: 1232, minimal_responses: true }
    }
}
