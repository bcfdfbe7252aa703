//! Secondary zones: added to and taken out of the settings, looked at by request.

use std::collections::BTreeSet;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tenon_bus::{Bus, BusError, Cfgmgr1, Edit, JobState, JobStatus, Xfrin1, Zonec1, Zonemgr1, names};

use super::{waiting, zone_name};
use crate::failure::Failure;
use crate::pages::{self, PAGE};
use crate::session::Session;

/// The option that lists secondary zones.
const OPTION: &str = "zonemgr/secondary_zones";
/// How often a commit is tried again because somebody else changed the list meanwhile.
const TRIES: u32 = 5;
/// So many names are looked up one by one; for more all zones are listed.
const FEW: usize = 20;
/// How often a zone that is being looked at is asked for again.
const LOOK: Duration = Duration::from_millis(200);

/// What is to be added.
pub(super) struct Request {
    zones: BTreeSet<String>,
    primaries: Vec<SocketAddr>,
    /// Name of the key of all of them.
    key: Option<String>,
}

impl Request {
    pub(super) fn new(
        zones: &[String],
        from: Option<&Path>,
        primaries: &[String],
        key: Option<String>,
    ) -> Result<Self, Failure> {
        let mut wanted: BTreeSet<String> =
            zones.iter().map(|zone| zone_name(zone)).collect::<Result<_, _>>()?;
        if let Some(path) = from {
            let text = read(path).map_err(|error| {
                Failure::refused(
                    format!("{}: {error}", path.display()),
                    "--from names a file with names of zones",
                )
            })?;
            let words =
                text.lines().flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
            for word in words {
                wanted.insert(zone_name(word)?);
            }
        }
        if wanted.is_empty() {
            return Err(Failure::refused("no zone is named", "name one, or a file with --from"));
        }
        let primaries = primaries.iter().map(|text| primary(text)).collect::<Result<_, _>>()?;
        Ok(Self { zones: wanted, primaries, key })
    }

    /// The list with what is to be added, and whether that is anything new. A zone that is there with the same primaries
    /// stays; with others it is refused.
    fn laid_on(&self, list: &[Value]) -> Result<Option<Value>, Failure> {
        let name = |entry: &Value| entry.get("name").and_then(Value::as_str).map(str::to_owned);
        let primaries: Vec<Value> =
            self.primaries.iter().map(|primary| primary_value(primary, self.key.as_deref())).collect();
        let mut missing = self.zones.clone();
        for entry in list {
            let Some(name) = name(entry).filter(|name| missing.remove(name)) else { continue };
            if entry.get("primaries") != Some(&Value::Array(primaries.clone())) {
                return Err(Failure::refused(
                    format!("{name} is a secondary zone already, with other primaries; nothing changed"),
                    format!(
                        "`bindctl config show {OPTION}` shows them, `bindctl config set {OPTION}/N/primaries` changes them"
                    ),
                ));
            }
        }
        let added = missing.iter().map(|name| json!({"name": name, "primaries": primaries}));
        Ok((!missing.is_empty()).then(|| list.iter().cloned().chain(added).collect()))
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(path)?;
    }
    Ok(text)
}

fn primary(text: &str) -> Result<SocketAddr, Failure> {
    let (address, port) = text.split_once('@').unwrap_or((text, "53"));
    match (address.parse::<IpAddr>(), port.parse::<u16>()) {
        (Ok(address), Ok(port)) if port > 0 => Ok(SocketAddr::new(address, port)),
        _ => Err(Failure::refused(
            format!("{text}: not an address with an optional port"),
            "a primary is such as 192.0.2.1 or 2001:db8::1@5300",
        )),
    }
}

fn primary_value(primary: &SocketAddr, key: Option<&str>) -> Value {
    let mut value = json!({"address": primary.ip(), "port": primary.port()});
    if let Some(key) = key {
        value["key"] = key.into();
    }
    value
}

