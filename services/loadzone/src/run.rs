//! The program: all jobs one after the other, and what is said about them.

use std::cell::RefCell;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tenon_datasrc::DataSource;
use tenon_datasrc::sqlite::SqliteSource;
use tenon_service::committed;
use tenon_wire::{Name, NameRef};

use crate::announce::Announcer;
use crate::command_line::Arguments;
use crate::findings::{Finding, Findings, Severity};
use crate::load::{Expect, First, Loader};
use crate::outcome::{Exit, Outcome, ZoneResult};
use crate::print;
use crate::progress::Progress;
use crate::signals::Stop;
use crate::store;
use crate::zone_list::{self, Job};
use crate::{directory, export};

/// With more zones than this, good ones are not told one by one.
const FEW: usize = 20;
/// Of many small zones, so many are stored together.
const TOGETHER: usize = 64;
/// Of many zones, so many are committed before the disk is waited for, and only then told.
const BATCH: usize = 256;
/// The same as time: what was committed is told after that.
const BATCH_TIME: Duration = Duration::from_secs(1);

/// Does what the command line asks for.
///
/// # Errors
/// A mistake in the command line or in the list, for people.
pub fn run(arguments: &Arguments) -> Result<Exit, String> {
    let began = Instant::now();
    if let [zone, file] = arguments.export.as_slice() {
        return export(arguments, &zone_list::zone_name(zone)?, Path::new(file));
    }
    let jobs = jobs(arguments)?;
    let removals: Vec<Name> =
        arguments.remove.iter().map(|zone| zone_list::zone_name(zone)).collect::<Result<_, _>>()?;
    let stop = Stop::watch().map_err(|error| format!("cannot watch for signals: {error}"))?;
    let source = if arguments.check {
        None
    } else {
        match store::open(&arguments.store, jobs.len() > 1) {
            Ok(source) => Some(source),
            Err(message) => return Ok(no_store(arguments, &message)),
        }
    };
    let count = jobs.len() + removals.len();
    let mut teller = Teller { arguments, announcer: None, few: count <= FEW };
    let mut results = match &source {
        Some(source) => removals.iter().map(|zone| teller.told(remove(source, zone))).collect(),
        None => Vec::new(),
    };
    results.extend(load_all(arguments, source.as_ref(), &jobs, &stop, &mut teller));
    let awaited = teller.wait(&mut results, &stop);
    if !arguments.quiet && !arguments.json && !teller.few {
        say(&print::total(&results, began.elapsed().as_secs_f64()));
    }
    let exit = exit_of(&results, count, awaited, &stop);
    if arguments.json {
        say(&json!({"zones": results, "exit_status": exit.code()}).to_string());
    }
    if let Some(source) = &source {
        // All is done and told; what is left to do is tidying, which anybody can do later.
        stop.settle(exit.code());
        if results.iter().any(|result| matches!(result.outcome, Outcome::Loaded | Outcome::Removed)) {
            let _ = source.clear_leftovers();
        }
    }
    Ok(exit)
}

fn jobs(arguments: &Arguments) -> Result<Vec<Job>, String> {
    if let Some(directory) = &arguments.directory {
        let settings = arguments.config_dir.as_deref().map(committed::module).transpose()?;
        return directory::newer(directory, &settings.unwrap_or_default(), &arguments.store);
    }
    match (&arguments.list, &arguments.zone, &arguments.file) {
        (Some(list), _, _) => zone_list::read(list),
        (None, Some(zone), Some(file)) => Ok(vec![zone_list::job(zone, file)?]),
        _ => Ok(Vec::new()),
    }
}

fn export(arguments: &Arguments, zone: &Name, file: &Path) -> Result<Exit, String> {
    match export::export(&arguments.store, zone, file) {
        Ok(entry) => {
            if arguments.json && file != Path::new("-") {
                say(&json!({"zone": entry.origin.to_string(), "serial": entry.serial, "records": entry.records})
                    .to_string());
            }
            Ok(Exit::Done)
        }
        Err(message) => {
            complain(&format!("tenon-loadzone: {message}"));
            Ok(Exit::Refused)
        }
    }
}

fn no_store(arguments: &Arguments, message: &str) -> Exit {
    complain(&format!("tenon-loadzone: {message}"));
    if arguments.json {
        let exit_status = Exit::Store.code();
        say(&json!({"zones": [], "error": message, "exit_status": exit_status}).to_string());
    }
    Exit::Store
}

fn remove(source: &SqliteSource, zone: &Name) -> ZoneResult {
    let mut result = ZoneResult::new(zone.as_ref().to_lowercase().to_string(), Outcome::Absent);
    let mut findings = Findings::default();
    match source.remove(zone.as_ref()) {
        Ok(true) => result.outcome = Outcome::Removed,
        Ok(false) => {
            findings
                .add(Finding::general(Severity::Warning, "there is no such zone in the store".to_owned()));
        }
        Err(error) => {
            result.outcome = Outcome::Failed;
            findings.add(Finding::general(Severity::Error, store::explain(&error)));
        }
    }
    (result.errors, result.warnings) = (findings.errors, findings.warnings);
    result.findings = findings.into_sorted();
    result
}

