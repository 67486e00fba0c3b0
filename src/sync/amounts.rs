//! Money that a platform gives order by order, read oldest first.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::engine::requests::{Drain, PATIENCE, REFUSED_MIN, Responses};
use super::error::reason_of;
use super::{RecordSync, SyncError};
use crate::domain::again;
use crate::domain::order::Amounts;
use crate::platform::rate::Priority;
use crate::platform::{PlatformError, Rejection};
use crate::store::ledger::leases::Lease;
use crate::store::records::amounts::{AmountsResult, AmountsRow, DueOrder};
use crate::sync::engine::requests;

/// The name under which the lane is switched off in `sync_cursors`.
pub const SUBJECT: &str = "amounts";

/// Postgres rounds moments to whole milliseconds: what is due now may look due a little later.
const ROUNDED_UP_MAX: TimeDelta = TimeDelta::milliseconds(1);

/// A platform that is still calculating is requested again after this long.
const NOT_YET: TimeDelta = TimeDelta::hours(1);

/// Refunds and settlements change an order's money after it arrived or was canceled; it is read again then.
const AGAIN_AFTER: [TimeDelta; 3] = [TimeDelta::days(1), TimeDelta::days(7), TimeDelta::days(30)];

/// What the call for the money of an order came to.
enum Answer {
    Read { amounts: Amounts, raw: String },
    NotYet,
    Unreadable { reason: String },
}

/// Fetches the money of every order that is due, also of those that become due while it runs. An order whose money
/// cannot be read is requested again after growing pauses, and the others go on; where most cannot be read, the
/// drain ends.
pub async fn drain(sync: &RecordSync, lease: &Lease) -> Result<(), SyncError> {
    let mut drain = Drain::default();
    let outcome = request_all(sync, lease, &mut drain).await;
    report_drain(sync, &drain);
    sync.remember_grant(SUBJECT, &outcome).await?;
    match outcome {
        // Reported once, requested again tomorrow: an order without money is still an order.
        Err(error) if error.not_granted().is_some() => Ok(()),
        outcome => outcome,
    }
}

async fn request_all(sync: &RecordSync, lease: &Lease, drain: &mut Drain) -> Result<(), SyncError> {
    // An order that fails is due again later than this, so that one drain requests it once.
    let begun_at = sync.clock.now() + ROUNDED_UP_MAX;
    let mut last: Option<DueOrder> = None;
    loop {
        let limit = drain.limit(last.is_some());
        // A case that is read meanwhile makes its order due again, later than `begun_at`.
        let now = sync.clock.now() + ROUNDED_UP_MAX;
        let due = sync.store.amounts().due(&sync.shop.name, now, begun_at, last.as_ref(), limit).await?;
        let Some(newest) = due.last() else { return Ok(()) };
        last = Some(newest.clone());
        // Things that failed before say nothing about the platform.
        let (before, fresh): (Vec<_>, Vec<_>) = due.into_iter().partition(|order| order.attempts > 0);
        let responses = request_amounts(sync, &fresh, fresh.len(), None).await;
        store_amounts(sync, lease, fresh, responses, drain).await?;
        let responses = request_amounts(sync, &before, usize::MAX, Some(PATIENCE)).await;
        store_amounts(sync, lease, before, responses, drain).await?;
    }
}

async fn request_amounts(
    sync: &RecordSync,
    due: &[DueOrder],
    of: usize,
    patience: Option<Duration>,
) -> Responses<Answer> {
    let due: Vec<&DueOrder> = due.iter().collect();
    requests::request_each(sync, &due, of, patience, |order, patience| async move {
        let Some(source) = sync.application.platform().amounts() else {
            return Ok(Answer::NotYet);
        };
        let number = order.number.as_str();
        let answer = sync
            .call(patience, Priority::Amounts, "reading an order's money", |access| async move {
                source.order_amounts(&access, number).await
            })
            .await;
        match answer {
            Ok(raw) => Ok(match source.convert_amounts(&raw) {
                Ok(amounts) => Answer::Read { amounts, raw },
                Err(error) => Answer::Unreadable { reason: reason_of(&error) },
            }),
            Err(SyncError::Platform {
                source: PlatformError::Rejected { why: Rejection::NotYet, .. },
                ..
            }) => Ok(Answer::NotYet),
            Err(error) => Err(error),
        }
    })
    .await
}

