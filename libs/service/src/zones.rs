//! `org.tenon.Zones1`: where the life of zones is told, so that introspection shows what can be heard there.

// The macro makes of each signal below a function with the name and the arguments.
#![allow(missing_docs)]

use zbus::interface;
use zbus::object_server::SignalEmitter;

/// See the module. The signals themselves go out by `tenon_bus::Bus::emit_zone_event`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ZonesFace;

#[interface(name = "org.tenon.Zones1", introspection_docs = false)]
impl ZonesFace {
    #[zbus(signal)]
    async fn zone_changed(
        emitter: &SignalEmitter<'_>,
        zone: String,
        serial: u32,
        cause: String,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn zone_coming(emitter: &SignalEmitter<'_>, zone: String) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn zone_removed(emitter: &SignalEmitter<'_>, zone: String) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn image_ready(
        emitter: &SignalEmitter<'_>,
        zone: String,
        serial: u32,
        generation: u64,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn image_failed(
        emitter: &SignalEmitter<'_>,
        zone: String,
        serial: u32,
        reason: String,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn manifest_changed(emitter: &SignalEmitter<'_>, generation: u64) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn transfer_failed(emitter: &SignalEmitter<'_>, zone: String, reason: String) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn notify_received(
        emitter: &SignalEmitter<'_>,
        zone: String,
        serial: u32,
        peer: String,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn zone_refreshed(emitter: &SignalEmitter<'_>, zone: String, serial: u32) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn zone_expired(emitter: &SignalEmitter<'_>, zone: String) -> zbus::Result<()>;
}
