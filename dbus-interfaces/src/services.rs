//! The services of the set, and what is missing while one of them is.

use crate::names::{AUTH_PREFIX, CFGMGR, CMDCTL, COLLECTOR, DDNS, XFRIN, XFROUT, ZONEC, ZONEMGR};

/// A service of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The component's short name.
    pub component: &'static str,
    /// The program's name, as operators know it.
    pub program: &'static str,
    /// Its unit; of several instances the first one's.
    pub unit: &'static str,
    /// Its bus name; of several instances what they begin with.
    pub bus_name: &'static str,
    /// What its absence costs, as the end of a sentence.
    pub cost: &'static str,
}

/// All of them, from the most to the least dear.
pub const ALL: [Service; 9] = [
    Service {
        component: "auth",
        program: "tenon-auth",
        unit: "tenon-auth@1.service",
        bus_name: AUTH_PREFIX,
        cost: "unless one runs without the bus, queries are not answered",
    },
    Service {
        component: "zonec",
        program: "tenon-zonec",
        unit: "tenon-zonec.service",
        bus_name: ZONEC,
        cost: "zones that are loaded or transferred are not compiled; what is compiled goes on being answered",
    },
    Service {
        component: "zonemgr",
        program: "tenon-zonemgr",
        unit: "tenon-zonemgr.service",
        bus_name: ZONEMGR,
        cost: "secondary zones are neither refreshed nor expire, and NOTIFY is not heard; all are answered as they are",
    },
    Service {
        component: "xfrin",
        program: "tenon-xfrin",
        unit: "tenon-xfrin.service",
        bus_name: XFRIN,
        cost: "secondary zones are not transferred; what is stored is answered until it expires",
    },
    Service {
        component: "xfrout",
        program: "tenon-xfrout",
        unit: "tenon-xfrout.service",
        bus_name: XFROUT,
        cost: "secondaries are not told of changes; a request for a transfer starts it, unless its socket is stopped too",
    },
    Service {
        component: "ddns",
        program: "tenon-ddns",
        unit: "tenon-ddns.service",
        bus_name: DDNS,
        cost: "records cannot be edited; an update starts it, unless its socket is stopped too",
    },
    Service {
        component: "cfgmgr",
        program: "tenon-cfgmgr",
        unit: "tenon-cfgmgr.service",
        bus_name: CFGMGR,
        cost: "settings cannot be changed until it is started; all services keep those they have",
    },
    Service {
        component: "stats",
        program: "tenon-stats",
        unit: "tenon-stats.service",
        bus_name: COLLECTOR,
        cost: "counters are not shown over HTTP; `bindctl stats show` asks each service itself",
    },
    Service {
        component: "cmdctl",
        program: "tenon-cmdctl",
        unit: "tenon-cmdctl.service",
        bus_name: CMDCTL,
        cost: "nothing can be seen or changed over HTTPS; `bindctl` works",
    },
];

impl Service {
    /// The service of a component.
    pub fn of(component: &str) -> Option<&'static Self> {
        ALL.iter().find(|service| service.component == component)
    }

    /// Which of these bus names are its.
    pub fn among<'a>(&self, present: &'a [String]) -> Vec<&'a str> {
        let own = |name: &&String| {
            if self.bus_name == AUTH_PREFIX { name.starts_with(AUTH_PREFIX) } else { *name == self.bus_name }
        };
        present.iter().filter(own).map(String::as_str).collect()
    }

    /// One sentence for an operator who wonders.
    pub fn absence(&self) -> String {
        match self.component {
            "auth" => format!("no auth instance is on the bus: {}", self.cost),
            _ => format!("{} is not on the bus: {}", self.program, self.cost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names;

    #[test]
    fn names_belong_to_their_service_and_components_are_those_of_the_names() {
        let present = [names::auth(2), "org.tenon.Zonec1".to_owned()];
        assert_eq!(Service::of("auth").map(|auth| auth.among(&present).len()), Some(1));
        assert_eq!(Service::of("zonec").map(|zonec| zonec.among(&present)), Some(vec!["org.tenon.Zonec1"]));
        assert!(Service::of("cfgmgr").is_some_and(|cfgmgr| cfgmgr.among(&present).is_empty()));
        for service in ALL.iter().filter(|service| service.component != "auth") {
            assert_eq!(names::component(service.bus_name).as_deref(), Some(service.component));
        }
    }
}
