//! The bus face: `org.tenon.Loader1`.

use std::fs::File;
use std::io::Seek;
use std::sync::Arc;

use tenon_bus::names::{LOADER_PATH, ZONES_PATH};
use tenon_bus::server::Error;
use tenon_service::authorise::{Action, authorise};
use tenon_service::{ZonesFace, jobs};
use tenon_wire::Name;
use zbus::connection::Builder;
use zbus::message::Header;
use zbus::{Connection, OwnedFd, interface};

use super::{LoadService, Order, OrderError};
use crate::load::Expect;
use crate::zone_list;

/// Adds the objects to a connection.
pub fn register(service: &Arc<LoadService>, builder: Builder<'static>) -> Builder<'static> {
    let builder = builder
        .serve_at(LOADER_PATH, LoaderFace { service: Arc::clone(service) })
        .serve_at(ZONES_PATH, ZonesFace);
    jobs::bus::register(&service.jobs, Action::ZoneEdit, builder)
}

struct LoaderFace {
    service: Arc<LoadService>,
}

#[interface(name = "org.tenon.Loader1", introspection_docs = false)]
impl LoaderFace {
    #[zbus(out_args("job"))]
    async fn load(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        zone: String,
        file: OwnedFd,
        force: bool,
        expect: String,
    ) -> Result<u64, Error> {
        let zone = name(&zone)?;
        authorise(connection, &header, Action::ZoneEdit.of(zone.as_ref())).await?;
        let (expect, file) = (expected(&expect)?, sent(file)?);
        self.service.order(Order { zone, file, check: false, force, expect }).map_err(refused)
    }

    #[zbus(out_args("job"))]
    async fn check(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        zone: String,
        file: OwnedFd,
    ) -> Result<u64, Error> {
        let zone = name(&zone)?;
        authorise(connection, &header, Action::ZoneEdit.of(zone.as_ref())).await?;
        let file = sent(file)?;
        let order = Order { zone, file, check: true, force: false, expect: Expect::Anything };
        self.service.order(order).map_err(refused)
    }

    #[zbus(out_args("removed"))]
    async fn remove(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        zone: String,
        expect: String,
    ) -> Result<bool, Error> {
        let zone = name(&zone)?;
        authorise(connection, &header, Action::ZoneEdit.of(zone.as_ref())).await?;
        self.service.remove(zone, expected(&expect)?).await.map_err(refused)
    }
}

/// What was sent, from its beginning.
fn sent(file: OwnedFd) -> Result<File, Error> {
    let mut file = File::from(std::os::fd::OwnedFd::from(file));
    file.rewind().map_err(|error| Error::InvalidValue(format!("what was sent: {error}")))?;
    Ok(file)
}

fn name(text: &str) -> Result<Name, Error> {
    zone_list::zone_name(text).map_err(Error::InvalidValue)
}

/// `""`: anything; `absent`: no such zone; a number: the version with this serial.
fn expected(text: &str) -> Result<Expect, Error> {
    match text {
        "" => Ok(Expect::Anything),
        "absent" => Ok(Expect::Absent),
        serial => serial.parse().map(Expect::Serial).map_err(|_| {
            Error::InvalidValue(format!("{serial:?}: neither \"\" nor \"absent\" nor a serial"))
        }),
    }
}

fn refused(error: OrderError) -> Error {
    let text = error.to_string();
    match error {
        OrderError::TooMany(_) => Error::Busy(text),
        OrderError::Unfit(_) => Error::InvalidValue(text),
        OrderError::Missed(_) => Error::Conflict(text),
        OrderError::Store(_) => Error::Failed(text),
    }
}
