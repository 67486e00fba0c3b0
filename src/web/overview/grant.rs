//! A shop's grant on the page: how it stands, and who has to do what.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::auth::GrantStatus;
use crate::auth::policy::OwnerReason;
use crate::auth::required_action::{End, RequiredAction, authorise_command, days_left, required_action};
use crate::domain::shop::Shop;
use crate::platform::{Granting, Login, Platform, profile};

#[derive(Clone, Debug, Serialize)]
pub struct GrantView {
    pub state: GrantState,
    /// The end that only a person can put off. `None`: renewals put it off, or it has none.
    pub owner_needed_by: Option<DateTime<Utc>>,
    /// Until then, as people count days.
    pub days_left: Option<i64>,
    /// `None`: nothing.
    pub to_do: Option<ToDo>,
}

/// The state of a grant, as far as a reader of the page can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    NeverAuthorised,
    NeedsOwner,
    Unreadable,
    /// Works, with something to be done or waited for.
    Warned,
    Good,
}

/// What is to be done, and how.
#[derive(Clone, Debug, Serialize)]
pub struct ToDo {
    #[serde(flatten)]
    pub what: What,
    /// The command that does it. Empty: there is none.
    pub command: String,
    /// Where the owner goes first. `None`: the command shows it.
    pub console_page: Option<&'static str>,
    /// What the owner does there. `None`: nothing is to be granted.
    #[serde(skip)]
    pub granting: Option<&'static Granting>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    Authorise,
    AskOwner {
        #[serde(serialize_with = "as_word")]
        reason: OwnerReason,
        /// `None`: nothing works any more.
        works_until: Option<DateTime<Utc>>,
    },
    TakeOver,
    AuthoriseBefore {
        end: DateTime<Utc>,
        days: i64,
    },
    Wait {
        trouble: String,
        again_at: Option<DateTime<Utc>>,
    },
    Unreadable {
        error: String,
    },
}

impl GrantView {
    pub(super) fn of(
        shop: &Shop,
        platform: Option<&dyn Platform>,
        status: Option<&GrantStatus>,
        now: DateTime<Utc>,
    ) -> Self {
        let owner_needed_by = status.and_then(|status| status.owner_end).map(|end| end.at);
        let to_do = required_action(status, now).map(|action| ToDo::of(shop, platform, action));
        let state = match (status, &to_do) {
            (None, _) => GrantState::NeverAuthorised,
            (Some(status), _) if status.needs_owner() => GrantState::NeedsOwner,
            (_, Some(_)) => GrantState::Warned,
            (_, None) => GrantState::Good,
        };
        let days_left = owner_needed_by.map(|end| days_left(end, now));
        Self { state, owner_needed_by, days_left, to_do }
    }

    pub(super) fn unreadable(error: &impl std::error::Error) -> Self {
        let what = What::Unreadable { error: error.to_string() };
        let to_do = ToDo { what, command: String::new(), console_page: None, granting: None };
        Self { state: GrantState::Unreadable, owner_needed_by: None, days_left: None, to_do: Some(to_do) }
    }
}

impl ToDo {
    fn of(shop: &Shop, platform: Option<&dyn Platform>, action: RequiredAction) -> Self {
        let profile = profile(shop.platform);
        let granting = profile.map(|profile| &profile.granting);
        let login = profile.map_or(Login::Link, |profile| profile.login);
        let grants = |what| Self {
            what,
            command: authorise_command(&shop.name, shop.platform),
            console_page: platform.filter(|_| login == Login::Paste).map(Platform::console_page),
            granting,
        };
        let other = |what, command| Self { what, command, console_page: None, granting: None };
        match action {
            RequiredAction::Authorise => grants(What::Authorise),
            RequiredAction::AskOwner { reason, works_until } => {
                grants(What::AskOwner { reason, works_until: works_until.map(|end| end.at) })
            }
            RequiredAction::AuthoriseBefore(End { at, days }) => {
                grants(What::AuthoriseBefore { end: at, days })
            }
            RequiredAction::TakeOver => {
                other(What::TakeOver, format!("shopsync auth take-over {}", shop.name))
            }
            RequiredAction::Wait { trouble, again_at, .. } => {
                other(What::Wait { trouble, again_at }, String::new())
            }
        }
    }

    /// Whether someone has to act now, rather than soon or not at all.
    pub fn is_urgent(&self) -> bool {
        matches!(self.what, What::Authorise | What::AskOwner { .. } | What::Unreadable { .. })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn as_word<S: serde::Serializer>(reason: &OwnerReason, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.as_str())
}
