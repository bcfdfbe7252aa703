//! Accounts from the command line: `tenon-cmdctl --add-account` and the like, which `bindctl account` runs.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tenon_service::now_usec;

use crate::accounts::{AccountError, Accounts, Scope};
use crate::door::ACCOUNTS;
use crate::password;

/// What to do with accounts.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct AccountOptions {
    /// Add an account and print its password, which is random unless --password-stdin is given
    #[arg(long, value_name = "NAME", group = "account")]
    add_account: Option<String>,
    /// Remove an account with its tokens
    #[arg(long, value_name = "NAME", group = "account")]
    remove_account: Option<String>,
    /// Make a token for an account and print it
    #[arg(long, value_name = "NAME", group = "account")]
    add_token: Option<String>,
    /// Print the accounts as JSON, without secrets
    #[arg(long, group = "account")]
    list_accounts: bool,
    /// The new account may look and not change
    #[arg(long, requires = "add_account")]
    read_only: bool,
    /// Read the password of the new account from standard input
    #[arg(long, requires = "add_account")]
    password_stdin: bool,
    /// Days that the new token is good for; 0 for ever
    #[arg(long, value_name = "DAYS", default_value_t = 0, requires = "add_token")]
    days: u32,
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
enum ToolError {
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error(transparent)]
    Hash(#[from] password::HashError),
    #[error("{0}")]
    Password(&'static str),
    #[error("standard input or output: {0}")]
    Stream(#[from] io::Error),
}

impl AccountOptions {
    /// Does what was asked; `None` when nothing was.
    pub fn answer(&self, state: &Path) -> Option<ExitCode> {
        let asked = self.add_account.is_some()
            || self.remove_account.is_some()
            || self.add_token.is_some()
            || self.list_accounts;
        asked.then(|| match self.carry_out(&state.join(ACCOUNTS)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let _ = writeln!(io::stderr(), "tenon-cmdctl: {error}");
                ExitCode::FAILURE
            }
        })
    }

    fn carry_out(&self, path: &Path) -> Result<(), ToolError> {
        let mut accounts = Accounts::read(path)?;
        if let Some(name) = &self.add_account {
            let secret = if self.password_stdin { given()? } else { password::secret()? };
            let scopes = if self.read_only { vec![Scope::Read] } else { vec![Scope::Read, Scope::Commit] };
            accounts.add(name, &secret, scopes)?;
            accounts.write(path)?;
            return if self.password_stdin { Ok(()) } else { Ok(writeln!(io::stdout(), "{secret}")?) };
        }
        if let Some(name) = &self.remove_account {
            accounts.remove(name)?;
            return Ok(accounts.write(path)?);
        }
        if let Some(name) = &self.add_token {
            let token = password::secret()?;
            accounts.add_token(name, &token, self.expires())?;
            accounts.write(path)?;
            return Ok(writeln!(io::stdout(), "{token}")?);
        }
        list(&accounts)
    }

    fn expires(&self) -> u64 {
        if self.days == 0 {
            return 0;
        }
        let lasts = Duration::from_secs(u64::from(self.days) * 86_400).as_micros();
        now_usec().saturating_add(u64::try_from(lasts).unwrap_or(u64::MAX))
    }
}

fn given() -> Result<String, ToolError> {
    let mut text = String::new();
    let limit = u64::try_from(password::LONGEST).unwrap_or(u64::MAX).saturating_add(2);
    io::stdin().take(limit).read_to_string(&mut text)?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    match password.len() {
        0..12 => Err(ToolError::Password("a password has at least 12 octets")),
        length if length > password::LONGEST => Err(ToolError::Password("a password has at most 512 octets")),
        _ => Ok(password.to_owned()),
    }
}

fn list(accounts: &Accounts) -> Result<(), ToolError> {
    let account = |account: &crate::accounts::Account| {
        let tokens: Vec<u64> = account.tokens.iter().map(|token| token.expires_usec).collect();
        json!({"name": account.name, "scopes": account.scopes, "tokens_expire_usec": tokens})
    };
    let listed: Vec<_> = accounts.accounts.iter().map(account).collect();
    Ok(writeln!(io::stdout(), "{}", json!({"accounts": listed}))?)
}
