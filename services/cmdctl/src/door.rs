//! The service as a whole.

pub mod bus;

use std::sync::Arc;

use tenon_service::listeners::{Listeners, Told};
use tenon_service::{Component, CounterDefinition, CurrentBus, Refusal};

use crate::accounts::AccountsFile;
use crate::api::{Api, Places};
use crate::certificate::{Certificate, CertificateError, Files};
use crate::client_authority::ClientAuthority;
use crate::events::Events;
use crate::gate::Gate;
use crate::messages;
use crate::server::Server;
use crate::settings::CmdctlSettings;
use crate::statistics::Statistics;

/// Name of the file of accounts in the state directory.
pub const ACCOUNTS: &str = "accounts.json";

const TOLD: Told =
    Told { what: "HTTPS", listening: messages::LISTENING, not_listening: messages::NOT_LISTENING };

/// The service.
pub struct Door {
    listeners: Listeners,
    certificate: Arc<Certificate>,
    authority: Arc<ClientAuthority>,
    gate: Arc<Gate>,
    api: Api,
    events: Events,
    server: Arc<Server>,
    statistics: Arc<Statistics>,
}

/// Why the service cannot be.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// No random numbers.
    #[error("the system has no random numbers")]
    Random,
    /// No TLS.
    #[error("no TLS: {0}")]
    Tls(#[from] rustls::Error),
}

impl Door {
    /// The service with these settings, in these places; opens its sockets, as far as they can be.
    pub fn new(settings: &CmdctlSettings, places: Places) -> Result<Self, DoorError> {
        let statistics = Arc::new(Statistics::default());
        let accounts = AccountsFile::new(places.spool.join(ACCOUNTS));
        let gate = Gate::new(accounts, settings.failures_per_minute, statistics.clone());
        let gate = Arc::new(gate.map_err(|_| DoorError::Random)?);
        let certificate = Arc::new(Certificate::new(files(settings)));
        let authority = Arc::new(ClientAuthority::new(certificate.clone(), settings.client_ca_file.clone())?);
        let events = Events::new(settings.event_clients, statistics.clone());
        let api = Api::new(places, events.clone(), statistics.clone());
        let server = Server::new(
            api.clone().router(),
            gate.clone(),
            authority.clone(),
            Arc::new(settings.clone()),
            statistics.clone(),
        );
        let listeners = Listeners::new(&settings.addresses(), TOLD);
        Ok(Self {
            listeners,
            certificate,
            authority,
            gate,
            api,
            events,
            server: Arc::new(server),
            statistics,
        })
    }

    /// Answers, for ever.
    pub async fn run(&self, bus: CurrentBus) {
        self.api.set_bus(bus.clone());
        let serve = |listener| tokio::spawn(self.server.clone().accept(listener)).abort_handle();
        tokio::join!(self.listeners.run(serve), self.events.run(bus));
    }

    /// What is wrong, one sentence each.
    fn faults(&self) -> Vec<String> {
        let mut faults = self.listeners.faults();
        faults.extend(self.certificate.fault());
        faults.extend(self.authority.fault());
        faults.extend(self.gate.accounts().err().map(|reason| format!("accounts: {reason}")));
        faults
    }
}

impl Component for Door {
    type Settings = CmdctlSettings;

    fn apply(&self, _: u64, settings: &CmdctlSettings) -> Result<(), Refusal> {
        // What can be refused comes first: a refusal leaves the settings before in force.
        let unusable = |reason: CertificateError| Refusal::new("certificate_file", reason.to_string());
        let wanted = files(settings);
        if !self.certificate.has(&wanted) {
            Certificate::check(&wanted).map_err(unusable)?;
        }
        if let Some(file) = &settings.client_ca_file {
            ClientAuthority::check(file).map_err(|reason| Refusal::new("client_ca_file", reason))?;
        }
        self.listeners.replace(&settings.addresses())?;
        self.authority.set_file(settings.client_ca_file.clone());
        self.certificate.set_files(wanted).map_err(unusable)?;
        self.events.set_most_clients(settings.event_clients);
        self.gate.set_failures(settings.failures_per_minute);
        self.server.set(Arc::new(settings.clone()));
        Ok(())
    }

    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)> {
        self.statistics.values()
    }
}

fn files(settings: &CmdctlSettings) -> Files {
    Files { certificate: settings.certificate_file.clone(), key: settings.key_file.clone() }
}
