//! One catalog zone (RFC 9432), as a consumer reads it: which zones it lists.
//!
//! Knows nothing of where the records come from and of what becomes of the zones. A catalog in which anything that counts
//! is wrong is broken as a whole; properties that are not known here are passed over.

use std::collections::BTreeMap;

use tenon_wire::{Name, NameRef, RrType};
use tenon_zone::RrsetRef;

/// Most zones that a catalog may list.
pub const MOST_MEMBERS: usize = 200_000;

/// What a catalog says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Catalog {
    /// The zones it lists, by their names in lower case.
    pub members: BTreeMap<Name, Member>,
}

/// A zone that a catalog lists.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Member {
    /// The label that stands for it: another one means that it is another zone of the same name.
    pub label: Vec<u8>,
    /// Groups that it belongs to, as written.
    pub groups: Vec<String>,
    /// The catalog that it is about to move to.
    pub new_catalog: Option<Name>,
}

/// Why a catalog is broken (RFC 9432 section 5.1).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no version.
    #[error("it has no TXT record at version.{0}")]
    NoVersion(Name),
    /// More than one version, or not in one text.
    #[error("version.{0} is not one TXT record of one text")]
    OddVersion(Name),
    /// A version that is not read here.
    #[error("it is of version {0:?}; version \"2\" is read here")]
    Version(String),
    /// A label that stands for several zones.
    #[error("{0} has more than one PTR record")]
    TwoMembers(Name),
    /// A zone with several labels.
    #[error("{zone} is listed twice, the second time at {place}")]
    Twice {
        /// The zone.
        zone: Name,
        /// The second place.
        place: Name,
    },
    /// A record whose data is not what its type says.
    #[error("{0} has record data that cannot be read")]
    Unreadable(Name),
    /// It lists too many zones.
    #[error("it lists more than {MOST_MEMBERS} zones")]
    TooMany,
}

/// Reads a catalog RRset by RRset, in any order.
#[derive(Debug)]
pub struct CatalogReader {
    origin: Name,
    version: Option<String>,
    /// The zone at each label.
    zones: BTreeMap<Vec<u8>, Name>,
    properties: BTreeMap<Vec<u8>, Member>,
    error: Option<CatalogError>,
}

impl CatalogReader {
    /// For the catalog with this name.
    #[must_use]
    pub fn new(origin: NameRef<'_>) -> Self {
        Self {
            origin: origin.to_lowercase(),
            version: None,
            zones: BTreeMap::new(),
            properties: BTreeMap::new(),
            error: None,
        }
    }

    /// Takes an RRset of the zone. The first thing that is wrong decides.
    pub fn rrset(&mut self, rrset: RrsetRef<'_>) {
        if self.error.is_none() {
            self.error = self.take(rrset).err();
        }
    }

