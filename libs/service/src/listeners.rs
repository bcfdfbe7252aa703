//! TCP sockets that a service binds itself: nothing is lost when it restarts, since whoever asks it comes again.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::{error, info};

use crate::settings::Refusal;

/// How long to wait before an address that could not be listened on is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// How often, and how long between, an address in use is tried before a change is refused: a socket that was just given
/// up is closed by another thread.
const ATTEMPTS: u32 = 10;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

type Open = BTreeMap<SocketAddr, Arc<TcpListener>>;

/// How a service tells of its sockets.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// What is answered on them, such as `HTTP`.
    pub what: &'static str,
    /// The message that an address is listened on.
    pub listening: &'static str,
    /// The message that an address cannot be listened on.
    pub not_listening: &'static str,
}

/// The addresses that are wanted: open, or missing for a reason.
#[derive(Debug)]
pub struct Listeners {
    told: Told,
    missing: Mutex<BTreeMap<SocketAddr, String>>,
    open: watch::Sender<Open>,
}

impl Listeners {
    /// Listens on what can be listened on; the rest is tried again by [`Listeners::run`].
    pub fn new(wanted: &[SocketAddr], told: Told) -> Self {
        let missing = wanted.iter().map(|address| (*address, String::new())).collect();
        let listeners = Self { told, missing: Mutex::new(missing), open: watch::Sender::new(Open::new()) };
        listeners.open_missing();
        listeners
    }

    /// Listens on exactly these addresses from now on. When a new one cannot be listened on, the change is refused and
    /// nothing is different. May block for half a second an address; not to be called twice at once.
    pub fn replace(&self, wanted: &[SocketAddr]) -> Result<(), Refusal> {
        let known: BTreeSet<SocketAddr> =
            self.missing().keys().chain(self.open.borrow().keys()).copied().collect();
        let mut new = Open::new();
        for (index, address) in wanted.iter().enumerate().filter(|(_, address)| !known.contains(address)) {
            let listener = bind_patiently(*address).map_err(|error| {
                Refusal::new(format!("listen_on/{index}"), format!("cannot listen on {address}: {error}"))
            })?;
            new.insert(*address, Arc::new(listener));
        }
        let mut missing = self.missing();
        let mut open = self.open.borrow().clone();
        open.append(&mut new);
        open.retain(|address, _| wanted.contains(address));
        missing.retain(|address, _| wanted.contains(address));
        self.open.send_replace(open);
        Ok(())
    }

    /// Addresses that are listened on.
    pub fn addresses(&self) -> Vec<String> {
        let local = |listener: &Arc<TcpListener>| listener.local_addr().ok().map(|local| local.to_string());
        self.open.borrow().values().filter_map(local).collect()
    }

    /// Addresses that cannot be listened on, one sentence each.
    pub fn faults(&self) -> Vec<String> {
        let fault =
            |(address, reason): (&SocketAddr, &String)| format!("cannot listen on {address}: {reason}");
        self.missing().iter().map(fault).collect()
    }

    /// Hands every open socket to `serve`, and ends what it started when the socket is no longer wanted. For ever.
    pub async fn run(&self, serve: impl Fn(tokio::net::TcpListener) -> AbortHandle) {
        let mut changes = self.open.subscribe();
        let mut served: BTreeMap<SocketAddr, AbortHandle> = BTreeMap::new();
        loop {
            let open = changes.borrow_and_update().clone();
            served.retain(|address, task| open.contains_key(address) || close(task));
            for (address, listener) in open {
                if let Entry::Vacant(vacant) = served.entry(address) {
                    match listener.try_clone().and_then(tokio::net::TcpListener::from_std) {
                        Ok(listener) => drop(vacant.insert(serve(listener))),
                        Err(reason) => error!("{address}: {reason}; tried again at the next change"),
                    }
                }
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(RETRY) => self.open_missing(),
            }
        }
    }

    fn open_missing(&self) {
        let mut missing = self.missing();
        let mut open = self.open.borrow().clone();
        missing.retain(|address, known| match bind(*address) {
            Ok(listener) => {
                info!(message_id = self.told.listening, address = %address, "{} on {address}", self.told.what);
                open.insert(*address, Arc::new(listener));
                false
            }
            Err(reason) => {
                self.tell_failure(*address, known, reason.to_string());
                true
            }
        });
        if open.len() != self.open.borrow().len() {
            self.open.send_replace(open);
        }
    }

    /// Once is enough until the reason changes.
    fn tell_failure(&self, address: SocketAddr, known: &mut String, reason: String) {
        if *known != reason {
            error!(
                message_id = self.told.not_listening,
                address = %address,
                reason = %reason,
                "cannot listen on {address}: {reason}; trying again every {} s", RETRY.as_secs()
            );
            *known = reason;
        }
    }

    fn missing(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, String>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn close(task: &AbortHandle) -> bool {
    task.abort();
    false
}

fn bind_patiently(address: SocketAddr) -> io::Result<TcpListener> {
    let mut outcome = bind(address);
    for _ in 1..ATTEMPTS {
        match &outcome {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                std::thread::sleep(BETWEEN_ATTEMPTS);
                outcome = bind(address);
            }
            _ => break,
        }
    }
    outcome
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const TOLD: Told = Told { what: "HTTP", listening: "", not_listening: "" };

    fn taken() -> (TcpListener, SocketAddr) {
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = other.local_addr().unwrap();
        (other, address)
    }

    #[test]
    fn a_new_address_that_is_taken_is_refused_and_the_old_ones_stay() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listeners = Listeners::new(&[any], TOLD);
        let before = listeners.addresses();
        let (other, address) = taken();
        let refusal = listeners.replace(&[any, address]).unwrap_err();
        assert_eq!(refusal.option, "listen_on/1");
        assert!(refusal.reason.starts_with(&format!("cannot listen on {address}: ")), "{refusal}");
        assert_eq!(listeners.addresses(), before);
        drop(other);
        listeners.replace(&[address]).unwrap();
        assert_eq!(listeners.addresses(), [address.to_string()]);
    }

    #[test]
    fn an_address_that_is_taken_at_start_is_a_fault_until_it_is_free() {
        let (other, address) = taken();
        let listeners = Listeners::new(&[address], TOLD);
        assert!(listeners.addresses().is_empty());
        assert_eq!(listeners.faults().len(), 1);
        // Other settings can be changed meanwhile.
        listeners.replace(&[address]).unwrap();
        drop(other);
        listeners.open_missing();
        assert!(listeners.faults().is_empty());
        assert_eq!(listeners.addresses(), [address.to_string()]);
    }
}
