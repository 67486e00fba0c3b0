//! A run that a person requests from the daemon. It starts at once, and otherwise behaves like the run of a slot.

use chrono::{DateTime, Utc};

use super::run::{MANUAL, Task};
use super::{Daemon, LaneRun, run};
use crate::auth::AuthError;
use crate::auth::required_action::authorise_command;
use crate::domain::moment;
use crate::domain::record::{Lane, Record};
use crate::store::StoreError;

/// The `job` of such runs in `job_runs`: they must not count as a slot of any job.
const JOB: &str = "on_request";

/// Why no run was started.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    #[error("no enabled shop is called `{shop}`")]
    UnknownShop { shop: String },
    #[error("`{shop}` has no {record}, or does not want them: see `records` of its section in the config")]
    NotRead { shop: String, record: Record },
    #[error("{record} of `{shop}` are being read since {} UTC", moment::to_second_of_day(*since))]
    Busy { shop: String, record: Record, since: DateTime<Utc> },
    #[error("shop `{shop}` was never authorised: run `{command}`")]
    NeverAuthorised { shop: String, command: String },
    #[error("shop `{shop}` needs its owner: run `{command}`")]
    NeedsOwner { shop: String, command: String },
    #[error("the daemon is stopping")]
    Stopping,
    #[error("could not read the grant of the shop")]
    Auth {
        #[from]
        source: AuthError,
    },
    #[error("could not read the database")]
    Store {
        #[from]
        source: StoreError,
    },
}

impl Daemon {
    /// Starts to bring one record of a shop up to date, then its history and money, and returns at once. A record that the
    /// platform did not grant is requested again: the permission may have been added meanwhile.
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
        let key = (shop.name.clone(), record, Lane::Update);
        if let Some(running) = self.running().get(&key) {
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
        run::switch_on(&app, &shop.name, record).await?;
        let Some(context) = self.run_context(&shop.name, record) else {
            return Err(NotStarted::UnknownShop { shop: shop.name });
        };
        self.spawn_lane(LaneRun {
            context,
            job: JOB.to_owned(),
            record,
            lane: Lane::Update,
            task: Task::Incremental,
            trigger: MANUAL,
        });
        Ok(())
    }
}
