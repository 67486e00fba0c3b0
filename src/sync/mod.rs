//! The use cases: read a window, catch up, scan, backfill, reconcile, verify, add money. The only layer that uses the
//! platform, the grants and the store together.
//!
//! Nothing here knows schedules, processes or terminals. A run is a future: dropping it at any point loses
//! nothing but the work since its last commit.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use crate::auth::Tokens;
use crate::clock::Clock;
use crate::domain::grant::Access;
use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::domain::window::Pace;
use crate::platform::rate::Priority;
use crate::platform::retry::CallContext;
use crate::platform::{Application, Page, PageQuery, Paging, PlatformError, RecordSource, Windows};
use crate::store::Store;

pub mod amounts;
pub mod backfill;
mod engine;
pub mod error;
pub mod fetch;
pub mod lease;
pub mod progress;
pub mod quarantine;
pub mod reconcile;
mod report;
mod scan;
pub mod stock;
pub mod update;
pub mod verify;

pub use error::SyncError;
pub use progress::Progress;

/// The config's `[sync]`, as far as reading is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How far back a new shop's orders are fetched.
    pub history: TimeDelta,
    /// How far behind the cursor each run begins again.
    pub overlap: TimeDelta,
    /// How old a moment must be before a window may end there.
    pub settle: TimeDelta,
    pub windows_in_parallel: usize,
}

/// One record of one shop: everything a run needs to read and store it.
#[derive(Clone)]
pub struct RecordSync {
    pub store: Store,
    pub application: Arc<Application>,
    pub tokens: Tokens,
    pub clock: Clock,
    pub policy: Policy,
    pub shop: Shop,
    pub record: Record,
    /// How the platform lists it.
    pub paging: Paging,
    /// How often a record that is read by windows is scanned whole.
    pub full_every: TimeDelta,
    pub progress: Arc<Progress>,
    pub cancel: CancellationToken,
    /// The row of `job_runs` this run writes.
    pub run_id: i64,
}

impl RecordSync {
    fn platform_now(&self) -> DateTime<Utc> {
        self.clock.now() + self.application.platform().skew().offset()
    }

    fn source(&self) -> &dyn RecordSource {
        let source = self.application.platform().source(self.record);
        source.expect("a run is only made for what the platform lists")
    }

    fn windows(&self) -> &Windows {
        self.paging.windows().expect("windows are only read of what is listed by time")
    }

    fn pace(&self) -> Pace {
        Pace { window_max: self.windows().update_max, overlap: self.policy.overlap }
    }

    /// Whether this record is or changes orders, the platform gives their money by a call of its own, and the shop
    /// wants it.
    fn wants_amounts(&self) -> bool {
        matches!(self.record, Record::Orders | Record::AfterSales)
            && self.application.platform().amounts().is_some()
            && self.shop.options.amounts
    }

    /// Calls the platform with a valid token. A token that the platform refuses is reported to the token layer
    /// and the call repeated once with what that layer then returns. Gives up after `patience`, if that is set.
    async fn call<T, F, Fut>(
        &self,
        patience: Option<Duration>,
        priority: Priority,
        doing: &str,
        send: F,
    ) -> Result<T, SyncError>
    where
        T: Send,
        F: Fn(Access) -> Fut + Send + Sync,
        Fut: Future<Output = Result<T, PlatformError>> + Send,
    {
        let context = CallContext {
            priority,
            calls: self.progress.calls.clone(),
            cancel: self.cancel.clone(),
            patience,
        };
        let access = self.tokens.access(&self.shop).await?;
        let answer = match self.application.call(&context, || send(access.clone())).await {
            Err(refusal) if refusal.is_about_token() => {
                let renewed = self.tokens.refused(&self.shop, access.generation, &refusal).await?;
                self.application.call(&context, || send(renewed.clone())).await
            }
            answer => answer,
        };
        if answer.is_ok() {
            self.progress.note_progress();
        }
        answer.map_err(|source| SyncError::platform(doing, source))
    }

    /// One page of the list.
    async fn page(&self, query: &PageQuery, priority: Priority) -> Result<Page, SyncError> {
        let source = self.source();
        let subject = format!("the list of {}", self.record);
        let doing = format!("reading {subject}");
        let page = self
            .call(None, priority, &doing, |access| async move { source.page(&access, query).await })
            .await;
        page.map_err(|error| match error {
            SyncError::Platform { source: source @ PlatformError::NotGranted { .. }, .. } => {
                SyncError::NotCovered { subject, source }
            }
            other => other,
        })
    }
}
