//! The accounts: who may come in, and for what.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tracing::error;

use crate::messages;
use crate::password;
use crate::scope::{Scope, ScopeError};
use crate::watched::{self, Identity};

/// Largest file that is read, in octets.
const FILE_LIMIT: u64 = 1 << 20;
/// Most characters of an account's name; tenon-cfgmgr takes no longer ones as authors.
const NAME: usize = 64;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Hash of its password in PHC form; none: tokens only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Until when it is good, in microseconds since the epoch; 0 for ever.
    #[serde(default, skip_serializing_if = "is_never")]
    pub expires_usec: u64,
    /// Its tokens.
    #[serde(default)]
    pub tokens: Vec<Token>,
}

/// A token of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// SHA-256 of the token in hexadecimal.
    pub sha256: String,
    /// Until when it is good, in microseconds since the epoch; 0 for ever.
    pub expires_usec: u64,
    /// What it may do of what its account may; absent: all of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<Scope>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_never(usec: &u64) -> bool {
    *usec == 0
}

/// All accounts, as in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// The accounts.
    pub accounts: Vec<Account>,
}

/// Why accounts were not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The name will not do.
    #[error("\"{0}\": an account's name has 1 to {NAME} letters, digits and . _ - @")]
    Name(String),
    /// There is one already.
    #[error("there is an account {0} already")]
    Exists(String),
    /// There is none.
    #[error("there is no account {0}")]
    Unknown(String),
    /// The account has no such token.
    #[error("account {0} has no token {1}")]
    UnknownToken(String, String),
    /// It is no scope.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// No hash could be made.
    #[error(transparent)]
    Hash(#[from] password::HashError),
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: io::Error,
    },
}

impl Accounts {
    /// Reads the file; no file is no account.
    pub fn read(path: &Path) -> Result<Self, AccountError> {
        let at = |error| AccountError::File { path: path.to_owned(), error };
        match watched::read(path, FILE_LIMIT) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(at(error)),
            Ok(text) => serde_json::from_slice(&text).map_err(|error| at(error.into())),
        }
    }

    /// Replaces the file.
    pub fn write(&self, path: &Path) -> Result<(), AccountError> {
        let at = |error| AccountError::File { path: path.to_owned(), error };
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| at(error.into()))?;
        text.push(b'\n');
        watched::replace(path, &text, 0o600).map_err(at)
    }

    /// Adds an account that is good until a time (0: for ever).
    pub fn add(
        &mut self,
        name: &str,
        password: &str,
        scopes: Vec<Scope>,
        expires_usec: u64,
    ) -> Result<(), AccountError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
        if name.is_empty() || name.len() > NAME || !name.chars().all(plain) {
            return Err(AccountError::Name(name.to_owned()));
        }
        if self.named(name).is_some() {
            return Err(AccountError::Exists(name.to_owned()));
        }
        let password = Some(password::hash(password)?);
        let name = name.to_owned();
        self.accounts.push(Account { name, password, scopes, expires_usec, tokens: Vec::new() });
        Ok(())
    }

    /// Adds a token to an account, and forgets those that are no longer good.
    pub fn add_token(
        &mut self,
        name: &str,
        token: &str,
        scopes: Option<Vec<Scope>>,
        expires_usec: u64,
    ) -> Result<(), AccountError> {
        let now = tenon_service::now_usec();
        let account = self.named_mut(name)?;
        account.tokens.retain(|token| is_good(token.expires_usec, now));
        account.tokens.push(Token { sha256: password::fingerprint(token), expires_usec, scopes });
        Ok(())
    }

    /// Takes a token away from an account, by the identifier that lists show.
    pub fn remove_token(&mut self, name: &str, id: &str) -> Result<(), AccountError> {
        let account = self.named_mut(name)?;
        let before = account.tokens.len();
        account.tokens.retain(|token| token.id() != id);
        if account.tokens.len() == before {
            return Err(AccountError::UnknownToken(name.to_owned(), id.to_owned()));
        }
        Ok(())
    }

    /// Gives an account other scopes.
    pub fn set_scopes(&mut self, name: &str, scopes: Vec<Scope>) -> Result<(), AccountError> {
        self.named_mut(name)?.scopes = scopes;
        Ok(())
    }

    fn named_mut(&mut self, name: &str) -> Result<&mut Account, AccountError> {
        let account = self.accounts.iter_mut().find(|account| account.name == name);
        account.ok_or_else(|| AccountError::Unknown(name.to_owned()))
    }

    /// Removes an account with its tokens.
    pub fn remove(&mut self, name: &str) -> Result<(), AccountError> {
        let before = self.accounts.len();
        self.accounts.retain(|account| account.name != name);
        if self.accounts.len() == before { Err(AccountError::Unknown(name.to_owned())) } else { Ok(()) }
    }

    /// The account of a name.
    pub fn named(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    /// A token that is good at a time, with its account.
    pub fn with_token(&self, token: &str, now_usec: u64) -> Option<(&Account, &Token)> {
        let sha256 = password::fingerprint(token);
        self.accounts.iter().filter(|account| account.is_good(now_usec)).find_map(|account| {
            let good = |token: &&Token| token.sha256 == sha256 && is_good(token.expires_usec, now_usec);
            account.tokens.iter().find(good).map(|token| (account, token))
        })
    }
}

