//! The bus face of the zone manager: `org.tenon.Zonemgr1`, and the signals of `org.tenon.Zones1`.

use std::collections::HashMap;
use std::sync::Arc;

use tenon_bus::names::{ZONEMGR_PATH, ZONES_PATH};
use tenon_bus::server::Error;
use tenon_service::ZonesFace;
use tenon_service::authorise::{Action, authorise};
use tenon_wire::Name;
use zbus::connection::Builder;
use zbus::message::Header;
use zbus::wire::Variant;
use zbus::{Connection, interface};

use super::Zonemgr;
use super::looking::AskError;
use crate::zone::Zone;
use crate::zones::primary_text;

/// Name, state, serial, when refreshed, when to be looked at next.
type Line = (String, String, u32, u64, u64);
/// Most zones of one page.
const PAGE: usize = 1000;

/// Adds the objects of the zone manager to a connection.
pub fn register(zonemgr: &Arc<Zonemgr>, builder: Builder<'static>) -> Builder<'static> {
    let face = ZonemgrFace { zonemgr: Arc::clone(zonemgr) };
    let explain = zonemgr.explain();
    builder.serve_at(ZONEMGR_PATH, face).serve_at(ZONEMGR_PATH, explain).serve_at(ZONES_PATH, ZonesFace)
}

struct ZonemgrFace {
    zonemgr: Arc<Zonemgr>,
}

#[interface(name = "org.tenon.Zonemgr1", introspection_docs = false)]
impl ZonemgrFace {
    #[zbus(property(emits_changed_signal = "false"))]
    fn zone_count(&self) -> u32 {
        number(self.zonemgr.zones().len())
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn running(&self) -> u32 {
        number(self.zonemgr.zones().load(self.zonemgr.clock.now()).0)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn waiting(&self) -> u32 {
        number(self.zonemgr.zones().load(self.zonemgr.clock.now()).1)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn states(&self) -> HashMap<String, u32> {
        let states = self.zonemgr.zones().states();
        states.into_iter().map(|(state, zones)| (state.word().to_owned(), number(zones))).collect()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn faults(&self) -> Vec<String> {
        self.zonemgr.faults()
    }

    #[zbus(out_args("zones"))]
    fn list_zones(&self, after: &str, limit: u32) -> Result<Vec<Line>, Error> {
        let after = if after.is_empty() { None } else { Some(name(after)?) };
        let limit = match usize::try_from(limit).unwrap_or(PAGE) {
            0 => PAGE,
            limit => limit.min(PAGE),
        };
        let zones = self.zonemgr.zones();
        let line = |(name, zone): (&Name, &Zone)| {
            let serial = zone.stored.map(|stored| stored.serial).unwrap_or_default();
            let state = zone.state().word().to_owned();
            (name.to_string(), state, serial, self.wall(zone.refreshed), self.wall(zone.next))
        };
        Ok(zones.after(after.as_ref()).take(limit).map(line).collect())
    }

    #[zbus(out_args("zone"))]
    fn get_zone(&self, name: &str) -> Result<HashMap<String, Variant<'static>>, Error> {
        let name = self::name(name)?;
        let zones = self.zonemgr.zones();
        let unknown = || Error::NoSuchZone(AskError::NoSuchZone(name.clone()).to_string());
        let zone = zones.get(&name).ok_or_else(unknown)?;
        let mut members = self.members(&name, zone);
        if let Some(expires) = zones.expires(zone) {
            members.push(("ExpiresUSec", self.wall(expires).into()));
        }
        if let Some(why) = zones.membership(&name) {
            members.push(("catalog", why.catalog.to_string().into()));
            members.push(("groups", why.groups.clone().into()));
        }
        Ok(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    #[zbus(out_args("job"))]
    async fn refresh(
        &self,
        zone: String,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<u64, Error> {
        self.ask(&zone, false, connection, &header).await
    }

    #[zbus(out_args("job"))]
    async fn retransfer(
        &self,
        zone: String,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<u64, Error> {
        self.ask(&zone, true, connection, &header).await
    }
}

impl ZonemgrFace {
    async fn ask(
        &self,
        zone: &str,
        force: bool,
        connection: &Connection,
        header: &Header<'_>,
    ) -> Result<u64, Error> {
        let zone = name(zone)?;
        authorise(connection, header, Action::ZoneTransfer.of(zone.as_ref())).await?;
        self.zonemgr.ask(&zone, force).await.map_err(|error| match error {
            AskError::NoSuchZone(_) => Error::NoSuchZone(error.to_string()),
            AskError::Busy(_) => Error::Busy(error.to_string()),
            AskError::Xfrin(_) => Error::Failed(error.to_string()),
        })
    }

    fn members(&self, name: &Name, zone: &Zone) -> Vec<(&'static str, Variant<'static>)> {
        let primaries: Vec<String> = zone.primaries.iter().map(primary_text).collect();
        let mut members = vec![
            ("name", Variant::from(name.to_string())),
            ("state", zone.state().word().into()),
            ("primaries", primaries.into()),
            ("NextUSec", self.wall(zone.next).into()),
            ("reason", zone.reason.clone().into()),
        ];
        if let Some(stored) = zone.stored {
            let times = stored.times;
            members.extend([
                ("serial", stored.serial.into()),
                ("refresh", times.refresh.into()),
                ("retry", times.retry.into()),
                ("expire", times.expire.into()),
                ("RefreshedUSec", self.wall(zone.refreshed).into()),
            ]);
        }
        if let Some(since) = zone.failing_since {
            members.push(("FailingSinceUSec", self.wall(since).into()));
        }
        if !zone.primary.is_empty() {
            members.push(("primary", zone.primary.clone().into()));
        }
        if let Some(job) = zone.run.and_then(|run| run.job) {
            members.push(("job", job.into()));
        }
        if let Some(notified) = &zone.notified {
            members.push(("NotifiedUSec", self.wall(notified.at).into()));
            members.push(("notify_peer", notified.peer.to_string().into()));
            members.extend(notified.serial.map(|serial| ("notify_serial", serial.into())));
        }
        members
    }

    /// A time of the process's clock for people; 0 stays 0.
    fn wall(&self, time: u64) -> u64 {
        if time == 0 { 0 } else { self.zonemgr.clock.to_wall(time) }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn name(text: &str) -> Result<Name, Error> {
    let name = Name::from_text(text, Some(Name::root().as_ref()));
    let name = name.map_err(|error| Error::NoSuchZone(format!("{text:?} is no zone's name: {error}")))?;
    Ok(name.as_ref().to_lowercase())
}
