//! What the instances of auth counted of each zone, added up.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use tenon_bus::{Auth1, Bus, BusError};
use tenon_wire::Name;

use super::auth_is_there;
use crate::failure::Failure;
use crate::output::{Output, cell};
use crate::pages::PAGE;
use crate::session::auth_instances;

/// Columns of the table.
const COLUMNS: [&str; 7] = ["queries", "noerror", "nodata", "nxdomain", "referrals", "failures", "octets"];

type Counters = BTreeMap<String, u64>;

/// Sums by zone, in canonical order, and name.
type Sums = BTreeMap<Name, Counters>;

/// Shows all zones that were asked for.
pub(super) async fn show(output: Output, bus: &Bus) -> Result<(), Failure> {
    let sums = collect(bus).await?;
    if sums.is_empty() {
        return Err(nothing("any zone"));
    }
    table(output, &sums)
}

/// Shows one zone.
pub(super) async fn show_one(output: Output, bus: &Bus, zone: &str) -> Result<(), Failure> {
    let name = Name::from_str(zone).map_err(|error| {
        Failure::refused(format!("{zone:?} is no zone's name: {error}"), "give a name such as example.com")
    })?;
    let instances = auth_instances(bus).await?;
    let (mut sum, mut unknown) = (Counters::new(), None);
    for (_, instance) in auth_is_there(&instances)? {
        match Auth1::new(bus, instance).zone_counters(&name.to_string()).await {
            Ok(counters) => add(&mut sum, counters),
            Err(error @ BusError::NoSuchZone(_)) => unknown = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    match unknown {
        Some(error) if sum.is_empty() => Err(error.into()),
        _ if sum.values().all(|value| *value == 0) => Err(nothing(&format!("zone {name}"))),
        _ => table(output, &Sums::from([(name, sum)])),
    }
}

fn nothing(what: &str) -> Failure {
    Failure::refused(
        format!("nothing was counted of {what}"),
        "zones are counted while auth/zone_statistics is true, and those that were asked for are shown",
    )
}

fn table(output: Output, sums: &Sums) -> Result<(), Failure> {
    let text = |name: &Name| name.to_string().to_ascii_lowercase();
    if output.json {
        let document: BTreeMap<String, _> =
            sums.iter().map(|(name, counters)| (text(name), counters)).collect();
        return Ok(output.document(&document)?);
    }
    let rows = sums.iter().map(|(name, counters)| {
        let values = COLUMNS.iter().map(|column| cell(counters.get(*column).copied().unwrap_or_default()));
        std::iter::once(cell(text(name))).chain(values).collect()
    });
    let headers = COLUMNS.map(str::to_ascii_uppercase);
    let headers: Vec<&str> = std::iter::once("ZONE").chain(headers.iter().map(String::as_str)).collect();
    Ok(output.table(&headers, rows.collect())?)
}

/// Asks every instance, page by page.
async fn collect(bus: &Bus) -> Result<Sums, Failure> {
    let mut sums = Sums::new();
    let instances = auth_instances(bus).await?;
    for (_, instance) in auth_is_there(&instances)? {
        let (auth, mut after) = (Auth1::new(bus, instance), String::new());
        loop {
            let page = auth.list_zone_counters(&after, PAGE).await?;
            let Some((last, _)) = page.zones.last() else { break };
            last.clone_into(&mut after);
            for (zone, counters) in page.zones {
                if let Ok(zone) = Name::from_str(&zone) {
                    add(sums.entry(zone).or_default(), counters);
                }
            }
            if page.further == 0 {
                break;
            }
        }
    }
    Ok(sums)
}

fn add(sum: &mut Counters, counters: Counters) {
    for (name, value) in counters {
        let sum = sum.entry(name).or_default();
        *sum = sum.saturating_add(value);
    }
}
