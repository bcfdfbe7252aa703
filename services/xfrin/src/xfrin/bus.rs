//! The bus face: `org.tenon.Xfrin1`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tenon_bus::names::{XFRIN_PATH, ZONES_PATH};
use tenon_bus::server::Error;
use tenon_service::authorise::{Action, Verb, authorise};
use tenon_service::{ZonesFace, jobs};
use tenon_wire::{Name, NameError};
use zbus::connection::Builder;
use zbus::message::Header;
use zbus::wire::Variant;
use zbus::{Connection, interface};

use super::{Order, OrderError, Xfrin};
use crate::store::StoredZone;
use crate::way::{Upstream, WayError};

/// Most zones of one page.
const PAGE: usize = 1000;
/// Most primaries of a zone.
const MOST_PRIMARIES: usize = 32;
/// Users of the services that may use the verbs that change something.
const SERVICES: &[&str] = &["tenon-zonemgr"];

/// Adds the objects to a connection.
pub fn register(xfrin: &Arc<Xfrin>, builder: Builder<'static>) -> Builder<'static> {
    let builder =
        builder.serve_at(XFRIN_PATH, XfrinFace { xfrin: Arc::clone(xfrin) }).serve_at(ZONES_PATH, ZonesFace);
    jobs::bus::register(&xfrin.jobs, Verb::from(Action::ZoneTransfer).or_by(SERVICES), builder)
}

struct XfrinFace {
    xfrin: Arc<Xfrin>,
}

/// Address, port and options of a primary.
type Primary = (String, u16, HashMap<String, String>);

impl XfrinFace {
    async fn begin(
        &self,
        connection: &Connection,
        header: &Header<'_>,
        order: Result<Order, String>,
    ) -> Result<u64, Error> {
        let order = order.map_err(Error::InvalidValue)?;
        authorise(connection, header, edits(&order.zone)).await?;
        self.xfrin.order(order).map_err(|error: OrderError| Error::Busy(error.to_string()))
    }
}

#[interface(name = "org.tenon.Xfrin1", introspection_docs = false)]
impl XfrinFace {
    #[zbus(property(emits_changed_signal = "false"))]
    async fn zone_count(&self) -> u32 {
        let count = self.xfrin.with_store(crate::store::Store::count).await.unwrap_or_default();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    async fn faults(&self) -> Vec<String> {
        // Looks, so that what is told is true now.
        let _told = self.xfrin.with_store(|store| store.open().map(drop)).await;
        self.xfrin.faults()
    }

    #[zbus(out_args("job"))]
    async fn refresh(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        zone: String,
        primaries: Vec<(String, u16)>,
        force: bool,
    ) -> Result<u64, Error> {
        let primaries: Vec<Primary> =
            primaries.into_iter().map(|(address, port)| (address, port, HashMap::new())).collect();
        self.begin(connection, &header, order(&zone, &primaries, force)).await
    }

    #[zbus(out_args("job"))]
    async fn refresh_from(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        zone: String,
        primaries: Vec<Primary>,
        force: bool,
    ) -> Result<u64, Error> {
        self.begin(connection, &header, order(&zone, &primaries, force)).await
    }

    #[zbus(out_args("zones"))]
    async fn list_zones(
        &self,
        after: String,
        limit: u32,
    ) -> Result<Vec<(String, u32, u32, u32, u32, u64)>, Error> {
        let after = if after.is_empty() { None } else { Some(name(&after).map_err(Error::NoSuchZone)?) };
        let limit = match usize::try_from(limit).unwrap_or(PAGE) {
            0 => PAGE,
            limit => limit.min(PAGE),
        };
        let zones =
            self.xfrin.with_store(move |store| store.zones(after.as_ref().map(Name::as_ref), limit)).await;
        let row = |StoredZone { entry, soa }: StoredZone| {
            let zone = entry.origin.as_ref().to_lowercase().to_string();
            (zone, soa.serial, soa.refresh, soa.retry, soa.expire, entry.committed_usec)
        };
        Ok(zones.map_err(failed)?.into_iter().map(row).collect())
    }

    #[zbus(out_args("zone"))]
    async fn get_zone(&self, name: String) -> Result<HashMap<String, Variant<'static>>, Error> {
        let origin = self::name(&name).map_err(Error::NoSuchZone)?;
        let zone = origin.clone();
        let found = self.xfrin.with_store(move |store| store.zone(zone.as_ref())).await.map_err(failed)?;
        let no_such = || Error::NoSuchZone(format!("zone {origin} is not in the store of secondary zones"));
        let StoredZone { entry, soa } = found.ok_or_else(no_such)?;
        let members = [
            ("name", Variant::from(origin.to_string())),
            ("serial", soa.serial.into()),
            ("refresh", soa.refresh.into()),
            ("retry", soa.retry.into()),
            ("expire", soa.expire.into()),
            ("records", entry.records.into()),
            ("version", entry.version.into()),
            ("CommittedUSec", entry.committed_usec.into()),
        ];
        Ok(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    #[zbus(out_args("removed"))]
    async fn remove(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        zone: String,
    ) -> Result<bool, Error> {
        let zone = name(&zone).map_err(Error::InvalidValue)?;
        authorise(connection, &header, edits(&zone)).await?;
        self.xfrin.remove(&zone).await.map_err(failed)
    }
}

/// Who says where a zone comes from changes what is in it.
fn edits(zone: &Name) -> Verb<'static> {
    Action::ZoneEdit.of(zone.as_ref()).or_by(SERVICES)
}

/// What was asked for, or what is wrong with it.
fn order(zone: &str, primaries: &[Primary], force: bool) -> Result<Order, String> {
    let zone = name(zone)?;
    if primaries.is_empty() || primaries.len() > MOST_PRIMARIES {
        return Err(format!(
            "{} primaries; there must be one at least and {MOST_PRIMARIES} at most",
            primaries.len()
        ));
    }
    let read = |(address, port, options): &Primary| {
        let options = options.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Upstream::read(address, *port, options)
    };
    let primaries: Result<Vec<Upstream>, WayError> = primaries.iter().map(read).collect();
    let primaries = primaries.map_err(|error| error.to_string())?;
    Ok(Order { zone, primaries, force, asked: Instant::now() })
}

fn name(text: &str) -> Result<Name, String> {
    let told = |error: NameError| format!("{text:?} is no zone's name: {error}");
    Ok(text.parse::<Name>().map_err(told)?.as_ref().to_lowercase())
}

fn failed(error: tenon_datasrc::Error) -> Error {
    Error::Failed(error.to_string())
}
