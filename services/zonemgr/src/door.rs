//! Takes NOTIFY messages from tenon-auth, as `tenon_handover` says.

use std::sync::Arc;
use std::time::Duration;

use tenon_handover::{Kind, Request, receive};
use tenon_tsig::{Examined, KeyRing, examine};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tracing::error;

use crate::messages;
use crate::notice;
use crate::statistics::count;
use crate::zonemgr::Zonemgr;
use crate::zones::Notice;

/// Most requests that are read at once; more wait in the socket.
const READING: usize = 64;
/// How long to wait when no connection can be accepted.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes messages for ever; without a socket, does nothing for ever.
pub async fn run(zonemgr: Arc<Zonemgr>, listener: Option<std::os::unix::net::UnixListener>) {
    let Some(listener) = listener.and_then(open) else {
        error!(
            message_id = messages::NO_DOOR,
            "no socket was passed on, so no NOTIFY is heard; zones are looked at by the clock alone"
        );
        return std::future::pending().await;
    };
    let reading = Arc::new(Semaphore::new(READING));
    loop {
        let Ok(permit) = Arc::clone(&reading).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let zonemgr = Arc::clone(&zonemgr);
                drop(tokio::spawn(async move {
                    take(&zonemgr, stream).await;
                    drop(permit);
                }));
            }
            Err(error) => {
                error!(message_id = messages::NO_DOOR, reason = %error, "cannot take NOTIFYs: {error}; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn open(listener: std::os::unix::net::UnixListener) -> Option<UnixListener> {
    listener.set_nonblocking(true).ok()?;
    UnixListener::from_std(listener).ok()
}

async fn take(zonemgr: &Zonemgr, mut stream: UnixStream) {
    let statistics = zonemgr.statistics();
    let request = receive(&mut stream).await.ok();
    let keys = zonemgr.keys();
    match request.and_then(|request| read(&request, &keys)) {
        Some(notice) => {
            count(&statistics.notifies);
            zonemgr.hear(&notice);
        }
        None => count(&statistics.notifies_malformed),
    }
}

/// tenon-auth has answered it already: what is not signed well is told there.
fn read(request: &Request, keys: &KeyRing) -> Option<Notice> {
    let key = match examine(&request.message, keys, tenon_tsig::now()) {
        Examined::Unsigned => None,
        Examined::Signed(session) => Some(session.key().clone()),
        Examined::Refused(_) => return None,
    };
    let message = (request.kind == Kind::Notify).then(|| notice::read(&request.message)).flatten()?;
    let Request { peer, local, transport, .. } = *request;
    let tls_name = request.tls_name.clone();
    let request = tenon_acl::OwnedRequest { peer, local, transport, key, tls_name };
    Some(Notice { zone: message.zone, serial: message.serial, request })
}
