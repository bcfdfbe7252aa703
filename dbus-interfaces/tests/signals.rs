//! Signals and owner changes over a real dbus-daemon.

use tenon_bus::{Bus, BusError, OwnerChange, ZoneEvent, names};
use tenon_private_bus::PrivateBus;

#[tokio::test]
async fn zone_events_arrive_as_they_were_sent() {
    let daemon = PrivateBus::start().unwrap();
    let sender = Bus::at(&daemon.address()).await.unwrap();
    let listener = Bus::at(&daemon.address()).await.unwrap();
    let mut events = listener.zone_events().await.unwrap();
    let zone = || "example.com.".to_owned();
    let sent = [
        ZoneEvent::Changed { zone: zone(), serial: 7, cause: "load".into() },
        ZoneEvent::ImageReady { zone: zone(), serial: 7, generation: 3 },
        ZoneEvent::ImageFailed { zone: zone(), serial: 8, reason: "why".into() },
        ZoneEvent::Removed { zone: zone() },
        ZoneEvent::ManifestChanged { generation: 4 },
        ZoneEvent::TransferFailed { zone: zone(), reason: "why".into() },
        ZoneEvent::NotifyReceived { zone: zone(), serial: 9, peer: "192.0.2.1".into() },
        ZoneEvent::Refreshed { zone: zone(), serial: 9 },
        ZoneEvent::Expired { zone: zone() },
    ];
    for event in &sent {
        sender.emit_zone_event(event).await.unwrap();
    }
    for event in sent {
        assert_eq!(events.next().await, Some(event));
    }
}

#[tokio::test]
async fn who_asks_for_some_events_gets_no_others() {
    let daemon = PrivateBus::start().unwrap();
    let sender = Bus::at(&daemon.address()).await.unwrap();
    let listener = Bus::at(&daemon.address()).await.unwrap();
    let mut events = listener.zone_events_named(&["ManifestChanged", "ZoneExpired"]).await.unwrap();
    let zone = || "example.com.".to_owned();
    let ready = ZoneEvent::ImageReady { zone: zone(), serial: 7, generation: 3 };
    let wanted = [ZoneEvent::ManifestChanged { generation: 4 }, ZoneEvent::Expired { zone: zone() }];
    for event in [&ready, &wanted[0], &ready, &wanted[1]] {
        sender.emit_zone_event(event).await.unwrap();
    }
    // In any order, as they are separate requests to the bus.
    let heard = [events.next().await.unwrap(), events.next().await.unwrap()];
    assert!(wanted.iter().all(|event| heard.contains(event)), "{heard:?}");
}

#[tokio::test]
async fn a_listener_that_does_not_read_stops_nobody_and_is_told() {
    let daemon = PrivateBus::start().unwrap();
    let bus = Bus::at(&daemon.address()).await.unwrap();
    let mut events = bus.zone_events().await.unwrap();
    for generation in 0..3000 {
        bus.emit_zone_event(&ZoneEvent::ManifestChanged { generation }).await.unwrap();
    }
    // Calls on the same connection go on working although nobody has read a signal.
    assert_eq!(bus.list_present(names::PREFIX).await.unwrap(), Vec::<String>::new());
    let mut last = None;
    while last != Some(ZoneEvent::ManifestChanged { generation: 2999 }) {
        last = events.next().await;
        assert!(last.is_some());
    }
}

#[tokio::test]
async fn owners_come_and_go_and_the_bus_dies() {
    let mut daemon = PrivateBus::start().unwrap();
    let bus = Bus::at(&daemon.address()).await.unwrap();
    let mut changes = bus.owner_changes().await.unwrap();
    let owner = Bus::at(&daemon.address()).await.unwrap();
    tenon_bus::server::connection(&owner).unwrap().request_name(names::ZONEC).await.unwrap();
    let change = |present| Some(OwnerChange::Name { name: names::ZONEC.into(), present });
    assert_eq!(changes.next().await, change(true));
    assert_eq!(bus.list_present(names::PREFIX).await.unwrap(), [names::ZONEC]);
    drop(owner);
    assert_eq!(changes.next().await, change(false));
    let missing = tenon_bus::Zonec1::new(&bus).state().await.unwrap_err();
    assert!(matches!(missing, BusError::ServiceUnknown(_)), "{missing:?}");
    daemon.stop().unwrap();
    assert_eq!(changes.next().await, None);
    bus.closed().await;
    assert!(bus.list_present("").await.unwrap_err().is_bus_down());
}
