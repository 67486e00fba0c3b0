//! The tables as sea-orm sees them. Seen by nothing outside the store.
//!
//! Rows are read through these models. They are written by statements of our own, because the two databases
//! keep instants in different types (see [`super::db::dialect`]) and sea-orm binds one.

/// What sea-orm wants of every table, and we do not use.
macro_rules! without_relations {
    () => {
        #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
        pub(in crate::store) enum Relation {}

        impl ActiveModelBehavior for ActiveModel {}
    };
}

/// A row of `alarms`.
pub(super) mod alarm {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "alarms")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub cause: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub shop: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub record: String,
        pub since: ChronoDateTimeUtc,
        pub told_at: Option<ChronoDateTimeUtc>,
        pub ended_at: Option<ChronoDateTimeUtc>,
        pub end_told_at: Option<ChronoDateTimeUtc>,
        pub claimed_until: Option<ChronoDateTimeUtc>,
    }

    without_relations!();
}

/// A row of `credentials`.
pub(super) mod credential {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "credentials")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub shop: String,
        pub version: i64,
        pub fence: i64,
        pub state: String,
        pub access_sealed: Option<String>,
        pub refresh_sealed: Option<String>,
        pub prev_refresh_sealed: Option<String>,
        pub kid: Option<String>,
        pub obtained_at: Option<ChronoDateTimeUtc>,
        pub expires_at: Option<ChronoDateTimeUtc>,
        pub grant_at: Option<ChronoDateTimeUtc>,
        pub refresh_expires_at: Option<ChronoDateTimeUtc>,
        pub not_before: Option<ChronoDateTimeUtc>,
        pub lease_owner: Option<String>,
        pub lease_until: Option<ChronoDateTimeUtc>,
        pub attempt_id: Option<String>,
        pub attempt_rt_hash: Option<String>,
        pub attempt_at: Option<ChronoDateTimeUtc>,
        pub instance_id: Option<String>,
        pub last_error_class: Option<String>,
        pub last_error: Option<String>,
    }

    without_relations!();
}

/// A row of `credential_orphans`.
pub(super) mod credential_orphan {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "credential_orphans")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub shop: String,
        pub version: i64,
        pub access_sealed: Option<String>,
        pub refresh_sealed: Option<String>,
        pub kid: String,
        pub obtained_at: ChronoDateTimeUtc,
        pub expires_at: ChronoDateTimeUtc,
        pub refresh_expires_at: Option<ChronoDateTimeUtc>,
        pub attempt_id: String,
        pub found_at: ChronoDateTimeUtc,
    }

    without_relations!();
}

/// A row of `daemons`.
pub(super) mod daemon {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "daemons")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub owner: String,
        pub beat_at: ChronoDateTimeUtc,
        pub shops: String,
    }

    without_relations!();
}

/// A row of `heartbeats`.
pub(super) mod heartbeat {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "heartbeats")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub program: String,
        pub since: ChronoDateTimeUtc,
        pub beat_at: ChronoDateTimeUtc,
        pub back_from: Option<ChronoDateTimeUtc>,
    }

    without_relations!();
}

/// A row of `leases`.
pub(super) mod lease {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "leases")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub shop: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub record: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub lane: String,
        pub owner: Option<String>,
        pub until: Option<ChronoDateTimeUtc>,
        pub fence: i64,
    }

    without_relations!();
}

/// A row of `login_attempts`.
pub(super) mod login_attempt {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "login_attempts")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub shop: String,
        pub kind: String,
        pub secret_sealed: Option<String>,
        pub kid: Option<String>,
        pub created_at: ChronoDateTimeUtc,
        pub expires_at: ChronoDateTimeUtc,
        pub used_at: Option<ChronoDateTimeUtc>,
    }

    without_relations!();
}

