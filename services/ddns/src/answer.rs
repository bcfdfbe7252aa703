//! What is done with the outcome of a transaction: telling who waits for it.

use std::fmt;

use tokio::runtime::Handle;

use crate::transaction::Outcome;

/// See the module. Dropped without an outcome it tells nothing, and who waits learns that nothing will come.
pub struct Answer {
    tell: Box<dyn FnOnce(Outcome) + Send>,
    runtime: Handle,
}

impl Answer {
    /// Has `tell`, which does not wait, called with the outcome. The caller is in a runtime.
    pub fn new(tell: impl FnOnce(Outcome) + Send + 'static) -> Self {
        Self { tell: Box::new(tell), runtime: Handle::current() }
    }

    /// Tells it in this thread.
    pub fn now(self, outcome: Outcome) {
        (self.tell)(outcome);
    }

    /// Has it told in the runtime: this thread has more to do.
    pub fn beside(self, outcome: Outcome) {
        let Self { tell, runtime } = self;
        drop(runtime.spawn(async move { tell(outcome) }));
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}
