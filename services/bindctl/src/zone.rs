//! `bindctl zone`: zones as they are stored, compiled and answered.

mod change;
mod notify;
mod secondary;
mod waiting;

use std::collections::BTreeMap;

use serde::Serialize;
use tenon_bus::{
    Auth1, AuthZoneDetails, Bus, BusError, ManagedZone, ManagedZoneDetails, StoredZoneDetails, Zonec1,
    Zonemgr1,
};
use tenon_wire::Name;

use crate::command_line::ZoneCommand;
use crate::failure::Failure;
use crate::output::{Cell, Tone, cell, date, toned};
use crate::pages::{self, PAGE};
use crate::session::{Session, auth_instances};

/// A zone in a list.
#[derive(Debug, Default, Serialize)]
struct ListedZone {
    name: String,
    /// `primary` or `secondary`; absent when the zone is answered but not stored, or zonec does not run.
    storage: Option<String>,
    stored_serial: Option<u32>,
    compiled_serial: Option<u32>,
    /// `ready`, `compiling` or `failed`; absent as above.
    state: Option<String>,
    /// How the zone manager sees it; absent when it is no secondary zone, or tenon-zonemgr does not run.
    secondary: Option<ManagedZone>,
    /// By number of the auth instance.
    answered: BTreeMap<u32, AnsweredZone>,
}

#[derive(Debug, Serialize)]
struct AnsweredZone {
    serial: u32,
    /// `serving`, `previous` when an older image had to be taken, or why it is answered SERVFAIL.
    state: String,
}

/// One zone with all that is known of it.
#[derive(Debug, Serialize)]
struct ShownZone {
    name: String,
    stored: Option<StoredZoneDetails>,
    secondary: Option<ManagedZoneDetails>,
    answered: BTreeMap<u32, AuthZoneDetails>,
}

pub(crate) async fn run(session: &mut Session, command: ZoneCommand) -> Result<(), Failure> {
    match command {
        ZoneCommand::List { after, limit } => list(session, &after, limit).await,
        ZoneCommand::Show { zone } => show(session, &zone_name(&zone)?).await,
        ZoneCommand::Load { zone, file, force, wait } => {
            change::load(session, &zone_name(&zone)?, &file, force, wait).await
        }
        ZoneCommand::Write { zone, file } => change::write(session, &zone_name(&zone)?, &file),
        ZoneCommand::Add { zones, from, primary, key, wait, no_wait } => {
            let request = secondary::Request::new(&zones, from.as_deref(), &primary, key)?;
            secondary::add(session, request, if no_wait { 0 } else { wait }).await
        }
        ZoneCommand::Remove { zone, wait } => {
            let zone = zone_name(&zone)?;
            if secondary::remove(session, &zone).await? {
                change::wait_until_gone(session, &zone, wait).await
            } else {
                change::remove(session, &zone, wait).await
            }
        }
        ZoneCommand::Notify { zone } => notify::notify(session, &zone_name(&zone)?).await,
        ZoneCommand::Refresh { zone, wait } => {
            secondary::look(session, &zone_name(&zone)?, false, wait).await
        }
        ZoneCommand::Retransfer { zone, wait } => {
            secondary::look(session, &zone_name(&zone)?, true, wait).await
        }
    }
}

/// A zone's name as services spell it: lower case, with the final dot.
fn zone_name(text: &str) -> Result<String, Failure> {
    let name = Name::from_text(text, Some(Name::root().as_ref())).map_err(|error| {
        Failure::refused(format!("{text}: {error}"), "a zone's name is such as example.com")
    })?;
    Ok(name.as_ref().to_lowercase().to_string())
}

/// Names of stored zones, at most `limit`; for completion.
pub(crate) async fn names(bus: &Bus, limit: u32) -> Vec<String> {
    let zones = Zonec1::new(bus).list_zones("", limit).await.unwrap_or_default();
    zones.into_iter().map(|zone| zone.name).collect()
}

