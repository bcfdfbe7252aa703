//! Why a question is answered as it is, step by step, for people.
//!
//! The way is found anew with the same look-ups that answers are made of, at the cost of some text; it is not on the way
//! of any query.

use tenon_image::node::kind;
use tenon_image::{Catalog, Lookup, Node, ServedZone, ZoneImage, ZoneState};
use tenon_wire::message::KeyedName;
use tenon_wire::{Name, NameRef, RrType};

/// Names of a chain of aliases that are told.
const MOST_NAMES: usize = 16;

/// The steps from a question to its answer, one sentence each; never empty.
#[must_use]
pub fn explain(catalog: &Catalog, name: NameRef<'_>, qtype: RrType) -> Vec<String> {
    let mut way = Way { catalog, qtype, steps: Vec::new() };
    let mut name = name.to_name();
    let mut seen = Vec::new();
    loop {
        seen.push(name.as_ref().to_lowercase());
        let Some(next) = way.look(&name, seen.len() == 1) else { return way.steps };
        if seen.contains(&next.as_ref().to_lowercase()) {
            way.say(format!("{next} was in the chain before: it ends here, a loop"));
            return way.steps;
        }
        if seen.len() > MOST_NAMES {
            way.say(format!("more than {MOST_NAMES} aliases: the chain ends here"));
            return way.steps;
        }
        name = next;
    }
}

struct Way<'c> {
    catalog: &'c Catalog,
    qtype: RrType,
    steps: Vec<String>,
}

impl Way<'_> {
    fn say(&mut self, step: String) {
        self.steps.push(step);
    }

    /// What a name comes to; the next name when it is an alias.
    fn look(&mut self, name: &Name, is_first: bool) -> Option<Name> {
        let key = KeyedName::new(name.as_ref());
        let Some(zone) = self.catalog.find(&key, self.qtype == RrType::DS) else {
            self.say(if is_first {
                format!("no zone here is at or above {name}: REFUSED")
            } else {
                format!(
                    "no zone here is at or above {name}: the answer ends with the alias, whoever asks goes on"
                )
            });
            return None;
        };
        let served = self.catalog.zone(zone.origin());
        self.say(zone_sentence(name, zone, served));
        if !zone.is_usable() {
            self.say("a zone that is not served is answered SERVFAIL".to_owned());
            return None;
        }
        let Ok(lookup) = zone.find(&key) else {
            self.say("the image is damaged at this name: SERVFAIL".to_owned());
            return None;
        };
        self.found(zone, &key, name, &lookup)
    }

    fn found(&mut self, zone: &ZoneImage, key: &KeyedName, name: &Name, lookup: &Lookup<'_>) -> Option<Name> {
        let above = suffix(name, lookup.labels);
        if lookup.node.is(kind::CUT) && !(lookup.exact && self.qtype == RrType::DS) {
            self.say(format!("{above} is delegated (NS below the apex): a referral, not authoritative"));
            return None;
        }
        if lookup.exact {
            return self.node(name, name, &lookup.node);
        }
        if lookup.node.is(kind::DNAME) {
            return self.substitute(name, &above, lookup);
        }
        self.say(format!("{name} does not exist; the closest name above it that does is {above}"));
        match zone.wildcard(key, lookup) {
            Ok(Some(wildcard)) => {
                let wild = format!("*.{above}").parse().unwrap_or_else(|_| above.clone());
                self.say(format!("{wild} stands for names that do not exist there (RFC 4592)"));
                if wildcard.is(kind::CUT) && self.qtype != RrType::DS {
                    self.say(format!("{wild} is a delegation: a referral"));
                    return None;
                }
                self.node(&wild, name, &wildcard)
            }
            Ok(None) => {
                self.say(format!(
                    "there is no *.{above}: NXDOMAIN, with the SOA record of {}",
                    zone.origin()
                ));
                None
            }
            Err(_) => {
                self.say("the image is damaged at the wildcard: SERVFAIL".to_owned());
                None
            }
        }
    }

    /// A name that exists: `place` has the records, `name` was asked for.
    fn node(&mut self, place: &Name, name: &Name, node: &Node<'_>) -> Option<Name> {
        let types: Vec<String> = node.rrsets().flatten().map(|rrset| rrset.rrtype.to_string()).collect();
        if types.is_empty() {
            self.say(format!("{place} exists only because of names below it: no data (NOERROR, SOA record)"));
            return None;
        }
        self.say(format!("{place} has {}", types.join(", ")));
        let is_any = matches!(self.qtype, RrType::ANY | RrType::RRSIG);
        if is_any || matches!(node.rrset(self.qtype), Ok(Some(_))) {
            self.say(format!("{} is there: it is the answer", self.qtype));
            return None;
        }
        if node.is(kind::CNAME) && self.qtype != RrType::NSEC {
            let target = node.rrset(RrType::CNAME).ok().flatten().and_then(|cname| {
                let mut octets = [0; 255];
                let length =
                    cname.expand_name(tenon_image::rrset::RECORD_HEAD, name.octets(), &mut octets).ok()?;
                NameRef::from_octets(octets.get(..length)?).ok().map(NameRef::to_name)
            })?;
            self.say(format!(
                "{} is not there, but an alias to {target} (CNAME): it goes on there",
                self.qtype
            ));
            return Some(target);
        }
        self.say(format!("{} is not there: no data (NOERROR, SOA record)", self.qtype));
        None
    }

    fn substitute(&mut self, name: &Name, above: &Name, lookup: &Lookup<'_>) -> Option<Name> {
        let dname = lookup.node.rrset(RrType::DNAME).ok().flatten()?;
        let tail = NameRef::from_octets(dname.rdatas().iter().next()?).ok()?;
        let labels = name.as_ref().label_count().saturating_sub(lookup.labels);
        let prefix: Vec<u8> = name
            .as_ref()
            .labels()
            .take(labels)
            .flat_map(|label| u8::try_from(label.len()).into_iter().chain(label.iter().copied()))
            .collect();
        let whole = [&prefix[..], tail.octets()].concat();
        let Ok(target) = NameRef::from_octets(&whole) else {
            self.say(format!("{above} has a DNAME to {tail}, which makes the name too long: YXDOMAIN"));
            return None;
        };
        self.say(format!("{above} has a DNAME to {tail}: {name} becomes {target}, where it goes on"));
        Some(target.to_name())
    }
}

fn zone_sentence(name: &Name, zone: &ZoneImage, served: Option<&ServedZone>) -> String {
    let origin = zone.origin();
    let Some(served) = served else { return format!("{name} belongs to zone {origin}") };
    let files: Vec<&str> = served.files.iter().map(|file| file.name.as_str()).collect();
    let kind = if served.secondary { "secondary" } else { "primary" };
    let state = match served.state {
        ZoneState::Serving => format!("serial {} from {}", served.serial, files.join(" and ")),
        ZoneState::Previous => {
            format!(
                "serial {} from the previous image {}: {}",
                served.serial,
                files.join(" and "),
                served.reason
            )
        }
        ZoneState::Faulty => format!("no image can be used: {}", served.reason),
        ZoneState::Expired => "expired: no primary confirmed it in time".to_owned(),
        ZoneState::Unloaded => "never transferred".to_owned(),
    };
    format!("{name} belongs to zone {origin} ({kind}, {state})")
}

/// The last labels of a name.
fn suffix(name: &Name, labels: usize) -> Name {
    let without = name.as_ref().label_count().saturating_sub(labels);
    name.as_ref().skip_labels(without).map_or_else(Name::root, NameRef::to_name)
}
