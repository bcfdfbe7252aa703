//! What happens, from the signals of the bus, numbered and kept for a while for those who come back.
//!
//! An event is a hint, as every signal is. Who missed some is told `reset`: look at everything again.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tenon_bus::{Bus, BusError, CommitEvent, JobEvent, ZoneEvent};
use tenon_service::{CurrentBus, now_usec};
use tokio::sync::broadcast;

use crate::statistics::{Statistics, count};

/// Events kept for those who come back.
const KEPT: usize = 1000;
/// Events held for one client that is slow.
const HELD: usize = 256;
/// Between two looks for the bus.
const PAUSE: Duration = Duration::from_millis(500);

/// Something that happened.
#[derive(Debug, PartialEq)]
pub struct Event {
    /// Its number: higher than that of every earlier one, those of earlier processes too.
    pub id: u64,
    /// What happened, in a word.
    pub kind: String,
    /// The zone it happened to, if to one.
    pub zone: Option<String>,
    /// All that is told of it.
    pub data: Value,
}

/// The events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Events {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    news: broadcast::Sender<Arc<Event>>,
    most_clients: AtomicU32,
    statistics: Arc<Statistics>,
}

#[derive(Debug)]
struct State {
    next: u64,
    kept: VecDeque<Arc<Event>>,
}

/// One who follows events.
#[derive(Debug)]
pub struct Follower {
    shared: Arc<Shared>,
    /// What is to be told before what is new.
    first: VecDeque<Arc<Event>>,
    news: broadcast::Receiver<Arc<Event>>,
    /// The last one told.
    last: u64,
}