pub(super) async fn add(session: &mut Session, request: Request, wait: u64) -> Result<(), Failure> {
    let bus = session.bus().await?;
    refuse_primary_zones(&bus, &request.zones).await?;
    let is_new = change(&bus, &comment("add", &request.zones), |list| request.laid_on(list)).await?;
    if wait == 0 {
        return waiting::told(
            session,
            &request.zones,
            if is_new { "configured" } else { "configured already" },
        );
    }
    for (name, what) in [(names::ZONEMGR, "tenon-zonemgr"), (names::XFRIN, "tenon-xfrin")] {
        if !bus.is_present(name).await? {
            return Err(Failure::unreachable(
                format!(
                    "{} configured, but {what} is not on the bus, so nothing is transferred",
                    are(&request.zones)
                ),
                format!(
                    "`systemctl start tenon.target` starts it; `journalctl -b -u {what}` says what became of it"
                ),
            ));
        }
    }
    waiting::until_answered(session, &bus, &request.zones, Duration::from_secs(wait)).await
}

/// Takes a zone out of the settings; false when it is no secondary zone.
pub(super) async fn remove(session: &mut Session, zone: &str) -> Result<bool, Failure> {
    // Without bus or settings it can only be tried as a primary zone, whose loader says what is wrong.
    let Ok(bus) = session.bus().await else { return Ok(false) };
    let is_it = |entry: &Value| entry.get("name").and_then(Value::as_str) == Some(zone);
    let taken_out = |list: &[Value]| {
        let rest: Vec<Value> = list.iter().filter(|entry| !is_it(entry)).cloned().collect();
        Ok((rest.len() < list.len()).then_some(Value::Array(rest)))
    };
    let outcome = change(&bus, &format!("zone remove {zone}"), taken_out).await;
    if matches!(outcome, Err(Failure::Unreachable(..))) {
        let stored = Zonec1::new(&bus).get_zone(zone).await;
        if !stored.is_ok_and(|stored| stored.storage == "secondary") {
            return Ok(false);
        }
    }
    outcome
}

