//! The keeper of the bus: connects, serves the daemon's objects under its name, and does so again for ever.
//!
//! The daemon's task never waits for the bus. It hears of it by [`BusEvent`]s, which say "look again": at the start of a
//! connection, and for every owner of a name of Tenon that is there or comes.

mod config;
mod log;
mod stats;

use std::sync::Arc;
use std::time::Duration;

use tenon_bus::{Bus, BusError, OwnerChange, names};
use tokio::sync::{Notify, watch};
use tracing::{debug, info, warn};
use zbus::connection::Builder;

use crate::component::Owner;
use crate::messages;

/// How long to wait between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(1);

/// What a daemon hears of the bus.
#[derive(Clone, Debug)]
pub enum BusEvent {
    /// The bus is there, the daemon's objects are served and its name is owned.
    Connected(Bus),
    /// The connection broke; a new one will be tried for until it works.
    Disconnected,
    /// A bus name of Tenon, other than the daemon's own, is owned: at connection time or since now, perhaps by a new
    /// process.
    PeerAppeared(String),
    /// A bus name of Tenon lost its owner.
    PeerGone(String),
}

/// The connection of the moment. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CurrentBus {
    receiver: watch::Receiver<Option<Bus>>,
}

impl CurrentBus {
    /// Follows connections that are kept elsewhere: for programs that are no daemon, and tests.
    pub fn following(receiver: watch::Receiver<Option<Bus>>) -> Self {
        Self { receiver }
    }

    /// The bus, when there is one right now.
    pub fn get(&self) -> Option<Bus> {
        self.receiver.borrow().clone()
    }
}

pub(crate) type Register = Box<dyn Fn(Builder<'static>) -> Builder<'static> + Send + Sync>;
pub(crate) type Tell = Box<dyn Fn(BusEvent) + Send + Sync>;

pub(crate) struct Keeper {
    pub(crate) name: String,
    pub(crate) owner: Arc<dyn Owner>,
    pub(crate) register: Register,
    pub(crate) tell: Tell,
    pub(crate) ready_usec: Arc<std::sync::OnceLock<u64>>,
    pub(crate) current: watch::Sender<Option<Bus>>,
    /// Told once the first attempt is over, whatever came of it.
    pub(crate) attempted: Arc<Notify>,
}

impl Keeper {
    pub(crate) fn channel() -> (watch::Sender<Option<Bus>>, CurrentBus) {
        let (sender, receiver) = watch::channel(None);
        (sender, CurrentBus::following(receiver))
    }

    pub(crate) async fn run(self) {
        let mut complained = false;
        loop {
            match self.connect().await {
                Ok(bus) => {
                    complained = false;
                    info!(message_id = messages::BUS_BACK, bus_name = %self.name, "on the bus as {}", self.name);
                    self.current.send_replace(Some(bus.clone()));
                    (self.tell)(BusEvent::Connected(bus.clone()));
                    self.attempted.notify_one();
                    self.follow(&bus).await;
                    self.current.send_replace(None);
                    warn!(message_id = messages::BUS_LOST, "the bus went away; going on without it");
                    (self.tell)(BusEvent::Disconnected);
                }
                Err(error) => {
                    self.attempted.notify_one();
                    // Once is enough until something changes.
                    if std::mem::replace(&mut complained, true) {
                        debug!("still not on the bus: {error}");
                    } else {
                        complain(&self.name, &error);
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn connect(&self) -> Result<Bus, zbus::Error> {
        let path = names::path(&self.name);
        let config = config::ConfigFace::new(self.owner.clone());
        let stats = stats::StatsFace::new(self.owner.clone(), self.ready_usec.clone());
        let builder = Builder::system()
            .serve_at(path.clone(), config)
            .serve_at(path, stats)
            .serve_at(log::PATH, log::LogFace);
        // Objects and name go to one builder: it asks for the name last, when everything is served.
        let builder = (self.register)(builder)
            .name(self.name.clone())
            .allow_name_replacements(false)
            .replace_existing_names(false);
        let limit = Duration::from_secs(5);
        match tokio::time::timeout(limit, builder.build()).await {
            Ok(connected) => connected.map(tenon_bus::server::bus),
            Err(_) => Err(zbus::Error::Failure(format!("no answer within {} s", limit.as_secs()))),
        }
    }

    /// Tells of peers until the connection breaks.
    async fn follow(&self, bus: &Bus) {
        let Ok(mut changes) = bus.owner_changes().await else {
            bus.closed().await;
            return;
        };
        self.tell_all(bus).await;
        loop {
            let change = tokio::select! {
                change = changes.next() => change,
                () = bus.closed() => None,
            };
            match change {
                None => return,
                Some(OwnerChange::Lost) => self.tell_all(bus).await,
                Some(OwnerChange::Name { name, present }) if self.is_peer(&name) => {
                    let event = if present { BusEvent::PeerAppeared } else { BusEvent::PeerGone };
                    (self.tell)(event(name));
                }
                Some(OwnerChange::Name { .. }) => {}
            }
        }
    }

    async fn tell_all(&self, bus: &Bus) {
        let present: Result<Vec<String>, BusError> = bus.list_present(names::PREFIX).await;
        for name in present.unwrap_or_default().into_iter().filter(|name| self.is_peer(name)) {
            (self.tell)(BusEvent::PeerAppeared(name));
        }
    }

    fn is_peer(&self, name: &str) -> bool {
        name.starts_with(names::PREFIX) && name != self.name
    }
}

fn complain(name: &str, error: &zbus::Error) {
    if matches!(error, zbus::Error::NameTaken) {
        warn!(
            message_id = messages::NAME_TAKEN,
            bus_name = %name,
            "another process owns the bus name {name}; trying again every second"
        );
    } else {
        warn!(
            message_id = messages::BUS_LOST,
            reason = %error,
            "cannot get on the bus: {error}; going on without it, trying again every second"
        );
    }
}
