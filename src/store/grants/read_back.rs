//! A grant's row as it is on the disk, which is more than what a connection says it has written.
//!
//! A transaction that failed at its end may leave its connection inside of it, unnoticed: what is written and
//! "committed" there later is seen by that connection alone, and goes with it. So the row is read by a connection
//! that cannot be inside the transaction that wrote it.

use crate::store::grants::credentials::GrantRepo;
use std::path::Path;
use std::time::Duration;

use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr, EntityTrait, QueryFilter};

use crate::domain::credential::Credential;
use crate::store::StoreError;
use crate::store::entities::credential::Entity;
use crate::store::grants::credentials::credential;

/// How long SQLite may keep a reader waiting: rarely at all, because readers wait for no writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A transaction that has written something has a number.
const IS_OUTSIDE_OF_A_WRITE: &str = "txid_current_if_assigned() IS NULL";

impl GrantRepo<'_> {
    /// The row as everybody sees it after a crash. `None`: there is none that is committed.
    pub async fn committed(self, shop: &str) -> Result<Option<Credential>, StoreError> {
        let find = Entity::find_by_id(shop);
        let row = if let Some(file) = &self.store.place.sqlite_file {
            let connection = another_connection(file).await?;
            let row = find.one(&connection).await;
            // One that does not close is closed by being dropped.
            let _ = connection.close().await;
            row?
        } else {
            let is_outside: SimpleExpr = Expr::cust(IS_OUTSIDE_OF_A_WRITE);
            find.filter(is_outside).one(&self.store.connection).await?
        };
        row.map(credential).transpose()
    }
}

/// A connection to the same file outside of the pool.
async fn another_connection(file: &Path) -> Result<DatabaseConnection, DbErr> {
    let file = file.to_owned();
    let mut options = ConnectOptions::new("sqlite:");
    options
        .max_connections(1)
        .min_connections(0)
        .max_lifetime(None::<Duration>)
        .idle_timeout(None::<Duration>)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |_| {
            SqliteConnectOptions::new().filename(&file).create_if_missing(false).busy_timeout(BUSY_TIMEOUT)
        });
    Database::connect(options).await
}
