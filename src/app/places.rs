//! Places for those who work at the same time: as many as the config says at the moment.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Places, each for one at a time.
pub struct Places {
    free: Semaphore,
    size: Mutex<Size>,
}

struct Size {
    places: usize,
    /// Taken places that go when they are given back, because there are fewer now.
    owed: usize,
}

/// A place, taken until it is dropped.
pub struct Place<'a> {
    places: &'a Places,
    permit: Option<SemaphorePermit<'a>>,
}

impl Places {
    pub fn new(places: usize) -> Self {
        Self { free: Semaphore::new(places), size: Mutex::new(Size { places, owed: 0 }) }
    }

    /// Waits for a place, first come first served.
    pub async fn take(&self) -> Place<'_> {
        // Never closed, so this is never an error.
        Place { places: self, permit: self.free.acquire().await.ok() }
    }

    /// From now on there are this many. Whoever has a place keeps it to the end of his work.
    pub fn resize(&self, places: usize) {
        let mut size = self.size();
        if places >= size.places {
            let more = places - size.places;
            let still_taken = more.min(size.owed);
            size.owed -= still_taken;
            self.free.add_permits(more - still_taken);
        } else {
            let fewer = size.places - places;
            size.owed += fewer - self.free.forget_permits(fewer);
        }
        size.places = places;
    }

    fn size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // Under the lock: between the look and the giving back nobody changes how many there are.
        let mut size = self.places.size();
        let permit = self.permit.take();
        if size.owed > 0
            && let Some(permit) = permit
        {
            size.owed -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn take(places: &Places) -> Option<Place<'_>> {
        places.take().now_or_never()
    }

    #[test]
    fn as_many_work_at_once_as_the_config_says_at_the_moment() {
        let places = Places::new(3);
        let mut taken: Vec<_> = std::iter::from_fn(|| take(&places)).collect();
        assert_eq!(taken.len(), 3);

        places.resize(1);
        taken.pop();
        assert!(take(&places).is_none(), "two still work");
        taken.pop();
        assert!(take(&places).is_none(), "one still works");
        taken.pop();
        taken.push(take(&places).unwrap());
        assert!(take(&places).is_none());

        places.resize(4);
        taken.extend(std::iter::from_fn(|| take(&places)));
        assert_eq!(taken.len(), 4);

        // Fewer and more again while all of them work.
        places.resize(1);
        places.resize(3);
        taken.truncate(2);
        taken.extend(std::iter::from_fn(|| take(&places)));
        assert_eq!(taken.len(), 3);
        taken.clear();
        taken.extend(std::iter::from_fn(|| take(&places)));
        assert_eq!(taken.len(), 3);
    }
}
