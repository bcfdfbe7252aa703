//! Names and paths of Tenon on the bus.

/// What every bus name of Tenon begins with.
pub const PREFIX: &str = "org.tenon.";

/// What the bus name of every auth instance begins with; its number follows.
pub const AUTH_PREFIX: &str = "org.tenon.Auth1.Instance";
/// The object of an auth instance.
pub const AUTH_PATH: &str = "/org/tenon/Auth1";
/// Interface of an auth instance.
pub const AUTH_INTERFACE: &str = "org.tenon.Auth1";

/// Bus name of the zone compiler.
pub const ZONEC: &str = "org.tenon.Zonec1";
/// The object of the zone compiler.
pub const ZONEC_PATH: &str = "/org/tenon/Zonec1";
/// Interface of the zone compiler.
pub const ZONEC_INTERFACE: &str = "org.tenon.Zonec1";

/// Bus name of the configuration manager.
pub const CFGMGR: &str = "org.tenon.Cfgmgr1";
/// The object of the configuration manager.
pub const CFGMGR_PATH: &str = "/org/tenon/Cfgmgr1";
/// Interface of the configuration manager.
pub const CFGMGR_INTERFACE: &str = "org.tenon.Cfgmgr1";

/// Bus name of the collector of counters, tenon-stats. It is not called after its component, as the others are:
/// `org.tenon.Stats1` is the interface of every component's own counters, which this one collects.
pub const COLLECTOR: &str = "org.tenon.Collector1";
/// The object of the collector.
pub const COLLECTOR_PATH: &str = "/org/tenon/Collector1";
/// Interface of the collector.
pub const COLLECTOR_INTERFACE: &str = "org.tenon.Collector1";

/// Bus name of who transfers zones in.
pub const XFRIN: &str = "org.tenon.Xfrin1";
/// The object of who transfers zones in.
pub const XFRIN_PATH: &str = "/org/tenon/Xfrin1";
/// Interface of who transfers zones in.
pub const XFRIN_INTERFACE: &str = "org.tenon.Xfrin1";

/// Interface of a service's long work.
pub const JOBS_INTERFACE: &str = "org.tenon.Jobs1";
/// The object of a service's long work, the same for all services.
pub const JOBS_PATH: &str = "/org/tenon/Jobs1";

/// Bus name of the zone manager.
pub const ZONEMGR: &str = "org.tenon.Zonemgr1";
/// The object of the zone manager.
pub const ZONEMGR_PATH: &str = "/org/tenon/Zonemgr1";
/// Interface of the zone manager.
pub const ZONEMGR_INTERFACE: &str = "org.tenon.Zonemgr1";

/// Bus name of the service that gives zones to secondaries.
pub const XFROUT: &str = "org.tenon.Xfrout1";
/// The object of the service that gives zones to secondaries.
pub const XFROUT_PATH: &str = "/org/tenon/Xfrout1";
/// Interface of the service that gives zones to secondaries.
pub const XFROUT_INTERFACE: &str = "org.tenon.Xfrout1";

/// Bus name of the service that changes primary zones.
pub const DDNS: &str = "org.tenon.Ddns1";
/// The object of the service that changes primary zones.
pub const DDNS_PATH: &str = "/org/tenon/Ddns1";
/// Interface of the service that changes primary zones.
pub const DDNS_INTERFACE: &str = "org.tenon.Ddns1";

/// Bus name of the REST door.
pub const CMDCTL: &str = "org.tenon.Cmdctl1";
/// The object of the REST door.
pub const CMDCTL_PATH: &str = "/org/tenon/Cmdctl1";
/// Interface of the REST door.
pub const CMDCTL_INTERFACE: &str = "org.tenon.Cmdctl1";

/// Bus name of the loader of zones that are sent.
pub const LOADER: &str = "org.tenon.Loader1";
/// The object of the loader of zones that are sent.
pub const LOADER_PATH: &str = "/org/tenon/Loader1";
/// Interface of the loader of zones that are sent.
pub const LOADER_INTERFACE: &str = "org.tenon.Loader1";

/// Interface of a component's access lists.
pub const EXPLAIN_INTERFACE: &str = "org.tenon.Explain1";
/// Interface of a component's settings.
pub const CONFIG_INTERFACE: &str = "org.tenon.Config1";
/// Interface of a component's counters.
pub const STATS_INTERFACE: &str = "org.tenon.Stats1";

/// Interface of the signals that tell the life of zones.
pub const ZONES_INTERFACE: &str = "org.tenon.Zones1";
/// The path that signals of [`ZONES_INTERFACE`] are sent from, whoever sends them.
pub const ZONES_PATH: &str = "/org/tenon/Zones1";

/// What the names of Tenon's own D-Bus errors begin with.
pub const ERROR_PREFIX: &str = "org.tenon.Error";

/// The bus name of auth instance `instance`.
pub fn auth(instance: u32) -> String {
    format!("{AUTH_PREFIX}{instance}")
}

/// The number in the bus name of an auth instance; `None` for any other name.
pub fn auth_instance(name: &str) -> Option<u32> {
    name.strip_prefix(AUTH_PREFIX)?.parse().ok()
}

/// The component that owns a bus name: `auth` for `org.tenon.Auth1.Instance2`; `None` for names of others.
pub fn component(name: &str) -> Option<String> {
    if name == COLLECTOR {
        return Some("stats".to_owned());
    }
    let rest = name.strip_prefix(PREFIX)?;
    let service = rest.split_once(".Instance").map_or(rest, |(service, _)| service);
    let word = service.trim_end_matches(|c: char| c.is_ascii_digit());
    let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric());
    plain.then(|| word.to_ascii_lowercase())
}

/// The object path that mirrors a bus name: `org.tenon.Zonec1` at `/org/tenon/Zonec1`. All auth instances use
/// [`AUTH_PATH`].
pub fn path(name: &str) -> String {
    if name.starts_with(AUTH_PREFIX) { AUTH_PATH.to_owned() } else { format!("/{}", name.replace('.', "/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_mirror_names_and_instances_share_one() {
        assert_eq!(path(ZONEC), ZONEC_PATH);
        assert_eq!(path(CFGMGR), CFGMGR_PATH);
        assert_eq!(path(&auth(7)), AUTH_PATH);
        assert_eq!(auth_instance(&auth(7)), Some(7));
        assert_eq!(auth_instance("org.tenon.Auth1.Instancex"), None);
        assert_eq!(component(&auth(7)).as_deref(), Some("auth"));
        assert_eq!(component(CFGMGR).as_deref(), Some("cfgmgr"));
        assert_eq!(component(COLLECTOR).as_deref(), Some("stats"));
        assert_eq!(path(COLLECTOR), COLLECTOR_PATH);
        assert_eq!(component("org.example.Zonec1"), None);
    }
}
