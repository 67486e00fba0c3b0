//! One renewal, start to end, in a task of its own which is never cancelled: what the grant needs, and the intent
//! that is written before a refresh token is used up. The call itself is [`super::refresh::call`]'s.

pub(super) mod call;
pub(super) mod outcome;
pub(super) mod owner_needed;
pub(super) mod unsaved;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::auth::AuthError;
use crate::auth::context::{AuthContext, POLLS_MAX};
use crate::auth::error::Delay;
use crate::auth::loaded_grant::LoadedGrant;
use crate::auth::policy::{Demand, LEASE, Need};
use crate::auth::refresh::call::SendResult;
use crate::auth::refresh::outcome::undo_intent;
use crate::auth::refresh::unsaved::recovery;
use crate::auth::shop_state::{RefreshResult, lock};
use crate::domain::credential::{Claim, Condition, Credential};
use crate::domain::shop::Shop;

/// A holder that was stopped for longer between its intent and its call does not make the call: what is left of the
/// lease is not enough for it and a commit.
const CALL_WITHIN: TimeDelta = TimeDelta::seconds(15);

/// Starts the refresh task of this shop, or joins the one that runs.
pub fn spawn_refresh(context: &AuthContext, shop: &Shop, demand: Demand) -> watch::Receiver<RefreshResult> {
    let shop_state = context.shop_state(&shop.name);
    let mut latest = lock(&shop_state.refresh);
    // A task whose sender is gone without a result has panicked.
    if let Some(task) = latest.as_ref()
        && task.borrow().is_none()
        && task.has_changed().is_ok()
    {
        return task.clone();
    }
    let (sender, task) = watch::channel(None);
    *latest = Some(task.clone());
    let (task_context, shop) = (context.clone(), shop.clone());
    context.shared.tasks.spawn(async move {
        let result = Box::pin(renew(&task_context, &shop, demand)).await;
        sender.send_replace(Some(result));
    });
    task
}

/// Does whatever the grant needs, once. `Ok`: the grant is as the demand wants it, as far as can be.
pub async fn renew(context: &AuthContext, shop: &Shop, demand: Demand) -> Result<(), AuthError> {
    context.unless_stopping(shop, recovery::recover_shop(context, shop)).await?;
    let mut others_version = None;
    for _ in 0..POLLS_MAX {
        let loaded = context.unless_stopping(shop, context.read(shop)).await?;
        let version = loaded.credential.version;
        let is_newer = match demand {
            Demand::Refused { version: refused } => version > refused,
            Demand::Due | Demand::Now | Demand::Forced => others_version.is_some_and(|seen| version > seen),
        };
        if is_newer {
            return Ok(());
        }
        let state = loaded.credential.state(&loaded.rules, demand, context.now());
        match state.need {
            Need::Rest { .. } | Need::Copied if demand == Demand::Due && state.usable => return Ok(()),
            Need::Rest { .. } | Need::Copied => return Err(loaded.without_token(state.need)),
            Need::Owner(reason) => {
                let reason = reason.after(demand);
                if owner_needed::give_up(context, shop, &loaded, reason).await? {
                    return Err(loaded.without_token(Need::Owner(reason)));
                }
            }
            Need::Busy => {
                others_version.get_or_insert(version);
                context.pause(shop).await?;
            }
            Need::Refresh | Need::Replay => {
                let _room = unsaved::reserve(context, shop).await;
                let start = start(context);
                let begun = write_intent(context, shop, &loaded, demand, state.need);
                match context.unless_stopping(shop, begun).await? {
                    Some(claim) if is_too_late(context, &start) => {
                        take_back(context, &loaded.credential, &claim).await?;
                    }
                    Some(claim) => {
                        if Box::pin(call::send_refresh(context, shop, loaded, claim)).await?
                            == SendResult::Done
                        {
                            return Ok(());
                        }
                    }
                    None => context.pause(shop).await?,
                }
            }
        }
    }
    Err(AuthError::Later {
        shop: shop.name.clone(),
        until: context.now() + LEASE,
        why: Delay::RenewedElsewhere,
    })
}

/// Writes the intent down. A store that cannot take it will not be able to take the new pair either, so this is
/// also the test whether the call may be made at all.
async fn write_intent(
    context: &AuthContext,
    shop: &Shop,
    loaded: &LoadedGrant,
    demand: Demand,
    need: Need,
) -> Result<Option<Claim>, AuthError> {
    context.check_not_stopping(shop)?;
    let now = context.now();
    let condition = match need {
        Need::Replay => Condition::Replaying,
        _ => Condition::Refreshing,
    };
    let pauses_until =
        if loaded.credential.pause_yields(demand, now) { DateTime::<Utc>::MAX_UTC } else { now };
    let intent = context.intent(condition, loaded.pair.refresh_hash(), pauses_until);
    let attempt = intent.attempt.id.clone();
    let begun = context.grants().begin(&loaded.credential.claim(), &intent).await;
    begun.map_err(|error| {
        // It may stand in the row all the same, and must not be taken for a call whose answer was lost.
        context.shop_state(&shop.name).remember_never_sent(attempt, loaded.credential.condition);
        recovery::spawn_recovery(context, shop);
        error.into()
    })
}

fn start(context: &AuthContext) -> Start {
    Start { by_clock: context.now(), at: Instant::now() }
}

/// Whether another process may take the grant over before a call that begins now has been answered and stored.
fn is_too_late(context: &AuthContext, start: &Start) -> bool {
    // A frozen process sees it on both clocks, a suspended machine on the wall's, and one whose wall clock was set
    // back on the other.
    let by_clock = context.now() - start.by_clock;
    TimeDelta::from_std(start.at.elapsed()).map_or(true, |elapsed| elapsed.max(by_clock) > CALL_WITHIN)
}

/// Takes an intent back that nothing was sent for. Where another process took over, its intent counts.
async fn take_back(context: &AuthContext, before: &Credential, claim: &Claim) -> Result<(), AuthError> {
    context.grants().settle(claim, &undo_intent(before, before.condition)).await?;
    tracing::debug!(shop = %before.shop, "too long between intent and call: the call was not made");
    Ok(())
}

/// When an intent was about to be written.
struct Start {
    by_clock: DateTime<Utc>,
    at: Instant,
}

/// Waits for a refresh task. A caller that stops waiting does not stop the task.
pub async fn wait(shop: &Shop, mut task: watch::Receiver<RefreshResult>) -> Result<(), AuthError> {
    let result = task.wait_for(Option::is_some).await.ok().and_then(|result| result.clone());
    result.unwrap_or_else(|| Err(AuthError::Broken { shop: shop.name.clone() }))
}
