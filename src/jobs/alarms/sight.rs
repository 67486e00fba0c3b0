//! Looks at all shops for what somebody must be told of: a handful of queries, and no call to a platform.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};

use super::cause::Cause;
use super::finding::{Finding, What, key};
use super::news::Seen;
use crate::app::App;
use crate::auth::required_action::authorise_command;
use crate::auth::status::{OwnerEnd, Standing};
use crate::auth::{AuthError, GrantStatus};
use crate::domain::record::Record;
use crate::domain::shop::Shop;
use crate::jobs::late::{is_record_late, lag_limit};
use crate::store::StoreError;
use crate::store::ledger::cursors::Cursor;
use crate::store::reports::concerns::QuarantineTotal;
use crate::store::reports::heartbeats::Life;
use crate::store::shops::ShopRow;

/// The longest before its end that a grant is of interest; when it is told is the thresholds' business.
const NOTICE: TimeDelta = TimeDelta::days(30);

/// How long what happened at a moment stays news.
const NEWS_FOR: TimeDelta = TimeDelta::days(1);

/// Everything that was read.
pub(super) struct Sight {
    now: DateTime<Utc>,
    life: Life,
    rows: HashMap<String, ShopRow>,
    statuses: BTreeMap<String, Result<GrantStatus, AuthError>>,
    cursors: HashMap<(String, String), Cursor>,
    quarantine: Vec<QuarantineTotal>,
    differences: BTreeMap<(String, Record), DateTime<Utc>>,
}

/// Since when this process knows of a (shop, record) that was never read.
pub(super) type Unread = HashMap<(String, Record), DateTime<Utc>>;

