//! Stock by warehouse, which a platform gives SKU by SKU. It never holds up the products.

use std::time::Duration;

use super::engine::requests::{Drain, PATIENCE, REFUSED_MIN, Responses};
use super::{RecordSync, SyncError};
use crate::domain::again;
use crate::domain::product::WarehouseStock;
use crate::domain::record::Record;
use crate::platform::rate::Priority;
use crate::platform::{PlatformError, Rejection};
use crate::store::records::stock::DueSku;
use crate::sync::engine::requests;

/// The name under which it is switched off in `sync_cursors`.
pub const SUBJECT: &str = "stock";

/// Reads the stock of every SKU that was stored since its stock was read. A SKU whose stock cannot be read is requested
/// again after growing pauses, and what is known of it stays.
pub(super) async fn read_stock(sync: &RecordSync) -> Result<(), SyncError> {
    let is_offered = sync.application.platform().stock().is_some();
    if sync.record != Record::Products || !sync.shop.options.stock_detail || !is_offered {
        return Ok(());
    }
    let off = sync.store.cursors().off(&sync.shop.name, SUBJECT).await?;
    if off.and_then(|off| SyncError::off(SUBJECT, off, sync.clock.now())).is_some() {
        return Ok(());
    }
    let mut drain = Drain::default();
    let outcome = drain_stock(sync, &mut drain).await;
    report_stock(sync, &drain);
    sync.remember_grant(SUBJECT, &outcome).await?;
    match outcome {
        Err(error @ (SyncError::Platform { .. } | SyncError::MostFailed { .. })) => {
            tracing::debug!(shop = %sync.shop.name, "the stock was not read to its end: {error}");
            Ok(())
        }
        Err(SyncError::NotCovered { .. }) => Ok(()),
        outcome => outcome,
    }
}

async fn drain_stock(sync: &RecordSync, drain: &mut Drain) -> Result<(), SyncError> {
    let mut after: Option<String> = None;
    loop {
        let limit = drain.limit(after.is_some());
        let now = sync.clock.now();
        let due = sync.store.stock().skus_without(&sync.shop.name, now, after.as_deref(), limit).await?;
        let Some(last) = due.last() else { return Ok(()) };
        after = Some(last.sku_id.clone());
        // Things that failed before say nothing about the platform.
        let (before, fresh): (Vec<_>, Vec<_>) = due.into_iter().partition(|sku| sku.attempts > 0);
        read_stock_of(sync, &fresh, fresh.len(), None, drain).await?;
        read_stock_of(sync, &before, usize::MAX, Some(PATIENCE), drain).await?;
    }
}

async fn read_stock_of(
    sync: &RecordSync,
    due: &[DueSku],
    of: usize,
    patience: Option<Duration>,
    drain: &mut Drain,
) -> Result<(), SyncError> {
    let skus: Vec<&DueSku> = due.iter().collect();
    let responses = requests::request_each(sync, &skus, of, patience, |sku, patience| async move {
        let Some(source) = sync.application.platform().stock() else { return Ok(()) };
        let (sku, read_at) = (sku.sku_id.as_str(), sync.clock.now());
        let answer = sync
            .call(patience, Priority::Amounts, "reading the stock of a SKU", |access| async move {
                source.sku_stock(&access, sku).await
            })
            .await;
        let stock = match answer {
            Ok(stock) if !stock.is_empty() => stock,
            Err(SyncError::Platform {
                source: PlatformError::Rejected { why: Rejection::NotFound, .. },
                ..
            })
            | Ok(_) => vec![unknown()],
            Err(error) => return Err(error),
        };
        Ok(sync.store.stock().set(&sync.shop.name, sku, &stock, read_at).await?)
    });
    note_stock(sync, due, responses.await, drain).await
}

/// Notes which failed and when they are requested again. Fails if the cause is not one of them.
async fn note_stock(
    sync: &RecordSync,
    due: &[DueSku],
    mut responses: Responses<()>,
    drain: &mut Drain,
) -> Result<(), SyncError> {
    if let Some(refused) = responses.refused_all()
        && (refused >= REFUSED_MIN || !sync.store.stock().has_any(&sync.shop.name).await?)
        && let Some(refused) = responses.not_covered(SUBJECT)
    {
        return Err(refused);
    }
    let reasons = responses.reasons();
    let common_failure = responses.common_failure("stock of SKUs");
    let now = sync.clock.now();
    for ((sku, answer), reason) in due.iter().zip(&responses.answers).zip(reasons) {
        if let Some(Ok(())) = answer {
            drain.read(sku.attempts);
        }
        let Some(reason) = reason else { continue };
        let attempts = drain.failed(&sku.sku_id, sku.attempts, reason);
        let next = again::next_try(attempts, now);
        sync.store.stock().note_failed(&sync.shop.name, &sku.sku_id, attempts, next).await?;
    }
    common_failure.map_or(Ok(()), Err)
}

fn report_stock(sync: &RecordSync, drain: &Drain) {
    let shop = &sync.shop.name;
    if let Some((sku, reason)) = &drain.example {
        tracing::warn!(
            event = "stock.unread", shop = %shop, skus = drain.newly_failed,
            "the stock of {} SKUs of `{shop}` cannot be read and is requested again (the first: {sku}: {reason})",
            drain.newly_failed,
        );
    }
    if drain.recovered > 0 {
        tracing::info!(
            event = "record.recovered", shop = %shop, record = SUBJECT,
            "the stock of {} SKUs of `{shop}` could be read again", drain.recovered,
        );
    }
}

/// A SKU that was requested and of which the answer says nothing: requested again when it changes.
fn unknown() -> WarehouseStock {
    WarehouseStock { warehouse: String::new(), available: None, occupied: None, total: None }
}
