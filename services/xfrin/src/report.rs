//! What a job tells of itself when it has ended.

use serde_json::{Map, Value, json};
use tenon_service::jobs::JobState;
use tenon_wire::rdata::Soa;

use crate::primary::Primary;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How it ended; [`Default`] is not an end.
    pub end: End,
    /// The numbers of the SOA record now stored.
    pub soa: Option<Soa>,
    /// Who answered.
    pub primary: Option<Primary>,
    /// What each primary that was tried in vain did wrong.
    pub failures: Vec<String>,
    /// What is odd.
    pub warnings: Vec<String>,
    /// What is stored came as a difference.
    pub is_difference: bool,
    /// For how many seconds the zone may still be answered, if the primary said so (RFC 7314).
    pub expires_in: Option<u32>,
    /// Octets received.
    pub octets: u64,
    /// Records of the new version.
    pub records: u64,
    /// How long it took.
    pub usec: u64,
}

/// How a job ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum End {
    /// No primary has a newer version.
    Current,
    /// A new version is stored.
    Transferred,
    /// Neither, and why.
    Failed(String),
    /// It was given up on request.
    #[default]
    Cancelled,
}

impl Report {
    /// How it ended, as jobs have it.
    pub fn state(&self) -> JobState {
        match self.end {
            End::Current | End::Transferred => JobState::Done,
            End::Failed(_) => JobState::Failed,
            End::Cancelled => JobState::Cancelled,
        }
    }

    /// The members that `org.tenon.Xfrin1` promises.
    pub fn details(&self) -> Map<String, Value> {
        let mut details = Map::new();
        let mut add = |key: &str, value: Value| drop(details.insert(key.to_owned(), value));
        match &self.end {
            End::Current => add("outcome", json!("current")),
            End::Transferred => {
                add("outcome", json!("transferred"));
                add("form", json!(if self.is_difference { "differences" } else { "whole" }));
            }
            End::Failed(reason) => add("reason", json!(reason)),
            End::Cancelled => add("reason", json!("given up on request")),
        }
        if let Some(soa) = self.soa {
            add("serial", json!(soa.serial));
            add("refresh", json!(soa.refresh));
            add("retry", json!(soa.retry));
            add("expire", json!(soa.expire));
        }
        if let Some(seconds) = self.expires_in {
            add("expires_in", json!(seconds));
        }
        if let Some(primary) = self.primary {
            add("primary", json!(primary.to_string()));
        }
        add("failures", json!(self.failures));
        add("warnings", json!(self.warnings));
        add("octets", json!(self.octets));
        add("records", json!(self.records));
        add("usec", json!(self.usec));
        details
    }
}
