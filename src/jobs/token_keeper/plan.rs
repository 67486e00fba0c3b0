//! Plans the actions for one shop's grant. Pure: rows and the time go in, actions come out.

use chrono::{DateTime, TimeDelta, Utc};

use crate::auth::GrantStatus;
use crate::auth::expiry::{due_in_period, due_reminder, due_warning};
use crate::auth::policy::{OwnerReason, spread_of};
use crate::auth::status::{OwnerEnd, Standing};
use crate::domain::shop::Shop;
use crate::platform::Profile;
use crate::store::shops::ShopRow;

/// The shops' inspections are spread over this much of the beginning of each period.
const INSPECTIONS_SPREAD: TimeDelta = TimeDelta::minutes(15);

/// What is known of one shop at a check.
pub struct Snapshot<'a> {
    pub shop: &'a Shop,
    pub profile: &'a Profile,
    pub row: &'a ShopRow,
    /// `None`: it was never authorised.
    pub status: Option<&'a GrantStatus>,
    /// Whether its grant was dead at the last check too. At the first one, the token layer has just reported it.
    pub was_dead: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Resume the shop: its grant works again.
    Resume,
    /// Pause the shop: no call can succeed any more.
    Pause(OwnerReason),
    /// Renew the token. If only the owner can help, store and report that.
    Renew,
    Warn {
        end: OwnerEnd,
        days: i64,
    },
    /// Report again that the grant is dead.
    Remind(OwnerReason),
    /// Ask the platform what the grant covers.
    Inspect,
    /// Run the `code_command`, because the grant of this version is dead. 0: there never was a grant.
    RunCommand {
        version: i64,
    },
}

impl Snapshot<'_> {
    pub fn is_dead(&self) -> bool {
        self.status.is_some_and(GrantStatus::needs_owner)
    }

    pub fn actions(&self, now: DateTime<Utc>) -> Vec<Action> {
        let command =
            |version| (!self.shop.code_command.is_empty()).then_some(Action::RunCommand { version });
        let Some(status) = self.status else {
            return command(0).into_iter().collect();
        };
        let Standing::NeedsOwner(reason) = status.standing else {
            return self.plan_for_working_grant(status, now);
        };
        // The next check plans the rest.
        if status.is_due {
            return vec![Action::Renew];
        }
        let pause = (!status.usable && self.row.pause.is_none()).then_some(Action::Pause(reason));
        let is_reminder_due = self.was_dead && due_reminder(self.row.warned_at, now);
        let remind = is_reminder_due.then_some(Action::Remind(reason));
        [pause, remind, command(status.version)].into_iter().flatten().collect()
    }

    fn plan_for_working_grant(&self, status: &GrantStatus, now: DateTime<Utc>) -> Vec<Action> {
        let is_paused_for_grant = self
            .row
            .pause
            .as_ref()
            .is_some_and(|pause| pause.until.is_none() && OwnerReason::parse(&pause.reason).is_some());
        let warn = status.owner_end.and_then(|end| {
            due_warning(end.at, self.row.warned_at, now).map(|days| Action::Warn { end, days })
        });
        let is_inspection_due = self.profile.inspect_every.is_some_and(|every| {
            let offset = spread_of(&self.shop.name, INSPECTIONS_SPREAD);
            status.usable && due_in_period(self.row.inspected_at, every, offset, now)
        });
        [
            is_paused_for_grant.then_some(Action::Resume),
            status.is_due.then_some(Action::Renew),
            warn,
            is_inspection_due.then_some(Action::Inspect),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
