//! The connection to the bus: who is there, and who comes and goes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::select_all;
use tokio::sync::broadcast;
use tokio::task::AbortHandle;
use zbus::{Connection, MatchRule, MessageStream};

use crate::BusError;
use crate::peer::{AutoStart, Peer};
use crate::prompt::Prompt;
use crate::relayed::{Relay, RelayedCall, RelayedReply};

/// How long connecting to the bus may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Signals held for a listener that is slow; what comes on top is told as lost.
pub(crate) const SIGNALS_HELD: usize = 1024;

/// A connection to the system bus, of this machine or, for calls, of another. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bus {
    pub(crate) line: Line,
    pub(crate) prompt: Option<Arc<dyn Prompt>>,
}

/// How calls get to the bus.
#[derive(Clone, Debug)]
pub(crate) enum Line {
    /// This program is on it.
    Direct(Connection),
    /// Another program makes them.
    Relayed(Arc<dyn Relay>),
}

impl Bus {
    /// Connects to the system bus, or to `DBUS_SYSTEM_BUS_ADDRESS` when that is set.
    pub async fn system() -> Result<Self, BusError> {
        Self::connect(zbus::connection::Builder::system()).await
    }

    /// Connects to the bus at a D-Bus address, such as `unix:path=/run/dbus/system_bus_socket`.
    pub async fn at(address: &str) -> Result<Self, BusError> {
        Self::connect(zbus::connection::Builder::address(address)).await
    }

    async fn connect(builder: zbus::connection::Builder<'_>) -> Result<Self, BusError> {
        match tokio::time::timeout(CONNECT_LIMIT, builder.build()).await {
            Ok(Ok(connection)) => Ok(Self::over(Line::Direct(connection))),
            Ok(Err(zbus::Error::InputOutput(error))) => Err(BusError::NotReachable(error.to_string())),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(BusError::NotReachable(format!("no answer within {} s", CONNECT_LIMIT.as_secs()))),
        }
    }

    /// The bus that a relay makes calls on. Signals do not come that way.
    pub fn relayed(relay: Arc<dyn Relay>) -> Self {
        Self::over(Line::Relayed(relay))
    }

    pub(crate) const fn over(line: Line) -> Self {
        Self { line, prompt: None }
    }

    /// The same, for a program whose user can be asked for a password.
    #[must_use]
    pub fn with_prompt(self, prompt: Arc<dyn Prompt>) -> Self {
        Self { prompt: Some(prompt), ..self }
    }

    /// Whether calls go by a relay.
    pub fn is_relayed(&self) -> bool {
        matches!(self.line, Line::Relayed(_))
    }

    /// Makes a call for a program that is not on the bus. `start`: the service is started if it does not run.
    pub async fn relay(
        &self,
        call: &RelayedCall,
        limit: Duration,
        start: bool,
    ) -> Result<RelayedReply, BusError> {
        match &self.line {
            Line::Direct(connection) => call.make(connection, limit, start).await,
            Line::Relayed(relay) => relay.call(call.clone()).await,
        }
    }

    /// Whether the connection is gone.
    pub fn is_closed(&self) -> bool {
        self.direct().is_ok_and(Connection::is_closed)
    }

    /// Returns when the connection is gone; at once if it is.
    pub async fn closed(&self) {
        match self.direct() {
            Ok(connection) => connection.closed().await,
            Err(_) => std::future::pending().await,
        }
    }

    /// The connection, for what takes one: signals and objects.
    pub(crate) fn direct(&self) -> Result<&Connection, BusError> {
        match &self.line {
            Line::Direct(connection) => Ok(connection),
            Line::Relayed(_) => {
                Err(BusError::NotReachable("signals come over the bus of this machine only".to_owned()))
            }
        }
    }

    /// Bus names that begin with `prefix` and are owned now, sorted. Nothing is started by looking.
    pub async fn list_present(&self, prefix: &str) -> Result<Vec<String>, BusError> {
        let names: Vec<String> = self.driver().call("ListNames", &()).await?;
        let mut names: Vec<String> = names.into_iter().filter(|name| name.starts_with(prefix)).collect();
        names.sort();
        Ok(names)
    }

    /// Whether `name` is owned now.
    pub async fn is_present(&self, name: &str) -> Result<bool, BusError> {
        self.driver().call("NameHasOwner", &(name,)).await
    }

    /// Whether the bus could start an owner of `name`.
    pub async fn is_activatable(&self, name: &str) -> Result<bool, BusError> {
        let names: Vec<String> = self.driver().call("ListActivatableNames", &()).await?;
        Ok(names.iter().any(|candidate| candidate == name))
    }

    /// Has the bus read its policy again; for root.
    pub async fn reload_policy(&self) -> Result<(), BusError> {
        self.driver().change("ReloadConfig", &()).await
    }

    /// Follows owners of all bus names from now on. Ask [`Bus::list_present`] after this call for those already there.
    pub async fn owner_changes(&self) -> Result<OwnerChanges, BusError> {
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .build()?;
        let read = |message: &zbus::Message| {
            let body = message.body();
            let (name, _, new): (String, String, String) = body.deserialize().ok()?;
            (!name.starts_with(':')).then_some(OwnerChange::Name { name, present: !new.is_empty() })
        };
        Ok(OwnerChanges { feed: Feed::start(self.direct()?, vec![rule.into_owned()], read).await? })
    }

    pub(crate) fn driver(&self) -> Peer {
        let name = "org.freedesktop.DBus";
        Peer::new(self, name, "/org/freedesktop/DBus", name, AutoStart::No)
    }
}

/// What [`OwnerChanges`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerChange {
    /// A well-known name got an owner, changed it, or lost it.
    Name {
        /// The well-known name.
        name: String,
        /// Whether somebody owns it now.
        present: bool,
    },
    /// The listener was too slow and changes were dropped: look at everything again.
    Lost,
}

/// A stream of owner changes; ends with the connection.
#[derive(Debug)]
pub struct OwnerChanges {
    feed: Feed<OwnerChange>,
}

impl OwnerChanges {
    /// The next change, or `None` when the connection is gone.
    pub async fn next(&mut self) -> Option<OwnerChange> {
        self.feed.next(OwnerChange::Lost).await
    }
}

/// A stream of signals drained by a task of its own, because a stream that nobody reads stops the whole connection.
#[derive(Debug)]
pub(crate) struct Feed<T> {
    receiver: broadcast::Receiver<T>,
    task: AbortHandle,
}

impl<T: Clone + Send + 'static> Feed<T> {
    /// Follows what one of the rules says; no message may be meant by two of them.
    pub(crate) async fn start(
        connection: &Connection,
        rules: Vec<MatchRule<'static>>,
        read: impl Fn(&zbus::Message) -> Option<T> + Send + 'static,
    ) -> Result<Self, BusError> {
        let mut streams = Vec::with_capacity(rules.len());
        for rule in rules {
            streams.push(MessageStream::for_match_rule(rule, connection, None).await?);
        }
        let mut stream = select_all(streams);
        let (sender, receiver) = broadcast::channel(SIGNALS_HELD);
        let drain = async move {
            while let Some(Ok(message)) = stream.next().await {
                // An item that does not read is not of this interface; a listener that is gone is not waited for.
                if let Some(item) = read(&message) {
                    let _ = sender.send(item);
                }
            }
        };
        Ok(Self { receiver, task: tokio::spawn(drain).abort_handle() })
    }

    pub(crate) async fn next(&mut self, lost: T) -> Option<T> {
        match self.receiver.recv().await {
            Ok(item) => Some(item),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(lost),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl<T> Drop for Feed<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}
