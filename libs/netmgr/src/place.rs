//! What a connection takes up while it lasts: a seat, part of the quota, and one in the count of those open.

use std::rc::Rc;

use crate::handler::Handle;
use crate::quota::Permit;
use crate::seat::Seat;
use crate::worker::Worker;

/// The place of one connection, given back when dropped.
pub(crate) struct Place<H> {
    worker: Rc<Worker<H>>,
    number: usize,
    handle: Handle,
    pub(crate) seat: Rc<Seat>,
    _permit: Permit,
}

impl<H> Place<H> {
    pub(crate) fn new(worker: &Rc<Worker<H>>, handle: &Handle, permit: Permit) -> Self {
        worker.counters.active(handle).add(1);
        let (number, seat) = worker.seats.take();
        Self { worker: Rc::clone(worker), number, handle: handle.clone(), seat, _permit: permit }
    }
}

impl<H> Drop for Place<H> {
    fn drop(&mut self) {
        self.worker.counters.active(&self.handle).subtract(1);
        self.worker.seats.leave(self.number);
        self.worker.left.notify_one();
    }
}
