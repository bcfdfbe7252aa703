//! `/v1/statistics/clients`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tenon_bus::{Auth1, TopClient, names};
use utoipa::ToSchema;

use crate::api::{Api, Controller};
use crate::problem::Problem;

/// The networks that most messages came from, the one with most first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct TopClients {
    /// At most 100.
    networks: Vec<Network>,
}

/// A network that many messages came from.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Network {
    /// Its address and length.
    #[schema(example = "192.0.2.0/24")]
    network: String,
    /// Messages, at most.
    messages: u64,
    /// So many of them may have been others'.
    error: u64,
}

/// The networks that most messages came from, over all instances of auth; nothing unless `auth/top_clients` is set. It takes
/// the scope `control`, as it tells of clients
#[utoipa::path(get, path = "/v1/statistics/clients", responses(
    (status = 200, description = "The networks", body = TopClients),
    (status = 403, description = "The account may not control services", body = Problem),
    (status = 503, description = "The bus is not there", body = Problem)))]
pub(in crate::api) async fn list(_: Controller, State(api): State<Api>) -> Result<Json<TopClients>, Problem> {
    let bus = api.bus()?;
    let failed = |error| Problem::from_service("tenon-auth", error);
    let mut told = Vec::new();
    for instance in bus.list_present(names::AUTH_PREFIX).await.map_err(failed)? {
        told.push(Auth1::new(&bus, &instance).top_clients().await.map_err(failed)?);
    }
    let network = |TopClient { network, messages, error }| Network { network, messages, error };
    Ok(Json(TopClients { networks: TopClient::sums(&told).into_iter().map(network).collect() }))
}
