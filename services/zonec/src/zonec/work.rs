//! Compiling: one file, again without the zones that are to blame when it fails.

use std::collections::BTreeSet;
use std::time::Instant;

use tenon_bus::ZoneEvent;
use tenon_image::ImageFile;
use tenon_wire::Name;
use tracing::error;

use super::{Lane, News, Zonec, text};
use crate::compiled::Compiled;
use crate::compiler::{CompileError, compile};
use crate::messages;
use crate::plan::Wanted;
use crate::statistics::Statistics;
use crate::store::Store;

impl Zonec {
    /// Compiles versions of one store into one file. Zones that cannot be compiled are noted and left out; gives those
    /// that were compiled: they count as under way until [`Self::publish`] has them.
    pub fn make(&self, lane: Lane, store: &mut Store, mut wanted: Vec<Wanted>) -> Vec<Compiled> {
        self.begin(&wanted);
        let all = wanted.clone();
        let started = Instant::now();
        let mut made = None;
        while made.is_none() && !wanted.is_empty() {
            made = self.make_once(lane, store, &mut wanted);
        }
        self.statistics.took(started.elapsed());
        let compiled: Vec<_> = match made {
            Some(file) => {
                let whole = |wanted| Compiled { wanted, file: file.clone(), onto: None };
                wanted.into_iter().map(whole).collect()
            }
            None => Vec::new(),
        };
        let kept: BTreeSet<&Name> = compiled.iter().map(|one| &one.wanted.entry.origin).collect();
        self.end(all.iter().filter(|wanted| !kept.contains(&wanted.entry.origin)));
        compiled
    }

    /// One attempt. When it fails, `wanted` loses the zones that are to blame.
    fn make_once(&self, lane: Lane, store: &mut Store, wanted: &mut Vec<Wanted>) -> Option<ImageFile> {
        let (directory, name) = {
            let mut images = self.images();
            (images.directory().to_owned(), images.name_file(wanted))
        };
        let entries: Vec<_> = wanted.iter().map(|wanted| wanted.entry.clone()).collect();
        let outcome =
            store.with(|source| match compile(&directory, &name, source, &entries, &|| self.beat(lane)) {
                Err(CompileError::Store(error)) => Err(error),
                other => Ok(other),
            });
        let error = match outcome {
            Ok(Ok(file)) => return Some(file),
            Ok(Err(error)) => error,
            Err(error) => CompileError::Store(error),
        };
        self.images().written(&name);
        let to_blame: Vec<Wanted> = match &error {
            CompileError::Zone { origin, .. } | CompileError::Superseded { origin } => {
                wanted.extract_if(.., |wanted| wanted.entry.origin == *origin).collect()
            }
            CompileError::File(_) | CompileError::Store(_) => std::mem::take(wanted),
        };
        match error {
            CompileError::Superseded { .. } => self.look_again(),
            error => self.fail(&to_blame, &error.to_string()),
        }
        None
    }

    fn begin(&self, wanted: &[Wanted]) {
        let was_idle = {
            let mut ledger = self.ledger();
            let was_idle = !ledger.is_compiling();
            wanted.iter().for_each(|wanted| ledger.begin(&wanted.entry));
            was_idle
        };
        if was_idle {
            self.tell(News::Properties);
        }
    }

    /// Nothing is under way for these zones any more.
    pub(super) fn end<'w>(&self, wanted: impl Iterator<Item = &'w Wanted>) {
        let mut ledger = self.ledger();
        wanted.for_each(|wanted| ledger.end(&wanted.entry.origin));
    }

    pub(super) fn fail(&self, wanted: &[Wanted], reason: &str) {
        for Wanted { entry, .. } in wanted {
            let (zone, serial) = (&entry.origin, entry.serial);
            Statistics::add(&self.statistics.zones_failed, 1);
            if self.ledger().fail(entry, reason, Instant::now()) {
                error!(
                    message_id = messages::NOT_COMPILED,
                    zone = %zone, serial, reason,
                    "zone {zone} serial {serial} could not be compiled: {reason}; the version before goes on being answered"
                );
                let (zone, reason) = (text(zone), reason.to_owned());
                self.tell(News::Zone(ZoneEvent::ImageFailed { zone, serial, reason }));
            }
        }
        self.tell(News::Properties);
    }
}
