//! Reads the state of all shops and finds the alerts: a few queries, and no call to a platform.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::alert::{Alert, Details, key};
use super::cause::Cause;
use super::evaluation::Evaluation;
use crate::app::App;
use crate::auth::required_action::authorise_command;
use crate::auth::status::{OwnerEnd, Standing};
use crate::auth::{AuthError, GrantStatus};
use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::jobs::late::{is_record_late, lag_limit};
use crate::store::StoreError;
use crate::store::ledger::cursors::Cursor;
use crate::store::reports::alert_queries::QuarantineTotal;
use crate::store::reports::heartbeats::Life;
use crate::store::shops::ShopRow;

/// How long before its end a grant raises an alert. [`due_warning`](crate::auth::expiry::due_warning) decides when it is sent.
const NOTICE: TimeDelta = TimeDelta::days(30);

/// How long something that happened at one moment raises an alert.
const RECENT: TimeDelta = TimeDelta::days(1);

/// Everything that alerts are evaluated from.
pub(super) struct Snapshot {
    now: DateTime<Utc>,
    life: Life,
    rows: HashMap<String, ShopRow>,
    statuses: BTreeMap<String, Result<GrantStatus, AuthError>>,
    cursors: HashMap<(String, String), Cursor>,
    quarantine: Vec<QuarantineTotal>,
    differences: BTreeMap<(String, Record), DateTime<Utc>>,
}

/// Since when this process has known a (shop, record) that was never read.
pub(super) type NeverRead = HashMap<(String, Record), DateTime<Utc>>;

