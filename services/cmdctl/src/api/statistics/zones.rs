//! `/v1/statistics/zones`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Query, State};
use serde::Serialize;
use tenon_bus::Collector1;
use utoipa::ToSchema;

use crate::api::zones::PageQuery;
use crate::api::{Admitted, Api, out_of_scope};
use crate::problem::Problem;
use crate::scope::Verb;

/// A page of zones in canonical order.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ZoneCountersPage {
    /// Counters by zone and name.
    zones: BTreeMap<String, BTreeMap<String, u64>>,
    /// `after` of the next page; absent on the last one.
    #[schema(example = "example.com.")]
    next: Option<String>,
    /// Zones that are on no page because there are more than `stats/zones_max`.
    left_out: u64,
}

/// What auth counted of each zone that was asked for, of those that the account may look at; nothing unless
/// `auth/zone_statistics` and `stats/zones` are set. The first page is collected now, those after it are of that collection
#[utoipa::path(get, path = "/v1/statistics/zones", params(PageQuery), responses(
    (status = 200, description = "The page", body = ZoneCountersPage),
    (status = 403, description = "The account may look at no zone", body = Problem),
    (status = 503, description = "tenon-stats is not there", body = Problem)))]
pub(in crate::api) async fn list(
    Admitted(visitor): Admitted,
    State(api): State<Api>,
    Query(query): Query<PageQuery>,
) -> Result<Json<ZoneCountersPage>, Problem> {
    if !visitor.may_somewhere(Verb::Read) {
        return Err(out_of_scope(Verb::Read.word(), None));
    }
    let (after, limit) = query.page();
    let collected =
        Collector1::new(&api.bus()?).list_zone_counters(&after, limit).await.map_err(super::failed)?;
    let page = collected.page;
    let next = page.zones.last().filter(|_| page.further > 0).map(|(name, _)| name.clone());
    let seen = page.zones.into_iter().filter(|(name, _)| visitor.may(Verb::Read, Some(name)));
    Ok(Json(ZoneCountersPage { zones: seen.collect(), next, left_out: collected.left_out }))
}