    /// What the catalog lists.
    ///
    /// # Errors
    /// It is broken.
    pub fn finish(mut self) -> Result<Catalog, CatalogError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        match self.version {
            None => return Err(CatalogError::NoVersion(self.origin)),
            Some(version) if version != "2" => return Err(CatalogError::Version(version)),
            Some(_) => {}
        }
        let mut members = BTreeMap::new();
        for (label, zone) in self.zones {
            let mut member = self.properties.remove(&label).unwrap_or_default();
            member.groups.sort();
            let place = place(&label, &self.origin);
            member.label = label;
            if members.insert(zone.clone(), member).is_some() {
                return Err(CatalogError::Twice { zone, place });
            }
        }
        Ok(Catalog { members })
    }

    fn take(&mut self, rrset: RrsetRef<'_>) -> Result<(), CatalogError> {
        let owner = rrset.owner.to_lowercase();
        let below = owner.as_ref().label_count().checked_sub(self.origin.as_ref().label_count());
        let labels: Vec<&[u8]> = owner.as_ref().labels().take(below.unwrap_or(0)).collect();
        match (labels.as_slice(), rrset.rrtype) {
            ([b"version"], RrType::TXT) => self.take_version(rrset),
            ([label, b"zones"], RrType::PTR) => self.take_zone(label, &owner, rrset),
            ([b"group", label, b"zones"], RrType::TXT) => {
                for text in rrset.rdatas {
                    let group = texts(text).ok_or_else(|| CatalogError::Unreadable(owner.clone()))?.concat();
                    let group = String::from_utf8_lossy(&group).into_owned();
                    self.properties.entry(label.to_vec()).or_default().groups.push(group);
                }
                Ok(())
            }
            ([b"coo", label, b"zones"], RrType::PTR) => {
                let catalog = one_name(rrset).ok_or_else(|| CatalogError::TwoMembers(owner.clone()))?;
                self.properties.entry(label.to_vec()).or_default().new_catalog = Some(catalog);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take_version(&mut self, rrset: RrsetRef<'_>) -> Result<(), CatalogError> {
        let odd = || CatalogError::OddVersion(self.origin.clone());
        let mut records = rrset.rdatas.iter();
        let (Some(record), None) = (records.next(), records.next()) else { return Err(odd()) };
        let texts = texts(record).ok_or_else(odd)?;
        let [version] = texts.as_slice() else { return Err(odd()) };
        self.version = Some(String::from_utf8_lossy(version).into_owned());
        Ok(())
    }

    fn take_zone(&mut self, label: &[u8], owner: &Name, rrset: RrsetRef<'_>) -> Result<(), CatalogError> {
        let zone = one_name(rrset).ok_or_else(|| CatalogError::TwoMembers(owner.clone()))?;
        if self.zones.len() >= MOST_MEMBERS {
            return Err(CatalogError::TooMany);
        }
        self.zones.insert(label.to_vec(), zone);
        Ok(())
    }
}

/// The place of a label in a catalog, for people.
fn place(label: &[u8], origin: &Name) -> Name {
    let octets: Option<Vec<u8>> = u8::try_from(label.len())
        .ok()
        .map(|length| [&[length][..], label, b"\x05zones", origin.octets()].concat());
    let name = octets.as_deref().and_then(|octets| NameRef::from_octets(octets).ok());
    name.map_or_else(|| origin.clone(), NameRef::to_name)
}

/// The name in the only record, in lower case.
fn one_name(rrset: RrsetRef<'_>) -> Option<Name> {
    let mut records = rrset.rdatas.iter();
    let (record, None) = (records.next()?, records.next()) else { return None };
    NameRef::from_octets(record).ok().map(NameRef::to_lowercase)
}

/// The texts of a TXT record.
fn texts(mut record: &[u8]) -> Option<Vec<&[u8]>> {
    let mut texts = Vec::new();
    while let Some((length, rest)) = record.split_first() {
        let (text, rest) = rest.split_at_checked(usize::from(*length))?;
        texts.push(text);
        record = rest;
    }
    Some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenon_zone::RdataList;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    /// Record data: a name for PTR, texts for TXT.
    fn read(records: &[(&str, RrType, &[&str])]) -> Result<Catalog, CatalogError> {
        let mut reader = CatalogReader::new(name("Catalog.example.").as_ref());
        for (owner, rrtype, datas) in records {
            let mut packed = Vec::new();
            for data in *datas {
                let record = match *rrtype {
                    RrType::PTR => name(data).octets().to_vec(),
                    _ => data
                        .split('|')
                        .flat_map(|text| [&[u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat())
                        .collect(),
                };
                packed.extend(u16::try_from(record.len()).unwrap().to_be_bytes());
                packed.extend(record);
            }
            let owner = name(&format!("{owner}catalog.example."));
            let rdatas = RdataList::from_packed(&packed);
            reader.rrset(RrsetRef { owner: owner.as_ref(), rrtype: *rrtype, ttl: 0, rdatas });
        }
        reader.finish()
    }

    const VERSION: (&str, RrType, &[&str]) = ("version.", RrType::TXT, &["2"]);

    #[test]
    fn members_with_their_properties_and_nothing_else() {
        let catalog = read(&[
            ("", RrType::NS, &["invalid."]),
            VERSION,
            ("ONE.zones.", RrType::PTR, &["Example.COM."]),
            ("group.one.zones.", RrType::TXT, &["signed", "far|away"]),
            ("coo.one.zones.", RrType::PTR, &["other.example."]),
            ("two.zones.", RrType::PTR, &["example.net."]),
            ("two.zones.", RrType::TXT, &["unknown"]),
            ("foo.ext.two.zones.", RrType::TXT, &["unknown"]),
            ("version.ext.", RrType::TXT, &["7"]),
        ])
        .unwrap();
        let com = &catalog.members[&name("example.com.")];
        assert_eq!(com.label, b"one");
        assert_eq!(com.groups, ["faraway", "signed"]);
        assert_eq!(com.new_catalog, Some(name("other.example.")));
        assert_eq!(
            catalog.members[&name("example.net.")],
            Member { label: b"two".into(), ..Member::default() }
        );
        assert_eq!(catalog.members.len(), 2);
        assert_eq!(read(&[VERSION]), Ok(Catalog::default()));
    }

    #[test]
    fn anything_that_counts_and_is_wrong_breaks_it_whole() {
        let member = ("one.zones.", RrType::PTR, &["example.com."][..]);
        let broken = |more: &[(&str, RrType, &[&str])]| {
            let records = [&[member][..], more].concat();
            read(&records).unwrap_err()
        };
        assert!(matches!(broken(&[]), CatalogError::NoVersion(_)));
        assert!(matches!(broken(&[("version.", RrType::TXT, &["1"])]), CatalogError::Version(_)));
        assert!(matches!(broken(&[("version.", RrType::TXT, &["1", "2"])]), CatalogError::OddVersion(_)));
        assert!(matches!(broken(&[("version.", RrType::TXT, &["2|2"])]), CatalogError::OddVersion(_)));
        let two = ("two.zones.", RrType::PTR, &["example.net.", "example.org."][..]);
        assert!(matches!(broken(&[VERSION, two]), CatalogError::TwoMembers(_)));
        let again = ("two.zones.", RrType::PTR, &["EXAMPLE.com."][..]);
        let error = broken(&[VERSION, again]);
        assert_eq!(
            error.to_string(),
            "example.com. is listed twice, the second time at two.zones.catalog.example."
        );
    }
}
