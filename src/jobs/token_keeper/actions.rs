//! The keeper's duties, done: each says what it did in one line of the log.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use uuid::Uuid;

use super::Keeper;
use super::plan::Duty;
use crate::auth::AuthError;
use crate::auth::login::scopes::{Coverage, coverage};
use crate::auth::policy::OwnerReason;
use crate::auth::required_action::authorise_command;
use crate::auth::status::OwnerEnd;
use crate::domain::shop::Shop;
use crate::jobs::daemon::run::chain;
use crate::jobs::token_keeper::code_command::{self, RUN_MAX};
use crate::platform::PlatformError;
use crate::platform::error::Retry;
use crate::store::StoreError;
use crate::store::grants::grant_marks::GrantMark;
use crate::store::grants::login_codes::CommandPace;
use crate::store::shops::ShopRow;

/// Once for each death of a grant and once a day; and never at the rate at which codes may bring grants that die at once.
const COMMAND_PACE: CommandPace =
    CommandPace { same_death: TimeDelta::days(1), any_death: TimeDelta::minutes(10) };

impl Keeper {
    pub async fn fulfil(&self, shop: &Shop, row: &ShopRow, duty: Duty) -> Result<(), AuthError> {
        match duty {
            Duty::Renew => self.renew(shop).await,
            Duty::Inspect => self.inspect(shop, row).await,
            Duty::RunCommand { version } => self.run_command(shop, version).await,
            Duty::Resume => self.resume(shop).await,
            Duty::Pause(reason) => self.pause(shop, reason).await,
            Duty::Warn { end, days } => self.warn(shop, row, end, days).await,
            Duty::Remind(reason) => self.remind(shop, row, reason).await,
        }
        .or_else(|error| match error {
            // The end of the program is nobody's trouble.
            _ if self.shared.cancel.is_cancelled() => Ok(()),
            error => Err(error),
        })
    }

    async fn renew(&self, shop: &Shop) -> Result<(), AuthError> {
        let Some(_place) = self.place(shop).await else {
            return Ok(());
        };
        tokio::select! {
            () = self.shared.cancel.cancelled() => Ok(()),
            renewed = self.charge.tokens.renew_if_due(shop) => renewed,
        }
    }

