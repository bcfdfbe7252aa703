//! Zones that services tell page by page.

use tenon_bus::{AuthZone, BusError, ManagedZone, StoredZone};

/// Zones asked for at once.
pub(crate) const PAGE: u32 = 1000;

/// A zone in a page.
pub(crate) trait Listed {
    /// Its name; the next page begins after the last one's.
    fn name(&self) -> &str;
}

/// Tells of each zone after one, page by page, until `limit` or a few more were told of.
pub(crate) async fn each<Z: Listed>(
    after: &str,
    limit: usize,
    fetch: impl AsyncFn(&str) -> Result<Vec<Z>, BusError>,
    mut tell: impl FnMut(Z),
) -> Result<(), BusError> {
    let (mut after, mut told) = (after.to_owned(), 0_usize);
    while told < limit {
        let page = fetch(&after).await?;
        let Some(last) = page.last() else { break };
        last.name().clone_into(&mut after);
        told = told.saturating_add(page.len());
        page.into_iter().for_each(&mut tell);
    }
    Ok(())
}

impl Listed for StoredZone {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Listed for ManagedZone {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Listed for AuthZone {
    fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pages_follow_each_other_until_there_are_no_more_or_enough() {
        let zone =
            |name: &str| AuthZone { name: name.into(), serial: 1, state: "serving".into(), generation: 1 };
        let fetch = async |after: &str| match after {
            "" => Ok(vec![zone("a."), zone("b.")]),
            "b." => Ok(vec![zone("c.")]),
            _ => Ok(Vec::new()),
        };
        let mut told = String::new();
        each("", usize::MAX, fetch, |zone| told += &zone.name).await.unwrap();
        assert_eq!(told, "a.b.c.");
        each("", 1, fetch, |zone| told += &zone.name).await.unwrap();
        assert_eq!(told, "a.b.c.a.b.");
    }
}
