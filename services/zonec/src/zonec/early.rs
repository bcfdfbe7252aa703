//! Large new zones are compiled while they are being written.
//!
//! Whoever writes one says so on the bus. The batches of a version that is not current yet can be read, so that its image is
//! all but ready when it becomes the current one. Nothing that is answered comes from here: the file is kept aside until the
//! comparison of stores and manifest wants this very version, and is deleted when that does not. Without bus, without this
//! process, or when a writer stops, gives up or dies, the version is compiled as all others are, when it is current.
//!
//! Zones that have an image are left alone: what comes may differ little from it, and is a layer then.

use std::sync::Arc;
use std::time::Instant;

use tenon_datasrc::Coming;
use tenon_wire::Name;
use tracing::warn;

use super::{Zonec, held};
use crate::compiled::Compiled;
use crate::compiler::{CompileError, compile_coming};
use crate::plan::Wanted;
use crate::statistics::Statistics;

/// A version that is compiled before it is current; there is one at a time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) enum Early {
    /// None.
    #[default]
    Idle,
    /// It is being compiled; once it is known which one.
    Compiling(Option<(String, Coming)>),
    /// It is compiled and was committed.
    Ready(Box<Compiled>),
}

/// The one that compiles early: however it ends, others may, and the version is compiled as usual if it is not ready.
struct Turn(Arc<Zonec>);

impl Drop for Turn {
    fn drop(&mut self) {
        {
            let mut early = held(&self.0.early);
            if matches!(*early, Early::Compiling(_)) {
                *early = Early::Idle;
            }
        }
        self.0.look_again();
    }
}

impl Zonec {
    /// A zone is said to be coming: compiles it in a thread of its own, if it has no image and nothing else is.
    pub fn expect(self: &Arc<Self>, origin: Name) {
        if self.images().zone(origin.as_ref()).is_some_and(|zone| !zone.files.is_empty()) {
            return;
        }
        {
            let mut early = held(&self.early);
            if *early != Early::Idle {
                return;
            }
            *early = Early::Compiling(None);
        }
        let turn = Turn(Arc::clone(self));
        let work = move || {
            let ready = turn.0.compile_early(&origin);
            *held(&turn.0.early) = ready.map_or(Early::Idle, |compiled| Early::Ready(Box::new(compiled)));
        };
        if let Err(error) = std::thread::Builder::new().name("early".into()).spawn(work) {
            warn!("cannot start a thread to compile a zone while it is written: {error}, ignoring");
        }
    }

    /// The version of a zone that is being written, compiled when it was committed.
    fn compile_early(&self, origin: &Name) -> Option<Compiled> {
        let mut stores = self.stores();
        let (store, coming) = stores.iter_mut().find_map(|store| {
            let coming = store.with(|source| source.coming(origin.as_ref())).ok().flatten()?;
            Some((store, coming))
        })?;
        let storage = store.place().storage.clone();
        *held(&self.early) = Early::Compiling(Some((storage.clone(), coming.clone())));
        let (directory, name) = {
            let mut images = self.images();
            (images.directory().to_owned(), images.name_file_of(origin))
        };
        let started = Instant::now();
        let outcome = store.with(|source| match compile_coming(&directory, &name, source, &coming) {
            Err(CompileError::Store(error)) => Err(error),
            other => Ok(other),
        });
        if let Ok(Ok(Some((file, entry)))) = outcome {
            self.statistics.took(started.elapsed());
            return Some(Compiled { wanted: Wanted { storage, entry }, file, onto: None });
        }
        // Whatever is wrong with it is told when it is current and compiled once more.
        self.images().written(&name);
        None
    }

    /// Of versions that are to be compiled whole those that are not compiled already, or about to be; what is ready is
    /// published.
    pub fn without_early(&self, wanted: Vec<Wanted>) -> Vec<Wanted> {
        wanted.into_iter().filter(|wanted| !self.is_early(wanted)).collect()
    }

    fn is_early(&self, wanted: &Wanted) -> bool {
        let compiled = {
            let mut early = held(&self.early);
            match &mut *early {
                Early::Compiling(Some((storage, coming))) => {
                    return *storage == wanted.storage
                        && coming.origin == wanted.entry.origin
                        && coming.version == wanted.entry.version;
                }
                Early::Ready(compiled) if compiled.wanted == *wanted => {
                    let compiled = (**compiled).clone();
                    *early = Early::Idle;
                    compiled
                }
                _ => return false,
            }
        };
        Statistics::add(&self.statistics.early, 1);
        self.publish(&[compiled], &[]);
        true
    }

    /// What is compiled and was not wanted yet.
    pub(crate) fn early_ready(&self) -> Option<Compiled> {
        match &*held(&self.early) {
            Early::Ready(compiled) => Some((**compiled).clone()),
            Early::Idle | Early::Compiling(_) => None,
        }
    }

    /// Whether a version is being compiled before it is current.
    #[must_use]
    pub fn is_compiling_early(&self) -> bool {
        matches!(*held(&self.early), Early::Compiling(_))
    }

    /// Forgets what was compiled, since a comparison that knew of it did not want it: it was replaced or removed.
    pub(crate) fn forget_early(&self, unwanted: &Compiled) {
        {
            let mut early = held(&self.early);
            if !matches!(&*early, Early::Ready(compiled) if **compiled == *unwanted) {
                return;
            }
            *early = Early::Idle;
        }
        self.images().written(&unwanted.file.name);
        self.sweep();
    }
}
