//! Accounts from the command line: `tenon-cmdctl --add-account` and the like, which `bindctl account` runs.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use tenon_service::now_usec;

use crate::accounts::{Account, AccountError, Accounts, Token};
use crate::door::ACCOUNTS;
use crate::password;
use crate::scope::{Scope, Verb};

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
    /// Take a token away from an account: the account's name and the token's identifier, as lists show it
    #[arg(long, value_names = ["NAME", "TOKEN"], num_args = 2, group = "account")]
    remove_token: Option<Vec<String>>,
    /// Give an account the scopes named with --scope instead of those it has
    #[arg(long, value_name = "NAME", group = "account", requires = "scope")]
    set_scopes: Option<String>,
    /// Print the accounts as JSON, without secrets
    #[arg(long, group = "account")]
    list_accounts: bool,
    /// The new account may look and not change
    #[arg(long, requires = "add_account")]
    read_only: bool,
    /// Read the password of the new account from standard input
    #[arg(long, requires = "add_account")]
    password_stdin: bool,
    /// What the new account, or token of an account, may do: read, commit, zone, record, control; zone:example.com for a
    /// zone, zone:.example.com for it and all below
    #[arg(long, value_name = "SCOPE", conflicts_with = "read_only")]
    scope: Vec<Scope>,
    /// Days that the new account or token is good for; 0 for ever
    #[arg(long, value_name = "DAYS", default_value_t = 0)]
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
            || self.remove_token.is_some()
            || self.set_scopes.is_some()
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
            let scopes = match (self.read_only, self.scope.is_empty()) {
                (true, _) => vec![Scope::all(Verb::Read)],
                (false, true) => Scope::everything(),
                (false, false) => self.scope.clone(),
            };
            accounts.add(name, &secret, scopes, self.expires())?;
            accounts.write(path)?;
            return if self.password_stdin { Ok(()) } else { Ok(writeln!(io::stdout(), "{secret}")?) };
        }
        if let Some(name) = &self.remove_account {
            accounts.remove(name)?;
            return Ok(accounts.write(path)?);
        }
        if let Some(name) = &self.add_token {
            let token = password::secret()?;
            let scopes = (!self.scope.is_empty()).then(|| self.scope.clone());
            accounts.add_token(name, &token, scopes, self.expires())?;
            accounts.write(path)?;
            return Ok(writeln!(io::stdout(), "{token}")?);
        }
        if let Some([name, id]) = self.remove_token.as_deref() {
            accounts.remove_token(name, id)?;
            return Ok(accounts.write(path)?);
        }
        if let Some(name) = &self.set_scopes {
            accounts.set_scopes(name, self.scope.clone())?;
            return Ok(accounts.write(path)?);
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
    let account = |account: &Account| {
        let token = |token: &Token| json!({"id": token.id(), "expires_usec": token.expires_usec, "scopes": token.scopes});
        let tokens: Vec<_> = account.tokens.iter().map(token).collect();
        json!({
            "name": account.name,
            "scopes": account.scopes,
            "expires_usec": account.expires_usec,
            "tokens": tokens,
        })
    };
    let listed: Vec<_> = accounts.accounts.iter().map(account).collect();
    Ok(writeln!(io::stdout(), "{}", json!({"accounts": listed}))?)
}
