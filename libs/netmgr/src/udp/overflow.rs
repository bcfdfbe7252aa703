//! How many datagrams the kernel dropped because a socket's queue was full (`SO_RXQ_OVFL`): each datagram that is received
//! with room for it says how many there had been when it was queued, since the socket was opened.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::socket::{ControlMessageOwned, RecvMsg, SockaddrStorage};

/// Turns of receiving of which one asks. That one takes a single datagram: batches have no room for what is said, since
/// nix would have to set it up anew for each.
const ONE_IN: u32 = 256;

/// Nothing has come yet.
const UNKNOWN: u64 = u64::MAX;

/// The number told last on a socket, to whichever of the workers that serve it. What was dropped before this process read
/// its first datagram is not counted: the socket may be older.
#[derive(Debug, Clone)]
pub(crate) struct Told(Arc<AtomicU64>);

/// What one worker hears on one socket.
#[derive(Debug)]
pub(super) struct Overflow {
    told: Told,
    turns: u32,
}

impl Default for Told {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(UNKNOWN)))
    }
}

impl Overflow {
    pub(super) const fn new(told: Told) -> Self {
        Self { told, turns: 0 }
    }

    /// Whether this turn is to ask: the first, and then one in so many.
    pub(super) const fn is_due(&mut self) -> bool {
        let is_due = self.turns == 0;
        self.turns = (self.turns + 1) % ONE_IN;
        is_due
    }

    /// Takes note of what a datagram says; how many were dropped of which nobody has heard before.
    pub(super) fn hear(&self, message: &RecvMsg<'_, '_, SockaddrStorage>) -> usize {
        let told = message.cmsgs().into_iter().flatten().find_map(|control| match control {
            ControlMessageOwned::RxqOvfl(dropped) => Some(dropped),
            _ => None,
        });
        // Nothing is said before the first was dropped.
        self.note(told.unwrap_or(0))
    }

    fn note(&self, dropped: u32) -> usize {
        let before = self.told.0.swap(dropped.into(), Ordering::Relaxed);
        let Ok(before) = u32::try_from(before) else { return 0 };
        let new = dropped.wrapping_sub(before);
        if i32::try_from(new).is_err() {
            // Of two workers the slower one has an older number: that is no news, and the newer one is put back.
            self.told.0.store(before.into(), Ordering::Relaxed);
            return 0;
        }
        usize::try_from(new).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_once_whoever_hears_of_it() {
        let told = Told::default();
        let (one, two) = (Overflow::new(told.clone()), Overflow::new(told));
        assert_eq!([one.note(70), one.note(70), one.note(75)], [0, 0, 5], "those before are somebody else's");
        assert_eq!([two.note(75), two.note(80), one.note(80)], [0, 5, 0]);
        assert_eq!([one.note(90), two.note(85), two.note(91)], [10, 0, 1], "an older number is no news");
        let late = Overflow::new(Told::default());
        assert_eq!([late.note(u32::MAX), late.note(4)], [0, 5], "the number wraps");
    }

    #[test]
    fn the_first_turn_asks_and_then_one_in_many() {
        let mut overflow = Overflow::new(Told::default());
        let due: Vec<_> = (0..2 * ONE_IN + 1).filter(|_| overflow.is_due()).collect();
        assert_eq!(due, [0, ONE_IN, 2 * ONE_IN]);
    }
}
