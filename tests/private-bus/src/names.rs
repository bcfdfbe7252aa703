//! Who is on the bus, and what he shows.

use std::time::{Duration, Instant};

use zbus::fdo::{DBusProxy, IntrospectableProxy};

use crate::{PATIENCE, PrivateBus, differences};

impl PrivateBus {
    /// Waits until a name has an owner, or has none.
    pub async fn wait_for(&self, name: &str, present: bool) {
        let bus = self.connect().await;
        let driver = DBusProxy::new(&bus).await.expect("every bus has a driver");
        let began = Instant::now();
        while driver.name_has_owner(name.try_into().expect("a bus name")).await.expect("the bus runs")
            != present
        {
            assert!(began.elapsed() < PATIENCE, "{name} present: not {present}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Every difference between what the owner of a name shows at a path and these interfaces of `dbus-interfaces/`
    /// (`Config1` is `org.tenon.Config1.xml`), one line each.
    pub async fn differences(&self, name: &str, path: &str, interfaces: &[&str]) -> Vec<String> {
        let bus = self.connect().await;
        let shown = IntrospectableProxy::builder(&bus).destination(name).path(path).build();
        let shown = shown.await.expect("a name and a path");
        let live = shown.introspect().await.unwrap_or_else(|error| panic!("{name} {path}: {error}"));
        let contract = |interface: &&str| {
            let file =
                format!("{}/../../dbus-interfaces/org.tenon.{interface}.xml", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"))
        };
        interfaces.iter().flat_map(|interface| differences(&contract(interface), &live)).collect()
    }

    async fn connect(&self) -> zbus::Connection {
        zbus::connection::Builder::address(self.address().as_str()).build().await.expect("the bus runs")
    }
}
