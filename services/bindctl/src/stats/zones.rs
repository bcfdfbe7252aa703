//! What the instances of auth counted of each zone, added up.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use tenon_bus::{Auth1, Bus, names};
use tenon_wire::Name;

use crate::failure::Failure;
use crate::output::{Output, cell};
use crate::pages::PAGE;

/// Columns of the table.
const COLUMNS: [&str; 7] = ["queries", "noerror", "nodata", "nxdomain", "referrals", "failures", "octets"];

/// Sums by zone, in canonical order, and name.
type Sums = BTreeMap<Name, BTreeMap<String, u64>>;

/// Shows all zones that were asked for, or one.
pub(super) async fn show(output: Output, bus: &Bus, only: Option<&str>) -> Result<(), Failure> {
    let only = only.map(wanted).transpose()?;
    let sums = collect(bus, only.as_ref()).await?;
    if sums.is_empty() {
        let what = only.map_or_else(|| "any zone".to_owned(), |zone| format!("zone {zone}"));
        return Err(Failure::refused(
            format!("nothing was counted of {what}"),
            "zones are counted while auth/zone_statistics is true, and those that were asked for are shown",
        ));
    }
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

fn wanted(text: &str) -> Result<Name, Failure> {
    Name::from_str(text).map_err(|error| {
        Failure::refused(format!("{text:?} is no zone's name: {error}"), "give a name such as example.com")
    })
}

/// Asks every instance, page by page.
async fn collect(bus: &Bus, only: Option<&Name>) -> Result<Sums, Failure> {
    let mut sums = Sums::new();
    for name in bus.list_present(names::PREFIX).await? {
        if names::auth_instance(&name).is_none() {
            continue;
        }
        let (auth, mut after) = (Auth1::new(bus, &name), String::new());
        loop {
            let page = auth.list_zone_counters(&after, PAGE).await?;
            let Some((last, _)) = page.zones.last() else { break };
            last.clone_into(&mut after);
            for (zone, counters) in page.zones {
                if let Ok(zone) = Name::from_str(&zone)
                    && only.is_none_or(|only| *only == zone)
                {
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

fn add(sum: &mut BTreeMap<String, u64>, counters: BTreeMap<String, u64>) {
    for (name, value) in counters {
        let sum = sum.entry(name).or_default();
        *sum = sum.saturating_add(value);
    }
}
