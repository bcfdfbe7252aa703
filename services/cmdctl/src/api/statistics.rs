//! `/v1/statistics`: what tenon-stats collects, and whom auth serves most.

pub(super) mod clients;
pub(super) mod zones;

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tenon_bus::{AnswerTimes, BusError, Collector1};
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
    /// How long the instances of auth took to answer, added up, by transport: `udp`, `tcp`, `tls`, `https`, `quic`.
    answer_times: BTreeMap<String, Times>,
}

/// How long answering took over one transport, from the receipt of a batch of messages to its replies.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Times {
    /// Messages.
    messages: u64,
    /// All times together.
    nanoseconds: u64,
    /// Messages by the time they took.
    buckets: Vec<Bucket>,
}

/// Messages that took at most so long, and more than the bucket before says.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Bucket {
    /// Null in the last bucket: longer than all before.
    #[schema(example = 64)]
    microseconds: Option<u64>,
    messages: u64,
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
    let collector = Collector1::new(&api.bus()?);
    let (collected, times) = tokio::join!(collector.show("", ""), collector.answer_times());
    let (collected, times) = (collected.map_err(failed)?, times.map_err(failed)?);
    let component = |sum: tenon_bus::CollectedComponent| {
        let (instances, ready_usec, counters) = (sum.instances, sum.ready_usec, sum.counters);
        (sum.component, Component { instances, ready_usec, counters })
    };
    let components = collected.components.into_iter().map(component).collect();
    let answer_times = times.into_iter().map(|times| (times.transport.clone(), Times::from(times))).collect();
    Ok(Json(Statistics { components, silent: collected.silent, answer_times }))
}

fn failed(error: BusError) -> Problem {
    Problem::from_service("tenon-stats", error)
}

impl From<AnswerTimes> for Times {
    fn from(times: AnswerTimes) -> Self {
        let buckets = times.bounded().map(|(microseconds, messages)| Bucket { microseconds, messages });
        Self { messages: times.messages(), nanoseconds: times.nanoseconds, buckets: buckets.collect() }
    }
}
