//! `bindctl status`: what runs, since when, what is wrong and what that costs.
//!
//! Works with the bus down: then it says so, and shows what files tell.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use tenon_bus::services::{ALL, Service};
use tenon_bus::{
    Auth1, AuthState, Bus, BusError, Cfgmgr1, CfgmgrState, Cmdctl1, CmdctlState, Collector1, CollectorState,
    Config1, Ddns1, DdnsState, Systemd, Unit, UnitDetails, Xfrin1, XfrinState, Xfrout1, XfroutState, Zonec1,
    ZonecState, Zonemgr1, ZonemgrState, names,
};
use tenon_image::Manifest;
use tenon_service::readers;

use crate::failure::Failure;
use crate::output::{Cell, Output, Tone, ago, cell, date, toned};
use crate::readers::audience;
use crate::session::{Session, auth_instances};

#[derive(Debug, Default, Serialize)]
struct Report {
    bus_reachable: bool,
    units: Vec<UnitReport>,
    /// Bus names of Tenon that are owned.
    names: Vec<String>,
    auth: Vec<AuthReport>,
    zonec: Option<ZonecState>,
    cfgmgr: Option<CfgmgrState>,
    stats: Option<CollectorState>,
    zonemgr: Option<ZonemgrState>,
    xfrin: Option<XfrinState>,
    xfrout: Option<XfroutState>,
    ddns: Option<DdnsState>,
    door: Option<CmdctlState>,
    /// From the file that daemons read; absent when nothing was ever committed.
    committed_generation: Option<u64>,
    /// From the file that auth trusts; absent when nothing was ever compiled.
    manifest: Option<ManifestReport>,
    /// Who alone is told the rest, where this user is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    told_to: Option<String>,
    /// What is wrong and what it costs, one sentence each.
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct UnitReport {
    #[serde(flatten)]
    unit: Unit,
    #[serde(flatten)]
    details: UnitDetails,
}

#[derive(Debug, Serialize)]
struct AuthReport {
    #[serde(flatten)]
    state: AuthState,
    /// Generation of the settings in force.
    settings_generation: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ManifestReport {
    generation: u64,
    zones: usize,
}

/// All of it as JSON.
pub(crate) async fn document(session: &mut Session) -> Value {
    let (report, _) = look(session).await;
    serde_json::to_value(&report).unwrap_or_else(|error| error.to_string().into())
}

async fn look(session: &mut Session) -> (Report, Result<Bus, BusError>) {
    let mut report = Report::default();
    if session.remote.is_none() {
        report.read_files(&session.state);
    }
    let bus = session.try_bus().await;
    if let Ok(bus) = &bus {
        report.bus_reachable = true;
        // Units are the service manager's to tell, which is not asked from elsewhere.
        if session.remote.is_none() {
            report.read_units(bus).await;
        }
        report.read_services(bus).await;
    }
    (report, bus)
}

pub(crate) async fn show(session: &mut Session) -> Result<(), Failure> {
    let (report, bus) = look(session).await;
    let output = session.output;
    if output.json {
        output.document(&report)?;
    } else {
        report.write(output)?;
    }
    bus.map(drop).map_err(Failure::from)
}

impl Report {
    fn read_files(&mut self, state: &Path) {
        if readers::are_restricted() && std::fs::read_dir(state).is_err() {
            return;
        }
        let current = std::fs::read(state.join("config/current")).ok();
        let current: Option<Value> = current.and_then(|text| serde_json::from_slice(&text).ok());
        self.committed_generation = current.and_then(|stored| stored.get("generation")?.as_u64());
        match Manifest::read(&state.join("images")) {
            Ok(manifest) => {
                self.manifest = manifest.map(|manifest| ManifestReport {
                    generation: manifest.generation,
                    zones: manifest.zones.len(),
                });
            }
            Err(error) => self.problems.push(format!("the manifest cannot be read: {error}")),
        }
    }

    async fn read_units(&mut self, bus: &Bus) {
        let systemd = Systemd::new(bus);
        let units = match systemd.units(&["tenon*"]).await {
            Ok(units) => units,
            Err(error) => {
                self.problems.push(format!("the service manager does not tell of units: {error}"));
                return;
            }
        };
        for unit in units.into_iter().filter(|unit| unit.load_state != "not-found") {
            let details = systemd.details(&unit).await.unwrap_or_default();
            if unit.active_state == "failed" {
                self.problems.push(format!(
                    "{} failed ({}): `journalctl -b -u {}` says why",
                    unit.name, details.result, unit.name
                ));
            }
            self.units.push(UnitReport { unit, details });
        }
    }

