//! Money that a platform tells order by order: an enrichment, drained oldest first.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{self, StreamExt};

use super::{RecordSync, SyncError};
use crate::platform::rate::Priority;
use crate::platform::{PlatformError, Rejection};
use crate::store::amounts::{AmountsResult, AmountsRow, DueOrder};
use crate::store::leases::Lease;

/// The name under which the lane is switched off in `sync_cursors`.
pub const SUBJECT: &str = "amounts";

/// Orders taken and committed together.
const ORDERS_PER_COMMIT: u64 = 100;

/// After this many orders whose calls failed, the trouble is not theirs.
const FAILED_ORDERS_MAX: usize = 5;

/// Calls under way at once; the rate limit decides how fast they go.
const CALLS_IN_PARALLEL: usize = 16;

/// A platform that is still calculating is asked again after this long.
const NOT_YET: TimeDelta = TimeDelta::hours(1);

/// An order whose money the platform will not tell, or tells in a way we cannot read, is asked again daily.
const REFUSED: TimeDelta = TimeDelta::days(1);

/// Refunds and settlements change an order's money after it arrived or was canceled; it is read again then.
const AGAIN_AFTER: [TimeDelta; 3] = [TimeDelta::days(1), TimeDelta::days(7), TimeDelta::days(30)];

impl RecordSync {
    /// Fetches the money of every order that is due, until none is. A call that fails leaves its order due; after
    /// several such, or where the failure is not of an order, the drain ends.
    pub async fn drain_amounts(&self, lease: &Lease) -> Result<(), SyncError> {
        let outcome = self.drain(lease).await;
        self.remember_grant(SUBJECT, &outcome).await?;
        match outcome {
            // Told once, asked again tomorrow: an order without money is still an order.
            Err(error) if error.not_granted().is_some() => Ok(()),
            outcome => outcome,
        }
    }

    async fn drain(&self, lease: &Lease) -> Result<(), SyncError> {
        let mut failed: HashMap<String, SyncError> = HashMap::new();
        let mut has_answered = false;
        loop {
            // Until there was an answer a call goes alone: where the grant does not cover it, or the platform is
            // away, one call at a time is enough to know.
            let limit = if has_answered { ORDERS_PER_COMMIT } else { 1 };
            let mut due =
                self.store.due_orders(&self.shop.name, self.clock.now(), limit + failed.len() as u64).await?;
            due.retain(|order| !failed.contains_key(&order.number));
            if due.is_empty() || failed.len() >= FAILED_ORDERS_MAX {
                return failed.into_values().next().map_or(Ok(()), Err);
            }
            let asked = due.len();
            let newly_failed = self.fetch(lease, due).await?;
            has_answered |= newly_failed.len() < asked;
            failed.extend(newly_failed);
        }
    }

    /// Fetches and stores; tells the orders whose own calls failed. Any other failure is the drain's, once what was
    /// answered is stored.
    async fn fetch(&self, lease: &Lease, due: Vec<DueOrder>) -> Result<Vec<(String, SyncError)>, SyncError> {
        let asked = due.len();
        let answers: Vec<(String, Result<AmountsRow, SyncError>)> = stream::iter(due)
            .map(|order| async move { (order.number.clone(), self.amounts_of(order).await) })
            .buffer_unordered(CALLS_IN_PARALLEL)
            .collect()
            .await;
        let mut rows = Vec::with_capacity(asked);
        let mut failed = Vec::new();
        let mut fatal = None;
        for (number, answer) in answers {
            match answer {
                Ok(row) => rows.push(row),
                Err(error) if may_be_of_order(&error) => failed.push((number, error)),
                Err(error) => {
                    fatal.get_or_insert(error);
                }
            }
        }
        let written =
            rows.iter().filter(|row| matches!(row.result, AmountsResult::Read { .. })).count() as u64;
        self.store.commit_amounts(lease, self.run_id, rows).await?;
        self.rows_read(asked, 0);
        self.rows_stored(written, 0, 0);
        fatal.map_or(Ok(failed), Err)
    }

    async fn amounts_of(&self, order: DueOrder) -> Result<AmountsRow, SyncError> {
        let Some(orders) = self.application.platform().amounts() else {
            return Ok(AmountsRow {
                number: order.number,
                taken_due_at: order.due_at,
                result: AmountsResult::Later { due: self.clock.now() + REFUSED },
            });
        };
        let number = order.number.as_str();
        let answer = self
            .call(Priority::Amounts, "reading an order's money", |access| async move {
                orders.order_amounts(&access, number).await
            })
            .await;
        let now = self.clock.now();
        let result = match answer {
            Ok(raw) => match orders.convert_amounts(&raw) {
                Ok(amounts) => AmountsResult::Read { amounts, raw, next_due: next_due(&order, now) },
                Err(error) => self.later(&order, now + REFUSED, &error),
            },
            Err(SyncError::Platform {
                source: error @ PlatformError::Rejected { why: Rejection::NotYet, .. },
                ..
            }) => self.later(&order, now + NOT_YET, &error),
            Err(SyncError::Platform { source: error, .. }) if is_refusal_of_order(&error) => {
                self.later(&order, now + REFUSED, &error)
            }
            Err(error) => return Err(error),
        };
        Ok(AmountsRow { number: order.number, taken_due_at: order.due_at, result })
    }

    fn later(&self, order: &DueOrder, due: DateTime<Utc>, why: &dyn std::error::Error) -> AmountsResult {
        tracing::debug!(shop = %self.shop.name, "money of {} is not told yet: {why}", order.number);
        AmountsResult::Later { due }
    }
}

/// Whether the other orders are worth asking for: a platform may stumble over one order again and again, and that
/// one must not stand before all others for ever.
fn may_be_of_order(error: &SyncError) -> bool {
    matches!(
        error,
        SyncError::Platform {
            source: PlatformError::Unavailable { .. }
                | PlatformError::NotFromPlatform { .. }
                | PlatformError::NoAnswer { .. },
            ..
        }
    )
}

/// Whether the platform answered about this very order, so that the others can be asked all the same.
fn is_refusal_of_order(error: &PlatformError) -> bool {
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

/// When the money of an order is worth another look. `None` while the order itself still moves: its next
/// change makes it due.
fn next_due(order: &DueOrder, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let settled_at = order.updated_at.filter(|_| order.status.is_settling())?;
    AGAIN_AFTER.into_iter().map(|after| settled_at + after).find(|due| *due > now)
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
