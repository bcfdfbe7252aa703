//! Access lists: who may do what.
//!
//! A list is an ordered row of rules. The first rule that matches a request decides; a request that none matches is
//! rejected. A rule matches when all of its terms do; a term with several values matches when one of them does; a rule
//! without terms matches everybody. The terms are `from`, `local`, `transport`, `key`, `tls_name`, and those that hold
//! other terms: `NOT` (they do not all match), `ANY` (one group of them matches) and `ALL` (every group matches).
//!
//! ```
//! use tenon_acl::{AccessList, Action, Request, Transport};
//!
//! let list: AccessList = serde_json::from_str(r#"[
//!     {"action": "DROP", "from": "192.0.2.66"},
//!     {"action": "ACCEPT", "key": "transfer.example.", "NOT": {"from": "192.0.2.128/25"}},
//!     {"action": "ACCEPT", "from": ["192.0.2.0/24", "2001:db8::/32"], "transport": ["tcp", "tls"]}
//! ]"#).unwrap();
//! let request = Request {
//!     peer: "192.0.2.7:5353".parse().unwrap(),
//!     local: "198.51.100.1:53".parse().unwrap(),
//!     transport: Transport::Tcp,
//!     key: None,
//!     tls_name: None,
//! };
//! let decision = list.decide(&request);
//! assert_eq!(decision.action, Action::Accept);
//! assert_eq!(decision.named("transfer_acl").to_string(), "transfer_acl/2");
//! ```
//!
//! Knows neither sockets nor settings nor who is guarded. Unknown terms are refused, never passed over: a list that an
//! older program reads must not let in whom a newer term would have kept out. So terms can be added later without
//! changing what a document of today means.

mod list;
mod names;
mod prefix;
mod request;
mod rule;
mod term;
mod trace;
mod transports;

pub use list::{AccessList, Decision, NamedRule};
pub use names::{Keys, TlsNames};
pub use prefix::{Prefix, PrefixError, Prefixes};
pub use request::{OwnedRequest, Request, RequestText, RequestTextError};
pub use rule::{Action, Rule};
/// How a request came; see [`tenon_handover::Transport`].
pub use tenon_handover::Transport;
pub use term::Terms;
pub use trace::{RuleTrace, Trace};
pub use transports::Transports;
