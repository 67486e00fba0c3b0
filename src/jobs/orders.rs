//! The job `sync = "orders"`: which lanes a shop needs, and in which order.

use std::sync::Arc;

use super::run::{RunError, RunOptions, off, run_lane};
use crate::app::App;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::store::StoreError;
use crate::sync::progress::Counts;

/// How each lane went, in the order they ran.
pub type LaneOutcomes = Vec<(Lane, Result<Counts, RunError>)>;

/// Every lane of one shop, one after the other: what is new first, then history, then money. A lane that
/// fails does not keep the next from being tried, unless its failure would be the next one's too.
pub async fn bring_up_to_date(app: Arc<App>, shop: Shop, options: RunOptions) -> LaneOutcomes {
    let mut outcomes = Vec::new();
    for lane in [Lane::Update, Lane::Create, Lane::Amounts] {
        if lane != Lane::Update && !options.full {
            match has_work(&app, &shop, lane).await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(error) => {
                    outcomes.push((lane, Err(RunError::of(&shop, error))));
                    break;
                }
            }
        }
        if lane == Lane::Amounts && !app.reads_amounts(&shop) {
            continue;
        }
        let outcome = run_lane(&app, &shop, lane, &options).await;
        let is_over = options.cancel.is_cancelled() || outcome.as_ref().is_err_and(RunError::is_of_shop);
        outcomes.push((lane, outcome));
        if is_over {
            break;
        }
    }
    outcomes
}

/// Whether there is anything to do in a lane other than the update lane, which always has the present to read.
pub async fn has_work(app: &App, shop: &Shop, lane: Lane) -> Result<bool, StoreError> {
    match lane {
        Lane::Update => Ok(true),
        Lane::Create => {
            let left = app.store.history_left(&shop.name, Record::Orders, app.clock.now()).await?;
            Ok(!left.is_empty())
        }
        Lane::Amounts => Ok(app.reads_amounts(shop)
            && off(app, shop, lane).await?.is_none()
            && app.store.amounts_due(&shop.name, app.clock.now()).await? > 0),
    }
}