/// Why nothing could be seen.
#[derive(Debug, thiserror::Error)]
pub(super) enum SightError {
    #[error("the tables could not be read")]
    Store(#[from] StoreError),
    #[error("the grants could not be read")]
    Auth(#[from] AuthError),
}

impl SightError {
    pub(super) fn is_database_away(&self) -> bool {
        match self {
            Self::Store(error) => error.is_unavailable(),
            Self::Auth(error) => error.is_database_away(),
        }
    }
}

impl Sight {
    pub(super) async fn read(app: &App, life: Life) -> Result<Self, SightError> {
        let now = app.clock.now();
        let rows = app.store.shops().all().await?;
        Ok(Self {
            now,
            life,
            rows: rows.into_iter().map(|row| (row.name.clone(), row)).collect(),
            statuses: app.tokens.statuses(&app.shops).await?.into_iter().collect(),
            cursors: app.store.cursors().all().await?,
            quarantine: app.store.alarms().quarantine_totals().await?,
            differences: app.store.alarms().differences(now - NEWS_FOR).await?,
        })
    }

    /// What of it is wrong.
    pub(super) fn judge(&self, app: &App, unread: &mut Unread) -> Seen {
        let mut seen =
            Seen { shops: app.shops.iter().map(|shop| shop.name.clone()).collect(), ..Seen::default() };
        self.whole(app, &mut seen);
        for shop in &app.shops {
            self.grant(shop, &mut seen);
            for record in app.records_read(shop) {
                self.record(app, shop, record, unread, &mut seen);
            }
        }
        seen
    }

    /// What is about no shop.
    fn whole(&self, app: &App, seen: &mut Seen) {
        if let Some(from) = self.life.back_from
            && self.now - self.life.since < NEWS_FOR
        {
            seen.find(Cause::DaemonBack, None, None, What::DaemonBack { from, to: self.life.since });
        }
        let read: Vec<(&Shop, Record)> = app.what_is_read().collect();
        let is_expected = !read.is_empty() || (app.shops.is_empty() && !self.rows.is_empty());
        if is_expected && !read.iter().any(|(shop, record)| app.is_covered(shop, *record)) {
            seen.find(Cause::NothingScheduled, None, None, What::NothingScheduled);
        }
    }

    fn grant(&self, shop: &Shop, seen: &mut Seen) {
        let status = match self.statuses.get(&shop.name) {
            // Never authorised: whoever named it in the config knows, and is told at each start.
            None => return,
            Some(Err(_)) => {
                for cause in [Cause::NeedsOwner, Cause::Copied, Cause::TokenEnding] {
                    seen.unclear.insert(key(cause, Some(&shop.name), None));
                }
                return;
            }
            Some(Ok(status)) => status,
        };
        match status.standing {
            Standing::NeedsOwner(reason) => {
                let works_until = status.usable.then_some(status.access_ends_at);
                seen.find(Cause::NeedsOwner, Some(shop), None, What::NeedsOwner { reason, works_until });
                // The owner is asked already; when that is done, this is too.
                seen.unclear.insert(key(Cause::TokenEnding, Some(&shop.name), None));
            }
            Standing::Copied => seen.find(Cause::Copied, Some(shop), None, What::Copied),
            _ => {
                if let Some(OwnerEnd { at, .. }) = status.owner_end
                    && at - self.now <= NOTICE
                {
                    seen.find(Cause::TokenEnding, Some(shop), None, What::TokenEnding { at });
                }
            }
        }
    }

    fn record(&self, app: &App, shop: &Shop, record: Record, unread: &mut Unread, seen: &mut Seen) {
        let of_record = |total: &&QuarantineTotal| total.shop == shop.name && total.record == record;
        if let Some(total) = self.quarantine.iter().find(of_record) {
            let what = What::Quarantine { rows: total.rows, newest: total.newest };
            seen.find(Cause::Quarantine, Some(shop), Some(record), what);
        }
        if let Some(at) = self.differences.get(&(shop.name.clone(), record)) {
            seen.find(Cause::Difference, Some(shop), Some(record), What::Difference { at: *at });
        }
        let cursor = self.cursors.get(&(shop.name.clone(), record.as_str().to_owned()));
        let is_off = cursor.is_some_and(|cursor| cursor.off_reason.is_some());
        if is_off {
            seen.find(Cause::RecordOff, Some(shop), Some(record), What::RecordOff);
        }
        if !app.is_covered(shop, record) {
            return;
        }
        let stored_until = cursor.and_then(|cursor| cursor.last_sync_at);
        match self.is_behind(app, shop, record, stored_until, unread) {
            // With another cause that is told, or with time to catch up.
            Some(true) if is_off || self.is_grantless(shop) || self.is_young(app) => {
                seen.unclear.insert(key(Cause::Lag, Some(&shop.name), Some(record)));
            }
            Some(true) => seen.find(Cause::Lag, Some(shop), Some(record), What::Lag { stored_until }),
            Some(false) => {}
            None => {
                seen.unclear.insert(key(Cause::Lag, Some(&shop.name), Some(record)));
            }
        }
    }

    /// Whether a record is further behind than it should be. `None`: the shop was never authorised, or its grant cannot be read.
    fn is_behind(
        &self,
        app: &App,
        shop: &Shop,
        record: Record,
        stored_until: Option<DateTime<Utc>>,
        unread: &mut Unread,
    ) -> Option<bool> {
        let status = self.statuses.get(&shop.name)?.as_ref().ok()?;
        let since = stored_until.unwrap_or_else(|| {
            let known = *unread.entry((shop.name.clone(), record)).or_insert(self.now);
            known.max(status.granted_at)
        });
        Some(is_record_late(app, shop, record, since))
    }

    /// Whether the shop cannot be read because of its grant, of which its owner is told.
    fn is_grantless(&self, shop: &Shop) -> bool {
        self.rows.get(&shop.name).is_some_and(|row| row.pause.is_some())
            || self
                .statuses
                .get(&shop.name)
                .is_some_and(|status| status.as_ref().is_ok_and(GrantStatus::is_dead))
    }

    /// Whether the daemon came back so short a time ago that it may still be catching up.
    fn is_young(&self, app: &App) -> bool {
        self.now - self.life.since < lag_limit(app)
    }
}

impl Seen {
    fn find(&mut self, cause: Cause, shop: Option<&Shop>, record: Option<Record>, what: What) {
        let login = shop.map(|shop| authorise_command(&shop.name, shop.platform)).unwrap_or_default();
        let shop = shop.map(|shop| shop.name.clone());
        self.findings.push(Finding { cause, shop, record, what, login });
    }
}
