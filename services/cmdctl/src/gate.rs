//! Who is asking: accounts by password, token or certificate.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use ring::hmac;
use ring::rand::SystemRandom;
use tenon_service::now_usec;
use tokio::sync::Semaphore;
use tracing::warn;

use crate::accounts::{Account, AccountsFile};
use crate::attempts::Attempts;
use crate::messages;
use crate::password;
use crate::scope::{Scope, Verb};
use crate::statistics::{Statistics, count};

/// Passwords looked at at a time: each takes 19 MiB and a good part of a second of a processor.
const AT_A_TIME: usize = 2;
/// Right passwords remembered, by a code that only this process can make.
const REMEMBERED: usize = 1024;
/// A hash that is of no password, for accounts that are not there: they take as long as others.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$dGVub24tY21kY3RsLW5vYg$VhFEHPaPZNlG8hQMb0gTzd9ZrPQkz2gCsIWcZyMxQ5Q";

/// Somebody who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// The account.
    pub account: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// What the token it came with may do of that; absent: all.
    pub token_scopes: Option<Vec<Scope>>,
    /// The address asked from.
    pub peer: IpAddr,
}

impl Visitor {
    /// Whether it may do something with a zone (in lower case with the final dot), or with what is of no zone.
    pub fn may(&self, verb: Verb, zone: Option<&str>) -> bool {
        let allow = |scopes: &[Scope]| scopes.iter().any(|scope| scope.allows(verb, zone));
        allow(&self.scopes) && self.token_scopes.as_deref().is_none_or(allow)
    }

    /// Whether it may do something with some zone or other.
    pub fn may_somewhere(&self, verb: Verb) -> bool {
        let allow = |scopes: &[Scope]| scopes.iter().any(|scope| scope.verb == verb);
        allow(&self.scopes) && self.token_scopes.as_deref().is_none_or(allow)
    }
}

/// Why somebody was not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Neither password nor token came along.
    Missing,
    /// No such account, wrong password, or a token that is not good (any more).
    Wrong,
    /// Too many wrong passwords; how long to wait.
    Limited(Duration),
    /// The accounts cannot be read.
    Broken(String),
}

/// The gate.
#[derive(Debug)]
pub struct Gate {
    accounts: AccountsFile,
    attempts: Attempts,
    per_minute: AtomicU32,
    hashing: Semaphore,
    /// Codes of right passwords. A password that was right once is known at once, also while others are limited.
    known: Mutex<HashSet<Vec<u8>>>,
    code: hmac::Key,
    statistics: Arc<Statistics>,
}

