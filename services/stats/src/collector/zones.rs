//! Asks the instances of auth for what they counted of each zone.

use std::time::Duration;

use futures_util::future::join_all;
use tenon_bus::{Auth1, Bus, BusError, names};
use tracing::debug;

use crate::zones::{Told, Zones};

/// How long one instance may take to tell all.
const PATIENCE: Duration = Duration::from_secs(4);

/// Zones asked for at once.
const PAGE: usize = 1000;

/// The counters of at most `max` zones, of the instances of auth among these bus names; and how many of them did not tell.
pub(super) async fn collect(bus: &Bus, names: impl Iterator<Item = &str>, max: usize) -> (Zones, usize) {
    let asked = names.filter(|name| names::auth_instance(name).is_some()).map(|name| async move {
        let told = tokio::time::timeout(PATIENCE, ask(&Auth1::new(bus, name), max)).await;
        let outcome =
            told.map_err(|_| "no answer in time".to_owned()).map(|told| told.map_err(|e| e.to_string()));
        (name.to_owned(), outcome.and_then(|told| told))
    });
    let (mut all, mut failed) = (Vec::new(), 0);
    for (name, outcome) in join_all(asked).await {
        match outcome {
            Ok(told) => all.push((name, told)),
            Err(reason) => {
                debug!("{name} does not tell the counters of its zones: {reason}");
                failed += 1;
            }
        }
    }
    (Zones::new(all, max), failed)
}

/// The first zones of one instance.
async fn ask(auth: &Auth1, max: usize) -> Result<Told, BusError> {
    let (mut told, mut after) = (Told::default(), String::new());
    while told.zones.len() < max {
        let wanted = (max - told.zones.len()).min(PAGE);
        let page = auth.list_zone_counters(&after, u32::try_from(wanted).unwrap_or(u32::MAX)).await?;
        told.further = page.further;
        let Some((last, _)) = page.zones.last() else { break };
        last.clone_into(&mut after);
        // A page with nothing that can be read would be asked for again.
        let known = told.zones.len();
        for (name, counters) in &page.zones {
            told.take(name, counters);
        }
        if page.further == 0 || told.zones.len() == known {
            break;
        }
    }
    Ok(told)
}
