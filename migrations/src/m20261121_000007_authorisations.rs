//! What the keeping of grants has to remember beside the grants themselves.

use sea_orm_migration::prelude::*;

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let statements = [
            CREDENTIAL_ORPHANS,
            CREDENTIAL_ORPHANS_BY_SHOP,
            LOGIN_ATTEMPTS,
            SHOPS_WARNED_AT,
            SHOPS_INSPECTED_AT,
        ];
        dialect::run(manager, &statements).await
    }
}

/// Pairs that a platform handed out and whose place in `credentials` was taken meanwhile. `version` is the one
/// they are sealed under; `attempt_id` names the intent they came from.
const CREDENTIAL_ORPHANS: &str = "
    CREATE TABLE credential_orphans (
        id {id},
        shop text NOT NULL,
        version bigint NOT NULL,
        access_sealed text,
        refresh_sealed text,
        kid text NOT NULL,
        obtained_at {instant} NOT NULL,
        expires_at {instant} NOT NULL,
        refresh_expires_at {instant},
        attempt_id text NOT NULL UNIQUE,
        found_at {instant} NOT NULL
    )";

const CREDENTIAL_ORPHANS_BY_SHOP: &str =
    "CREATE INDEX credential_orphans_by_shop ON credential_orphans (shop, version)";

/// A login that was begun: a link that was handed out, or a code that was shown. `secret_sealed` holds what must be
/// known to end it; `used_at` is set by whoever ends it, once.
const LOGIN_ATTEMPTS: &str = "
    CREATE TABLE login_attempts (
        id text NOT NULL PRIMARY KEY,
        shop text NOT NULL,
        kind text NOT NULL,
        secret_sealed text,
        kid text,
        created_at {instant} NOT NULL,
        expires_at {instant} NOT NULL,
        used_at {instant}
    )";

/// When somebody was last told that the shop's grant ends or has ended.
const SHOPS_WARNED_AT: &str = "ALTER TABLE shops ADD COLUMN warned_at {instant}";
/// When the platform was last asked what the grant holds.
const SHOPS_INSPECTED_AT: &str = "ALTER TABLE shops ADD COLUMN inspected_at {instant}";
