//! The bus face of an instance: `org.tenon.Auth1`.

use std::collections::HashMap;
use std::str::FromStr as _;
use std::sync::Arc;

use tenon_answer::explain::explain;
use tenon_bus::Bus;
use tenon_bus::names::AUTH_PATH;
use tenon_bus::server::{Error, connection};
use tenon_image::{ServedZone, ZoneState};
use tenon_netmgr::AnswerTimes;
use tenon_service::authorise::{Action, authorise};
use tenon_wire::{Name, RrType};
use zbus::message::Header;
use zbus::wire::Variant;
use zbus::{Connection, interface};

use super::Instance;
use crate::zones::counters;

/// Most zones of one page.
const PAGE: usize = 1000;

/// A zone's name and its counters.
type ZoneRow = (String, HashMap<String, u64>);

/// Serves the instance's interface.
pub(super) struct AuthFace {
    instance: Arc<Instance>,
}

impl AuthFace {
    pub(super) const fn new(instance: Arc<Instance>) -> Self {
        Self { instance }
    }
}

#[interface(name = "org.tenon.Auth1", introspection_docs = false)]
impl AuthFace {
    #[zbus(property(emits_changed_signal = "const"))]
    fn instance(&self) -> u32 {
        self.instance.number()
    }

    #[zbus(property)]
    fn manifest_generation(&self) -> u64 {
        self.instance.zones().catalog().generation()
    }

    #[zbus(property)]
    fn zone_count(&self) -> u32 {
        u32::try_from(self.instance.zones().catalog().len()).unwrap_or(u32::MAX)
    }

    #[zbus(property)]
    fn faults(&self) -> Vec<String> {
        self.instance.faults()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn listeners(&self) -> Vec<(String, String, String, u32)> {
        let listener = |socket: &tenon_netmgr::ServedSocket| {
            let buffer = u32::try_from(socket.receive_buffer).unwrap_or(u32::MAX);
            (socket.name.clone(), socket.local.to_string(), socket.kind.as_str().to_owned(), buffer)
        };
        self.instance.sockets().iter().map(listener).collect()
    }

    #[zbus(out_args("zones"))]
    fn list_zones(&self, after: &str, limit: u32) -> Result<Vec<(String, u32, String, u64)>, Error> {
        let after = if after.is_empty() { None } else { Some(name(after)?) };
        let catalog = self.instance.zones().catalog();
        let zones = catalog.zones(after.as_ref().map(Name::as_ref)).take(page(limit));
        Ok(zones.map(|zone| (text(zone), zone.serial, state(zone).to_owned(), zone.version)).collect())
    }

    #[zbus(out_args("zones", "further"))]
    fn list_zone_counters(&self, after: &str, limit: u32) -> Result<(Vec<ZoneRow>, u64), Error> {
        let after = if after.is_empty() { None } else { Some(name(after)?) };
        let zones = self.instance.zones();
        let (page, further) = zones.counters(after.as_ref().map(Name::as_ref), page(limit));
        Ok((page.into_iter().map(|(zone, values)| (zone, named(values))).collect(), further as u64))
    }

    #[zbus(out_args("counters"))]
    fn get_zone_counters(&self, name: &str) -> Result<HashMap<String, u64>, Error> {
        let origin = self::name(name)?;
        let counted = self.instance.zones().counters_of(origin.as_ref());
        counted.map(named).ok_or_else(|| not_answered(&origin))
    }

    #[zbus(out_args("times"))]
    fn answer_times(&self) -> Vec<(String, Vec<u64>, u64)> {
        let row = |AnswerTimes { transport, buckets, nanoseconds }| {
            (transport.as_str().to_owned(), buckets.to_vec(), nanoseconds)
        };
        self.instance.answer_times().map(row).collect()
    }

    #[zbus(out_args("zone"))]
    fn get_zone(&self, name: &str) -> Result<HashMap<String, Variant<'static>>, Error> {
        let origin = self::name(name)?;
        let catalog = self.instance.zones().catalog();
        let zone = catalog.zone(origin.as_ref());
        let zone = zone.ok_or_else(|| not_answered(&origin))?;
        let files: Vec<String> = zone.files.iter().map(|file| file.name.clone()).collect();
        let members = [
            ("name", Variant::from(text(zone))),
            ("serial", zone.serial.into()),
            ("state", state(zone).into()),
            ("reason", zone.reason.clone().into()),
            ("generation", zone.version.into()),
            ("files", files.into()),
            ("records", zone.records.into()),
        ];
        Ok(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    #[zbus(out_args("steps"))]
    fn explain_query(&self, name: &str, r#type: &str) -> Result<Vec<String>, Error> {
        let odd = |what: String| Error::InvalidValue(what);
        let name = Name::from_str(name).map_err(|error| odd(format!("{name:?} is no name: {error}")))?;
        let qtype = r#type.to_ascii_uppercase();
        let qtype = RrType::from_str(&qtype).map_err(|_| odd(format!("{qtype:?} is no type of records")))?;
        Ok(explain(&self.instance.zones().catalog(), name.as_ref(), qtype))
    }

    #[zbus(out_args("clients"))]
    async fn top_clients(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<(String, u64, u64)>, Error> {
        authorise(connection, &header, Action::ServiceControl).await?;
        let clients = self.instance.top_clients().into_iter();
        Ok(clients.map(|entry| (entry.network(), entry.messages, entry.error)).collect())
    }

    #[zbus(out_args("generation"))]
    async fn reconcile(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<u64, Error> {
        authorise(connection, &header, Action::ServiceControl).await?;
        let instance = Arc::clone(&self.instance);
        let reconciled = tokio::task::spawn_blocking(move || instance.reconcile()).await;
        reconciled.map_err(|error| Error::Failed(format!("looking at the manifest broke off: {error}")))
    }
}

/// How many zones a page holds when so many are wanted.
fn page(limit: u32) -> usize {
    match usize::try_from(limit).unwrap_or(PAGE) {
        0 => PAGE,
        limit => limit.min(PAGE),
    }
}

/// Tells everybody that the zones changed. When it fails the bus is gone, and whoever is on it later reads anew.
pub(super) async fn announce(bus: &Bus) {
    let Ok(connection) = connection(bus) else { return };
    let server = connection.object_server();
    let Ok(face) = server.interface::<_, AuthFace>(AUTH_PATH).await else { return };
    let (emitter, face) = (face.signal_emitter(), face.get().await);
    let _gone = face.manifest_generation_changed(emitter).await;
    let _gone = face.zone_count_changed(emitter).await;
    let _gone = face.faults_changed(emitter).await;
}

fn name(text: &str) -> Result<Name, Error> {
    Name::from_str(text).map_err(|error| Error::NoSuchZone(format!("{text:?} is no zone's name: {error}")))
}

fn not_answered(origin: &Name) -> Error {
    Error::NoSuchZone(format!("zone {origin} is not being answered"))
}

fn named(values: counters::Values) -> HashMap<String, u64> {
    counters::NAMES.into_iter().map(str::to_owned).zip(values).collect()
}

fn text(zone: &ServedZone) -> String {
    zone.origin.to_string().to_ascii_lowercase()
}

const fn state(zone: &ServedZone) -> &'static str {
    match zone.state {
        ZoneState::Serving => "serving",
        ZoneState::Previous => "previous",
        ZoneState::Faulty => "faulty",
        ZoneState::Expired => "expired",
        ZoneState::Unloaded => "unloaded",
    }
}
