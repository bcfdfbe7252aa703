//! What an operator can set, and the same made ready for use.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_acl::AccessList;
use tenon_service::{Refusal, Settings, ZoneIndex};
use tenon_wire::NameRef;

use crate::serial::SerialPolicy;

/// Settings of changes of primary zones.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DdnsSettings {
    /// Who may update primary zones: the first rule that matches decides, and who matches none is refused. From the start
    /// nobody.
    pub update_acl: AccessList,
    /// How the serial of a zone grows when an update does not say: by one, to the seconds since 1970, or to the date
    /// and two digits.
    pub serial: SerialPolicy,
    /// When an update or edit that changes something is answered: once it is on the disk (tenon-auth answers from it some
    /// milliseconds later), or once tenon-auth answers from it too. For that nobody waits longer than a second.
    pub answer_when: AnswerWhen,
    /// Updates and edits that may wait to be made; more are answered SERVFAIL.
    #[schemars(range(min = 1, max = 100_000))]
    pub waiting: u32,
    /// Updates and edits that are written to the disk together. No update waits for others: these are those that came
    /// while the ones before were written.
    #[schemars(range(min = 1, max = 10_000))]
    pub updates_per_commit: u32,
    /// Zones with rules of their own.
    #[schemars(length(max = 100_000))]
    pub zones: Vec<ZoneRules>,
}

/// When an update is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AnswerWhen {
    /// When it is on the disk.
    #[default]
    Durable,
    /// When it is on the disk and tenon-auth answers from it.
    Served,
}

/// Rules for one zone; what is absent is as for all zones.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneRules {
    /// The zone's name.
    #[schemars(length(max = 1024))]
    pub name: String,
    /// Who may update this zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_acl: Option<AccessList>,
    /// How the serial of this zone grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<SerialPolicy>,
}

impl Default for DdnsSettings {
    fn default() -> Self {
        Self {
            update_acl: AccessList::nobody(),
            serial: SerialPolicy::default(),
            answer_when: AnswerWhen::default(),
            waiting: 1000,
            updates_per_commit: 500,
            zones: Vec::new(),
        }
    }
}

impl Settings for DdnsSettings {
    const COMPONENT: &'static str = "ddns";

    fn check(self, _: &mut Vec<String>) -> Result<Self, Refusal> {
        self.index()?;
        Ok(self)
    }
}

impl DdnsSettings {
    /// Whether answers wait until tenon-auth answers from the change.
    #[must_use]
    pub fn waits_until_served(&self) -> bool {
        self.answer_when == AnswerWhen::Served
    }

    fn index(&self) -> Result<ZoneIndex, Refusal> {
        ZoneIndex::of(self.zones.iter().map(|zone| zone.name.as_str()))
    }
}

/// The settings in force, made ready for use.
#[derive(Debug)]
pub struct Rules {
    /// As they were set.
    pub settings: DdnsSettings,
    zones: ZoneIndex,
}

impl Rules {
    /// Of checked settings.
    #[must_use]
    pub fn new(settings: DdnsSettings) -> Self {
        let zones = settings.index().unwrap_or_default();
        Self { settings, zones }
    }

    fn zone(&self, zone: NameRef<'_>) -> Option<(usize, &ZoneRules)> {
        let index = self.zones.place(zone)?;
        Some((index, self.settings.zones.get(index)?))
    }

    /// The list that guards a zone, with the path of its option.
    #[must_use]
    pub fn update_acl(&self, zone: NameRef<'_>) -> (&AccessList, String) {
        match self.zone(zone) {
            Some((index, ZoneRules { update_acl: Some(list), .. })) => {
                (list, format!("zones/{index}/update_acl"))
            }
            _ => (&self.settings.update_acl, "update_acl".to_owned()),
        }
    }

    /// How the serial of a zone grows.
    #[must_use]
    pub fn serial_policy(&self, zone: NameRef<'_>) -> SerialPolicy {
        self.zone(zone).and_then(|(_, rules)| rules.serial).unwrap_or(self.settings.serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tenon_wire::Name;

    fn settings(document: serde_json::Value) -> Result<DdnsSettings, Refusal> {
        serde_json::from_value::<DdnsSettings>(document).unwrap().check(&mut Vec::new())
    }

    #[test]
    fn defaults_stand_and_let_nobody_in() {
        assert_eq!(DdnsSettings::default().check(&mut Vec::new()), Ok(DdnsSettings::default()));
        assert!(DdnsSettings::default().update_acl.rules().is_empty());
    }

    #[test]
    fn a_zone_has_one_entry() {
        let refusal = settings(json!({"zones": [{"name": "a.test."}, {"name": "A.test"}]})).unwrap_err();
        assert_eq!(refusal.option, "zones/1/name");
        assert_eq!(settings(json!({"zones": [{"name": "a..test."}]})).unwrap_err().option, "zones/0/name");
    }

    #[test]
    fn what_a_zone_does_not_say_is_as_for_all() {
        let document = json!({"serial": "unixtime", "zones": [
            {"name": "own.test.", "update_acl": [], "serial": "dateserial"}, {"name": "none.test."}]});
        let rules = Rules::new(settings(document).unwrap());
        let name = |text: &str| text.parse::<Name>().unwrap();
        assert_eq!(rules.update_acl(name("OWN.test.").as_ref()).1, "zones/0/update_acl");
        assert_eq!(rules.update_acl(name("none.test.").as_ref()).1, "update_acl");
        assert_eq!(rules.serial_policy(name("own.test.").as_ref()), SerialPolicy::Dateserial);
        assert_eq!(rules.serial_policy(name("none.test.").as_ref()), SerialPolicy::Unixtime);
    }
}
