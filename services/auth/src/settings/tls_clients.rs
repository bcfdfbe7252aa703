//! What is made of certificates of clients: `auth/tls_clients`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is made of certificates of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsClients {
    /// Clients are not asked for one.
    #[default]
    Ignored,
    /// A client may show one; a bad one ends its connection.
    Optional,
    /// A client has to show one.
    Required,
}