impl Account {
    /// Whether it is good at a time.
    pub fn is_good(&self, now_usec: u64) -> bool {
        is_good(self.expires_usec, now_usec)
    }
}

impl Token {
    /// What it is called in lists: the beginning of its fingerprint, which is no secret.
    pub fn id(&self) -> &str {
        self.sha256.get(..8).unwrap_or(&self.sha256)
    }
}

fn is_good(expires_usec: u64, now_usec: u64) -> bool {
    expires_usec == 0 || now_usec < expires_usec
}

/// The accounts of a file, read again when it was replaced.
#[derive(Debug)]
pub struct AccountsFile {
    path: PathBuf,
    read: Mutex<Read>,
}

#[derive(Debug)]
struct Read {
    identity: Option<Identity>,
    accounts: Result<Arc<Accounts>, String>,
}

impl AccountsFile {
    /// The accounts of this file.
    pub fn new(path: PathBuf) -> Self {
        let nothing = Read { identity: None, accounts: Ok(Arc::default()) };
        let file = Self { path, read: Mutex::new(nothing) };
        let _ = file.now();
        file
    }

    /// The accounts now; the reason when they cannot be read, and then nobody may come in.
    pub fn now(&self) -> Result<Arc<Accounts>, String> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = Identity::of(&self.path);
        if identity != read.identity {
            *read = Read { identity, accounts: self.read_now() };
        }
        read.accounts.clone()
    }

    fn read_now(&self) -> Result<Arc<Accounts>, String> {
        Accounts::read(&self.path).map(Arc::new).map_err(|reason| {
            error!(
                message_id = messages::ACCOUNTS_BROKEN,
                reason = %reason,
                "the accounts cannot be read: {reason}; nobody is let in"
            );
            reason.to_string()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Verb;

    #[test]
    fn accounts_are_kept_and_their_changes_seen() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("accounts.json");
        let file = AccountsFile::new(path.clone());
        assert!(file.now().unwrap().accounts.is_empty());
        let mut accounts = Accounts::default();
        accounts.add("alice", "open sesame", Scope::everything(), 0).unwrap();
        accounts.add_token("alice", "old", None, 5).unwrap();
        accounts.add_token("alice", "token", Some(vec![Scope::all(Verb::Read)]), 0).unwrap();
        accounts.write(&path).unwrap();
        let seen = file.now().unwrap();
        assert_eq!(*seen, accounts);
        let name = |token: &str| seen.with_token(token, 10).map(|(account, _)| account.name.as_str());
        assert_eq!((name("token"), name("old"), name("other")), (Some("alice"), None, None));
        let id = seen.accounts[0].tokens[0].id().to_owned();
        accounts.remove_token("alice", &id).unwrap();
        assert!(accounts.with_token("token", 10).is_none());
        assert!(matches!(accounts.remove_token("alice", &id), Err(AccountError::UnknownToken(..))));
        accounts.accounts[0].expires_usec = 7;
        accounts.add_token("alice", "late", None, 0).unwrap();
        assert!(accounts.with_token("late", 6).is_some() && accounts.with_token("late", 7).is_none());
        std::fs::write(&path, "{").unwrap();
        assert!(file.now().unwrap_err().contains("accounts.json"));
    }

    #[test]
    fn names_are_plain_and_unique() {
        let mut accounts = Accounts::default();
        for name in ["", "two words", "x:y", "ä", &"x".repeat(65)] {
            assert!(matches!(accounts.add(name, "p", Vec::new(), 0), Err(AccountError::Name(_))), "{name}");
        }
        accounts.add("a", "p", Vec::new(), 0).unwrap();
        assert!(matches!(accounts.add("a", "p", Vec::new(), 0), Err(AccountError::Exists(_))));
        accounts.remove("a").unwrap();
        assert!(matches!(accounts.remove("a"), Err(AccountError::Unknown(_))));
        assert!(matches!(accounts.add_token("a", "t", None, 0), Err(AccountError::Unknown(_))));
    }
}
