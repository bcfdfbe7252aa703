//! The bus face of the door: `org.tenon.Cmdctl1`.

use std::sync::Arc;

use crate::Door;

/// The face.
pub struct DoorFace {
    door: Arc<Door>,
}

impl DoorFace {
    /// The face of a door.
    pub fn new(door: Arc<Door>) -> Self {
        Self { door }
    }
}

#[zbus::interface(name = "org.tenon.Cmdctl1", introspection_docs = false)]
impl DoorFace {
    #[zbus(property(emits_changed_signal = "false"))]
    fn addresses(&self) -> Vec<String> {
        self.door.listeners.addresses()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn fingerprint(&self) -> String {
        self.door.certificate.now().map(|pair| pair.fingerprint.clone()).unwrap_or_default()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn public_key_pin(&self) -> String {
        self.door.certificate.now().map(|pair| pair.pin.clone()).unwrap_or_default()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn accounts(&self) -> u32 {
        let accounts = self.door.gate.accounts().unwrap_or_default();
        u32::try_from(accounts).unwrap_or(u32::MAX)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn faults(&self) -> Vec<String> {
        self.door.faults()
    }
}
