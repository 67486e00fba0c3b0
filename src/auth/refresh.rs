//! One renewal, start to end, in a task of its own which nobody cancels: what the grant needs, and the intent
//! that is written before a refresh token is spent. The call itself is [`super::refresh::call`]'s.

pub(super) mod call;
pub(super) mod outcome;
pub(super) mod unsaved;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use super::AuthError;
use super::duty::authorise_command;
use super::error::Delay;
use super::loaded_grant::Held;
use super::login::store_error;
use super::policy::{Demand, Need, OwnerReason};
use super::refresh::call::Spent;
use super::tokens::Tokens;
use crate::domain::credential::{Attempt, Claim, Condition, Credential, Intent, Settlement, Trouble};
use crate::domain::shop::Shop;
use crate::store::grants::grant_marks::GrantMark;

/// How long nobody else may try. More than twice the call and a commit, so that a holder which still lives never
/// finds its right gone.
pub(super) const LEASE: TimeDelta = TimeDelta::seconds(30);
/// A holder that was stopped for longer between its intent and its call does not make the call: what is left of the
/// lease is not enough for it and a commit.
const CALL_WITHIN: TimeDelta = TimeDelta::seconds(15);
/// How often another holder is looked after, and how many times: together longer than [`LEASE`].
pub(super) const POLL: Duration = Duration::from_millis(100);
pub(super) const POLLS_MAX: usize = 400;

impl Tokens {
    /// Does whatever the grant needs, once. `Ok`: the grant is as the demand wants it, as far as can be.
    pub(super) async fn renew(&self, shop: &Shop, demand: Demand) -> Result<(), AuthError> {
        self.unless_stopping(shop, self.settle_what_is_left(shop)).await?;
        let mut others_version = None;
        for _ in 0..POLLS_MAX {
            let held = self.unless_stopping(shop, self.read(shop)).await?;
            let version = held.credential.version;
            let is_newer = match demand {
                Demand::Refused { version: refused } => version > refused,
                Demand::Due | Demand::Now | Demand::Forced => {
                    others_version.is_some_and(|seen| version > seen)
                }
            };
            if is_newer {
                return Ok(());
            }
            let state = held.credential.state(&held.rules, demand, self.now());
            match state.need {
                Need::Rest { .. } | Need::Copied if demand == Demand::Due && state.usable => return Ok(()),
                Need::Rest { .. } | Need::Copied => return Err(held.without_token(state.need)),
                Need::Owner(reason) => {
                    let reason = reason.after(demand);
                    if self.give_up(shop, &held, reason).await? {
                        return Err(held.without_token(Need::Owner(reason)));
                    }
                }
                Need::Busy => {
                    others_version.get_or_insert(version);
                    self.pause(shop).await?;
                }
                Need::Refresh | Need::Replay => {
                    let _room = self.reserve(shop).await;
                    let start = self.start();
                    let begun = self.begin(shop, &held, demand, state.need);
                    match self.unless_stopping(shop, begun).await? {
                        Some(claim) if self.is_too_late(&start) => {
                            self.take_back(&held.credential, &claim).await?;
                        }
                        Some(claim) => {
                            if Box::pin(self.spend(shop, held, claim)).await? == Spent::Done {
                                return Ok(());
                            }
                        }
                        None => self.pause(shop).await?,
                    }
                }
            }
        }
        Err(AuthError::Later {
            shop: shop.name.clone(),
            until: self.now() + LEASE,
            why: Delay::RenewedElsewhere,
        })
    }

    /// Writes the intent down. A store that cannot take it will not be able to take the new pair either, so this is
    /// also the test whether the call may be made at all.
    async fn begin(
        &self,
        shop: &Shop,
        held: &Held,
        demand: Demand,
        need: Need,
    ) -> Result<Option<Claim>, AuthError> {
        self.check_not_stopping(shop)?;
        let now = self.now();
        let condition = match need {
            Need::Replay => Condition::Replaying,
            _ => Condition::Refreshing,
        };
        let pauses_until =
            if held.credential.pause_yields(demand, now) { DateTime::<Utc>::MAX_UTC } else { now };
        let intent = self.intent(condition, held.pair.refresh_hash(), pauses_until);
        let attempt = intent.attempt.id.clone();
        let begun = self.grants().begin(&held.credential.claim(), &intent).await;
        begun.map_err(|error| {
            // It may stand in the row all the same, and must not be taken for a call whose answer was lost.
            self.slot(&shop.name).remember_never_sent(attempt, held.credential.condition);
            self.mend(shop);
            error.into()
        })
    }

    fn start(&self) -> Start {
        Start { by_clock: self.now(), at: Instant::now() }
    }

