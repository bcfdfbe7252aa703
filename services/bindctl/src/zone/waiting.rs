//! Waiting until secondary zones are transferred and answered, with a word on how far that is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::json;
use tenon_bus::{Auth1, AuthZone, Bus, BusError, Zonemgr1};

use crate::failure::Failure;
use crate::pages::{self, PAGE};
use crate::session::{Session, auth_instances};

/// How often services are asked how far they are, for one zone; for many less often.
const LOOK: Duration = Duration::from_millis(50);
const LOOK_AT_MANY: Duration = Duration::from_millis(500);
/// How often people are told.
const TELL: Duration = Duration::from_secs(2);
/// Most zones in trouble that are named.
const NAMED: usize = 10;

/// What is known of the zones that are waited for.
#[derive(Default)]
struct Progress {
    transferred: usize,
    answered: usize,
    /// Why zones are not there yet, as far as it is known.
    reasons: BTreeMap<String, String>,
}

/// Waits until every running auth instance answers all of the zones.
pub(super) async fn until_answered(
    session: &Session,
    bus: &Bus,
    zones: &BTreeSet<String>,
    patience: Duration,
) -> Result<(), Failure> {
    let began = Instant::now();
    let mut told = began;
    loop {
        let progress = look(bus, zones).await?;
        if progress.answered == zones.len() {
            return self::told(session, zones, "answered");
        }
        if began.elapsed() >= patience {
            return Err(not_there(zones.len(), &progress).await);
        }
        if told.elapsed() >= TELL && !session.output.json {
            told = Instant::now();
            let (transferred, answered, all) = (progress.transferred, progress.answered, zones.len());
            session.output.line(&format!("{transferred} of {all} transferred, {answered} answered"))?;
        }
        tokio::time::sleep(if zones.len() > 20 { LOOK_AT_MANY } else { LOOK }).await;
    }
}

/// Tells how the command ended.
pub(super) fn told(session: &Session, zones: &BTreeSet<String>, state: &str) -> Result<(), Failure> {
    if session.output.json {
        return Ok(session.output.document(&json!({"zones": zones, "state": state}))?);
    }
    let line = match (zones.first(), zones.len()) {
        (Some(zone), 1) => format!("{zone} is {state}"),
        (_, number) => format!("{number} zones are {state}"),
    };
    Ok(session.output.line(&line)?)
}

async fn look(bus: &Bus, zones: &BTreeSet<String>) -> Result<Progress, BusError> {
    let mut progress = Progress::default();
    let zonemgr = Zonemgr1::new(bus);
    let mut transferred: BTreeSet<String> = BTreeSet::new();
    let fetch = async |after: &str| zonemgr.list_zones(after, PAGE).await;
    pages::each("", usize::MAX, fetch, |zone| {
        if !zones.contains(&zone.name) {
        } else if zone.refreshed_usec > 0 {
            transferred.insert(zone.name);
        } else if progress.reasons.len() < NAMED {
            progress.reasons.insert(zone.name, String::new());
        }
    })
    .await?;
    for (zone, reason) in &mut progress.reasons {
        if let Ok(details) = zonemgr.get_zone(zone).await {
            *reason = details.reason;
        }
    }
    progress.transferred = transferred.len();
    progress.answered = answered(bus, transferred).await?;
    Ok(progress)
}

/// How many of these zones every running auth instance answers.
async fn answered(bus: &Bus, mut zones: BTreeSet<String>) -> Result<usize, BusError> {
    for (_, instance) in auth_instances(bus).await? {
        let auth = Auth1::new(bus, &instance);
        let mut served = BTreeSet::new();
        if zones.len() <= 20 {
            for zone in &zones {
                match auth.get_zone(zone).await {
                    Ok(details) if is_answer(&details.state) => drop(served.insert(zone.clone())),
                    Ok(_) | Err(BusError::NoSuchZone(_) | BusError::ServiceUnknown(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        } else {
            let fetch = async |after: &str| auth.list_zones(after, PAGE).await;
            let serve = |zone: AuthZone| served.extend(is_answer(&zone.state).then_some(zone.name));
            pages::each("", usize::MAX, fetch, serve).await?;
        }
        zones.retain(|zone| served.contains(zone));
    }
    Ok(zones.len())
}

fn is_answer(state: &str) -> bool {
    matches!(state, "serving" | "previous")
}

async fn not_there(all: usize, progress: &Progress) -> Failure {
    let missing = all - progress.answered;
    let mut what = match progress.reasons.iter().next() {
        _ if progress.transferred == all => {
            format!("{missing} of {all} zones are transferred and not answered yet")
        }
        Some((zone, reason)) if all == 1 && !reason.is_empty() => {
            format!("{zone} is configured, but could not be transferred yet: {reason}")
        }
        _ => format!("{missing} of {all} zones are configured and not answered yet"),
    };
    if all > 1 {
        for (zone, reason) in progress.reasons.iter().filter(|(_, reason)| !reason.is_empty()) {
            what += &format!("\n  {zone} {reason}");
        }
    }
    Failure::refused(
        what,
        "they are tried again and again; `bindctl zone list` shows how far they are, `bindctl zone remove` gives up",
    )
}