impl Events {
    /// No events yet, for so many clients at most.
    pub fn new(most_clients: u32, statistics: Arc<Statistics>) -> Self {
        let state = State { next: now_usec(), kept: VecDeque::with_capacity(KEPT) };
        let shared = Shared {
            state: Mutex::new(state),
            news: broadcast::channel(HELD).0,
            most_clients: AtomicU32::new(most_clients),
            statistics,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Allows so many clients from now on; those that are there stay.
    pub fn set_most_clients(&self, most: u32) {
        self.shared.most_clients.store(most, Ordering::Relaxed);
    }

    /// Begins to follow: what came after event `after` as far as it is kept, and `reset` first when it is not. `None` when
    /// as many follow already as may.
    pub fn follow(&self, after: Option<u64>) -> Option<Follower> {
        let open = &self.shared.statistics.events_open;
        let most = u64::from(self.shared.most_clients.load(Ordering::Relaxed));
        let taken = |now: u64| (now < most).then_some(now.saturating_add(1));
        if open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_err() {
            count(&self.shared.statistics.events_refused);
            return None;
        }
        let state = self.shared.state();
        let news = self.shared.news.subscribe();
        let newest = state.next.saturating_sub(1);
        let shared = Arc::clone(&self.shared);
        let Some(after) = after else {
            return Some(Follower { shared, first: VecDeque::new(), news, last: newest });
        };
        let oldest = state.kept.front().map_or(state.next, |event| event.id);
        let mut first = VecDeque::new();
        if after >= state.next || after.saturating_add(1) < oldest {
            count(&self.shared.statistics.events_reset);
            first.push_back(Arc::new(reset(newest)));
        } else {
            first.extend(state.kept.iter().filter(|event| event.id > after).cloned());
        }
        Some(Follower { shared, first, news, last: newest })
    }

    /// Listens to the bus, for ever. When it was away, what happened meanwhile is not known: everybody is told.
    pub async fn run(&self, bus: CurrentBus) {
        loop {
            if let Some(bus) = bus.get() {
                // The bus going is told by its streams.
                let _gone = self.listen(&bus).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn listen(&self, bus: &Bus) -> Result<(), BusError> {
        let mut zones = bus.zone_events().await?;
        let mut jobs = bus.job_events().await?;
        let mut commits = bus.commit_events().await?;
        self.tell_reset();
        loop {
            tokio::select! {
                event = zones.next() => match event {
                    Some(ZoneEvent::Lost) => self.tell_reset(),
                    Some(event) => self.tell_of_zone(&event),
                    None => return Ok(()),
                },
                event = jobs.next() => match event {
                    Some(JobEvent::Lost) => self.tell_reset(),
                    Some(JobEvent::Finished { job, subject, result, details }) => {
                        let data = json!({"job": job, "zone": subject, "state": result, "details": details});
                        self.tell("job_finished", Some(subject), data);
                    }
                    None => return Ok(()),
                },
                event = commits.next() => match event {
                    Some(CommitEvent::Lost) => self.tell_reset(),
                    Some(CommitEvent::Committed { generation, components }) => {
                        let data = json!({"generation": generation, "components": components});
                        self.tell("committed", None, data);
                    }
                    None => return Ok(()),
                },
            }
        }
    }

    fn tell_of_zone(&self, event: &ZoneEvent) {
        let Ok(Value::Object(mut data)) = serde_json::to_value(event) else { return };
        let Some(Value::String(kind)) = data.remove("event") else { return };
        let zone = data.get("zone").and_then(Value::as_str).map(str::to_owned);
        // So that what they are about is seen from the word.
        let kind = if zone.is_some() && !kind.starts_with("image") { format!("zone_{kind}") } else { kind };
        self.tell(&kind, zone, Value::Object(data));
    }

    fn tell_reset(&self) {
        self.tell("reset", None, json!({}));
    }

    /// Tells everybody.
    pub fn tell(&self, kind: &str, zone: Option<String>, data: Value) {
        let mut state = self.shared.state();
        let event = Arc::new(Event { id: state.next, kind: kind.to_owned(), zone, data });
        state.next = state.next.saturating_add(1);
        if state.kept.len() >= KEPT {
            state.kept.pop_front();
        }
        state.kept.push_back(Arc::clone(&event));
        // Nobody listening is no failure. Sent under the lock, so that the order is that of the numbers.
        let _ = self.shared.news.send(event);
    }
}

impl Follower {
    /// The next event.
    pub async fn next(&mut self) -> Arc<Event> {
        if let Some(event) = self.first.pop_front() {
            return event;
        }
        loop {
            match self.news.recv().await {
                Ok(event) => {
                    self.last = event.id;
                    return event;
                }
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    count(&self.shared.statistics.events_reset);
                    return Arc::new(reset(self.last.saturating_add(missed)));
                }
                // The sender lives as long as this does.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.statistics.events_open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For one who missed some, up to this number.
fn reset(id: u64) -> Event {
    Event { id, kind: "reset".to_owned(), zone: None, data: json!({}) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(events: &Events, number: usize) {
        events.tell("zone_changed", Some("a.".into()), json!({ "number": number }));
    }

    #[tokio::test]
    async fn who_comes_back_misses_nothing_or_is_told() {
        let events = Events::new(2, Arc::default());
        tell(&events, 0);
        let mut follower = events.follow(None).unwrap();
        tell(&events, 1);
        let first = follower.next().await;
        assert_eq!(first.data, json!({"number": 1}));
        tell(&events, 2);
        let mut back = events.follow(Some(first.id)).unwrap();
        assert!(events.follow(None).is_none(), "only two may");
        assert_eq!(back.next().await.data, json!({"number": 2}));
        drop(back);
        for number in 0..KEPT + 5 {
            tell(&events, number);
        }
        let reset = follower.next().await;
        assert_eq!(reset.kind, "reset", "one who was slow");
        assert_eq!(
            events.follow(Some(first.id)).unwrap().next().await.kind,
            "reset",
            "one who was away long"
        );
        let newest = events.follow(Some(reset.id)).unwrap().next().await.id;
        assert_eq!(newest, reset.id + 1, "from the reset on nothing is missing");
        assert_eq!(events.follow(Some(u64::MAX - 1)).unwrap().next().await.kind, "reset", "not of ours");
    }
}
