//! Executes the keeper's actions. Each logs what it did on one line.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use uuid::Uuid;

use super::Keeper;
use super::plan::Action;
use crate::auth::AuthError;
use crate::auth::login::scopes::{Coverage, coverage};
use crate::auth::policy::OwnerReason;
use crate::auth::required_action::authorise_command;
use crate::auth::status::OwnerEnd;
use crate::domain::shop::Shop;
use crate::error_text::chain;
use crate::jobs::token_keeper::code_command::{self, RUN_MAX};
use crate::platform::PlatformError;
use crate::platform::error::Retry;
use crate::store::StoreError;
use crate::store::grants::grant_marks::GrantMark;
use crate::store::grants::login_codes::CommandPace;
use crate::store::shops::ShopRow;

/// A `code_command` runs once for each death of a grant, and again after a day. The second limit is for codes whose grants die
/// at once.
const COMMAND_PACE: CommandPace =
    CommandPace { same_death: TimeDelta::days(1), any_death: TimeDelta::minutes(10) };

impl Keeper {
    pub async fn execute(&self, shop: &Shop, row: &ShopRow, action: Action) -> Result<(), AuthError> {
        match action {
            Action::Renew => self.renew(shop).await,
            Action::Inspect => self.inspect(shop, row).await,
            Action::RunCommand { version } => self.run_command(shop, version).await,
            Action::Resume => self.resume(shop).await,
            Action::Pause(reason) => self.pause(shop, reason).await,
            Action::Warn { end, days } => self.warn(shop, row, end, days).await,
            Action::Remind(reason) => self.remind(shop, row, reason).await,
        }
        .or_else(|error| match error {
            // The program stops: an interrupted call is no error.
            _ if self.shared.cancel.is_cancelled() => Ok(()),
            error => Err(error),
        })
    }

    async fn renew(&self, shop: &Shop) -> Result<(), AuthError> {
        let Some(_permit) = self.permit(shop).await else {
            return Ok(());
        };
        tokio::select! {
            () = self.shared.cancel.cancelled() => Ok(()),
            renewed = self.config.tokens.renew_if_due(shop) => renewed,
        }
    }

