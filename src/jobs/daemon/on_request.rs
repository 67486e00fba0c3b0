//! A run that somebody asked the daemon for: begun at once, in the daemon's own turn, like one of a slot.

use chrono::{DateTime, Utc};

use super::run::{MANUAL, Task};
use super::{Daemon, Start, run};
use crate::auth::AuthError;
use crate::auth::required_action::authorise_command;
use crate::domain::record::{Lane, Record};
use crate::store::StoreError;

/// The `job` of such runs in `job_runs`: they are no slot of any job, and must not count as one.
const JOB: &str = "on_request";

/// Why no run was begun.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    #[error("no enabled shop is called `{shop}`")]
    UnknownShop { shop: String },
    #[error("`{shop}` has no {record}, or does not want them: see `records` of its section in the config")]
    NotRead { shop: String, record: Record },
    #[error("{record} of `{shop}` are being read since {} UTC", since.format("%H:%M:%S"))]
    Busy { shop: String, record: Record, since: DateTime<Utc> },
    #[error("shop `{shop}` was never authorised: run `{command}`")]
    NeverAuthorised { shop: String, command: String },
    #[error("shop `{shop}` needs its owner: run `{command}`")]
    NeedsOwner { shop: String, command: String },
    #[error("the daemon is stopping")]
    Stopping,
    #[error("the shop's grant could not be looked at")]
    Auth {
        #[from]
        source: AuthError,
    },
    #[error("the database could not be asked")]
    Store {
        #[from]
        source: StoreError,
    },
}

impl Daemon {
    /// Begins to bring one record of a shop up to date, history and money after it, and returns at once. A record that the
    /// platform did not grant is asked for all the same: somebody may have granted it since.
    pub async fn sync_now(&self, shop: &str, record: Record) -> Result<(), NotStarted> {
        if self.is_stopping() {
            return Err(NotStarted::Stopping);
        }
        let app = self.live().app();
        let Some(shop) = app.shop(shop).cloned() else {
            return Err(NotStarted::UnknownShop { shop: shop.to_owned() });
        };
        if !app.reads(&shop, record) {
            return Err(NotStarted::NotRead { shop: shop.name, record });
        }
        let place = (shop.name.clone(), record, Lane::Update);
        if let Some(running) = self.under_way().of(&place) {
            return Err(NotStarted::Busy { shop: shop.name, record, since: running.since });
        }
        let command = authorise_command(&shop.name, shop.platform);
        match app.tokens.status(&shop).await? {
            None => return Err(NotStarted::NeverAuthorised { shop: shop.name, command }),
            Some(status) if status.is_dead() => {
                return Err(NotStarted::NeedsOwner { shop: shop.name, command });
            }
            Some(_) => {}
        }
        run::ask_again(&app, &shop.name, record).await?;
        let Some(subject) = self.begin(&shop.name, record) else {
            return Err(NotStarted::UnknownShop { shop: shop.name });
        };
        self.start_lane(Start {
            subject,
            job: JOB.to_owned(),
            record,
            lane: Lane::Update,
            task: Task::Rest,
            trigger: MANUAL,
        });
        Ok(())
    }
}