/// Changes the list of secondary zones and commits that alone, leaving other edits of the user where they are; false when
/// there is nothing to change.
async fn change(
    bus: &Bus,
    comment: &str,
    change: impl Fn(&[Value]) -> Result<Option<Value>, Failure>,
) -> Result<bool, Failure> {
    let cfgmgr = Cfgmgr1::new(bus);
    let mut tries = 0;
    loop {
        let base = cfgmgr.state().await?.generation;
        let list = match cfgmgr.get(OPTION, false).await? {
            Value::Array(list) => list,
            _ => Vec::new(),
        };
        let Some(value) = change(&list)? else { return Ok(false) };
        let edit = Edit { path: OPTION.to_owned(), value: Some(value) };
        tries += 1;
        match cfgmgr.commit_edits("", base, &[edit], comment, 0).await {
            Ok(_) => return Ok(true),
            // Somebody else was faster: their list is the one to start from.
            Err(BusError::Conflict(_)) if tries < TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn comment(verb: &str, zones: &BTreeSet<String>) -> String {
    let first = zones.first().map(String::as_str).unwrap_or_default();
    match zones.len() {
        0 | 1 => format!("zone {verb} {first}"),
        more => format!("zone {verb} {first} and {} more", more - 1),
    }
}

fn are(zones: &BTreeSet<String>) -> String {
    match (zones.first(), zones.len()) {
        (Some(zone), 1) => format!("{zone} is"),
        (_, number) => format!("{number} zones are"),
    }
}

/// A name can be in one store only, and the primary one wins. Without zonec nobody knows; it will name the fault.
async fn refuse_primary_zones(bus: &Bus, zones: &BTreeSet<String>) -> Result<(), Failure> {
    let zonec = Zonec1::new(bus);
    let mut found = None;
    if zones.len() <= FEW {
        for zone in zones {
            let stored = zonec.get_zone(zone).await;
            found =
                found.or(stored.ok().filter(|stored| stored.storage == "primary").map(|stored| stored.name));
        }
    } else {
        let fetch = async |after: &str| zonec.list_zones(after, PAGE).await;
        let listed = pages::each("", usize::MAX, fetch, |zone| {
            if found.is_none() && zone.storage == "primary" && zones.contains(&zone.name) {
                found = Some(zone.name);
            }
        });
        // As above.
        let _ = listed.await;
    }
    match found {
        None => Ok(()),
        Some(name) => Err(Failure::refused(
            format!("{name} is a primary zone here; nothing changed"),
            format!("to have it from another server, remove it first: `bindctl zone remove {name}`"),
        )),
    }
}

/// Has a zone looked at or transferred now.
pub(super) async fn look(session: &mut Session, zone: &str, force: bool, wait: u64) -> Result<(), Failure> {
    let bus = session.bus().await?;
    let zonemgr = Zonemgr1::new(&bus);
    let until = Instant::now() + Duration::from_secs(wait);
    let job = loop {
        let asked = if force { zonemgr.retransfer(zone).await } else { zonemgr.refresh(zone).await };
        match asked {
            Err(BusError::Busy(_)) if Instant::now() < until => tokio::time::sleep(LOOK).await,
            Err(BusError::NoSuchZone(what)) => {
                return Err(Failure::refused(
                    what,
                    format!("`bindctl zone add {zone} --primary ADDRESS` makes it one"),
                ));
            }
            asked => break asked?,
        }
    };
    if wait == 0 {
        return outcome(session, zone, job, None);
    }
    let left = until.saturating_duration_since(Instant::now());
    match tokio::time::timeout(left, Xfrin1::new(&bus).jobs().wait(job)).await {
        Ok(status) => outcome(session, zone, job, Some(status?)),
        Err(_) => Err(Failure::refused(
            format!("{zone}: job {job} is not over yet"),
            format!("`bindctl zone show {zone}` shows what became of it; --wait waits longer"),
        )),
    }
}

fn outcome(session: &Session, zone: &str, job: u64, status: Option<JobStatus>) -> Result<(), Failure> {
    let Some(status) = status else {
        if session.output.json {
            return Ok(session.output.document(&json!({"zone": zone, "job": job}))?);
        }
        return Ok(session.output.line(&format!("{zone} is looked at by job {job}"))?);
    };
    if status.state != JobState::Done {
        return Err(Failure::refused(
            format!("{zone} could not be refreshed: {}", status.reason()),
            format!("what is stored goes on being answered until it expires; `bindctl zone show {zone}`"),
        ));
    }
    if session.output.json {
        return Ok(session.output.document(&json!({"zone": zone, "job": job, "details": status.details}))?);
    }
    let text = |name: &str| match status.details.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    };
    let line = if text("outcome") == "current" {
        format!("{zone} is current with serial {}, says {}", text("serial"), text("primary"))
    } else {
        let (records, octets) = (text("records"), text("octets"));
        format!(
            "{zone} was transferred from {}: serial {}, {records} records, {octets} octets",
            text("primary"),
            text("serial")
        )
    };
    Ok(session.output.line(&line)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(zones: &[&str], primaries: &[&str]) -> Request {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        Request::new(&owned(zones), None, &owned(primaries), None).unwrap()
    }

    #[test]
    fn primaries_have_an_address_and_perhaps_a_port() {
        assert_eq!(primary("192.0.2.1").unwrap(), "192.0.2.1:53".parse().unwrap());
        assert_eq!(primary("2001:db8::1@5300").unwrap(), "[2001:db8::1]:5300".parse().unwrap());
        for bad in ["", "ns1.example", "192.0.2.1@", "192.0.2.1@0", "192.0.2.1@70000", "192.0.2.1:53"] {
            assert!(primary(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_come_from_a_file_too() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a.example b.example # c.example\n\n# d\nA.example.\n").unwrap();
        let request = Request::new(&["e".into()], Some(file.path()), &["::1".into()], None).unwrap();
        assert_eq!(
            request.zones.iter().map(String::as_str).collect::<Vec<_>>(),
            ["a.example.", "b.example.", "e."]
        );
        std::fs::write(file.path(), "# nothing\n").unwrap();
        assert!(Request::new(&[], Some(file.path()), &["::1".into()], None).is_err());
    }

    #[test]
    fn the_list_grows_by_what_is_missing() {
        let list = request(&["a", "b"], &["192.0.2.1"]).laid_on(&[]).unwrap().unwrap();
        assert_eq!(
            list,
            json!([
                {"name": "a.", "primaries": [{"address": "192.0.2.1", "port": 53}]},
                {"name": "b.", "primaries": [{"address": "192.0.2.1", "port": 53}]},
            ])
        );
        let list = list.as_array().unwrap();
        assert!(request(&["b"], &["192.0.2.1"]).laid_on(list).unwrap().is_none(), "it is there");
        let more = request(&["b", "c"], &["192.0.2.1"]).laid_on(list).unwrap().unwrap();
        assert_eq!(more.as_array().unwrap().len(), 3);
        assert!(request(&["b"], &["192.0.2.2"]).laid_on(list).is_err(), "with other primaries");
    }
}
