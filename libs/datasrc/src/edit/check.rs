//! Whether a zone can be served with a change. The zone was good before, so that only what the change touches is looked at,
//! together with the names above; the rules are those for whole zones ([`ZoneChecker`]).

use tenon_wire::{Name, NameRef, RrType};
use tenon_zone::{Problem, ProblemKind, Severity, ZoneChecker};

use super::Edit;
use crate::{Error, sort_key};

/// What a check of a change found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EditCheck {
    /// Why a zone with the change could not be served; empty when it can.
    pub errors: Vec<Problem>,
    /// A name that got a DNAME record, which has no names below it (RFC 6672 section 2.4), although there were some: whether
    /// all of them went cannot be told at this cost.
    pub hides: Option<Name>,
}

impl Edit<'_> {
    /// Checks everything that was touched since [`Self::keep`] as [`ZoneChecker`] checks whole zones; only what makes a zone
    /// useless is looked for. At most `most` errors are told.
    ///
    /// # Errors
    /// Those of reading.
    pub fn check(&mut self, most: usize) -> Result<EditCheck, Error> {
        let apex = self.entry.origin.clone();
        let touched: Vec<usize> = self.touched.iter().map(|touch| touch.name).collect();
        let looked_at = self.with_names_above(&touched, &apex)?;
        let mut found = EditCheck::default();
        let mut report = |problem: Problem| {
            if problem.severity() == Severity::Error && found.errors.len() < most {
                found.errors.push(problem);
            }
        };
        let mut checker = ZoneChecker::new(apex.as_ref());
        for known in looked_at.iter().filter_map(|name| self.names.get(*name)) {
            // Out of the zone everything is wrong.
            if !known.owner.as_ref().is_at_or_below(apex.as_ref()) {
                report(Problem { owner: known.owner.clone(), rrtype: None, what: ProblemKind::OutOfZone });
                continue;
            }
            known.now.sets().for_each(|(_, set)| checker.rrset(set.as_rrset(), &mut report));
        }
        checker.finish(&mut report);
        found.hides = self.hides()?;
        Ok(found)
    }

    /// These names, those above them and the apex, in canonical order.
    fn with_names_above(&mut self, touched: &[usize], apex: &Name) -> Result<Vec<usize>, Error> {
        let mut all = touched.to_vec();
        all.push(self.find(apex)?);
        let mut last_parent = None;
        for name in touched {
            let Some(owner) = self.names.get(*name).map(|known| known.owner.clone()) else { continue };
            let parent = owner.as_ref().parent().map(NameRef::to_name);
            // Neighbours share what is above them.
            if parent.is_none() || parent == last_parent {
                continue;
            }
            // A DNAME record above hides a name.
            for above in ancestors(owner.as_ref(), apex) {
                all.push(self.find(&above)?);
            }
            last_parent = parent;
        }
        all.sort_unstable();
        all.dedup();
        let key = |name: &usize| self.names.get(*name).map(|known| sort_key::of(known.owner.as_ref()));
        all.sort_by_cached_key(key);
        Ok(all)
    }

    fn hides(&self) -> Result<Option<Name>, Error> {
        for touch in &self.touched {
            let Some(known) = self.names.get(touch.name) else { continue };
            let came = known.now.get(RrType::DNAME).is_some() && touch.before.get(RrType::DNAME).is_none();
            if came && self.may_have_names_below(&known.owner)? {
                return Ok(Some(known.owner.clone()));
            }
        }
        Ok(None)
    }

    /// Whether there are records at names below this one, or were some in the store.
    fn may_have_names_below(&self, owner: &Name) -> Result<bool, Error> {
        let is_below = |name: &Name| name != owner && name.as_ref().is_at_or_below(owner.as_ref());
        Ok(self.names.iter().any(|known| !known.now.is_empty() && is_below(&known.owner))
            || self.source.has_names_below(&self.entry, owner.as_ref())?)
    }
}

/// The names above one, up to the apex and without it.
fn ancestors(name: NameRef<'_>, apex: &Name) -> Vec<Name> {
    let mut above = Vec::new();
    let mut next = name.parent();
    while let Some(name) = next.filter(|name| *name != apex.as_ref() && name.is_at_or_below(apex.as_ref())) {
        above.push(name.to_name());
        next = name.parent();
    }
    above
}
