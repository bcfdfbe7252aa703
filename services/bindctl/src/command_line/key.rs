//! The grammar of `bindctl key`.

use std::path::PathBuf;

use clap::Subcommand;

const KEY_EXAMPLES: &str = "Examples:
  bindctl key add transfer.example.com
  bindctl key add old.example.com --algorithm hmac-md5 --secret-file secret.txt
  bindctl config set xfrout/transfer_acl '[{\"action\": \"ACCEPT\", \"key\": \"transfer.example.com\"}]'";

/// Everything that can be done with keys. Their secrets are shown once, when they are made, and never again.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Add a key, or give a key another secret, and tell every service
    #[command(after_help = KEY_EXAMPLES)]
    Add {
        /// The key's name, a domain name that both ends use
        #[arg(id = "key", value_name = "NAME")]
        name: String,
        /// hmac-sha256, hmac-sha384, hmac-sha512, hmac-sha224, hmac-sha1 or hmac-md5, with the bits of a shortened code
        /// behind it if wanted: hmac-sha256-128
        #[arg(long, value_name = "ALGORITHM", default_value = "hmac-sha256")]
        algorithm: String,
        /// Read the secret in base64 from a file; - for standard input
        #[arg(long, value_name = "FILE", conflicts_with = "generate")]
        secret_file: Option<PathBuf>,
        /// Make a secret and print lines for other servers; so it is without --secret-file
        #[arg(long)]
        generate: bool,
    },
    /// Remove a key that no setting names
    Remove {
        /// The key's name
        #[arg(id = "key", value_name = "NAME")]
        name: String,
    },
    /// List keys with the settings that name them
    List,
}