impl Gate {
    /// A gate for these accounts. Fails when the system has no random numbers.
    pub fn new(
        accounts: AccountsFile,
        per_minute: u32,
        statistics: Arc<Statistics>,
    ) -> Result<Self, ring::error::Unspecified> {
        Ok(Self {
            accounts,
            attempts: Attempts::default(),
            per_minute: AtomicU32::new(per_minute),
            hashing: Semaphore::new(AT_A_TIME),
            known: Mutex::default(),
            code: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())?,
            statistics,
        })
    }

    /// How many accounts there are; the reason when they cannot be read.
    pub fn accounts(&self) -> Result<usize, String> {
        self.accounts.now().map(|accounts| accounts.accounts.len())
    }

    /// Allows so many wrong passwords a minute from now on.
    pub fn set_failures(&self, per_minute: u32) {
        self.per_minute.store(per_minute, Ordering::Relaxed);
    }

    /// Lets somebody in by the value of the header field `Authorization`; without one by the name that his certificate was
    /// vouched to be of.
    pub async fn admit(
        &self,
        peer: IpAddr,
        authorization: Option<&str>,
        vouched: Option<&str>,
    ) -> Result<Visitor, Denied> {
        let admitted = match (authorization.map(|value| value.split_once(' ')), vouched) {
            (Some(Some((scheme, token))), _) if scheme.eq_ignore_ascii_case("bearer") => {
                self.by_token(token.trim())
            }
            (Some(Some((scheme, secret))), _) if scheme.eq_ignore_ascii_case("basic") => {
                self.by_password(peer, secret.trim()).await.map(|account| (account, None))
            }
            (None, Some(name)) => self.by_certificate(peer, name).map(|account| (account, None)),
            _ => return Err(Denied::Missing),
        };
        match admitted {
            Ok((Account { name: account, scopes, .. }, token_scopes)) => {
                Ok(Visitor { account, scopes, token_scopes, peer })
            }
            Err(denied) => {
                if denied == Denied::Wrong {
                    count(&self.statistics.authentications_failed);
                }
                Err(denied)
            }
        }
    }

    /// A token has been random all along: no guessing to be slowed down.
    fn by_token(&self, token: &str) -> Result<(Account, Option<Vec<Scope>>), Denied> {
        let accounts = self.accounts.now().map_err(Denied::Broken)?;
        let found = accounts.with_token(token, now_usec());
        found.map(|(account, token)| (account.clone(), token.scopes.clone())).ok_or(Denied::Wrong)
    }

    /// TLS has found the certificate good; whether its name is that of an account is all there is to see.
    fn by_certificate(&self, peer: IpAddr, name: &str) -> Result<Account, Denied> {
        let accounts = self.accounts.now().map_err(Denied::Broken)?;
        let account = accounts.named(name).filter(|account| account.is_good(now_usec()));
        account.cloned().ok_or_else(|| {
            warn!(
                message_id = messages::NOT_ADMITTED,
                peer = %peer,
                account = %name,
                "a good certificate of {name:?} from {peer}, and there is no such account"
            );
            Denied::Wrong
        })
    }

    async fn by_password(&self, peer: IpAddr, credentials: &str) -> Result<Account, Denied> {
        let (name, password) = name_and_password(credentials).ok_or(Denied::Wrong)?;
        let accounts = self.accounts.now().map_err(Denied::Broken)?;
        let account = accounts.named(&name).filter(|account| account.is_good(now_usec()));
        let hash = account.and_then(|account| account.password.as_deref()).unwrap_or(NOBODY).to_owned();
        let code = self.code_of(&name, &password, &hash);
        if let (Some(account), true) = (account, self.known().contains(code.as_ref())) {
            return Ok(account.clone());
        }
        self.take_attempt(peer, &name)?;
        let place = self.hashing.acquire().await;
        let checked = tokio::task::spawn_blocking(move || password::verify(&password, &hash)).await;
        drop(place);
        match (account, checked) {
            (Some(account), Ok(true)) => {
                self.attempts.give_back(peer, &name);
                self.remember(code.as_ref());
                Ok(account.clone())
            }
            _ => {
                warn!(
                    message_id = messages::NOT_ADMITTED,
                    peer = %peer,
                    account = %name,
                    "wrong password for account {name:?} from {peer}"
                );
                Err(Denied::Wrong)
            }
        }
    }

    fn take_attempt(&self, peer: IpAddr, name: &str) -> Result<(), Denied> {
        let per_minute = self.per_minute.load(Ordering::Relaxed);
        self.attempts.take(peer, name, per_minute, Instant::now()).map_err(|wait| {
            // Each was logged until there were too many; from then on the counter tells.
            if self.statistics.authentications_limited.fetch_add(1, Ordering::Relaxed).is_multiple_of(100) {
                warn!(
                    message_id = messages::LIMITED,
                    peer = %peer,
                    account = %name,
                    "too many wrong passwords for account {name:?} from {peer}: not looked at for {} s",
                    wait.as_secs()
                );
            }
            Denied::Limited(wait)
        })
    }

    fn code_of(&self, name: &str, password: &str, hash: &str) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.code);
        for part in [name, password, hash] {
            context.update(&part.len().to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign()
    }

    fn remember(&self, code: &[u8]) {
        let mut known = self.known();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(code.to_owned());
    }

    fn known(&self) -> MutexGuard<'_, HashSet<Vec<u8>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_and_password(credentials: &str) -> Option<(String, String)> {
    let text = String::from_utf8(BASE64.decode(credentials.as_bytes()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    // What is longer than any account or password need not be looked for.
    (name.len() <= password::LONGEST && password.len() <= password::LONGEST)
        .then(|| (name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::Accounts;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn gate(scratch: &tempfile::TempDir) -> Gate {
        let path = scratch.path().join("accounts.json");
        let mut accounts = Accounts::default();
        accounts.add("alice", "open sesame", vec![Scope::all(Verb::Read)], 0).unwrap();
        accounts.add_token("alice", "token", None, 0).unwrap();
        accounts.write(&path).unwrap();
        Gate::new(AccountsFile::new(path), 3, Arc::default()).unwrap()
    }

    fn basic(name: &str, password: &str) -> String {
        format!("Basic {}", BASE64.encode(format!("{name}:{password}").as_bytes()))
    }

    #[tokio::test]
    async fn passwords_and_tokens_let_in_and_nothing_else_does() {
        let scratch = tempfile::tempdir().unwrap();
        let gate = gate(&scratch);
        let admit = async |value: &str| gate.admit(PEER, Some(value), None).await;
        assert_eq!(admit(&basic("alice", "open sesame")).await.unwrap().account, "alice");
        assert_eq!(admit("bearer token").await.unwrap().scopes, [Scope::all(Verb::Read)]);
        for wrong in
            [&basic("alice", "x"), &basic("bob", "open sesame"), "Bearer x", "Basic ???", "Basic eA=="]
        {
            assert_eq!(admit(wrong).await, Err(Denied::Wrong), "{wrong}");
        }
        for missing in ["", "Basic", "Digest x"] {
            assert_eq!(admit(missing).await, Err(Denied::Missing), "{missing}");
        }
        assert_eq!(gate.admit(PEER, None, None).await, Err(Denied::Missing));
    }

    #[tokio::test]
    async fn a_certificate_lets_in_whom_it_names_and_a_password_goes_before_it() {
        let scratch = tempfile::tempdir().unwrap();
        let gate = gate(&scratch);
        assert_eq!(gate.admit(PEER, None, Some("alice")).await.unwrap().account, "alice");
        assert_eq!(gate.admit(PEER, None, Some("bob")).await, Err(Denied::Wrong));
        assert_eq!(gate.admit(PEER, Some("Bearer x"), Some("alice")).await, Err(Denied::Wrong));
        assert_eq!(gate.admit(PEER, Some("Digest x"), Some("alice")).await, Err(Denied::Missing));
    }

    #[tokio::test]
    async fn guessing_is_stopped_and_who_is_known_is_not() {
        let scratch = tempfile::tempdir().unwrap();
        let gate = gate(&scratch);
        let right = basic("alice", "open sesame");
        gate.admit(PEER, Some(&right), None).await.unwrap();
        for _ in 0..3 {
            assert_eq!(gate.admit(PEER, Some(&basic("alice", "x")), None).await, Err(Denied::Wrong));
        }
        assert!(matches!(gate.admit(PEER, Some(&basic("alice", "x")), None).await, Err(Denied::Limited(_))));
        gate.admit(PEER, Some(&right), None).await.unwrap();
        gate.admit(PEER, Some("Bearer token"), None).await.unwrap();
        assert_eq!(gate.statistics.authentications_limited.load(Ordering::Relaxed), 1);
        // A changed password is not known any more, and has to be looked at.
        let path = scratch.path().join("accounts.json");
        let mut accounts = Accounts::read(&path).unwrap();
        accounts.remove("alice").unwrap();
        accounts.add("alice", "another", Vec::new(), 0).unwrap();
        accounts.write(&path).unwrap();
        assert!(matches!(gate.admit(PEER, Some(&right), None).await, Err(Denied::Limited(_))));
    }

    #[test]
    fn a_token_may_do_what_it_and_its_account_may() {
        let scopes = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Scope>>();
        let visitor = Visitor {
            account: "alice".into(),
            scopes: scopes(&["read", "record:.example"]),
            token_scopes: Some(scopes(&["record:a.example", "zone"])),
            peer: PEER,
        };
        assert!(visitor.may(Verb::Record, Some("a.example.")));
        assert!(!visitor.may(Verb::Record, Some("b.example.")), "not the token");
        assert!(!visitor.may(Verb::Zone, Some("a.example.")), "not the account");
        assert!(!visitor.may(Verb::Read, None));
    }

    #[test]
    fn nobody_has_a_hash_that_takes_as_long() {
        let hash = password::hash("x").unwrap();
        let parameters = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(parameters(&hash), parameters(NOBODY));
        assert!(argon2::password_hash::phc::PasswordHash::new(NOBODY).is_ok());
    }
}
