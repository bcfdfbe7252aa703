//! One object of one peer, called with a time limit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use zbus::proxy::{CacheProperties, MethodFlags, Proxy};
use zbus::wire::{DynamicDeserialize, DynamicType};
use zbus::{Connection, OwnedVariant};

use crate::bus::Line;
use crate::prompt::{PROMPT_LIMIT, Prompt};
use crate::relayed::RelayedCall;
use crate::value::map_to_json;
use crate::{Bus, BusError};

/// How long a peer may take over a call that only looks.
pub(crate) const READ_LIMIT: Duration = Duration::from_secs(10);
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Whether a call may start a peer that is not running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AutoStart {
    No,
    Yes,
}

#[derive(Clone, Debug)]
pub(crate) struct Peer {
    line: Line,
    name: String,
    path: String,
    interface: &'static str,
    start: AutoStart,
    prompt: Option<Arc<dyn Prompt>>,
}

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// It only looks.
    Look,
    /// It changes something: polkit may have somebody asked for a password first.
    Change,
}

impl Peer {
    pub(crate) fn new(bus: &Bus, name: &str, path: &str, interface: &'static str, start: AutoStart) -> Self {
        let (line, prompt) = (bus.line.clone(), bus.prompt.clone());
        Self { line, name: name.into(), path: path.into(), interface, start, prompt }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A call that only looks.
    pub(crate) async fn call<B, R>(&self, method: &'static str, body: &B) -> Result<R, BusError>
    where
        B: serde::Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        self.call_within(READ_LIMIT, method, body).await
    }

    pub(crate) async fn call_within<B, R>(
        &self,
        limit: Duration,
        method: &'static str,
        body: &B,
    ) -> Result<R, BusError>
    where
        B: serde::Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        self.send(self.interface, method, body, limit, Purpose::Look).await
    }

    /// A call that changes something.
    pub(crate) async fn change<B, R>(&self, method: &'static str, body: &B) -> Result<R, BusError>
    where
        B: serde::Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        self.change_within(READ_LIMIT, method, body).await
    }

    /// The same, which takes so long at most, and the time that somebody needs who is asked for a password.
    pub(crate) async fn change_within<B, R>(
        &self,
        limit: Duration,
        method: &'static str,
        body: &B,
    ) -> Result<R, BusError>
    where
        B: serde::Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let limit = self.with_prompt(limit);
        self.send(self.interface, method, body, limit, Purpose::Change).await
    }

    fn with_prompt(&self, limit: Duration) -> Duration {
        let is_asked = self.prompt.as_ref().is_some_and(|prompt| prompt.is_ready());
        if is_asked { limit + PROMPT_LIMIT } else { limit }
    }

    /// All properties of the interface, read into a type whose fields carry their names.
    pub(crate) async fn properties<T: DeserializeOwned>(&self) -> Result<T, BusError> {
        let all: HashMap<String, OwnedVariant> =
            self.send(PROPERTIES, "GetAll", &(self.interface,), READ_LIMIT, Purpose::Look).await?;
        self.read(&all)
    }

    /// Sets a property that is text.
    pub(crate) async fn set_property(&self, name: &str, value: &str) -> Result<(), BusError> {
        let body = (self.interface, name, zbus::Variant::from(value));
        self.send(PROPERTIES, "Set", &body, self.with_prompt(READ_LIMIT), Purpose::Change).await
    }

    /// An `a{sv}` read into a type whose fields carry the keys.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        map: &HashMap<String, OwnedVariant>,
    ) -> Result<T, BusError> {
        serde_json::from_value(map_to_json(map))
            .map_err(|error| BusError::Malformed(format!("{} of {}: {error}", self.interface, self.name)))
    }

    async fn send<B, R>(
        &self,
        interface: &str,
        method: &'static str,
        body: &B,
        limit: Duration,
        purpose: Purpose,
    ) -> Result<R, BusError>
    where
        B: serde::Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let late = || {
            let (name, seconds) = (&self.name, limit.as_secs());
            BusError::NoReply(format!("{name} did not answer {method} within {seconds} s"))
        };
        let connection = match &self.line {
            Line::Direct(connection) => connection,
            Line::Relayed(relay) => {
                let call = RelayedCall::new(&self.name, &self.path, interface, method, body)?;
                return tokio::time::timeout(limit, relay.call(call)).await.map_err(|_| late())??.read();
            }
        };
        match tokio::time::timeout(limit, self.ask(connection, interface, method, body, purpose)).await {
            Ok(Ok(Some(reply))) => Ok(reply),
            Ok(Ok(None)) => Err(BusError::Malformed(format!("{method} of {} gave no reply", self.name))),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(late()),
        }
    }

    async fn ask<B, R>(
        &self,
        connection: &Connection,
        interface: &str,
        method: &'static str,
        body: &B,
        purpose: Purpose,
    ) -> zbus::Result<Option<R>>
    where
        B: serde::Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let flags = match (self.start, purpose) {
            (AutoStart::No, Purpose::Look) => MethodFlags::NO_AUTO_START,
            (AutoStart::No, Purpose::Change) => {
                MethodFlags::NO_AUTO_START | MethodFlags::ALLOW_INTERACTIVE_AUTH
            }
            // Who only looks is not asked, whatever this says.
            (AutoStart::Yes, _) => MethodFlags::ALLOW_INTERACTIVE_AUTH,
        };
        let proxy: Proxy<'_> = zbus::proxy::Builder::new(connection)
            .destination(self.name.as_str())
            .path(self.path.as_str())
            .interface(interface)
            .cache_properties(CacheProperties::No)
            .build()
            .await?;
        proxy.call_with_flags::<_, _, R>(method, flags, body).await
    }
}