    /// Asks the platform what the grant covers, unless another program does. Tries again later after a temporary error.
    async fn inspect(&self, shop: &Shop, row: &ShopRow) -> Result<(), AuthError> {
        let (shared, tokens) = (&self.shared, &self.config.tokens);
        let Some(_permit) = self.permit(shop).await else {
            return Ok(());
        };
        let mark = |before, to| shared.store.grants().mark(&shop.name, GrantMark::Inspected, before, to);
        let now = Some(shared.clock.now());
        if !mark(row.inspected_at, now).await.map_err(|source| of_store(shop, source))? {
            return Ok(());
        }
        let answer = tokio::select! {
            () = shared.cancel.cancelled() => None,
            answer = tokens.inspect(shop) => Some(answer),
        };
        let error = match answer {
            Some(Ok(answer)) => {
                self.log_missing_scopes(shop, answer.account.scopes.as_deref());
                return Ok(());
            }
            Some(Err(error)) => Some(error),
            None => None,
        };
        if error.as_ref().is_none_or(is_temporary) {
            self.memory().back_off(&shop.name, shared.clock.now());
            mark(now, row.inspected_at).await.map_err(|source| of_store(shop, source))?;
        }
        match error {
            // The token works, but this app may not ask for its permissions.
            Some(AuthError::Platform { source, .. })
                if matches!(*source, PlatformError::NotGranted { .. }) =>
            {
                Ok(())
            }
            Some(error) if is_temporary(&error) => {
                tracing::debug!(shop = %shop.name, "the grant of `{}` was not inspected: {}", shop.name, chain(&error));
                Ok(())
            }
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn log_missing_scopes(&self, shop: &Shop, scopes: Option<&[String]>) {
        let Some(application) = self.config.applications.get(&shop.app) else {
            return;
        };
        for (record, coverage) in coverage(shop, application.platform().profile(), scopes) {
            if let Coverage::Missing(_) = coverage {
                tracing::warn!(
                    event = "token.scope_missing",
                    shop = %shop.name,
                    %record,
                    apis = %coverage,
                    "the grant of `{}` does not cover all calls for {record}, {coverage}: add them to the app and authorise again",
                    shop.name,
                );
            }
        }
    }

    async fn warn(&self, shop: &Shop, row: &ShopRow, end: OwnerEnd, days: i64) -> Result<(), AuthError> {
        if !self.claim_warning(shop, row).await? {
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
        if !self.claim_warning(shop, row).await? {
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

    /// Returns whether this program logs the warning. Of several programs, only one does.
    async fn claim_warning(&self, shop: &Shop, row: &ShopRow) -> Result<bool, AuthError> {
        let now = Some(self.shared.clock.now());
        let claimed =
            self.shared.store.grants().mark(&shop.name, GrantMark::Warned, row.warned_at, now).await;
        claimed.map_err(|source| of_store(shop, source))
    }

    async fn pause(&self, shop: &Shop, reason: OwnerReason) -> Result<(), AuthError> {
        let paused = self.shared.store.shops().pause(&shop.name, reason.as_str(), None).await;
        let is_new = paused.map_err(|source| of_store(shop, source))?;
        self.memory().paused.insert(shop.name.clone());
        if is_new {
            tracing::warn!(
                event = "shop.paused",
                shop = %shop.name,
                reason = reason.as_str(),
                "`{}` is paused until its owner authorises it again, because {}; then it continues by itself",
                shop.name,
                reason.describe(),
            );
        }
        Ok(())
    }

    /// For a pause that was stored after the new grant, by a program that had read the old one.
    async fn resume(&self, shop: &Shop) -> Result<(), AuthError> {
        let resumed = self.shared.store.shops().resume(&shop.name).await;
        resumed.map(drop).map_err(|source| of_store(shop, source))
    }

    pub fn log_resumed(&self, shop: &Shop) {
        // If this process stored the new grant, it logged this then.
        if !self.config.tokens.take_resumed(&shop.name) {
            tracing::info!(event = "shop.resumed", shop = %shop.name, "`{}` continues", shop.name);
        }
    }

    async fn run_command(&self, shop: &Shop, version: i64) -> Result<(), AuthError> {
        let (shared, tokens) = (&self.shared, &self.config.tokens);
        let Some(application) = self.config.applications.get(&shop.app) else {
            return Ok(());
        };
        let permit = tokio::select! {
            () = shared.cancel.cancelled() => None,
            permit = self.shared.commands.acquire() => permit.ok(),
        };
        let claimed = shared.store.logins().claim_code_command(&shop.name, version, COMMAND_PACE).await;
        if permit.is_none() || !claimed.map_err(|source| of_store(shop, source))? {
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
                "the code_command of `{0}` returned a code, and `{0}` is authorised",
                shop.name,
            ),
            Err(error) => tracing::warn!(
                event = "code_command.failed",
                shop = %shop.name,
                error,
                "the code_command of `{}` did not authorise it: {error}; trying again in a day",
                shop.name,
            ),
        }
        Ok(())
    }
}

pub fn log_shop_failure(shop: &Shop, error: &AuthError) {
    let error = chain(error);
    tracing::warn!(
        event = "token.keep_failed",
        shop = %shop.name,
        error,
        "could not renew the token of `{}`: {error}",
        shop.name,
    );
}

pub fn log_failure(what: &str) {
    tracing::error!(
        event = "token.keep_failed",
        error = what,
        "could not keep the tokens of all shops valid: {what}; trying again",
    );
}

/// Whether an inspection may succeed later.
fn is_temporary(error: &AuthError) -> bool {
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
