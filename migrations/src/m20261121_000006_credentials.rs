//! The shops'\'' grants, sealed.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, &[CREDENTIALS]).await
    }
}

/// `version` grows with every new pair, `fence` with every attempt to renew one. The `attempt_*` columns are the
/// intent written before the one call that spends a refresh token.
const CREDENTIALS: &str = "
    CREATE TABLE credentials (
        shop text NOT NULL PRIMARY KEY,
        version bigint NOT NULL,
        fence bigint NOT NULL,
        state text NOT NULL,
        access_sealed text,
        refresh_sealed text,
        prev_refresh_sealed text,
        kid text,
        obtained_at {instant},
        expires_at {instant},
        grant_at {instant},
        refresh_expires_at {instant},
        not_before {instant},
        lease_owner text,
        lease_until {instant},
        attempt_id text,
        attempt_rt_hash text,
        attempt_at {instant},
        instance_id text,
        last_error_class text,
        last_error text
    )";
