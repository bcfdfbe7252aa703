//! The grammar of `bindctl account`.

use clap::Subcommand;

/// Everything that can be done with accounts of the REST door. They are in a file that root and tenon-cmdctl can read.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Add an account and print its password
    Add {
        /// The account's name
        name: String,
        /// It may look and not change
        #[arg(long)]
        read_only: bool,
        /// What it may do: read, commit, zone, record, control; zone:example.com for one zone, zone:.example.com for it and
        /// all below [default: everything]
        #[arg(long, value_name = "SCOPE", conflicts_with = "read_only")]
        scope: Vec<String>,
        /// Days that it is good for; 0 for ever
        #[arg(long, value_name = "DAYS", default_value_t = 0)]
        days: u32,
        /// Read the password from standard input instead of making one
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give an account other scopes
    Scopes {
        /// The account's name
        #[arg(id = "existing_account", value_name = "NAME")]
        name: String,
        /// What it may do from now on, as of `account add`
        #[arg(required = true)]
        scope: Vec<String>,
    },
    /// Remove an account with its tokens
    Remove {
        /// The account's name
        #[arg(id = "existing_account", value_name = "NAME")]
        name: String,
    },
    /// Make a token for an account and print it; programs use it instead of the password
    Token {
        /// The account's name
        #[arg(id = "existing_account", value_name = "NAME")]
        name: String,
        /// What it may do of what the account may, as of `account add` [default: all of that]
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<String>,
        /// Days that it is good for; 0 for ever
        #[arg(long, value_name = "DAYS", default_value_t = 90)]
        days: u32,
    },
    /// Take a token away from an account
    Revoke {
        /// The account's name
        #[arg(id = "existing_account", value_name = "NAME")]
        name: String,
        /// The token's identifier, as `account list` shows it
        #[arg(id = "existing_token", value_name = "TOKEN")]
        token: String,
    },
    /// List accounts with what they may do
    List,
}
