//! Authorisation codes that failed, and when a shop's `code_command` was run: rows of `login_attempts`, so that no
//! restart forgets them. A code is kept as a hash.

use crate::store::grants::login_attempts::LoginRepo;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, Query};

use crate::store::StoreError;
use crate::store::db::transaction::Tx;
use crate::store::shops::locked_row;

/// The kinds of rows.
const FAILED_CODE: &str = "code";
const COMMAND: &str = "command";

/// How long a code that failed is remembered: far longer than any platform takes one.
const CODE_KEPT: TimeDelta = TimeDelta::days(30);

/// How often a command may be run.
#[derive(Clone, Copy, Debug)]
pub struct CommandPace {
    /// For one and the same death of a grant.
    pub same_death: TimeDelta,
    /// Whatever happens: a command whose codes bring grants that die at once is not run without end.
    pub any_death: TimeDelta,
}

impl LoginRepo<'_> {
    /// Whether the code with this hash was tried for the shop before and failed.
    pub async fn has_code_failed(self, shop: &str, hash: &str) -> Result<bool, StoreError> {
        let row = Query::select()
            .expr(Expr::value(1))
            .from("login_attempts")
            .and_where(Expr::col("id").eq(code_id(shop, hash)))
            .to_owned();
        Ok(self.store.connection.query_one(&row).await?.is_some())
    }

    /// Remembers that the code with this hash failed.
    pub async fn keep_failed_code(self, shop: &str, hash: &str) -> Result<(), StoreError> {
        let now = self.store.clock.now();
        self.store
            .write(|tx| async move {
                // A clock that is wrong for a while must not make them immortal, nor throw away today's.
                let outdated = Query::delete()
                    .from_table("login_attempts")
                    .and_where(Expr::col("kind").eq(FAILED_CODE))
                    .and_where(Expr::col("expires_at").lt(tx.dialect.instant(now)))
                    .to_owned();
                tx.db().execute(&outdated).await?;
                put(&tx, &code_id(shop, hash), shop, FAILED_CODE, now).await
            })
            .await
    }

    /// Takes the right to run the shop's command for the death of the grant of `version` (0: there never was one).
    /// `false`: it was run lately, by whomever.
    pub async fn claim_code_command(
        self,
        shop: &str,
        version: i64,
        pace: CommandPace,
    ) -> Result<bool, StoreError> {
        let now = self.store.clock.now();
        let id = format!("{COMMAND}:{shop}:{version}");
        let id = &id;
        self.store
            .write(|tx| async move {
                // One program at a time looks and writes.
                locked_row(&tx, shop).await?;
                let runs = Query::select()
                    .columns(["id", "created_at"])
                    .from("login_attempts")
                    .and_where(Expr::col("shop").eq(shop))
                    .and_where(Expr::col("kind").eq(COMMAND))
                    .to_owned();
                for row in tx.db().query_all(&runs).await? {
                    let run_at: DateTime<Utc> = row.try_get("", "created_at")?;
                    let is_same: bool = row.try_get::<String>("", "id")? == *id;
                    let pause = if is_same { pace.same_death } else { pace.any_death };
                    // A mark of a clock that was ahead by more counts for nothing.
                    if (run_at - now).abs() < pause {
                        return Ok(false);
                    }
                }
                put(&tx, id, shop, COMMAND, now).await?;
                Ok(true)
            })
            .await
    }
}

fn code_id(shop: &str, hash: &str) -> String {
    format!("{FAILED_CODE}:{shop}:{hash}")
}

async fn put(tx: &Tx, id: &str, shop: &str, kind: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    let columns = ["id", "shop", "kind", "created_at", "expires_at", "used_at"];
    let insert = Query::insert()
        .into_table("login_attempts")
        .columns(columns)
        .values_panic([
            id.into(),
            shop.into(),
            kind.into(),
            tx.dialect.instant(now).into(),
            tx.dialect.instant(now + CODE_KEPT).into(),
            tx.dialect.instant(now).into(),
        ])
        .on_conflict(
            OnConflict::column("id").update_columns(["created_at", "expires_at", "used_at"]).to_owned(),
        )
        .to_owned();
    tx.db().execute(&insert).await?;
    Ok(())
}