    /// Asks the platform what the grant holds, unless another program does. What only failed on the way is tried again.
    async fn inspect(&self, shop: &Shop, row: &ShopRow) -> Result<(), AuthError> {
        let (shared, tokens) = (&self.shared, &self.charge.tokens);
        let Some(_place) = self.place(shop).await else {
            return Ok(());
        };
        let mark = |seen, to| shared.store.grants().mark(&shop.name, GrantMark::Inspected, seen, to);
        let now = Some(shared.clock.now());
        if !mark(row.inspected_at, now).await.map_err(|source| of_store(shop, source))? {
            return Ok(());
        }
        let told = tokio::select! {
            () = shared.cancel.cancelled() => None,
            told = tokens.inspect(shop) => Some(told),
        };
        let error = match told {
            Some(Ok(told)) => {
                self.tell_missing_scopes(shop, told.account.scopes.as_deref());
                return Ok(());
            }
            Some(Err(error)) => Some(error),
            None => None,
        };
        if error.as_ref().is_none_or(may_pass) {
            self.seen().let_rest(&shop.name, shared.clock.now());
            mark(now, row.inspected_at).await.map_err(|source| of_store(shop, source))?;
        }
        match error {
            // The token is good; the platform just does not tell this app.
            Some(AuthError::Platform { source, .. })
                if matches!(*source, PlatformError::NotGranted { .. }) =>
            {
                Ok(())
            }
            Some(error) if may_pass(&error) => {
                tracing::debug!(shop = %shop.name, "the grant of `{}` was not inspected: {}", shop.name, chain(&error));
                Ok(())
            }
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn tell_missing_scopes(&self, shop: &Shop, scopes: Option<&[String]>) {
        let Some(application) = self.charge.applications.get(&shop.app) else {
            return;
        };
        for (record, coverage) in coverage(shop, application.platform().profile(), scopes) {
            if let Coverage::Missing(_) = coverage {
                tracing::warn!(
                    event = "token.scope_missing",
                    shop = %shop.name,
                    %record,
                    apis = %coverage,
                    "the grant of `{}` does not list all that {record} need, {coverage}: add it to the app and authorise again",
                    shop.name,
                );
            }
        }
    }

    async fn warn(&self, shop: &Shop, row: &ShopRow, end: OwnerEnd, days: i64) -> Result<(), AuthError> {
        if !self.takes_telling(shop, row).await? {
            return Ok(());
        }
        let ends_at = moment(end.at);
        tracing::warn!(
            event = "token.expiring",
            shop = %shop.name,
            token = end.token,
            days,
            ends_at,
            "the {} token of `{}` ends in {days} days, at {ends_at}: run `{}` before",
            end.token,
            shop.name,
            authorise_command(&shop.name, shop.platform),
        );
        Ok(())
    }

    async fn remind(&self, shop: &Shop, row: &ShopRow, reason: OwnerReason) -> Result<(), AuthError> {
        if !self.takes_telling(shop, row).await? {
            return Ok(());
        }
        tracing::error!(
            event = "token.needs_owner",
            shop = %shop.name,
            reason = reason.as_str(),
            "shop `{}` still needs its owner, because {}: run `{}`",
            shop.name,
            reason.describe(),
            authorise_command(&shop.name, shop.platform),
        );
        Ok(())
    }

    /// Whether it is this program that tells, of all that saw the same.
    async fn takes_telling(&self, shop: &Shop, row: &ShopRow) -> Result<bool, AuthError> {
        let now = Some(self.shared.clock.now());
        let taken = self.shared.store.grants().mark(&shop.name, GrantMark::Warned, row.warned_at, now).await;
        taken.map_err(|source| of_store(shop, source))
    }

    async fn pause(&self, shop: &Shop, reason: OwnerReason) -> Result<(), AuthError> {
        let paused = self.shared.store.shops().pause(&shop.name, reason.as_str(), None).await;
        let is_new = paused.map_err(|source| of_store(shop, source))?;
        self.seen().paused.insert(shop.name.clone());
        if is_new {
            tracing::warn!(
                event = "shop.paused",
                shop = %shop.name,
                reason = reason.as_str(),
                "`{}` is paused until its owner authorises it again, because {}; it then goes on by itself",
                shop.name,
                reason.describe(),
            );
        }
        Ok(())
    }

    /// For a pause that came after the grant which should have ended it: whoever paused had looked just before.
    async fn resume(&self, shop: &Shop) -> Result<(), AuthError> {
        let resumed = self.shared.store.shops().resume(&shop.name).await;
        resumed.map(drop).map_err(|source| of_store(shop, source))
    }

    pub fn tell_resumed(&self, shop: &Shop) {
        // Told when the new grant was stored, if that was here.
        if !self.charge.tokens.take_resumed(&shop.name) {
            tracing::info!(event = "shop.resumed", shop = %shop.name, "`{}` goes on", shop.name);
        }
    }

    async fn run_command(&self, shop: &Shop, version: i64) -> Result<(), AuthError> {
        let (shared, tokens) = (&self.shared, &self.charge.tokens);
        let Some(application) = self.charge.applications.get(&shop.app) else {
            return Ok(());
        };
        let place = tokio::select! {
            () = shared.cancel.cancelled() => None,
            place = self.shared.commands.acquire() => place.ok(),
        };
        let claimed = shared.store.logins().claim_code_command(&shop.name, version, COMMAND_PACE).await;
        if place.is_none() || !claimed.map_err(|source| of_store(shop, source))? {
            return Ok(());
        }
        let state = Uuid::new_v4().simple().to_string();
        let platform = application.platform();
        let link = platform.authorize_link(&state).unwrap_or_else(|| platform.console_page().to_owned());
        let done = match code_command::run(shop, &link, &state, RUN_MAX, &shared.cancel).await {
            Ok(code) => tokens.login_code(shop, code).await.map(drop).map_err(|error| chain(&error)),
            Err(error) => Err(chain(&error)),
        };
        match done {
            Ok(()) => tracing::info!(
                event = "code_command.finished",
                shop = %shop.name,
                "the code_command of `{}` brought a code that authorised it",
                shop.name,
            ),
            Err(error) => tracing::warn!(
                event = "code_command.failed",
                shop = %shop.name,
                error,
                "the code_command of `{}` brought no grant: {error}; it is run again in a day",
                shop.name,
            ),
        }
        Ok(())
    }
}

pub fn tell_kept_not(shop: &Shop, error: &AuthError) {
    let error = chain(error);
    tracing::warn!(
        event = "token.keep_failed",
        shop = %shop.name,
        error,
        "the grant of `{}` could not be looked after: {error}",
        shop.name,
    );
}

pub fn tell_fault(what: &str) {
    tracing::error!(
        event = "token.keep_failed",
        error = what,
        "looking after the grants failed: {what}; it is tried again",
    );
}

/// Whether an inspection failed for a reason that time may mend.
fn may_pass(error: &AuthError) -> bool {
    match error {
        AuthError::Platform { source, .. } => {
            source.retry() != Retry::No || matches!(**source, PlatformError::TokenRefused { .. })
        }
        AuthError::Later { .. } => true,
        error => error.is_database_away(),
    }
}

fn of_store(shop: &Shop, source: StoreError) -> AuthError {
    AuthError::Store { shop: shop.name.clone(), source: Arc::new(source) }
}

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
