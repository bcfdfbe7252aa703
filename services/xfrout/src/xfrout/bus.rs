//! The bus face: `org.tenon.Xfrout1`.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tenon_bus::Bus;
use tenon_bus::names::XFROUT_PATH;
use tenon_bus::server::Error;
use tenon_service::authorise::{Action, authorise};
use tenon_wire::Name;
use zbus::connection::Builder;
use zbus::message::Header;
use zbus::{Connection, interface};

use super::Xfrout;
use crate::notify::{Notifier, NotifyError};
use crate::transfers::Running;

/// Zone, peer, kind, serial, when it began, records, octets.
type Row = (String, String, String, u32, u64, u64, u64);

/// Adds the object of the service to a connection.
pub fn register(xfrout: &Arc<Xfrout>, builder: Builder<'static>) -> Builder<'static> {
    builder
        .serve_at(XFROUT_PATH, XfroutFace { xfrout: Arc::clone(xfrout) })
        .serve_at(XFROUT_PATH, xfrout.explain())
}

/// Takes hints from the bus until it goes away.
pub async fn listen(notifier: Arc<Notifier>, bus: Bus) {
    let Ok(mut events) = bus.zone_events_named(&["ManifestChanged"]).await else { return };
    // What happened before we listened was missed.
    notifier.look();
    while events.next().await.is_some() {
        notifier.look();
    }
}

struct XfroutFace {
    xfrout: Arc<Xfrout>,
}

#[interface(name = "org.tenon.Xfrout1", introspection_docs = false)]
impl XfroutFace {
    #[zbus(property(emits_changed_signal = "false"))]
    fn running_transfers(&self) -> u32 {
        u32::try_from(self.xfrout.transfers.running().len()).unwrap_or(u32::MAX)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn pending_notifies(&self) -> u32 {
        u32::try_from(self.xfrout.notifier.pending()).unwrap_or(u32::MAX)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn faults(&self) -> Vec<String> {
        self.xfrout.faults()
    }

    #[zbus(out_args("transfers"))]
    fn transfers(&self) -> Vec<Row> {
        self.xfrout.transfers.running().iter().map(|running| row(running)).collect()
    }

    #[zbus(out_args("targets"))]
    async fn notify(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        zone: String,
    ) -> Result<u32, Error> {
        let name = Name::from_str(&zone)
            .map_err(|error| Error::NoSuchZone(format!("{zone:?} is no zone's name: {error}")))?;
        authorise(connection, &header, Action::ZoneTransfer.of(name.as_ref())).await?;
        match self.xfrout.notifier.notify(&name) {
            Ok(targets) => Ok(u32::try_from(targets).unwrap_or(u32::MAX)),
            Err(error @ NotifyError::NoSuchZone(_)) => Err(Error::NoSuchZone(error.to_string())),
            Err(error @ NotifyError::Unavailable(..)) => Err(Error::Failed(error.to_string())),
        }
    }
}

fn row(running: &Running) -> Row {
    (
        running.zone.as_ref().to_lowercase().to_string(),
        running.peer.to_string(),
        running.kind.as_str().to_owned(),
        running.serial,
        running.started_usec,
        running.records.load(Ordering::Relaxed),
        running.octets.load(Ordering::Relaxed),
    )
}
