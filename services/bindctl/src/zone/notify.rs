//! Telling a zone's servers now.

use serde_json::json;
use tenon_bus::{BusError, Xfrout1};

use crate::failure::Failure;
use crate::session::Session;

/// Has xfrout tell a zone's servers its serial, whether they know it or not.
pub(super) async fn notify(session: &mut Session, zone: &str) -> Result<(), Failure> {
    let bus = session.bus().await?;
    let targets = match Xfrout1::new(&bus).notify(zone).await {
        Err(BusError::NoSuchZone(what)) => {
            return Err(Failure::refused(what, "`bindctl zone list` shows what is answered"));
        }
        told => told?,
    };
    let output = session.output;
    if output.json {
        output.document(&json!({"zone": zone, "targets": targets}))?;
    } else if targets == 0 {
        output.line(&format!(
            "{zone} has no servers to tell: its NS records lead to none in our zones but the one in its SOA, and \
             xfrout/also_notify names none"
        ))?;
    } else {
        output.line(&format!("{zone}: telling {targets} servers"))?;
    }
    Ok(())
}
