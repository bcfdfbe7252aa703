//! Telling the others over the bus, and waiting for them.

use std::time::{Duration, Instant};

use tenon_bus::{Bus, BusError, ZoneEvent, Zonec1};
use tenon_wire::NameRef;
use tokio::runtime::Runtime;

use crate::outcome::{Outcome, ZoneResult};
use crate::signals::Stop;

/// Longest time between two looks at the compiler's own account, should a signal of the bus be lost.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The connection to the bus, made when it is first needed.
pub struct Announcer {
    runtime: Runtime,
    bus: Option<Bus>,
}

impl Announcer {
    /// Connects to the system bus.
    ///
    /// # Errors
    /// Why there is none, for people.
    pub fn connect() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let bus = runtime.block_on(Bus::system()).map_err(|error| error.to_string())?;
        Ok(Self { runtime, bus: Some(bus) })
    }

    /// Tells what became of a zone; a bus that fails once is left alone.
    ///
    /// # Errors
    /// Why the bus failed, for people; once only.
    pub fn tell(&mut self, result: &ZoneResult) -> Result<(), String> {
        let zone = result.zone.clone();
        let event = match (result.outcome, result.serial) {
            (Outcome::Loaded, Some(serial)) => ZoneEvent::Changed { zone, serial, cause: "load".to_owned() },
            (Outcome::Removed, _) => ZoneEvent::Removed { zone },
            _ => return Ok(()),
        };
        self.emit(&event)
    }

    /// Tells that a large zone is being stored.
    ///
    /// # Errors
    /// As [`Self::tell`].
    pub fn tell_coming(&mut self, zone: NameRef<'_>) -> Result<(), String> {
        self.emit(&ZoneEvent::Coming { zone: zone.to_lowercase().to_string() })
    }

    fn emit(&mut self, event: &ZoneEvent) -> Result<(), String> {
        let Some(bus) = &self.bus else { return Ok(()) };
        self.runtime.block_on(bus.emit_zone_event(event)).map_err(|error| {
            self.bus = None;
            error.to_string()
        })
    }

    /// Waits until the compiler has made an image of each zone loaded or found unchanged, and notes in the results
    /// which ones are ready.
    ///
    /// # Errors
    /// Why that could not be found out, for people.
    pub fn wait(&self, results: &mut [ZoneResult], limit: Duration, stop: &Stop) -> Result<(), String> {
        let Some(bus) = &self.bus else { return Err("the bus failed".to_owned()) };
        let wanted =
            |result: &&mut ZoneResult| matches!(result.outcome, Outcome::Loaded | Outcome::Unchanged);
        let mut waiting: Vec<&mut ZoneResult> = results.iter_mut().filter(wanted).collect();
        waiting.iter_mut().for_each(|result| result.ready = Some(false));
        self.runtime
            .block_on(wait(bus, waiting, Instant::now() + limit, stop))
            .map_err(|error| error.to_string())
    }
}

async fn wait(
    bus: &Bus,
    mut waiting: Vec<&mut ZoneResult>,
    deadline: Instant,
    stop: &Stop,
) -> Result<(), BusError> {
    let mut events = bus.zone_events().await?;
    let compiler = Zonec1::new(bus);
    while let Some(result) = waiting.last_mut() {
        let state = is_ready(&compiler, result).await;
        if matches!(state, Ok(true)) {
            result.ready = Some(true);
            waiting.pop();
            continue;
        }
        // When it cannot be asked, it may be starting: ask again.
        if Instant::now() >= deadline || stop.signal().is_some() {
            return state.map(|_| ());
        }
        // Any event is reason to look; so is the time, since events may be lost.
        let _ = tokio::time::timeout(LOOK_EVERY, events.next()).await;
    }
    Ok(())
}

/// The version committed, or a later one, is compiled.
async fn is_ready(compiler: &Zonec1, result: &ZoneResult) -> Result<bool, BusError> {
    match compiler.get_zone(&result.zone).await {
        Ok(zone) => Ok(zone.state == "ready" && Some(zone.version) >= result.version),
        Err(BusError::NoSuchZone(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
