//! Permits to work at the same time: as many as the config allows at this moment.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// A semaphore whose size can change.
pub struct Permits {
    free: Semaphore,
    size: Mutex<Size>,
}

struct Size {
    permits: usize,
    /// Permits in use that are removed when they are released, because there are fewer now.
    owed: usize,
}

/// A permit, held until it is dropped.
pub struct Permit<'a> {
    permits: &'a Permits,
    permit: Option<SemaphorePermit<'a>>,
}

impl Permits {
    pub fn new(permits: usize) -> Self {
        Self { free: Semaphore::new(permits), size: Mutex::new(Size { permits, owed: 0 }) }
    }

    /// Waits for a permit, first come first served.
    pub async fn acquire(&self) -> Permit<'_> {
        // Never closed, so this is never an error.
        Permit { permits: self, permit: self.free.acquire().await.ok() }
    }

    /// Sets the number of permits. Those in use stay valid until they are released.
    pub fn resize(&self, permits: usize) {
        let mut size = self.size();
        if permits >= size.permits {
            let more = permits - size.permits;
            let still_held = more.min(size.owed);
            size.owed -= still_held;
            self.free.add_permits(more - still_held);
        } else {
            let fewer = size.permits - permits;
            size.owed += fewer - self.free.forget_permits(fewer);
        }
        size.permits = permits;
    }

    fn size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        // Release under the lock, so that the size cannot change in between.
        let mut size = self.permits.size();
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

    fn acquire(permits: &Permits) -> Option<Permit<'_>> {
        permits.acquire().now_or_never()
    }

    #[test]
    fn as_many_permits_exist_as_the_config_allows_at_the_moment() {
        let permits = Permits::new(3);
        let mut held: Vec<_> = std::iter::from_fn(|| acquire(&permits)).collect();
        assert_eq!(held.len(), 3);

        permits.resize(1);
        held.pop();
        assert!(acquire(&permits).is_none(), "two are in use");
        held.pop();
        assert!(acquire(&permits).is_none(), "one is in use");
        held.pop();
        held.push(acquire(&permits).unwrap());
        assert!(acquire(&permits).is_none());

        permits.resize(4);
        held.extend(std::iter::from_fn(|| acquire(&permits)));
        assert_eq!(held.len(), 4);

        // Fewer, then more again, while all are in use.
        permits.resize(1);
        permits.resize(3);
        held.truncate(2);
        held.extend(std::iter::from_fn(|| acquire(&permits)));
        assert_eq!(held.len(), 3);
        held.clear();
        held.extend(std::iter::from_fn(|| acquire(&permits)));
        assert_eq!(held.len(), 3);
    }
}
