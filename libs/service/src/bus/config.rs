//! The bus face of the settings: `org.tenon.Config1`.

use std::collections::HashMap;
use std::sync::Arc;

use tenon_bus::server::{Error, json_to_map};
use tracing::error;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, Variant};

use crate::authorise::authorise_cfgmgr;
use crate::component::Owner;
use crate::messages;

pub(crate) struct ConfigFace {
    owner: Arc<dyn Owner>,
}

impl ConfigFace {
    pub(crate) fn new(owner: Arc<dyn Owner>) -> Self {
        Self { owner }
    }
}

#[zbus::interface(name = "org.tenon.Config1", introspection_docs = false)]
impl ConfigFace {
    #[zbus(property(emits_changed_signal = "const"))]
    fn component(&self) -> String {
        self.owner.component().to_owned()
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn schema(&self) -> String {
        self.owner.schema()
    }

    #[zbus(property(emits_changed_signal = "invalidates"))]
    fn settings(&self) -> HashMap<String, Variant<'static>> {
        json_to_map(&self.owner.settings())
    }

    #[zbus(property)]
    fn generation(&self) -> u64 {
        self.owner.generation()
    }

    #[zbus(out_args("amended", "notes"))]
    async fn check(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        settings: String,
    ) -> Result<(String, Vec<String>), Error> {
        authorise_cfgmgr(connection, &header).await?;
        let owner = self.owner.clone();
        let checked = tokio::task::spawn_blocking(move || owner.check(&settings)).await;
        match checked {
            Ok(Ok(accepted)) => Ok(accepted),
            Ok(Err(refusal)) => Err(Error::Rejected(refusal.below(self.owner.component()).to_string())),
            Err(error) => Err(Error::Failed(format!("the check broke off: {error}"))),
        }
    }

    async fn apply(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        generation: u64,
        settings: String,
    ) -> Result<(), Error> {
        authorise_cfgmgr(connection, &header).await?;
        let owner = self.owner.clone();
        let applied = tokio::task::spawn_blocking(move || owner.apply(generation, &settings)).await;
        let reason = match applied {
            Ok(Ok(changed)) => {
                if changed {
                    self.settings_invalidate(&emitter).await?;
                    self.generation_changed(&emitter).await?;
                }
                return Ok(());
            }
            Ok(Err(refusal)) => refusal.below(self.owner.component()).to_string(),
            Err(error) => format!("applying broke off: {error}"),
        };
        error!(
            message_id = messages::SETTINGS_FAILED,
            generation,
            reason = %reason,
            "settings of generation {generation} not put into force: {reason}"
        );
        Err(Error::ApplyFailed(reason))
    }
}
