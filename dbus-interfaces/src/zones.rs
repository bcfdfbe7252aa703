//! `org.tenon.Zones1`: the life of zones, told by signals.

use serde::Serialize;
use zbus::MatchRule;

use crate::bus::Feed;
use crate::names::{ZONES_INTERFACE, ZONES_PATH};
use crate::{Bus, BusError};

/// What happened to a zone. An event says "look again" and nothing more: it may be lost, doubled or forged.
/// Zone names are in lower case with the final dot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ZoneEvent {
    /// A new version was committed to the data source.
    Changed {
        /// The zone's name.
        zone: String,
        /// Serial of its SOA.
        serial: u32,
        /// `load`, `transfer` or `update`.
        cause: String,
    },
    /// A large version is being written; it may never be committed.
    Coming {
        /// The zone's name.
        zone: String,
    },
    /// A zone was removed from the data source.
    Removed {
        /// The zone's name.
        zone: String,
    },
    /// The manifest names a new image of the zone.
    ImageReady {
        /// The zone's name.
        zone: String,
        /// Serial of the image.
        serial: u32,
        /// Generation of the manifest.
        generation: u64,
    },
    /// A committed version could not be compiled.
    ImageFailed {
        /// The zone's name.
        zone: String,
        /// Serial of the version.
        serial: u32,
        /// Why, for people.
        reason: String,
    },
    /// The manifest changed in some way.
    ManifestChanged {
        /// Its new generation.
        generation: u64,
    },
    /// A secondary zone could not be refreshed from any of its primaries.
    TransferFailed {
        /// The zone's name.
        zone: String,
        /// Why, for people.
        reason: String,
    },
    /// A primary of the zone said that it changed, and was heard.
    NotifyReceived {
        /// The zone's name.
        zone: String,
        /// Serial of the SOA that came along; 0 when there was none.
        serial: u32,
        /// Address of the sender.
        peer: String,
    },
    /// A secondary zone was found current, or transferred.
    Refreshed {
        /// The zone's name.
        zone: String,
        /// The serial stored now.
        serial: u32,
    },
    /// A secondary zone was not refreshed for the time that its SOA allows.
    Expired {
        /// The zone's name.
        zone: String,
    },
    /// The listener was too slow and events were dropped: look at everything again. Never sent.
    Lost,
}

/// A stream of zone events; ends with the connection.
#[derive(Debug)]
pub struct ZoneEvents {
    feed: Feed<ZoneEvent>,
}

impl ZoneEvents {
    /// The next event, or `None` when the connection is gone.
    pub async fn next(&mut self) -> Option<ZoneEvent> {
        self.feed.next(ZoneEvent::Lost).await
    }
}

impl Bus {
    /// Follows zone events from now on, whoever sends them.
    pub async fn zone_events(&self) -> Result<ZoneEvents, BusError> {
        let rules = vec![rule(None)?];
        Ok(ZoneEvents { feed: Feed::start(self.direct()?, rules, read).await? })
    }

    /// Follows zone events whose signals have one of these names; the bus delivers no others. With many zones that counts:
    /// a change of one is told three or four times.
    pub async fn zone_events_named(&self, signals: &[&'static str]) -> Result<ZoneEvents, BusError> {
        let rules = signals.iter().map(|signal| rule(Some(signal))).collect::<Result<_, _>>()?;
        Ok(ZoneEvents { feed: Feed::start(self.direct()?, rules, read).await? })
    }

    /// Tells everybody of a zone event. Returns when the signal is handed to the bus; [`ZoneEvent::Lost`] is not sent.
    pub async fn emit_zone_event(&self, event: &ZoneEvent) -> Result<(), BusError> {
        match event {
            ZoneEvent::Changed { zone, serial, cause } => {
                self.emit("ZoneChanged", &(zone, serial, cause)).await
            }
            ZoneEvent::Coming { zone } => self.emit("ZoneComing", &(zone,)).await,
            ZoneEvent::Removed { zone } => self.emit("ZoneRemoved", &(zone,)).await,
            ZoneEvent::ImageReady { zone, serial, generation } => {
                self.emit("ImageReady", &(zone, serial, generation)).await
            }
            ZoneEvent::ImageFailed { zone, serial, reason } => {
                self.emit("ImageFailed", &(zone, serial, reason)).await
            }
            ZoneEvent::ManifestChanged { generation } => self.emit("ManifestChanged", &(generation,)).await,
            ZoneEvent::TransferFailed { zone, reason } => self.emit("TransferFailed", &(zone, reason)).await,
            ZoneEvent::NotifyReceived { zone, serial, peer } => {
                self.emit("NotifyReceived", &(zone, serial, peer)).await
            }
            ZoneEvent::Refreshed { zone, serial } => self.emit("ZoneRefreshed", &(zone, serial)).await,
            ZoneEvent::Expired { zone } => self.emit("ZoneExpired", &(zone,)).await,
            ZoneEvent::Lost => Ok(()),
        }
    }

    async fn emit<B>(&self, member: &'static str, body: &B) -> Result<(), BusError>
    where
        B: Serialize + zbus::wire::DynamicType,
    {
        self.direct()?.emit_signal(None::<&str>, ZONES_PATH, ZONES_INTERFACE, member, body).await?;
        Ok(())
    }
}

fn rule(signal: Option<&'static str>) -> Result<MatchRule<'static>, BusError> {
    let signals = MatchRule::builder().msg_type(zbus::message::Type::Signal);
    let told = signals.interface(ZONES_INTERFACE).path(ZONES_PATH);
    Ok(match signal {
        Some(signal) => told.member(signal).build()?,
        None => told.build()?,
    })
}

fn read(message: &zbus::Message) -> Option<ZoneEvent> {
    let header = message.header();
    let body = message.body();
    Some(match header.member()?.as_str() {
        "ZoneChanged" => {
            let (zone, serial, cause) = body.deserialize().ok()?;
            ZoneEvent::Changed { zone, serial, cause }
        }
        "ZoneComing" => {
            let (zone,) = body.deserialize().ok()?;
            ZoneEvent::Coming { zone }
        }
        "ZoneRemoved" => {
            let (zone,) = body.deserialize().ok()?;
            ZoneEvent::Removed { zone }
        }
        "ImageReady" => {
            let (zone, serial, generation) = body.deserialize().ok()?;
            ZoneEvent::ImageReady { zone, serial, generation }
        }
        "ImageFailed" => {
            let (zone, serial, reason) = body.deserialize().ok()?;
            ZoneEvent::ImageFailed { zone, serial, reason }
        }
        "ManifestChanged" => {
            let (generation,) = body.deserialize().ok()?;
            ZoneEvent::ManifestChanged { generation }
        }
        "TransferFailed" => {
            let (zone, reason) = body.deserialize().ok()?;
            ZoneEvent::TransferFailed { zone, reason }
        }
        "NotifyReceived" => {
            let (zone, serial, peer) = body.deserialize().ok()?;
            ZoneEvent::NotifyReceived { zone, serial, peer }
        }
        "ZoneRefreshed" => {
            let (zone, serial) = body.deserialize().ok()?;
            ZoneEvent::Refreshed { zone, serial }
        }
        "ZoneExpired" => {
            let (zone,) = body.deserialize().ok()?;
            ZoneEvent::Expired { zone }
        }
        _ => return None,
    })
}