fn load_all(
    arguments: &Arguments,
    source: Option<&SqliteSource>,
    jobs: &[Job],
    stop: &Stop,
    teller: &mut Teller<'_>,
) -> Vec<ZoneResult> {
    let progress = Progress::new(arguments.quiet || arguments.json);
    let silent = Progress::silent();
    let many = jobs.len() > 1;
    let mut phase =
        if many { &progress } else { &silent }.phase("zones".to_owned(), "zones", jobs.len() as u64);
    let each = if many { &silent } else { &progress };
    let teller = RefCell::new(teller);
    let coming = |zone: NameRef<'_>| teller.borrow_mut().coming(zone);
    let (force, expect) = (arguments.force, Expect::Anything);
    let loader = Loader { source, force, progress: each, stop, expect, coming: &coming };
    let mut results = Vec::with_capacity(jobs.len());
    let (mut untold, mut gathered, mut last_told) = (Vec::new(), Vec::new(), Instant::now());
    for job in jobs {
        if stop.signal().is_some() {
            break;
        }
        let first = if many { loader.load_first(job) } else { First::Done(Box::new(loader.load(job))) };
        gathered.push(first);
        let is_late = last_told.elapsed() >= BATCH_TIME;
        if gathered.len() >= TOGETHER || is_late {
            untold.append(&mut loader.store_together(std::mem::take(&mut gathered)));
        }
        // What ails the store ails it for the next zone too.
        let broken = untold.iter().any(|result: &ZoneResult| result.outcome == Outcome::Failed);
        if untold.len() >= BATCH || is_late {
            settle(source.filter(|_| many), &mut untold, &mut teller.borrow_mut(), &mut results);
            last_told = Instant::now();
        }
        phase.set((results.len() + untold.len() + gathered.len()) as u64);
        if broken {
            break;
        }
    }
    untold.append(&mut loader.store_together(gathered));
    settle(source.filter(|_| many), &mut untold, &mut teller.borrow_mut(), &mut results);
    results
}

/// Makes durable what was committed, and only then tells of it.
fn settle(
    source: Option<&SqliteSource>,
    untold: &mut Vec<ZoneResult>,
    teller: &mut Teller<'_>,
    results: &mut Vec<ZoneResult>,
) {
    if let Some(source) = source
        && let Err(error) = source.sync()
    {
        for result in untold.iter_mut().filter(|result| result.outcome == Outcome::Loaded) {
            result.outcome = Outcome::Failed;
            result.errors += 1;
            result.findings.push(Finding::general(Severity::Error, store::explain(&error)));
        }
    }
    results.extend(untold.drain(..).map(|result| teller.told(result)));
}

fn exit_of(results: &[ZoneResult], wanted: usize, awaited: bool, stop: &Stop) -> Exit {
    let any = |outcome| results.iter().any(|result| result.outcome == outcome);
    match stop.signal() {
        Some(signal) if any(Outcome::Interrupted) || results.len() < wanted || !awaited => {
            Exit::Signal(signal)
        }
        _ if any(Outcome::Failed) || any(Outcome::Busy) || any(Outcome::Conflict) => Exit::Store,
        _ if any(Outcome::Refused) => Exit::Refused,
        _ if !awaited => Exit::NotReady,
        _ => Exit::Done,
    }
}

/// Tells people and services what became of each zone.
struct Teller<'a> {
    arguments: &'a Arguments,
    /// None before the first zone; inside, none when there is no bus.
    announcer: Option<Option<Announcer>>,
    few: bool,
}

impl Teller<'_> {
    /// A large zone is being stored.
    fn coming(&mut self, zone: NameRef<'_>) {
        if !self.arguments.no_signal
            && let Some(announcer) = self.announcer()
            && let Err(error) = announcer.tell_coming(zone)
        {
            self.no_bus(&error);
        }
    }

    fn told(&mut self, result: ZoneResult) -> ZoneResult {
        let found = print::findings(&result, !self.arguments.quiet);
        if !found.is_empty() {
            complain(found.trim_end());
        }
        let wanted = !self.arguments.json && (!self.arguments.quiet || !result.is_good());
        if wanted && result.is_good() && self.few {
            say(&print::summary(&result));
        } else if wanted && !result.is_good() {
            complain(&print::summary(&result));
        }
        if matches!(result.outcome, Outcome::Loaded | Outcome::Removed)
            && !self.arguments.no_signal
            && let Some(announcer) = self.announcer()
            && let Err(error) = announcer.tell(&result)
        {
            self.no_bus(&error);
        }
        result
    }

    /// Waits if that was asked for; false when something is not ready.
    fn wait(&mut self, results: &mut [ZoneResult], stop: &Stop) -> bool {
        let Some(seconds) = self.arguments.wait else { return true };
        if !results.iter().any(|result| matches!(result.outcome, Outcome::Loaded | Outcome::Unchanged)) {
            return true;
        }
        let Some(announcer) = self.announcer() else {
            complain(
                "tenon-loadzone: --wait: without the bus there is nobody to ask whether the zones are ready",
            );
            return false;
        };
        let outcome = announcer.wait(results, Duration::from_secs(seconds), stop);
        let late: Vec<&str> = results
            .iter()
            .filter(|result| result.ready == Some(false))
            .map(|result| result.zone.as_str())
            .collect();
        let Some(first) = late.first() else { return true };
        let why = outcome.err().map_or_else(String::new, |error| format!(" ({error})"));
        complain(&format!(
            "tenon-loadzone: {} of the zones stored not compiled within {seconds} s, first {first}{why}; \
             `bindctl zone show {first}` tells more",
            late.len()
        ));
        false
    }

    fn announcer(&mut self) -> Option<&mut Announcer> {
        if self.announcer.is_none() {
            match Announcer::connect() {
                Ok(announcer) => self.announcer = Some(Some(announcer)),
                Err(error) => {
                    self.announcer = Some(None);
                    self.no_bus(&error);
                }
            }
        }
        self.announcer.as_mut()?.as_mut()
    }

    fn no_bus(&self, error: &str) {
        if !self.arguments.quiet {
            complain(&format!(
                "note: nobody could be told over the bus ({error}); services look by themselves within seconds"
            ));
        }
    }
}

/// A line on standard output; a reader that went away is no reason to fail.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