    async fn read_services(&mut self, bus: &Bus) {
        self.names = bus.list_present(names::PREFIX).await.unwrap_or_default();
        for (number, name) in auth_instances(bus).await.unwrap_or_default() {
            match Auth1::new(bus, &name).state().await {
                Ok(state) => {
                    let settings = Config1::new(bus, &name).state().await.ok();
                    let settings_generation = settings.map(|settings| settings.generation);
                    self.note_faults(&format!("auth instance {number}"), &state.faults);
                    self.auth.push(AuthReport { state, settings_generation });
                }
                Err(error) => {
                    self.note_absence::<AuthState>(&format!("auth instance {number}"), Err(error));
                }
            }
        }
        self.zonec = self.note_absence("tenon-zonec", Zonec1::new(bus).state().await);
        self.cfgmgr = self.note_absence("tenon-cfgmgr", Cfgmgr1::new(bus).state().await);
        self.stats = self.note_absence("tenon-stats", Collector1::new(bus).state().await);
        if let Some(faults) = self.zonec.as_ref().map(|zonec| zonec.faults.clone()) {
            self.note_faults("zonec", &faults);
        }
        if let Some(faults) = self.cfgmgr.as_ref().map(|cfgmgr| cfgmgr.faults.clone()) {
            self.note_faults("settings", &faults);
        }
        if let Some(faults) = self.stats.as_ref().map(|stats| stats.faults.clone()) {
            self.note_faults("stats", &faults);
        }
        self.zonemgr = self.note_absence("tenon-zonemgr", Zonemgr1::new(bus).state().await);
        self.xfrin = self.note_absence("tenon-xfrin", Xfrin1::new(bus).state().await);
        if let Some(faults) = self.zonemgr.as_ref().map(|zonemgr| zonemgr.faults.clone()) {
            self.note_faults("secondary zones", &faults);
        }
        if let Some(faults) = self.xfrin.as_ref().map(|xfrin| xfrin.faults.clone()) {
            self.note_faults("xfrin", &faults);
        }
        self.xfrout = self.note_absence("tenon-xfrout", Xfrout1::new(bus).state().await);
        if let Some(faults) = self.xfrout.as_ref().map(|xfrout| xfrout.faults.clone()) {
            self.note_faults("xfrout", &faults);
        }
        self.ddns = self.note_absence("tenon-ddns", Ddns1::new(bus).state().await);
        if let Some(faults) = self.ddns.as_ref().map(|ddns| ddns.faults.clone()) {
            self.note_faults("ddns", &faults);
        }
        self.door = self.note_absence("tenon-cmdctl", Cmdctl1::new(bus).state().await);
        if let Some(faults) = self.door.as_ref().map(|door| door.faults.clone()) {
            self.note_faults("cmdctl", &faults);
        }
        self.note_costs();
    }

    fn note_faults(&mut self, who: &str, faults: &[String]) {
        self.problems.extend(faults.iter().map(|fault| format!("{who}: {fault}")));
    }

    /// Absence is told with its cost; any other failure here.
    fn note_absence<T>(&mut self, who: &str, state: Result<T, BusError>) -> Option<T> {
        match state {
            Ok(state) => Some(state),
            Err(BusError::ServiceUnknown(_)) => None,
            Err(BusError::AccessDenied(_)) if readers::are_restricted() => {
                self.told_to = Some(audience(readers::group().as_deref()));
                None
            }
            Err(error) => {
                self.problems.push(format!("{who}: {error}"));
                None
            }
        }
    }

    /// A door that nobody was given a key to is closed on purpose.
    fn note_costs(&mut self) {
        let unit = |name| self.units.iter().find(|report: &&UnitReport| report.unit.name == name);
        let meant = |service: &&Service| {
            service.component != "cmdctl"
                || unit(service.unit).is_some_and(|unit| unit.details.condition_result)
        };
        let absent = ALL.iter().filter(|service| service.among(&self.names).is_empty()).filter(meant);
        let costs: Vec<String> = absent.map(Service::absence).collect();
        self.problems.extend(costs);
    }

    fn write(&self, output: Output) -> Result<(), Failure> {
        if !self.bus_reachable {
            output.problem("The D-Bus system bus cannot be reached; this is what files tell:")?;
        }
        if !self.units.is_empty() {
            let rows = self.units.iter().map(unit_row).collect();
            output.table(&["UNIT", "STATE", "FOR", "RESTARTS"], rows)?;
            output.line("")?;
        }
        if let Some(readers) = &self.told_to {
            output.line(&format!("the rest is told to {readers} alone"))?;
        } else {
            self.write_services(output)?;
        }
        if self.problems.is_empty() && self.bus_reachable {
            return Ok(output.line("problems  none")?);
        }
        for problem in &self.problems {
            output.problem(&format!("problem   {problem}"))?;
        }
        Ok(())
    }

