//! Zones that catalogs list, beside those that the settings name.

use std::collections::BTreeSet;

use tenon_wire::Name;
use tracing::{info, warn};

use super::{Wanted, Zones};
use crate::catalog::{Catalog, CatalogError};
use crate::membership::{Membership, Memberships};
use crate::messages;
use crate::primaries::Lists;
use crate::settings::{CatalogZone, Primary};
use crate::statistics::count;

impl Zones {
    /// Takes up the members that an earlier process wrote down. To be called before the zones themselves are restored.
    pub fn restore_members(&mut self, members: Vec<(Name, Membership)>) {
        self.memberships.restore(members);
    }

    /// Why a zone is here: as the member of a catalog, or because the settings name it.
    #[must_use]
    pub fn membership(&self, zone: &Name) -> Option<&Membership> {
        self.memberships.get(zone)
    }

    /// What is to be written down of members.
    pub fn memberships(&mut self) -> &mut Memberships {
        &mut self.memberships
    }

    /// Catalogs to be read since the last call.
    pub fn take_unread(&mut self) -> BTreeSet<Name> {
        std::mem::take(&mut self.unread)
    }

    /// A catalog could not be read now.
    pub fn read_later(&mut self, catalog: Name) {
        self.unread.insert(catalog);
    }

    /// A catalog was read in this version of the store. Gives how many zones came and went.
    pub fn catalog_read(
        &mut self,
        catalog: &Name,
        version: u64,
        reading: Result<Catalog, CatalogError>,
        now: u64,
    ) -> (usize, usize) {
        count(&self.statistics.catalogs_read);
        if !self.is_catalog(catalog) {
            return (0, 0);
        }
        let reason = reading.as_ref().err().map(ToString::to_string);
        if self.memberships.read(catalog, version, reading)
            && let Some(reason) = reason
        {
            warn!(
                message_id = messages::CATALOG_BROKEN,
                zone = %catalog, reason = %reason,
                "catalog {catalog} is broken and changes nothing: {reason}"
            );
        }
        let changes = self.memberships.resolve(|zone| self.configured.contains_key(zone));
        if changes != crate::membership::Changes::default() {
            let (added, removed, reset, moved) =
                (changes.added, changes.removed, changes.reset, changes.moved);
            info!(
                message_id = messages::CATALOG_READ,
                zone = %catalog, added, removed, reset, moved,
                "catalog {catalog}: {added} zones came, {removed} went, {reset} begin anew, {moved} moved"
            );
        }
        self.want_all(true, now)
    }

    /// Has a catalog read whose zone changed in the store.
    pub(super) fn read_if_catalog(&mut self, zone: &Name) {
        if self.is_catalog(zone) {
            self.unread.insert(zone.clone());
        }
    }

    /// Takes up which catalogs the settings name; all are read, since what they said may count otherwise now.
    pub(super) fn take_catalogs(&mut self) {
        let catalogs: BTreeSet<Name> =
            self.settings.catalogs.iter().filter_map(CatalogZone::origin).collect();
        self.memberships.keep_catalogs(&catalogs);
        self.memberships.resolve(|zone| self.configured.contains_key(zone));
        self.unread = catalogs;
    }

    /// All zones that there are to be, with their primaries.
    pub(super) fn all_wanted(&self) -> Wanted {
        let mut wanted = self.configured.clone();
        let mut lists = Lists::default();
        let member = |(zone, why): (&Name, &Membership)| {
            Some((zone.clone(), lists.share(self.member_primaries(why)?)))
        };
        wanted.extend(self.memberships.wanted().filter_map(member));
        wanted
    }

    /// Those of its first group that has some, or those for all members, or those of the catalog.
    fn member_primaries(&self, membership: &Membership) -> Option<&[Primary]> {
        let catalog = &membership.catalog;
        let settings =
            self.settings.catalogs.iter().find(|known| known.origin().as_ref() == Some(catalog))?;
        let of_group = |name: &String| settings.groups.iter().find(|group| group.name == *name);
        let group = membership.groups.iter().find_map(of_group);
        let primaries = group.map_or(&settings.primaries, |group| &group.primaries);
        if primaries.is_empty() {
            return self.configured.get(catalog).map(AsRef::as_ref);
        }
        Some(primaries)
    }

    fn is_catalog(&self, zone: &Name) -> bool {
        self.settings.catalogs.iter().any(|catalog| catalog.origin().as_ref() == Some(zone))
    }
}