/// Why alerts could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub(super) enum SnapshotError {
    #[error("could not read the tables")]
    Store(#[from] StoreError),
    #[error("could not read the grants")]
    Auth(#[from] AuthError),
}

impl SnapshotError {
    pub(super) fn is_database_away(&self) -> bool {
        match self {
            Self::Store(error) => error.is_unavailable(),
            Self::Auth(error) => error.is_database_away(),
        }
    }
}

impl Snapshot {
    pub(super) async fn read(app: &App, life: Life) -> Result<Self, SnapshotError> {
        let now = app.clock.now();
        let rows = app.store.shops().all().await?;
        Ok(Self {
            now,
            life,
            rows: rows.into_iter().map(|row| (row.name.clone(), row)).collect(),
            statuses: app.tokens.statuses(&app.shops).await?.into_iter().collect(),
            cursors: app.store.cursors().all().await?,
            quarantine: app.store.alarms().quarantine_totals().await?,
            differences: app.store.alarms().differences(now - RECENT).await?,
        })
    }

    /// Finds what is wrong.
    pub(super) fn evaluate(&self, app: &App, never_read: &mut NeverRead) -> Evaluation {
        let mut evaluation = Evaluation {
            shops: app.shops.iter().map(|shop| shop.name.clone()).collect(),
            ..Evaluation::default()
        };
        self.evaluate_program(app, &mut evaluation);
        for shop in &app.shops {
            self.evaluate_grant(shop, &mut evaluation);
            for record in app.records_read(shop) {
                self.evaluate_record(app, shop, record, never_read, &mut evaluation);
            }
        }
        evaluation
    }

    /// Alerts that are about no shop.
    fn evaluate_program(&self, app: &App, evaluation: &mut Evaluation) {
        if let Some(from) = self.life.back_from
            && self.now - self.life.since < RECENT
        {
            evaluation.add(Cause::DaemonBack, None, None, Details::DaemonBack { from, to: self.life.since });
        }
        let read: Vec<(&Shop, Record)> = app.all_records_read().collect();
        let is_expected = !read.is_empty() || (app.shops.is_empty() && !self.rows.is_empty());
        if is_expected && !read.iter().any(|(shop, record)| app.is_covered(shop, *record)) {
            evaluation.add(Cause::NothingScheduled, None, None, Details::NothingScheduled);
        }
    }

    fn evaluate_grant(&self, shop: &Shop, evaluation: &mut Evaluation) {
        let status = match self.statuses.get(&shop.name) {
            // Never authorised: the log reports it at each start.
            None => return,
            Some(Err(_)) => {
                for cause in [Cause::NeedsOwner, Cause::Copied, Cause::TokenEnding] {
                    evaluation.unclear.insert(key(cause, Some(&shop.name), None));
                }
                return;
            }
            Some(Ok(status)) => status,
        };
        match status.standing {
            Standing::NeedsOwner(reason) => {
                let works_until = status.usable.then_some(status.access_ends_at);
                evaluation.add(
                    Cause::NeedsOwner,
                    Some(shop),
                    None,
                    Details::NeedsOwner { reason, works_until },
                );
                // To authorise the shop again also solves this one.
                evaluation.unclear.insert(key(Cause::TokenEnding, Some(&shop.name), None));
            }
            Standing::Copied => evaluation.add(Cause::Copied, Some(shop), None, Details::Copied),
            _ => {
                if let Some(OwnerEnd { at, .. }) = status.owner_end
                    && at - self.now <= NOTICE
                {
                    evaluation.add(Cause::TokenEnding, Some(shop), None, Details::TokenEnding { at });
                }
            }
        }
    }

    fn evaluate_record(
        &self,
        app: &App,
        shop: &Shop,
        record: Record,
        never_read: &mut NeverRead,
        evaluation: &mut Evaluation,
    ) {
        let of_record = |total: &&QuarantineTotal| total.shop == shop.name && total.record == record;
        if let Some(total) = self.quarantine.iter().find(of_record) {
            let details = Details::Quarantine { rows: total.rows, newest: total.newest };
            evaluation.add(Cause::Quarantine, Some(shop), Some(record), details);
        }
        if let Some(at) = self.differences.get(&(shop.name.clone(), record)) {
            evaluation.add(Cause::Difference, Some(shop), Some(record), Details::Difference { at: *at });
        }
        let cursor = self.cursors.get(&(shop.name.clone(), record.as_str().to_owned()));
        let is_off = cursor.is_some_and(|cursor| cursor.off_reason.is_some());
        if is_off {
            evaluation.add(Cause::RecordOff, Some(shop), Some(record), Details::RecordOff);
        }
        if !app.is_covered(shop, record) {
            return;
        }
        let stored_until = cursor.and_then(|cursor| cursor.last_sync_at);
        match self.is_behind(app, shop, record, stored_until, never_read) {
            // Another alert covers the cause, or the daemon is still catching up.
            Some(true) if is_off || self.has_no_usable_grant(shop) || self.is_catching_up(app) => {
                evaluation.unclear.insert(key(Cause::Lag, Some(&shop.name), Some(record)));
            }
            Some(true) => evaluation.add(Cause::Lag, Some(shop), Some(record), Details::Lag { stored_until }),
            Some(false) => {}
            None => {
                evaluation.unclear.insert(key(Cause::Lag, Some(&shop.name), Some(record)));
            }
        }
    }

    /// Whether a record is too far behind. `None`: the shop was never authorised, or its grant cannot be read.
    fn is_behind(
        &self,
        app: &App,
        shop: &Shop,
        record: Record,
        stored_until: Option<DateTime<Utc>>,
        never_read: &mut NeverRead,
    ) -> Option<bool> {
        let status = self.statuses.get(&shop.name)?.as_ref().ok()?;
        let since = stored_until.unwrap_or_else(|| {
            let known = *never_read.entry((shop.name.clone(), record)).or_insert(self.now);
            known.max(status.granted_at)
        });
        Some(is_record_late(app, shop, record, since))
    }

    /// Whether the shop's grant does not work, which has an alert of its own.
    fn has_no_usable_grant(&self, shop: &Shop) -> bool {
        self.rows.get(&shop.name).is_some_and(|row| row.pause.is_some())
            || self
                .statuses
                .get(&shop.name)
                .is_some_and(|status| status.as_ref().is_ok_and(GrantStatus::is_dead))
    }

    /// Whether the daemon started so recently that it may still be catching up.
    fn is_catching_up(&self, app: &App) -> bool {
        self.now - self.life.since < lag_limit(app)
    }
}

impl Evaluation {
    fn add(&mut self, cause: Cause, shop: Option<&Shop>, record: Option<Record>, details: Details) {
        let login = shop.map(|shop| authorise_command(&shop.name, shop.platform)).unwrap_or_default();
        let shop = shop.map(|shop| shop.name.clone());
        self.alerts.push(Alert { cause, shop, record, details, login });
    }
}
