//! Who is behind the unique name of a sender. A bus gives no unique name twice, and whose it is does not change while it lives: so
//! who calls often is asked for once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenon_bus::server::Error;
use zbus::fdo::{ConnectionCredentials, DBusProxy};
use zbus::message::Header;
use zbus::names::{OwnedUniqueName, UniqueName};
use zbus::{Connection, OwnedGuid};

/// Senders that are remembered; of more, those that are longest there are forgotten.
const MOST: usize = 64;

static SENDERS: Mutex<VecDeque<Sender>> = Mutex::new(VecDeque::new());

struct Sender {
    /// Another bus gives the same names again.
    bus: OwnedGuid,
    name: OwnedUniqueName,
    credentials: Arc<ConnectionCredentials>,
}

/// What the bus says of who sent a message.
pub(super) async fn credentials(
    connection: &Connection,
    header: &Header<'_>,
) -> Result<Arc<ConnectionCredentials>, Error> {
    let sender = header.sender().ok_or_else(|| Error::AccessDenied("the message has no sender".into()))?;
    let bus = connection.server_guid();
    if let Some(known) = known(bus, sender) {
        return Ok(known);
    }
    let told = DBusProxy::new(connection).await?.get_connection_credentials(sender.clone().into()).await;
    let told =
        told.map_err(|error| Error::AccessDenied(format!("the bus does not know the caller: {error}")))?;
    let credentials = Arc::new(told);
    let mut senders = senders();
    if senders.len() >= MOST {
        senders.pop_front();
    }
    let name = sender.to_owned().into();
    senders.push_back(Sender { bus: bus.clone(), name, credentials: Arc::clone(&credentials) });
    Ok(credentials)
}

fn known(bus: &OwnedGuid, name: &UniqueName<'_>) -> Option<Arc<ConnectionCredentials>> {
    let senders = senders();
    let found = senders.iter().find(|sender| sender.bus == *bus && sender.name == *name)?;
    Some(Arc::clone(&found.credentials))
}

fn senders() -> MutexGuard<'static, VecDeque<Sender>> {
    SENDERS.lock().unwrap_or_else(PoisonError::into_inner)
}
