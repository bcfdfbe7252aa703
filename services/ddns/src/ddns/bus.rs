//! The bus face: `org.tenon.Ddns1`.

use std::str::FromStr as _;
use std::sync::Arc;

use tenon_bus::names::DDNS_PATH;
use tenon_bus::server::Error;
use tenon_service::authorise::{Action, authorise};
use tenon_wire::{Name, RrType};
use tracing::info;
use zbus::connection::Builder;
use zbus::message::Header;
use zbus::{Connection, interface};

use super::{Ddns, ShownRecord};
use crate::messages;
use crate::transaction::{Applied, Refusal, RefusalKind};

/// Owner, TTL, type, data.
type Row = (String, u32, String, String);

/// Adds the object of the service to a connection.
pub fn register(ddns: &Arc<Ddns>, builder: Builder<'static>) -> Builder<'static> {
    builder.serve_at(DDNS_PATH, DdnsFace { ddns: Arc::clone(ddns) }).serve_at(DDNS_PATH, ddns.explain())
}

struct DdnsFace {
    ddns: Arc<Ddns>,
}

#[interface(name = "org.tenon.Ddns1", introspection_docs = false)]
impl DdnsFace {
    #[zbus(property(emits_changed_signal = "false"))]
    fn waiting_changes(&self) -> u32 {
        u32::try_from(self.ddns.waiting()).unwrap_or(u32::MAX)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn faults(&self) -> Vec<String> {
        self.ddns.faults()
    }

    #[zbus(out_args("serial", "differences"))]
    async fn change(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        zone: String,
        edits: Vec<(String, String)>,
        expected_serial: i64,
    ) -> Result<(u32, Vec<String>), Error> {
        let name = zone_name(&zone)?;
        let caller = authorise(connection, &header, Action::ZoneEdit.of(name.as_ref())).await?;
        let Applied { serial, differences, added, removed, .. } =
            self.ddns.edit(&name, &edits, expected(expected_serial)?, false).await.map_err(error)?;
        info!(
            message_id = messages::EDITED,
            zone = %name,
            caller = %caller.name,
            serial,
            added,
            removed,
            "zone {name} edited by {}: serial {serial}, {added} records came, {removed} went", caller.name
        );
        Ok((serial, differences))
    }

    #[zbus(out_args("serial_before", "differences"))]
    async fn preview(
        &self,
        zone: String,
        edits: Vec<(String, String)>,
        expected_serial: i64,
    ) -> Result<(u32, Vec<String>), Error> {
        let name = zone_name(&zone)?;
        let expected = expected(expected_serial)?;
        let applied = self.ddns.edit(&name, &edits, expected, true).await.map_err(error)?;
        Ok((applied.serial_before, applied.differences))
    }

    #[zbus(out_args("serial", "records"))]
    async fn records(&self, zone: String, owner: String, rrtype: String) -> Result<(u32, Vec<Row>), Error> {
        let name = zone_name(&zone)?;
        let owner = Name::from_text(&owner, Some(name.as_ref()))
            .map_err(|error| Error::InvalidValue(format!("{owner:?} is no name: {error}")))?;
        if !owner.as_ref().is_at_or_below(name.as_ref()) {
            return Err(Error::InvalidValue(format!("{owner} is not in zone {name}")));
        }
        let wanted = match rrtype.as_str() {
            "" => None,
            text => Some(
                text.parse::<RrType>()
                    .map_err(|_| Error::InvalidValue(format!("no type of records is called {text:?}")))?,
            ),
        };
        let ddns = Arc::clone(&self.ddns);
        let reading = tokio::task::spawn_blocking(move || ddns.records(&name, &owner, wanted));
        let found = reading.await.map_err(|error| Error::Failed(error.to_string()))?;
        let (serial, records) = found.map_err(error)?;
        let row = |ShownRecord { owner, ttl, rrtype, data }: ShownRecord| (owner, ttl, rrtype, data);
        Ok((serial, records.into_iter().map(row).collect()))
    }
}

fn zone_name(text: &str) -> Result<Name, Error> {
    // In lower case, so that how it was typed does not change what is stored.
    let name = Name::from_str(text).map(|name| name.as_ref().to_lowercase());
    name.map_err(|error| Error::NoSuchZone(format!("{text:?} is no zone's name: {error}")))
}

/// The serial that a zone must have; none for -1.
fn expected(serial: i64) -> Result<Option<u32>, Error> {
    match serial {
        -1 => Ok(None),
        _ => match u32::try_from(serial) {
            Ok(serial) => Ok(Some(serial)),
            Err(_) => Err(Error::InvalidValue(format!("{serial} is no serial; -1 stands for any"))),
        },
    }
}

fn error(refusal: Refusal) -> Error {
    let text = refusal.reason;
    match refusal.kind {
        RefusalKind::Malformed => Error::InvalidValue(text),
        RefusalKind::NoZone => Error::NoSuchZone(text),
        RefusalKind::Prerequisite => Error::Conflict(text),
        RefusalKind::Invalid => Error::Rejected(text),
        RefusalKind::NotNow => Error::Busy(text),
    }
}
