//! What a worker knows about each of its connections: what it waits for and since when.
//!
//! Connections have no timers. The worker looks at all seats a few times a second, so that a query costs no timer and a
//! changed timeout holds at once for all connections that are open.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Instant;

use crate::settings::Limits;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its first whole message.
    Initial,
    /// A further message.
    Idle,
    /// A further message, on a connection that is to be kept alive.
    KeptAlive,
    /// The peer to take replies.
    Writing,
    /// Another process to go on with an answer.
    Relaying,
}

/// One connection as its worker sees it.
#[derive(Debug)]
pub(crate) struct Seat {
    phase: Cell<Phase>,
    since: Cell<Instant>,
    expired: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Seat {
    fn new() -> Self {
        Self {
            phase: Cell::new(Phase::Initial),
            since: Cell::new(Instant::now()),
            expired: Cell::new(false),
            waker: RefCell::new(None),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// Begins to wait for something.
    pub(crate) fn enter(&self, phase: Phase) {
        self.enter_since(phase, Instant::now());
    }

    /// Waits for something since a moment that may be past.
    pub(crate) fn enter_since(&self, phase: Phase, since: Instant) {
        self.phase.set(phase);
        self.since.set(since);
        self.expired.set(false);
    }

    /// What the connection has waited for in vain, if it has.
    pub(crate) fn expired(&self) -> Option<Phase> {
        self.expired.get().then(|| self.phase.get())
    }

    /// Remembers whom to wake when time is up.
    pub(crate) fn park(&self, waker: &Waker) {
        let mut place = self.waker.borrow_mut();
        match &mut *place {
            Some(known) => known.clone_from(waker),
            None => *place = Some(waker.clone()),
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    fn expire(&self, limits: &Limits, now: Instant) {
        let allowed = match self.phase.get() {
            Phase::Initial => limits.initial(),
            Phase::Idle => limits.idle(),
            Phase::KeptAlive => limits.keepalive(),
            Phase::Writing => limits.write(),
            Phase::Relaying => limits.relay(),
        };
        if now.saturating_duration_since(self.since.get()) >= allowed {
            self.expired.set(true);
            self.wake();
        }
    }
}

/// The seats of one worker.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    places: RefCell<Vec<Option<Rc<Seat>>>>,
    free: RefCell<Vec<usize>>,
}

impl Seats {
    /// A seat for a new connection, with its number.
    pub(crate) fn take(&self) -> (usize, Rc<Seat>) {
        let seat = Rc::new(Seat::new());
        let mut places = self.places.borrow_mut();
        let number = self.free.borrow_mut().pop().unwrap_or_else(|| {
            places.push(None);
            places.len() - 1
        });
        if let Some(place) = places.get_mut(number) {
            *place = Some(Rc::clone(&seat));
        }
        (number, seat)
    }

    pub(crate) fn leave(&self, number: usize) {
        if let Some(place) = self.places.borrow_mut().get_mut(number) {
            *place = None;
            self.free.borrow_mut().push(number);
        }
    }

    /// How many connections there are.
    pub(crate) fn taken(&self) -> usize {
        self.places.borrow().len() - self.free.borrow().len()
    }

    /// Tells the connections whose time is up.
    pub(crate) fn expire(&self, limits: &Limits, now: Instant) {
        for seat in self.places.borrow().iter().flatten() {
            seat.expire(limits, now);
        }
    }

    /// Has every connection look at the state of the worker.
    pub(crate) fn wake_all(&self) {
        for seat in self.places.borrow().iter().flatten() {
            seat.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use std::time::Duration;

    #[test]
    fn each_phase_has_its_own_timeout() {
        let settings = Settings {
            tcp_initial_timeout: Duration::from_secs(10),
            tcp_idle_timeout: Duration::from_secs(20),
            tcp_write_timeout: Duration::from_secs(30),
            relay_timeout: Duration::from_secs(40),
            tcp_keepalive_timeout: Duration::from_secs(50),
            ..Settings::default()
        };
        let limits = Limits::new(&settings);
        let seats = Seats::default();
        let phases = [
            (Phase::Initial, 10),
            (Phase::Idle, 20),
            (Phase::Writing, 30),
            (Phase::Relaying, 40),
            (Phase::KeptAlive, 50),
        ];
        for (phase, allowed) in phases {
            let (number, seat) = seats.take();
            seat.enter(phase);
            let begin = seat.since.get();
            seats.expire(&limits, begin + Duration::from_secs(allowed - 1));
            assert_eq!(seat.expired(), None);
            seats.expire(&limits, begin + Duration::from_secs(allowed));
            assert_eq!(seat.expired(), Some(phase));
            seats.leave(number);
        }
        assert_eq!(seats.taken(), 0);
        assert_eq!(seats.places.borrow().len(), 1, "seats are used again");
    }
}