/// Stores what was answered, and when the others are requested again. Then fails if the cause is not one of them.
async fn store_amounts(
    sync: &RecordSync,
    lease: &Lease,
    due: Vec<DueOrder>,
    mut responses: Responses<Answer>,
    drain: &mut Drain,
) -> Result<(), SyncError> {
    if is_nothing_granted(sync, &responses).await?
        && let Some(refused) = responses.not_covered(SUBJECT)
    {
        return Err(refused);
    }
    let reasons: Vec<Option<String>> = responses.reasons();
    let common_failure = responses.common_failure("money of orders");
    let now = sync.clock.now();
    let due_total = due.len();
    let mut rows = Vec::with_capacity(due_total);
    for ((order, answer), reason) in due.into_iter().zip(responses.answers).zip(reasons) {
        let reason = match (answer, reason) {
            (Some(Ok(Answer::Read { amounts, raw })), _) => {
                drain.read(order.attempts);
                let next_due = next_due(&order, now);
                rows.push(order.with(AmountsResult::Read { amounts, raw, next_due }));
                continue;
            }
            (Some(Ok(Answer::NotYet)), _) => {
                drain.has_answered = true;
                rows.push(order.with(AmountsResult::Later { due: now + NOT_YET }));
                continue;
            }
            (Some(Ok(Answer::Unreadable { reason })), _) | (_, Some(reason)) => reason,
            // It was not requested, and is due still.
            (_, None) => continue,
        };
        tracing::debug!(shop = %sync.shop.name, "money of {} cannot be read: {reason}", order.number);
        let attempts = drain.failed(&order.number, order.attempts, reason);
        // After this drain, so that it is requested once in it.
        let due = again::next_try(attempts, now) + ROUNDED_UP_MAX * 2;
        rows.push(order.with(AmountsResult::Failed { attempts, due }));
    }
    let count = |is: fn(&AmountsResult) -> bool| rows.iter().filter(|row| is(&row.result)).count() as u64;
    let written = count(|result| matches!(result, AmountsResult::Read { .. }));
    let failed = count(|result| matches!(result, AmountsResult::Failed { .. }));
    sync.store.amounts().commit(lease, sync.run_id, rows).await?;
    sync.rows_read(due_total, 0);
    sync.rows_stored(written, 0, failed);
    common_failure.map_or(Ok(()), Err)
}

/// Whether the grant does not cover these calls at all. Where some order's money was read before, more than a few
/// have to say so: one order may be refused on its own.
async fn is_nothing_granted(sync: &RecordSync, responses: &Responses<Answer>) -> Result<bool, SyncError> {
    Ok(match responses.refused_all() {
        None => false,
        Some(refused) => refused >= REFUSED_MIN || !sync.store.amounts().has_any(&sync.shop.name).await?,
    })
}

/// Reports what can be read no longer, and what can again: once for all orders of the drain.
fn report_drain(sync: &RecordSync, drain: &Drain) {
    let shop = &sync.shop.name;
    if let Some((number, reason)) = &drain.example {
        tracing::warn!(
            event = "amounts.unreadable", shop = %shop, orders = drain.newly_failed,
            "the money of {} orders of `{shop}` cannot be read and is requested again (the first: {number}: {reason})",
            drain.newly_failed,
        );
    }
    if drain.recovered > 0 {
        tracing::info!(
            event = "record.recovered", shop = %shop, record = SUBJECT,
            "the money of {} orders of `{shop}` could be read again", drain.recovered,
        );
    }
}

impl DueOrder {
    fn with(self, result: AmountsResult) -> AmountsRow {
        AmountsRow { number: self.number, taken_due_at: self.due_at, result }
    }
}

/// When the money of an order is worth another look. `None` while the order itself still moves: its next
/// change makes it due.
fn next_due(order: &DueOrder, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let settled_at = order.updated_at.filter(|_| order.status.is_settling())?;
    AGAIN_AFTER.into_iter().filter_map(|after| settled_at.checked_add_signed(after)).find(|due| *due > now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::order::OrderStatus;

    #[test]
    fn money_is_read_again_one_seven_and_thirty_days_after_the_end() {
        let delivered_at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let order = |status| DueOrder {
            number: "PO-1".into(),
            status,
            updated_at: Some(delivered_at),
            due_at: delivered_at,
            attempts: 0,
        };
        for (days_later, expected) in [(0, Some(1)), (1, Some(7)), (6, Some(7)), (8, Some(30)), (30, None)] {
            assert_eq!(
                next_due(&order(OrderStatus::Delivered), delivered_at + TimeDelta::days(days_later)),
                expected.map(|days| delivered_at + TimeDelta::days(days)),
                "{days_later} days later"
            );
        }
        assert_eq!(next_due(&order(OrderStatus::ToShip), delivered_at), None);
    }
}