/// A row of `orders`.
pub(super) mod order {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "orders")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub shop: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: String,
        pub platform: String,
        pub status: String,
        pub platform_status: String,
        pub after_sales_status: Option<String>,
        pub created_at: Option<ChronoDateTimeUtc>,
        pub updated_at: Option<ChronoDateTimeUtc>,
        pub paid_at: Option<ChronoDateTimeUtc>,
        pub shipped_at: Option<ChronoDateTimeUtc>,
        pub completed_at: Option<ChronoDateTimeUtc>,
        pub canceled_at: Option<ChronoDateTimeUtc>,
        pub ship_by: Option<ChronoDateTimeUtc>,
        pub total_minor: Option<i64>,
        pub shipping_minor: Option<i64>,
        pub seller_discount_minor: Option<i64>,
        pub platform_discount_minor: Option<i64>,
        pub tax_minor: Option<i64>,
        pub income_minor: Option<i64>,
        pub currency: Option<String>,
        pub country: Option<String>,
        pub province: Option<String>,
        pub city: Option<String>,
        pub district: Option<String>,
        pub buyer_note: Option<String>,
        pub seller_note: Option<String>,
        pub tracking_number: Option<String>,
        pub carrier: Option<String>,
        pub amounts_at: Option<ChronoDateTimeUtc>,
        pub amounts_due_at: Option<ChronoDateTimeUtc>,
        pub amounts_attempts: i64,
        pub raw: String,
        pub list_hash: String,
        pub content_hash: String,
        pub first_seen_at: ChronoDateTimeUtc,
        pub synced_at: ChronoDateTimeUtc,
        pub run_id: i64,
    }

    without_relations!();
}

/// A row of `order_items`.
pub(super) mod order_item {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "order_items")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub shop: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub order_number: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub line: i64,
        pub item_number: Option<String>,
        pub product_id: Option<String>,
        pub sku_id: Option<String>,
        pub sku_code: Option<String>,
        pub name: Option<String>,
        pub spec: Option<String>,
        pub quantity: Option<i64>,
        pub canceled_quantity: Option<i64>,
        pub status: Option<String>,
        pub unit_minor: Option<i64>,
        pub total_minor: Option<i64>,
        pub currency: Option<String>,
        pub gift: Option<bool>,
    }

    without_relations!();
}

/// A row of `quarantine`.
pub(super) mod quarantine {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "quarantine")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub shop: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub record: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: String,
        pub reason: String,
        pub raw: String,
        pub attempts: i64,
        pub first_seen_at: ChronoDateTimeUtc,
        pub last_seen_at: ChronoDateTimeUtc,
        pub version: Option<String>,
        pub next_try_at: Option<ChronoDateTimeUtc>,
        pub shown_lane: Option<String>,
        pub shown_from: Option<ChronoDateTimeUtc>,
        pub shown_until: Option<ChronoDateTimeUtc>,
    }

    without_relations!();
}

/// A row of `job_runs`.
pub(super) mod run {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "job_runs")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub job: String,
        pub shop: String,
        pub record: String,
        pub trigger: String,
        pub started_at: ChronoDateTimeUtc,
        pub finished_at: Option<ChronoDateTimeUtc>,
        pub outcome: Option<String>,
        pub calls: i64,
        pub rows_seen: i64,
        pub rows_written: i64,
        pub rows_unchanged: i64,
        pub rows_quarantined: i64,
        pub error: Option<String>,
        pub note: Option<String>,
        pub lane: Option<String>,
    }

    without_relations!();
}

/// A row of `shops`.
pub(super) mod shop {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "shops")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub shop: String,
        pub id: String,
        pub platform: String,
        pub app: String,
        pub zone: String,
        pub account_id: Option<String>,
        pub account_name: Option<String>,
        pub region: Option<String>,
        pub scopes: Option<String>,
        pub authorised_at: Option<ChronoDateTimeUtc>,
        pub paused_reason: Option<String>,
        pub paused_until: Option<ChronoDateTimeUtc>,
        pub removed_at: Option<ChronoDateTimeUtc>,
        pub warned_at: Option<ChronoDateTimeUtc>,
        pub inspected_at: Option<ChronoDateTimeUtc>,
    }

    without_relations!();
}

/// A row of `sync_cursors`.
pub(super) mod sync_cursor {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sync_cursors")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub shop: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub record: String,
        pub last_sync_at: Option<ChronoDateTimeUtc>,
        pub epoch: i64,
        pub last_full_at: Option<ChronoDateTimeUtc>,
        pub off_reason: Option<String>,
        pub off_until: Option<ChronoDateTimeUtc>,
        pub last_full_rows: Option<i64>,
    }

    without_relations!();
}

/// A row of the ledger.
pub(super) mod sync_window {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sync_windows")]
    pub(in crate::store) struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub shop: String,
        pub record: String,
        pub lane: String,
        pub epoch: i64,
        pub from_at: ChronoDateTimeUtc,
        pub until_at: ChronoDateTimeUtc,
        pub state: String,
        pub platform_total: Option<i64>,
        pub rows_seen: Option<i64>,
        pub run_id: Option<i64>,
        pub attempts: i64,
        pub opened_at: Option<ChronoDateTimeUtc>,
        pub completed_at: Option<ChronoDateTimeUtc>,
    }

    without_relations!();
}