    /// Whether somebody else may take the grant over before a call that begins now has been answered and stored.
    fn is_too_late(&self, start: &Start) -> bool {
        // A frozen process sees it on both clocks, a suspended machine on the wall's, and one whose wall clock was set
        // back on the other.
        let by_clock = self.now() - start.by_clock;
        TimeDelta::from_std(start.at.elapsed()).map_or(true, |elapsed| elapsed.max(by_clock) > CALL_WITHIN)
    }

    /// Takes an intent back that nothing was sent for. Where somebody took over, theirs counts.
    async fn take_back(&self, before: &Credential, claim: &Claim) -> Result<(), AuthError> {
        self.grants().settle(claim, &as_before(before, before.condition)).await?;
        tracing::debug!(shop = %before.shop, "too long between intent and call: the call was not made");
        Ok(())
    }

    pub(super) fn intent(
        &self,
        condition: Condition,
        refresh_hash: String,
        pauses_until: DateTime<Utc>,
    ) -> Intent {
        Intent {
            attempt: Attempt { id: Uuid::new_v4().to_string(), refresh_hash, at: self.now() },
            condition,
            owner: self.shared.owner.as_str().to_owned(),
            lease: LEASE,
            pauses_until,
        }
    }

    /// Writes down that only the owner can help, and says so, once. `false`: the row changed meanwhile, or an orphan
    /// took the place of what was to be given up.
    pub(super) async fn give_up(
        &self,
        shop: &Shop,
        held: &Held,
        reason: OwnerReason,
    ) -> Result<bool, AuthError> {
        let credential = &held.credential;
        if self.adopt(&held.row.id, credential, &credential.claim(), reason).await? {
            return Ok(false);
        }
        // A token that cannot be renewed before its end is no trouble until then.
        if credential.owner_reason() == Some(reason) || reason == OwnerReason::NoRefreshToken {
            return Ok(true);
        }
        let settlement = Settlement {
            condition: Condition::NeedsOwner,
            not_before: None,
            trouble: Some(trouble(reason, reason.describe().to_owned())),
            access_ends_at: None,
        };
        let since = self.now();
        let is_settled = self.grants().settle(&credential.claim(), &settlement).await?;
        if is_settled {
            self.read(shop).await?;
            self.report_needs_owner(shop, reason, reason.describe(), since).await;
        }
        Ok(is_settled)
    }

    /// Says that only the owner can help, unless another program has said so since the row does (`since`, or a little
    /// later). `error`: what the platform said, or what we concluded.
    pub(super) async fn report_needs_owner(
        &self,
        shop: &Shop,
        reason: OwnerReason,
        error: &str,
        since: DateTime<Utc>,
    ) {
        // Better said twice than never.
        if self.takes_report(shop, since).await.is_ok_and(|takes| !takes) {
            return;
        }
        tracing::error!(
            event = "token.needs_owner",
            shop = %shop.name,
            reason = reason.as_str(),
            error,
            "shop `{}` needs its owner, because {}: run `{}`",
            shop.name,
            reason.describe(),
            authorise_command(&shop.name, shop.platform)
        );
    }

    /// Whether it is this program that reports the end of a grant: of all that see it, the one that moves the mark.
    async fn takes_report(&self, shop: &Shop, since: DateTime<Utc>) -> Result<bool, AuthError> {
        let store = &self.shared.parts.store;
        let marked_at = self.shop_row(shop).await?.warned_at;
        let now = self.now();
        if marked_at.is_some_and(|at| (since..=now).contains(&at)) {
            return Ok(false);
        }
        let takes = store.grants().mark(&shop.name, GrantMark::Warned, marked_at, Some(now)).await;
        takes.map_err(|source| store_error(shop, source))
    }

    async fn pause(&self, shop: &Shop) -> Result<(), AuthError> {
        self.check_not_stopping(shop)?;
        tokio::select! {
            () = tokio::time::sleep(POLL) => Ok(()),
            () = self.shared.stopping.cancelled() => self.check_not_stopping(shop),
        }
    }

    fn check_not_stopping(&self, shop: &Shop) -> Result<(), AuthError> {
        if !self.shared.stopping.is_cancelled() {
            return Ok(());
        }
        Err(AuthError::Later { shop: shop.name.clone(), until: self.now(), why: Delay::Ending })
    }
}

/// What undoes an intent that nothing was sent for: `row` as it was, in the condition it had before.
pub(super) fn as_before(row: &Credential, condition: Condition) -> Settlement {
    Settlement {
        // Its sender is gone, and with it the lease.
        condition: if condition == Condition::Replaying { Condition::Refreshing } else { condition },
        not_before: row.not_before,
        trouble: row.trouble.clone(),
        access_ends_at: None,
    }
}

/// When an intent was about to be written.
struct Start {
    by_clock: DateTime<Utc>,
    at: Instant,
}

pub(super) fn trouble(reason: OwnerReason, message: String) -> Trouble {
    Trouble { class: reason.as_str().to_owned(), message }
}
