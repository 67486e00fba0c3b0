//! The jobs `sync = "…"`: which lanes a shop's record needs, and in which order.

use std::sync::Arc;

use super::run::{RunError, RunOptions, Task, off_reason, run_lane};
use super::task::Target;
use crate::app::App;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::store::StoreError;
use crate::sync::progress::Counts;

/// How each lane went, in the order they ran.
pub type LaneOutcomes = Vec<(Lane, Result<Counts, RunError>)>;

/// Runs every lane of one record of one shop, one after the other: updates first, then history, then money. After a lane
/// that fails the next one is tried, unless it would fail for the same reason.
pub async fn bring_up_to_date(
    app: Arc<App>,
    shop: Shop,
    record: Record,
    options: RunOptions,
) -> LaneOutcomes {
    let mut outcomes = Vec::new();
    for lane in [Lane::Update, Lane::Create, Lane::Amounts] {
        let target = Target { shop: &shop, record, lane };
        if !app.has_lane(target.shop, record, lane) {
            continue;
        }
        if lane != Lane::Update && options.task != Task::Full {
            match has_work(&app, target).await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    outcomes.push((lane, Err(target.failed(error))));
                    break;
                }
            }
        }
        let progress = match lane {
            Lane::Amounts => options.progress.amounts(),
            Lane::Update | Lane::Create => options.progress.clone(),
        };
        let outcome = run_lane(&app, target, &RunOptions { progress, ..options.clone() }).await;
        let is_over = options.cancel.is_cancelled()
            || outcome.as_ref().is_err_and(|error| error.is_of_shop() || error.is_off());
        outcomes.push((lane, outcome));
        if is_over {
            break;
        }
    }
    outcomes
}

/// Whether a lane has anything to do. The update lane always has.
pub async fn has_work(app: &App, target: Target<'_>) -> Result<bool, StoreError> {
    let Target { shop, record, lane } = target;
    if !app.has_lane(shop, record, lane) {
        return Ok(false);
    }
    match lane {
        Lane::Update => Ok(true),
        Lane::Create => {
            let left = app.store.windows().history_left(&shop.name, record, app.clock.now()).await?;
            Ok(!left.is_empty())
        }
        Lane::Amounts => Ok(off_reason(app, target).await?.is_none()
            && app.store.amounts().count_due(&shop.name, app.clock.now()).await? > 0),
    }
}
