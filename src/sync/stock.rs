//! Stock by warehouse, which a platform tells SKU by SKU: an enrichment, never in the way of the products.

use futures_util::stream::{self, StreamExt};

use super::{RecordSync, SyncError};
use crate::domain::product::WarehouseStock;
use crate::domain::record::Record;
use crate::platform::rate::Priority;
use crate::platform::{PlatformError, Rejection};

/// The name under which it is switched off in `sync_cursors`.
pub const SUBJECT: &str = "stock";

/// SKUs looked up together.
const SKUS_AT_ONCE: u64 = 100;

/// Calls under way at once; the rate limit decides how fast they go.
const CALLS_IN_PARALLEL: usize = 16;

/// After this many SKUs whose calls failed, the trouble is not theirs.
const FAILED_SKUS_MAX: usize = 5;

impl RecordSync {
    /// Reads the stock of every SKU that was stored since its stock was read. What fails stays as it is and is asked
    /// for again by the next run.
    pub(super) async fn read_stock(&self) -> Result<(), SyncError> {
        let is_told = self.application.platform().stock().is_some();
        if self.record != Record::Products || !self.shop.options.stock_detail || !is_told {
            return Ok(());
        }
        let off = self.store.off(&self.shop.name, SUBJECT).await?;
        if off.and_then(|off| SyncError::off(SUBJECT, off, self.clock.now())).is_some() {
            return Ok(());
        }
        let outcome = self.drain_stock().await;
        self.remember_grant(SUBJECT, &outcome).await?;
        match outcome {
            Err(error @ SyncError::Platform { .. }) => {
                if error.not_granted().is_none() {
                    tracing::warn!(
                        event = "stock.unread", shop = %self.shop.name,
                        "the stock of some SKUs of `{}` is not up to date: {}",
                        self.shop.name, error,
                    );
                }
                Ok(())
            }
            outcome => outcome,
        }
    }

    async fn drain_stock(&self) -> Result<(), SyncError> {
        let mut failed = Vec::new();
        let mut after = None;
        let mut has_answered = false;
        loop {
            // The first call goes alone: where the grant does not cover it, one is enough to know.
            let limit = if has_answered { SKUS_AT_ONCE } else { 1 };
            let due = self.store.skus_without_stock(&self.shop.name, after.as_deref(), limit).await?;
            let Some(last) = due.last() else { break };
            after = Some(last.clone());
            let outcomes: Vec<Result<(), SyncError>> = stream::iter(due)
                .map(|sku| async move { self.stock_of(&sku).await })
                .buffer_unordered(CALLS_IN_PARALLEL)
                .collect()
                .await;
            for outcome in outcomes {
                match outcome {
                    Ok(()) => has_answered = true,
                    Err(error) if is_of_sku(&error) => failed.push(error),
                    Err(error) => return Err(error),
                }
            }
            if failed.len() >= FAILED_SKUS_MAX {
                break;
            }
        }
        failed.into_iter().next().map_or(Ok(()), Err)
    }

    async fn stock_of(&self, sku: &str) -> Result<(), SyncError> {
        let Some(source) = self.application.platform().stock() else { return Ok(()) };
        let read_at = self.clock.now();
        let answer = self
            .call(Priority::Amounts, "reading the stock of a SKU", |access| async move {
                source.sku_stock(&access, sku).await
            })
            .await;
        let stock = match answer {
            Ok(stock) if !stock.is_empty() => stock,
            Ok(_) => vec![unknown()],
            Err(SyncError::Platform { source, .. }) if is_refusal_of_sku(&source) => {
                tracing::debug!(shop = %self.shop.name, "the stock of {sku} is not told: {source}");
                vec![unknown()]
            }
            Err(error) => return Err(error),
        };
        Ok(self.store.set_sku_stock(&self.shop.name, sku, &stock, read_at).await?)
    }
}

/// A SKU that was asked for and of which nothing is told: asked for again when it changes.
fn unknown() -> WarehouseStock {
    WarehouseStock { warehouse: String::new(), available: None, occupied: None, total: None }
}

/// Whether the platform answered about this very SKU.
fn is_refusal_of_sku(error: &PlatformError) -> bool {
    match error {
        PlatformError::Rejected { why, .. } => {
            matches!(
                why,
                Rejection::NotFound | Rejection::Parameters | Rejection::TooOld | Rejection::Unknown
            )
        }
        PlatformError::Malformed { .. } => true,
        _ => false,
    }
}

/// Whether the other SKUs are worth asking for.
fn is_of_sku(error: &SyncError) -> bool {
    matches!(
        error,
        SyncError::Platform {
            source: PlatformError::NoAnswer { .. }
                | PlatformError::Unavailable { .. }
                | PlatformError::NotFromPlatform { .. }
                | PlatformError::Rejected { why: Rejection::NotYet | Rejection::Passing, .. },
            ..
        }
    )
}
