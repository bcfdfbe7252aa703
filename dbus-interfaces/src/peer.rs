//! One object of one peer, called with a time limit.

use std::collections::HashMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use zbus::proxy::{CacheProperties, MethodFlags, Proxy};
use zbus::wire::{DynamicDeserialize, DynamicType};
use zbus::{Connection, OwnedVariant};

use crate::bus::Line;
use crate::relayed::RelayedCall;
use crate::value::map_to_json;
use crate::{Bus, BusError};

/// How long a peer may take over a call that only looks.
pub(crate) const READ_LIMIT: Duration = Duration::from_secs(10);

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
}

impl Peer {
    pub(crate) fn new(bus: &Bus, name: &str, path: &str, interface: &'static str, start: AutoStart) -> Self {
        Self { line: bus.line.clone(), name: name.into(), path: path.into(), interface, start }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

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
        self.send(self.interface, method, body, limit).await
    }

    /// All properties of the interface, read into a type whose fields carry their names.
    pub(crate) async fn properties<T: DeserializeOwned>(&self) -> Result<T, BusError> {
        let all: HashMap<String, OwnedVariant> =
            self.send("org.freedesktop.DBus.Properties", "GetAll", &(self.interface,), READ_LIMIT).await?;
        self.read(&all)
    }

    /// Sets a property that is text.
    pub(crate) async fn set_property(&self, name: &str, value: &str) -> Result<(), BusError> {
        let body = (self.interface, name, zbus::Variant::from(value));
        self.send("org.freedesktop.DBus.Properties", "Set", &body, READ_LIMIT).await
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
        match tokio::time::timeout(limit, self.ask(connection, interface, method, body)).await {
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
    ) -> zbus::Result<Option<R>>
    where
        B: serde::Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let flags = match self.start {
            AutoStart::No => MethodFlags::NO_AUTO_START,
            AutoStart::Yes => MethodFlags::ALLOW_INTERACTIVE_AUTH,
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
