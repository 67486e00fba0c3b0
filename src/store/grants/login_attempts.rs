//! Logins that were begun: a code that was shown, a link that was handed out. Each is ended once, by the process that
//! takes it first, on however many machines.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::store::db::dialect::{text, text_or_null};
use crate::store::entities::login_attempt::{Column, Entity, Model};
use crate::store::{Store, StoreError};

/// How long the row of a login that is over is kept, so that people can see what happened.
const KEPT: TimeDelta = TimeDelta::days(1);

/// A login to be started.
#[derive(Clone, Debug)]
pub struct NewLogin {
    pub id: String,
    pub shop: String,
    /// A stable word for what the owner does, such as `device`.
    pub kind: &'static str,
    /// What must be known to end it. `None`: nothing.
    pub secret_sealed: Option<String>,
    /// The key that sealed it.
    pub key_id: Option<String>,
    /// How long it may be ended.
    pub life: TimeDelta,
}

/// A login that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginAttempt {
    pub id: String,
    pub shop: String,
    pub kind: String,
    pub secret_sealed: Option<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// `None`: no one has ended it.
    pub used_at: Option<DateTime<Utc>>,
}

/// Logins under way, and codes that were tried.
#[derive(Clone, Copy)]
pub struct LoginRepo<'a> {
    pub(in crate::store) store: &'a Store,
}

impl LoginRepo<'_> {
    /// Writes down that a login was begun, and forgets those that are long over. Tells until when it may be ended.
    pub async fn begin(self, login: &NewLogin) -> Result<DateTime<Utc>, StoreError> {
        self.store
            .write(|tx| async move {
                let now = tx.now().await?;
                let expires_at = now + login.life;
                Entity::delete_many()
                    .filter(Column::ExpiresAt.lt(tx.dialect.instant(now - KEPT)))
                    .exec(tx.db())
                    .await?;
                let insert = Query::insert()
                    .into_table(Entity)
                    .columns([
                        Column::Id,
                        Column::Shop,
                        Column::Kind,
                        Column::SecretSealed,
                        Column::Kid,
                        Column::CreatedAt,
                        Column::ExpiresAt,
                    ])
                    .values_panic([
                        text(&login.id).into(),
                        text(&login.shop).into(),
                        text(login.kind).into(),
                        text_or_null(login.secret_sealed.as_deref()).into(),
                        text_or_null(login.key_id.as_deref()).into(),
                        tx.dialect.instant(now).into(),
                        tx.dialect.instant(expires_at).into(),
                    ])
                    .to_owned();
                tx.db().execute(&insert).await?;
                Ok(expires_at)
            })
            .await
    }

    /// `None`: there is no such login, or it is over for so long that it was forgotten.
    pub async fn get(self, id: &str) -> Result<Option<LoginAttempt>, StoreError> {
        Ok(Entity::find_by_id(id).one(&self.store.connection).await?.map(LoginAttempt::from))
    }

    /// Ends a login. `None`: another process has, or its time is over. Only who gets it may go on.
    pub async fn take(self, id: &str) -> Result<Option<LoginAttempt>, StoreError> {
        self.store
            .write(|tx| async move {
                let row = Entity::find_by_id(id).lock_exclusive().one(tx.db()).await?;
                let now = tx.now().await?;
                let Some(row) = row.filter(|row| row.used_at.is_none() && now < row.expires_at) else {
                    return Ok(None);
                };
                Entity::update_many()
                    .col_expr(Column::UsedAt, Expr::value(tx.dialect.instant(now)))
                    .filter(Column::Id.eq(id))
                    .exec(tx.db())
                    .await?;
                Ok(Some(LoginAttempt { used_at: Some(now), ..row.into() }))
            })
            .await
    }

    /// Lets a login be ended after all, because nothing came of the first try.
    pub async fn give_back(self, id: &str) -> Result<(), StoreError> {
        self.store
            .write(|tx| async move {
                Entity::update_many()
                    .col_expr(Column::UsedAt, Expr::value(tx.dialect.instant_or_null(None)))
                    .filter(Column::Id.eq(id))
                    .exec(tx.db())
                    .await?;
                Ok(())
            })
            .await
    }
}

impl From<Model> for LoginAttempt {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            shop: row.shop,
            kind: row.kind,
            secret_sealed: row.secret_sealed,
            created_at: row.created_at,
            expires_at: row.expires_at,
            used_at: row.used_at,
        }
    }
}
