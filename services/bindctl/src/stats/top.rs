//! The networks that most messages came from, over all instances of auth.

use tenon_bus::{Auth1, Bus, TopClient};

use super::auth_is_there;
use crate::failure::Failure;
use crate::output::{Output, cell};
use crate::session::auth_instances;

/// Shows at most `limit` networks, all for 0.
pub(super) async fn show(output: Output, bus: &Bus, limit: usize) -> Result<(), Failure> {
    let mut told = Vec::new();
    let instances = auth_instances(bus).await?;
    for (_, name) in auth_is_there(&instances)? {
        told.push(Auth1::new(bus, name).top_clients().await?);
    }
    let mut clients = TopClient::sums(&told);
    if limit > 0 {
        clients.truncate(limit);
    }
    if output.json {
        return Ok(output.document(&clients)?);
    }
    if clients.is_empty() {
        return Err(Failure::refused(
            "no networks are noted",
            "they are while auth/top_clients is true: `bindctl config set auth/top_clients true` and `bindctl config commit`",
        ));
    }
    let row = |client: &TopClient| {
        let least = client.messages.saturating_sub(client.error);
        vec![cell(&client.network), cell(client.messages), cell(least)]
    };
    Ok(output.table(&["NETWORK", "MESSAGES AT MOST", "AT LEAST"], clients.iter().map(row).collect())?)
}
