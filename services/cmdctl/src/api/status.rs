//! `/v1/status`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tenon_bus::services::{ALL, Service};
use tenon_bus::{Auth1, Bus, BusError, Cfgmgr1, Collector1, Unconfirmed, Zonec1, names};
use utoipa::ToSchema;

use super::{Api, Reader};
use crate::problem::Problem;

/// What runs, and what is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Status {
    /// The services of the set.
    services: Vec<ServiceStatus>,
    /// Generation of the committed settings; absent when tenon-cfgmgr does not tell.
    #[schema(example = 7)]
    generation: Option<u64>,
    /// The commit that waits for confirmation; absent when none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    unconfirmed: Option<UnconfirmedCommit>,
    /// Generation of the manifest of zone images; absent when tenon-zonec does not tell.
    manifest_generation: Option<u64>,
    /// How many zones that manifest names; absent as above.
    zones: Option<u32>,
    /// What is wrong and what that costs, one sentence each; empty when all is well.
    problems: Vec<String>,
}

/// A commit that waits for confirmation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UnconfirmedCommit {
    /// The generation that waits.
    generation: u64,
    /// The one whose settings come back unless it is confirmed.
    restores: u64,
    /// Until when, in microseconds since the epoch.
    until_usec: u64,
}

/// One service.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServiceStatus {
    /// The program.
    #[schema(example = "tenon-zonec")]
    service: String,
    /// Whether it is there.
    running: bool,
    /// Its names on the bus: one for each instance.
    #[schema(example = json!(["org.tenon.Zonec1"]))]
    bus_names: Vec<String>,
    /// What its absence costs; absent while it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<String>,
}

/// What runs, and what is wrong
#[utoipa::path(get, path = "/v1/status", responses(
    (status = 200, description = "What runs; also when something does not", body = Status),
    (status = 503, description = "No message bus", body = Problem)))]
pub(super) async fn show(_: Reader, State(api): State<Api>) -> Result<Json<Status>, Problem> {
    let bus = api.bus()?;
    let present = bus.list_present(names::PREFIX).await;
    let present = present.map_err(|error| Problem::from_service("dbus", error))?;
    let mut status = Status {
        services: ALL.iter().map(|service| service_status(service, &present)).collect(),
        generation: None,
        unconfirmed: None,
        manifest_generation: None,
        zones: None,
        problems: Vec::new(),
    };
    let absent = ALL.iter().filter(|service| service.among(&present).is_empty());
    status.problems.extend(absent.map(Service::absence));
    status.ask(&bus, &present).await;
    Ok(Json(status))
}

fn service_status(service: &Service, present: &[String]) -> ServiceStatus {
    let bus_names: Vec<String> = service.among(present).into_iter().map(str::to_owned).collect();
    let running = !bus_names.is_empty();
    let cost = (!running).then(|| service.cost.to_owned());
    ServiceStatus { service: service.program.to_owned(), running, bus_names, cost }
}

impl Status {
    async fn ask(&mut self, bus: &Bus, present: &[String]) {
        for name in present.iter().filter(|name| name.starts_with(names::AUTH_PREFIX)) {
            let state = Auth1::new(bus, name).state().await;
            if let Some(state) = self.told(name, state) {
                self.note(name, &state.faults);
            }
        }
        if let Some(zonec) = self.told("tenon-zonec", Zonec1::new(bus).state().await) {
            (self.manifest_generation, self.zones) =
                (Some(zonec.manifest_generation), Some(zonec.zone_count));
            self.note("tenon-zonec", &zonec.faults);
        }
        if let Some(cfgmgr) = self.told("tenon-cfgmgr", Cfgmgr1::if_present(bus).state().await) {
            self.generation = Some(cfgmgr.generation);
            let Unconfirmed { generation, restores, until_usec } = cfgmgr.unconfirmed;
            let waits = UnconfirmedCommit { generation, restores, until_usec };
            self.unconfirmed = (generation > 0).then_some(waits);
            self.note("settings", &cfgmgr.faults);
        }
        if let Some(stats) = self.told("tenon-stats", Collector1::new(bus).state().await) {
            self.note("tenon-stats", &stats.faults);
        }
    }

    /// Absence was told with its cost; any other failure is told here.
    fn told<T>(&mut self, who: &str, state: Result<T, BusError>) -> Option<T> {
        match state {
            Ok(state) => Some(state),
            Err(BusError::ServiceUnknown(_)) => None,
            Err(error) => {
                self.problems.push(format!("{who}: {error}"));
                None
            }
        }
    }

    fn note(&mut self, who: &str, faults: &[String]) {
        self.problems.extend(faults.iter().map(|fault| format!("{who}: {fault}")));
    }
}
