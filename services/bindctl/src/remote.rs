//! Another machine, over HTTPS: the bus calls that commands make are made there by its REST door.
//!
//! So each command is the same code for here and there, and says the same. What differs is in this folder: the edits of
//! settings that are not committed yet are kept here (`remote/edits.rs`), since there they would be nobody's.

mod credentials;
mod edits;
mod https;

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tenon_bus::{Bus, BusError, Relay, RelayedCall, RelayedReply, Replying, names};

use crate::command_line::ServerOptions;
use crate::failure::Failure;
use edits::Edits;
pub(crate) use https::{Door, Sent};

/// A machine that is reached by its REST door.
#[derive(Clone)]
pub(crate) struct Remote {
    door: Arc<Door>,
    bus: Bus,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.door.url())
    }
}

impl Remote {
    /// The machine that options name; none when they name none. Asks for a password where it takes one.
    pub(crate) fn of(options: &ServerOptions) -> Result<Option<Self>, Failure> {
        let Some(url) = &options.server else { return Ok(None) };
        let door = Arc::new(Door::new(url, options)?);
        let other = if options.token_file.is_some() { "token" } else { "certificate" };
        let account = options.account.clone().unwrap_or_else(|| other.to_owned());
        let relay = DoorRelay { door: door.clone(), edits: Arc::new(Mutex::new(Edits::of(url, &account))) };
        Ok(Some(Self { door, bus: Bus::relayed(Arc::new(relay)) }))
    }

    /// Its bus.
    pub(crate) fn bus(&self) -> Bus {
        self.bus.clone()
    }

    /// Sends a file, such as a zone; gives what was answered.
    pub(crate) async fn send(&self, method: &'static str, page: String, file: File) -> Result<Sent, Failure> {
        let door = self.door.clone();
        let sent = tokio::task::spawn_blocking(move || door.send(method, &page, file)).await;
        sent.unwrap_or_else(|error| Err(Failure::Refused(error.to_string(), None)))
    }

    /// Has a page written into a file.
    pub(crate) async fn fetch(&self, page: String, to: PathBuf) -> Result<(), Failure> {
        let door = self.door.clone();
        let fetched = tokio::task::spawn_blocking(move || door.fetch(&page, &to)).await;
        fetched.unwrap_or_else(|error| Err(Failure::Refused(error.to_string(), None)))
    }

    /// Removes what stands at a page.
    pub(crate) async fn delete(&self, page: String) -> Result<Sent, Failure> {
        let door = self.door.clone();
        let deleted = tokio::task::spawn_blocking(move || door.delete(&page)).await;
        deleted.unwrap_or_else(|error| Err(Failure::Refused(error.to_string(), None)))
    }
}

/// Makes bus calls through the door.
#[derive(Debug)]
struct DoorRelay {
    door: Arc<Door>,
    edits: Arc<Mutex<Edits>>,
}

impl Relay for DoorRelay {
    fn call(&self, call: RelayedCall) -> Replying<'_> {
        let (door, edits) = (self.door.clone(), self.edits.clone());
        Box::pin(async move {
            let work = tokio::task::spawn_blocking(move || {
                if call.interface == names::CFGMGR_INTERFACE {
                    let mut edits = edits.lock().unwrap_or_else(PoisonError::into_inner);
                    return edits.call(&call, &|call| door.call(call));
                }
                door.call(&call)
            });
            work.await.unwrap_or_else(|error| Err(BusError::Malformed(error.to_string())))
        })
    }
}

/// A reply of these types and values.
fn reply(signature: &str, values: impl Into<Vec<Value>>) -> RelayedReply {
    RelayedReply { signature: signature.to_owned(), values: values.into() }
}
