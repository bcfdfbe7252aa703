//! Connections: accept within the quota, answer what was read at once, part with those who take too long.

mod buffer;
mod connection;
mod framing;
mod gathered;
mod listener;
mod relay;

pub(crate) use buffer::Pool;
pub(crate) use listener::{Listener, accept};