async fn list(session: &mut Session, after: &str, limit: usize) -> Result<(), Failure> {
    let bus = session.bus().await?;
    let after = if after.is_empty() { String::new() } else { zone_name(after)? };
    let limit = if limit == 0 { usize::MAX } else { limit };
    let mut zones = Zones::new();
    let zonec = list_stored(&bus, &after, limit, &mut zones).await;
    match list_secondary(&bus, &after, limit, &mut zones).await {
        Ok(()) | Err(BusError::ServiceUnknown(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let instances = auth_instances(&bus).await?;
    if let (Err(error), true) = (&zonec, instances.is_empty()) {
        return Err(error.clone().into());
    }
    for (number, name) in &instances {
        match list_answered(&Auth1::new(&bus, name), *number, &after, limit, &mut zones).await {
            Ok(()) | Err(BusError::ServiceUnknown(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let zones: Vec<ListedZone> = zones.into_values().take(limit).collect();
    let output = session.output;
    if output.json {
        return Ok(output.document(&zones)?);
    }
    if let Err(error) = zonec {
        output.problem(&format!("what is stored cannot be told: tenon-zonec: {error}"))?;
    }
    if zones.is_empty() {
        return Ok(output.line(
            "no zones; `bindctl zone load ZONE FILE` loads one, `bindctl zone add ZONE --primary ADDRESS` has one from \
             another server",
        )?);
    }
    let several = instances.len();
    let rows = zones.iter().map(|zone| list_row(zone, several)).collect();
    Ok(output.table(&["ZONE", "STORED", "COMPILED", "ANSWERED", "STATE"], rows)?)
}

/// The zones of a list, by name.
type Zones = BTreeMap<Name, ListedZone>;

async fn list_stored(bus: &Bus, after: &str, limit: usize, zones: &mut Zones) -> Result<(), BusError> {
    let zonec = Zonec1::new(bus);
    let fetch = async |after: &str| zonec.list_zones(after, PAGE).await;
    pages::each(after, limit, fetch, |zone| {
        let is_compiled = zone.compiled_serial != 0 || zone.state == "ready";
        let Some(listed) = listed(zones, &zone.name) else { return };
        listed.storage = Some(zone.storage);
        listed.stored_serial = Some(zone.stored_serial);
        listed.compiled_serial = is_compiled.then_some(zone.compiled_serial);
        listed.state = Some(zone.state);
    })
    .await
}

async fn list_secondary(bus: &Bus, after: &str, limit: usize, zones: &mut Zones) -> Result<(), BusError> {
    let zonemgr = Zonemgr1::new(bus);
    let fetch = async |after: &str| zonemgr.list_zones(after, PAGE).await;
    pages::each(after, limit, fetch, |zone| {
        if let Some(listed) = listed(zones, &zone.name) {
            listed.secondary = Some(zone);
        }
    })
    .await
}

async fn list_answered(
    auth: &Auth1,
    number: u32,
    after: &str,
    limit: usize,
    zones: &mut Zones,
) -> Result<(), BusError> {
    let fetch = async |after: &str| auth.list_zones(after, PAGE).await;
    pages::each(after, limit, fetch, |zone| {
        if let Some(listed) = listed(zones, &zone.name) {
            listed.answered.insert(number, AnsweredZone { serial: zone.serial, state: zone.state });
        }
    })
    .await
}

/// The entry of a zone, whoever told of it first.
fn listed<'z>(zones: &'z mut Zones, name: &str) -> Option<&'z mut ListedZone> {
    let key = Name::from_text(name, None).ok()?;
    Some(zones.entry(key).or_insert_with(|| ListedZone { name: name.to_owned(), ..ListedZone::default() }))
}

fn list_row(zone: &ListedZone, instances: usize) -> Vec<Cell> {
    let number = |serial: Option<u32>| serial.map_or_else(|| "-".to_owned(), |serial| serial.to_string());
    let serial = |answered: &AnsweredZone| match answered.state.as_str() {
        "serving" | "previous" => answered.serial.to_string(),
        _ => "SERVFAIL".to_owned(),
    };
    let mut serials: Vec<String> = zone.answered.values().map(serial).collect();
    serials.dedup();
    let everywhere = zone.answered.len() == instances;
    let text = match (serials.is_empty(), everywhere) {
        (true, _) => "-".to_owned(),
        (false, true) => serials.join(" "),
        (false, false) => format!("{} (by {} of {instances})", serials.join(" "), zone.answered.len()),
    };
    let previous = zone.answered.values().any(|answered| answered.state == "previous");
    let managed = zone.secondary.as_ref().map(|managed| managed.state.as_str());
    let state = match (zone.state.as_deref(), managed) {
        _ if previous => toned("previous image", Tone::Bad),
        (Some("failed"), _) => toned("failed", Tone::Bad),
        (_, Some(state @ ("retrying" | "expired" | "unloaded"))) => toned(state, Tone::Bad),
        (_, Some("refreshing")) => cell("refreshing"),
        (Some(state), _) => cell(state),
        (None, Some(state)) => cell(state),
        (None, None) => toned("not stored", Tone::Bad),
    };
    vec![
        cell(&zone.name),
        cell(number(zone.stored_serial)),
        cell(number(zone.compiled_serial)),
        cell(text),
        state,
    ]
}

async fn show(session: &mut Session, name: &str) -> Result<(), Failure> {
    let bus = session.bus().await?;
    let stored = found(Zonec1::new(&bus).get_zone(name).await)?;
    let secondary = found(Zonemgr1::new(&bus).get_zone(name).await)?;
    let mut answered = BTreeMap::new();
    for (number, instance) in auth_instances(&bus).await? {
        if let Some(zone) = found(Auth1::new(&bus, &instance).get_zone(name).await)? {
            answered.insert(number, zone);
        }
    }
    if stored.is_none() && secondary.is_none() && answered.is_empty() {
        return Err(BusError::NoSuchZone(name.to_owned()).into());
    }
    let zone = ShownZone { name: name.to_owned(), stored, secondary, answered };
    if session.output.json {
        return Ok(session.output.document(&zone)?);
    }
    let rows = show_rows(&zone).into_iter().map(|(what, value)| vec![cell(what), cell(value)]).collect();
    Ok(session.output.table(&["ZONE", name], rows)?)
}

/// A zone that is not there, or whose service is not, is nothing to fail for: others may know it.
fn found<T>(zone: Result<T, BusError>) -> Result<Option<T>, BusError> {
    match zone {
        Ok(zone) => Ok(Some(zone)),
        Err(BusError::NoSuchZone(_) | BusError::ServiceUnknown(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn show_rows(zone: &ShownZone) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut add = |what: &str, value: String| rows.push((what.to_owned(), value));
    match &zone.stored {
        None if zone.secondary.as_ref().is_some_and(|secondary| secondary.serial.is_none()) => {
            add("stored", "not transferred yet".into());
        }
        None => add("stored", "no, or tenon-zonec does not run".into()),
        Some(stored) => {
            add("stored", format!("serial {}, {}", stored.stored_serial, stored.storage));
            add("committed", date(stored.committed_usec.unwrap_or_default()));
            add("records", stored.records.to_string());
            let compiled =
                stored.compiled_serial.map_or_else(|| "never".into(), |serial| format!("serial {serial}"));
            add("compiled", compiled);
            add("compiled at", date(stored.compiled_usec.unwrap_or_default()));
            add("state", stored.state.clone());
            if !stored.reason.is_empty() {
                add("reason", stored.reason.clone());
            }
            add("image", format!("{} ({} octets)", stored.files.join(" "), stored.octets));
        }
    }
    if let Some(secondary) = &zone.secondary {
        secondary_rows(secondary, &mut add);
    }
    if zone.answered.is_empty() {
        add("answered", "by no running auth instance".into());
    }
    for (number, answered) in &zone.answered {
        let reason =
            if answered.reason.is_empty() { String::new() } else { format!(": {}", answered.reason) };
        let text = format!("serial {}, {}{reason}", answered.serial, answered.state);
        add(&format!("answered by {number}"), text);
    }
    rows
}

/// What the zone manager knows.
fn secondary_rows(zone: &ManagedZoneDetails, add: &mut impl FnMut(&str, String)) {
    add("secondary", zone.state.clone());
    add("primaries", zone.primaries.join(" "));
    if let Some(refreshed) = zone.refreshed_usec {
        let primary = zone.primary.as_deref().unwrap_or("-");
        add(
            "refreshed",
            format!("{}, serial {} of {primary}", date(refreshed), zone.serial.unwrap_or_default()),
        );
    }
    if let Some(catalog) = &zone.catalog {
        let groups = if zone.groups.is_empty() {
            String::new()
        } else {
            format!(", groups {}", zone.groups.join(", "))
        };
        add("listed by", format!("catalog {catalog}{groups}"));
    }
    add("next look", date(zone.next_usec));
    if let Some(expires) = zone.expires_usec {
        let word = if zone.state == "expired" { "expired" } else { "expires" };
        add(word, date(expires));
    }
    if let Some(since) = zone.failing_since_usec {
        add("failing since", date(since));
        add("because", zone.reason.clone());
    }
    if let Some(notified) = zone.notified_usec {
        let serial = zone.notify_serial.map(|serial| format!(" of serial {serial}")).unwrap_or_default();
        let peer = zone.notify_peer.as_deref().unwrap_or("-");
        add("last NOTIFY", format!("{}{serial} from {peer}", date(notified)));
    }
    if let Some(job) = zone.job {
        add("job", job.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_services_spell_them() {
        assert_eq!(zone_name("Example.COM").unwrap(), "example.com.");
        assert_eq!(zone_name("example.com.").unwrap(), "example.com.");
        assert!(zone_name("a..b").is_err());
    }
}
