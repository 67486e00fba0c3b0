//! What there is to do about one shop's grant at a moment. Pure: the rows and a moment go in, duties come out.

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

/// What is known of one shop when the keeper looks.
pub struct Sight<'a> {
    pub shop: &'a Shop,
    pub profile: &'a Profile,
    pub row: &'a ShopRow,
    /// `None`: it was never authorised.
    pub status: Option<&'a GrantStatus>,
    /// Whether its grant was dead at the look before: then whoever noticed has told it.
    pub was_dead: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// The grant works, so what it was paused for is over.
    Resume,
    /// Nothing can be asked for the shop any more.
    Pause(OwnerReason),
    /// Renew it; or write down that only the owner can help, and report it.
    Renew,
    Warn {
        end: OwnerEnd,
        days: i64,
    },
    /// Tell again that the grant is dead.
    Remind(OwnerReason),
    Inspect,
    /// Fetch a new code, for the death of the grant of this version; 0: there never was one.
    RunCommand {
        version: i64,
    },
}

impl Sight<'_> {
    pub fn is_dead(&self) -> bool {
        self.status.is_some_and(GrantStatus::needs_owner)
    }

    pub fn duties(&self, now: DateTime<Utc>) -> Vec<Duty> {
        let command = |version| (!self.shop.code_command.is_empty()).then_some(Duty::RunCommand { version });
        let Some(status) = self.status else {
            return command(0).into_iter().collect();
        };
        let Standing::NeedsOwner(reason) = status.standing else {
            return self.duties_of_living(status, now);
        };
        // The rest is for the next look.
        if status.is_due {
            return vec![Duty::Renew];
        }
        let pause = (!status.usable && self.row.pause.is_none()).then_some(Duty::Pause(reason));
        let is_to_be_told = self.was_dead && due_reminder(self.row.warned_at, now);
        let remind = is_to_be_told.then_some(Duty::Remind(reason));
        [pause, remind, command(status.version)].into_iter().flatten().collect()
    }

    fn duties_of_living(&self, status: &GrantStatus, now: DateTime<Utc>) -> Vec<Duty> {
        let is_paused_for_grant = self
            .row
            .pause
            .as_ref()
            .is_some_and(|pause| pause.until.is_none() && OwnerReason::parse(&pause.reason).is_some());
        let warn = status.owner_end.and_then(|end| {
            due_warning(end.at, self.row.warned_at, now).map(|days| Duty::Warn { end, days })
        });
        let is_to_be_inspected = self.profile.inspect_every.is_some_and(|every| {
            let offset = spread_of(&self.shop.name, INSPECTIONS_SPREAD);
            status.usable && due_in_period(self.row.inspected_at, every, offset, now)
        });
        [
            is_paused_for_grant.then_some(Duty::Resume),
            status.is_due.then_some(Duty::Renew),
            warn,
            is_to_be_inspected.then_some(Duty::Inspect),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
