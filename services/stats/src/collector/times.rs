//! Asks the instances of auth how long answering took.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use tenon_bus::{AnswerTimes, Auth1, Bus, names};

use crate::times::taken;

/// How long one instance may take to tell.
const PATIENCE: Duration = Duration::from_secs(4);

/// By bus name, of the instances of auth among these bus names. Who does not tell has just told its counters, and is left
/// out here.
pub(super) async fn collect(
    bus: &Bus,
    names: impl Iterator<Item = &str>,
) -> BTreeMap<String, Vec<AnswerTimes>> {
    let asked = names.filter(|name| names::auth_instance(name).is_some()).map(|name| async move {
        let auth = Auth1::new(bus, name);
        let told = tokio::time::timeout(PATIENCE, auth.answer_times()).await.ok()?.ok()?;
        Some((name.to_owned(), taken(told)))
    });
    join_all(asked).await.into_iter().flatten().collect()
}
