//! The bus face of the zone compiler: `org.tenon.Zonec1`, and the signals of `org.tenon.Zones1`.

use std::collections::HashMap;
use std::sync::Arc;

use tenon_bus::names::{ZONEC_PATH, ZONES_PATH};
use tenon_bus::server::{Error, connection};
use tenon_bus::{Bus, ZoneEvent};
use tenon_service::authorise::{Action, authorise};
use tenon_service::{CurrentBus, ZonesFace};
use tenon_wire::Name;
use tokio::sync::mpsc;
use zbus::connection::Builder;
use zbus::message::Header;
use zbus::wire::Variant;
use zbus::{Connection, interface};

use super::{News, StoredZone, ZoneQueryError, Zonec, text};

/// Most zones of one page.
const PAGE: usize = 1000;
/// Signals that it follows: not its own, nor what touches neither a store nor the list of unavailable zones.
const HEARD: [&str; 5] = ["ZoneChanged", "ZoneRemoved", "ZoneComing", "ZoneExpired", "ZoneRefreshed"];

/// Adds the objects of the zone compiler to a connection.
pub fn register(zonec: &Arc<Zonec>, builder: Builder<'static>) -> Builder<'static> {
    builder.serve_at(ZONEC_PATH, ZonecFace { zonec: Arc::clone(zonec) }).serve_at(ZONES_PATH, ZonesFace)
}

/// Takes hints from the bus until it goes away.
pub async fn listen(zonec: Arc<Zonec>, bus: Bus) {
    let Ok(mut events) = bus.zone_events_named(&HEARD).await else { return };
    // What happened before we listened was missed.
    zonec.hint();
    while let Some(event) = events.next().await {
        match event {
            ZoneEvent::Changed { .. } | ZoneEvent::Removed { .. } | ZoneEvent::Lost => zonec.hint(),
            ZoneEvent::Coming { zone } => {
                if let Ok(origin) = name(&zone) {
                    zonec.expect(origin);
                }
            }
            // Whether zones are available stands in a file, at which a glance is enough.
            ZoneEvent::Expired { .. } | ZoneEvent::Refreshed { .. } => zonec.look.ring(),
            // Not asked for.
            _ => {}
        }
    }
}

/// Tells the news for ever. Without a bus they are dropped: whoever is on it later reads anew.
pub async fn tell(bus: CurrentBus, mut news: mpsc::Receiver<News>) {
    while let Some(next) = news.recv().await {
        let Some(bus) = bus.get() else { continue };
        match next {
            News::Zone(event) => {
                let _gone = bus.emit_zone_event(&event).await;
            }
            News::Properties => announce(&bus).await,
        }
    }
}

async fn announce(bus: &Bus) {
    let Ok(connection) = connection(bus) else { return };
    let server = connection.object_server();
    let Ok(face) = server.interface::<_, ZonecFace>(ZONEC_PATH).await else { return };
    let (emitter, face) = (face.signal_emitter(), face.get().await);
    let _gone = face.manifest_generation_changed(emitter).await;
    let _gone = face.zone_count_changed(emitter).await;
    let _gone = face.state_changed(emitter).await;
    let _gone = face.faults_changed(emitter).await;
}

struct ZonecFace {
    zonec: Arc<Zonec>,
}

#[interface(name = "org.tenon.Zonec1", introspection_docs = false)]
impl ZonecFace {
    #[zbus(property)]
    fn manifest_generation(&self) -> u64 {
        self.zonec.images().manifest().generation
    }

    #[zbus(property)]
    fn zone_count(&self) -> u32 {
        u32::try_from(self.zonec.images().manifest().zones.len()).unwrap_or(u32::MAX)
    }

    #[zbus(property)]
    fn state(&self) -> String {
        if self.zonec.ledger().is_compiling() { "compiling".into() } else { "idle".into() }
    }

    #[zbus(property)]
    fn faults(&self) -> Vec<String> {
        self.zonec.ledger().faults()
    }

    #[zbus(out_args("zones"))]
    async fn list_zones(
        &self,
        after: String,
        limit: u32,
    ) -> Result<Vec<(String, String, u32, u32, String)>, Error> {
        let after = if after.is_empty() { None } else { Some(name(&after)?) };
        let limit = match usize::try_from(limit).unwrap_or(PAGE) {
            0 => PAGE,
            limit => limit.min(PAGE),
        };
        let zones = self.ask(move |zonec| zonec.list_zones(after.as_ref().map(Name::as_ref), limit)).await?;
        let line = |zone: StoredZone| {
            let compiled = zone.compiled.as_ref().map_or(0, |image| image.serial);
            let state = zone.state().to_owned();
            (text(&zone.entry.origin), zone.storage, zone.entry.serial, compiled, state)
        };
        Ok(zones.into_iter().map(line).collect())
    }

    #[zbus(out_args("zone"))]
    async fn get_zone(&self, name: String) -> Result<HashMap<String, Variant<'static>>, Error> {
        let origin = self::name(&name)?;
        let zone = self.ask(move |zonec| zonec.stored_zone(origin.as_ref())).await?;
        Ok(members(zone).into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    async fn reconcile(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        authorise(connection, &header, Action::ServiceControl).await?;
        self.zonec.hint();
        Ok(())
    }
}

impl ZonecFace {
    /// Asks on a thread that may block.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Zonec) -> Result<T, ZoneQueryError> + Send + 'static,
    ) -> Result<T, Error> {
        let zonec = Arc::clone(&self.zonec);
        match tokio::task::spawn_blocking(move || question(&zonec)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error @ ZoneQueryError::NoSuchZone(_))) => Err(Error::NoSuchZone(error.to_string())),
            Ok(Err(error @ ZoneQueryError::Store(_))) => Err(Error::Failed(error.to_string())),
            Err(error) => Err(Error::Failed(format!("reading the store broke off: {error}"))),
        }
    }
}

fn members(zone: StoredZone) -> Vec<(&'static str, Variant<'static>)> {
    let state = zone.state();
    let mut members = vec![
        ("name", Variant::from(text(&zone.entry.origin))),
        ("storage", zone.storage.into()),
        ("stored_serial", zone.entry.serial.into()),
        ("state", state.into()),
        ("reason", zone.failure.unwrap_or_default().into()),
        ("records", zone.entry.records.into()),
        ("version", zone.entry.version.into()),
        ("CommittedUSec", zone.entry.committed_usec.into()),
    ];
    if let Some(image) = zone.compiled {
        let octets: u64 = image.files.iter().map(|file| file.octets).sum();
        let files: Vec<String> = image.files.into_iter().map(|file| file.name).collect();
        members.extend([
            ("compiled_serial", image.serial.into()),
            ("CompiledUSec", image.compiled_usec.into()),
            ("files", files.into()),
            ("octets", octets.into()),
        ]);
    }
    members
}

fn name(text: &str) -> Result<Name, Error> {
    text.parse().map_err(|error| Error::NoSuchZone(format!("{text:?} is no zone's name: {error}")))
}