    fn write_services(&self, output: Output) -> Result<(), Failure> {
        if !self.auth.is_empty() {
            let rows = self.auth.iter().map(auth_row).collect();
            output.table(&["AUTH", "ZONES", "MANIFEST", "SETTINGS", "LISTENS ON"], rows)?;
            output.line("")?;
        }
        if let Some(zonec) = &self.zonec {
            output.line(&format!(
                "zones     manifest {} with {} zones, zonec {}",
                zonec.manifest_generation, zonec.zone_count, zonec.state
            ))?;
        } else if let Some(manifest) = &self.manifest {
            output
                .line(&format!("zones     manifest {} with {} zones", manifest.generation, manifest.zones))?;
        } else {
            output.line("zones     none were compiled yet")?;
        }
        if let Some(zonemgr) = self.zonemgr.as_ref().filter(|zonemgr| zonemgr.zone_count > 0) {
            output.line(&format!("secondary {}", secondary_line(zonemgr)))?;
        }
        if let Some(xfrout) = self.xfrout.as_ref() {
            output.line(&format!(
                "xfrout    {} transfers on their way, {} notices unanswered",
                xfrout.running_transfers, xfrout.pending_notifies
            ))?;
        }
        match self.cfgmgr.as_ref().map(|cfgmgr| cfgmgr.generation).or(self.committed_generation) {
            None | Some(0) => output.line("settings  the defaults; nothing was committed yet")?,
            Some(generation) => output.line(&format!("settings  generation {generation}"))?,
        }
        if let Some(unconfirmed) = self.cfgmgr.as_ref().map(|cfgmgr| cfgmgr.unconfirmed)
            && unconfirmed.generation > 0
        {
            output.problem(&format!(
                "          generation {} is taken back at {} unless you keep it: `bindctl config confirm`",
                unconfirmed.generation,
                date(unconfirmed.until_usec)
            ))?;
        }
        if let Some(stats) = self.stats.as_ref().filter(|stats| !stats.addresses.is_empty()) {
            output.line(&format!("stats     http://{}/", stats.addresses.join("/ http://")))?;
        }
        if let Some(door) = self.door.as_ref().filter(|door| !door.addresses.is_empty()) {
            output.line(&format!("door      https://{}/", door.addresses.join("/ https://")))?;
        }
        Ok(())
    }
}

/// How many secondary zones there are, and how they stand.
fn secondary_line(zonemgr: &ZonemgrState) -> String {
    let states = zonemgr.states.iter().filter(|(_, zones)| **zones > 0);
    let states: Vec<String> = states.map(|(state, zones)| format!("{zones} {state}")).collect();
    format!(
        "{} zones: {}; {} looks under way, {} wait",
        zonemgr.zone_count,
        states.join(", "),
        zonemgr.running,
        zonemgr.waiting
    )
}

fn unit_row(report: &UnitReport) -> Vec<Cell> {
    let UnitReport { unit, details } = report;
    let tone = match unit.active_state.as_str() {
        "active" => Tone::Good,
        "failed" => Tone::Bad,
        _ => Tone::Faint,
    };
    let restarts = if unit.name.ends_with(".service") { details.restarts.to_string() } else { String::new() };
    vec![
        cell(&unit.name),
        toned(format!("{} ({})", unit.active_state, unit.sub_state), tone),
        cell(ago(details.state_since_usec)),
        cell(restarts),
    ]
}

fn auth_row(report: &AuthReport) -> Vec<Cell> {
    let state = &report.state;
    let mut addresses: Vec<&str> = state.listeners.iter().map(|listener| listener.address.as_str()).collect();
    addresses.sort_unstable();
    addresses.dedup();
    vec![
        cell(state.instance),
        cell(state.zone_count),
        cell(state.manifest_generation),
        cell(report.settings_generation.map_or_else(|| "?".into(), |number| number.to_string())),
        cell(addresses.join(" ")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_absence_is_told_with_its_cost() {
        let mut report = Report { bus_reachable: true, ..Report::default() };
        report.note_costs();
        // The door is closed on purpose as far as anybody knows.
        assert_eq!(report.problems.len(), ALL.len() - 1);
        report.problems.clear();
        report.names = ALL.iter().map(|service| service.bus_name.to_owned()).collect();
        report.names.retain(|name| name != names::CMDCTL);
        report.note_costs();
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        let unit =
            serde_json::json!({"state_since_usec": 0, "StateChangeTimestamp": 0, "ConditionResult": true});
        let details = serde_json::from_value(unit).unwrap();
        report.units.push(UnitReport { unit: Unit::named("tenon-cmdctl.service"), details });
        report.note_costs();
        assert!(
            report.problems[0].contains("nothing can be seen or changed over HTTPS"),
            "{:?}",
            report.problems
        );
    }

    #[test]
    fn files_tell_the_generation() {
        let state = tempfile::tempdir().unwrap();
        std::fs::create_dir(state.path().join("config")).unwrap();
        std::fs::write(state.path().join("config/current"), r#"{"generation": 7, "settings": {}}"#).unwrap();
        let mut report = Report::default();
        report.read_files(state.path());
        assert_eq!(report.committed_generation, Some(7));
        assert!(report.manifest.is_none());
    }
}
