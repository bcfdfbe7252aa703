//! Places of which there are so many, taken in the order of asking; how many there are may change.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// See the module.
#[derive(Debug)]
pub struct Quota {
    places: Arc<Semaphore>,
    size: Mutex<Size>,
}

#[derive(Debug)]
struct Size {
    /// How many there are to be.
    wanted: usize,
    /// How many there are, taken ones counted.
    present: usize,
}

/// A place that is taken; free again when dropped.
#[derive(Debug)]
pub struct Place {
    quota: Arc<Quota>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Quota {
    /// So many places.
    pub fn new(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            size: Mutex::new(Size { wanted: places, present: places }),
        }
    }

    /// From now on so many. Who has a place keeps it.
    pub fn resize(&self, places: usize) {
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        size.wanted = places;
        if places > size.present {
            self.places.add_permits(places - size.present);
            size.present = places;
        } else {
            size.present -= self.places.forget_permits(size.present - places);
        }
    }

    /// Waits for a place.
    pub async fn enter(self: Arc<Self>) -> Place {
        // Nobody closes the semaphore.
        let permit = Arc::clone(&self.places).acquire_owned().await.ok();
        Place { quota: self, permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut size = self.quota.size.lock().unwrap_or_else(PoisonError::into_inner);
        // There are fewer places than when it was taken: it goes.
        if size.present > size.wanted
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
            size.present -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(quota: &Quota) -> usize {
        quota.places.available_permits()
    }

    #[tokio::test]
    async fn places_are_taken_given_back_and_changed_in_number() {
        let quota = Arc::new(Quota::new(2));
        let first = Arc::clone(&quota).enter().await;
        let second = Arc::clone(&quota).enter().await;
        assert_eq!(free(&quota), 0);
        quota.resize(1);
        drop(first);
        assert_eq!(free(&quota), 0, "one too many");
        drop(second);
        assert_eq!(free(&quota), 1);
        quota.resize(3);
        assert_eq!(free(&quota), 3);
        quota.resize(2);
        assert_eq!(free(&quota), 2);
    }
}
