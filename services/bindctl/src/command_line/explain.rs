//! The grammar of `bindctl explain`.

use clap::Subcommand;

/// Everything that can be explained.
#[derive(Debug, Subcommand)]
pub enum ExplainCommand {
    /// The way to the answer of a query: zone, version and files, name or wildcard, aliases
    Query {
        /// The name asked for
        name: String,
        /// The type asked for
        #[arg(value_name = "TYPE", default_value = "A")]
        rrtype: String,
    },
    /// Who may have a zone: xfrout/transfer_acl
    Transfer(MadeUp),
    /// Who may send NOTIFY: auth/notify_acl
    Notify(MadeUp),
    /// Who may change a zone: ddns/update_acl
    Update(MadeUp),
    /// Who may ask queries: auth/query_acl
    QueryAcl(MadeUp),
}

/// The request that an access list is asked about.
#[derive(Debug, clap::Args)]
pub struct MadeUp {
    /// The zone; for queries and notices any
    #[arg(default_value = "")]
    pub zone: String,
    /// Who asks: an address
    #[arg(long, value_name = "ADDRESS")]
    pub peer: String,
    /// The address that is asked
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    pub local: String,
    /// The key that signs the request
    #[arg(long, value_name = "NAME", default_value = "")]
    pub key: String,
    /// How the request comes
    #[arg(long, default_value = "tcp", value_parser = ["udp", "tcp", "tls", "https", "quic"])]
    pub transport: String,
    /// The name in the client's certificate
    #[arg(long, value_name = "NAME", default_value = "")]
    pub tls_name: String,
}
