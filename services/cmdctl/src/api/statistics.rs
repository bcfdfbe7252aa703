//! `/v1/statistics`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tenon_bus::Collector1;
use utoipa::ToSchema;

use super::{Api, Reader};
use crate::problem::Problem;

/// The counters of all services.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Statistics {
    /// By component.
    components: BTreeMap<String, Component>,
    /// Who was left out and why, one sentence each.
    silent: Vec<String>,
}

/// The counters of one component, those of several instances added up.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Component {
    /// Bus names of the instances.
    instances: Vec<String>,
    /// When the youngest of them was ready, in microseconds since the epoch.
    ready_usec: u64,
    /// Sums by name.
    counters: BTreeMap<String, u64>,
}

/// The counters of all services, collected now
#[utoipa::path(get, path = "/v1/statistics", responses(
    (status = 200, description = "The counters", body = Statistics),
    (status = 503, description = "tenon-stats is not there", body = Problem)))]
pub(super) async fn show(_: Reader, State(api): State<Api>) -> Result<Json<Statistics>, Problem> {
    let collected = Collector1::new(&api.bus()?).show("", "").await;
    let collected = collected.map_err(|error| Problem::from_service("tenon-stats", error))?;
    let component = |sum: tenon_bus::CollectedComponent| {
        let (instances, ready_usec, counters) = (sum.instances, sum.ready_usec, sum.counters);
        (sum.component, Component { instances, ready_usec, counters })
    };
    let components = collected.components.into_iter().map(component).collect();
    Ok(Json(Statistics { components, silent: collected.silent }))
}
