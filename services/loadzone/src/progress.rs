//! How far the work is: a bar with rate and time left on a terminal, a line now and then elsewhere, or told to a watcher.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Between two lines where there is no terminal. Loads shorter than that say nothing on the way.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Who is told how far the work is.
pub trait Watcher: Send + Sync {
    /// A phase begins: what it does, for people, and how much there is to do of a unit (0: not known).
    fn phase(&self, what: &str, unit: &'static str, total: u64);
    /// So much of it is done.
    fn done(&self, done: u64);
}

/// Shows phases of the work.
pub struct Progress {
    kind: Kind,
}

enum Kind {
    Silent,
    Bar,
    Lines,
    Watched(Arc<dyn Watcher>),
}

impl Progress {
    /// On standard error, in the form that suits it.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let kind = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Kind::Silent,
            (false, true) => Kind::Bar,
            (false, false) => Kind::Lines,
        };
        Self { kind }
    }

    /// Told to somebody.
    #[must_use]
    pub fn watched(watcher: Arc<dyn Watcher>) -> Self {
        Self { kind: Kind::Watched(watcher) }
    }

    /// One that shows nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self { kind: Kind::Silent }
    }

    /// Begins a phase of `total` steps (0: not known), which are `unit`, of `what`.
    #[must_use]
    pub fn phase(&self, what: String, unit: &'static str, total: u64) -> Phase {
        let bar = match self.kind {
            Kind::Bar => Some(bar(&what, unit, total)),
            _ => None,
        };
        let lines = matches!(self.kind, Kind::Lines);
        let watcher = match &self.kind {
            Kind::Watched(watcher) => {
                watcher.phase(&what, unit, total);
                Some(Arc::clone(watcher))
            }
            _ => None,
        };
        let now = Instant::now();
        Phase { what, unit, total, bar, lines, watcher, began: now, told: now }
    }
}

fn bar(what: &str, unit: &str, total: u64) -> ProgressBar {
    let amounts = if unit == "octets" {
        "{bytes}/{total_bytes} {bytes_per_sec}"
    } else {
        "{human_pos}/{human_len} {per_sec}"
    };
    let template = format!("{{msg}} [{{bar:30}}] {{percent}}% {amounts}, {{eta}} left");
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar
}

/// A phase that goes on; its bar goes when it is dropped.
pub struct Phase {
    what: String,
    unit: &'static str,
    total: u64,
    bar: Option<ProgressBar>,
    lines: bool,
    watcher: Option<Arc<dyn Watcher>>,
    began: Instant,
    told: Instant,
}

impl Phase {
    /// So many steps are done. To be called some hundred times a second at most.
    pub fn set(&mut self, done: u64) {
        if let Some(watcher) = &self.watcher {
            watcher.done(done);
        } else if let Some(bar) = &self.bar {
            bar.set_position(done);
        } else if self.lines && self.told.elapsed() >= LINE_EVERY {
            self.told = Instant::now();
            self.line(done);
        }
    }

    fn line(&self, done: u64) {
        let seconds = self.began.elapsed().as_secs_f64();
        let rate = done as f64 / seconds;
        let left = if done > 0 { self.total.saturating_sub(done) as f64 / rate } else { 0.0 };
        let percent = if self.total > 0 { done as f64 * 100.0 / self.total as f64 } else { 0.0 };
        let (what, unit) = (&self.what, self.unit);
        let _ = writeln!(
            std::io::stderr(),
            "{what}: {percent:.0}%, {done} {unit}, {rate:.0} {unit}/s, about {left:.0} s left"
        );
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
