//! The schema, one change per file. A file that has been released is never edited: a new one changes it.
//!
//! Written as SQL, because that is what a seller's engineer will read the tables with. The few words that
//! differ between the two databases stand in braces and are put in by [`dialect`].

#![expect(
    elided_lifetimes_in_paths,
    reason = "`MigrationTrait` elides the lifetime of its argument, and an implementation has to do the same"
)]

pub use sea_orm_migration::{MigratorTrait, seaql_migrations};

use sea_orm_migration::MigrationTrait;

mod dialect;

mod m20261121_000001_shops;
mod m20261121_000002_orders;
mod m20261121_000003_sync;
mod m20261121_000004_job_runs;
mod m20261121_000005_quarantine;
mod m20261121_000006_credentials;
mod m20261121_000007_authorisations;
mod m20261121_000008_products;
mod m20261121_000009_after_sales;
mod m20261121_000010_activities;
mod m20261121_000011_order_events;
mod m20261121_000012_orders_by_creation;
mod m20261121_000013_last_full_rows;
mod m20261121_000014_quarantine_version;
mod m20261121_000015_run_notes;
mod m20261121_000016_alarms;
mod m20261201_000001_quarantine_next_try;
mod m20261201_000002_quarantine_shown;
mod m20261201_000005_daemons;

/// All changes, oldest first.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_shops::Migration),
            Box::new(m20261121_000002_orders::Migration),
            Box::new(m20261121_000003_sync::Migration),
            Box::new(m20261121_000004_job_runs::Migration),
            Box::new(m20261121_000005_quarantine::Migration),
            Box::new(m20261121_000006_credentials::Migration),
            Box::new(m20261121_000007_authorisations::Migration),
            Box::new(m20261121_000008_products::Migration),
            Box::new(m20261121_000009_after_sales::Migration),
            Box::new(m20261121_000010_activities::Migration),
            Box::new(m20261121_000011_order_events::Migration),
            Box::new(m20261121_000012_orders_by_creation::Migration),
            Box::new(m20261121_000013_last_full_rows::Migration),
            Box::new(m20261121_000014_quarantine_version::Migration),
            Box::new(m20261121_000015_run_notes::Migration),
            Box::new(m20261121_000016_alarms::Migration),
            Box::new(m20261201_000001_quarantine_next_try::Migration),
            Box::new(m20261201_000002_quarantine_shown::Migration),
            Box::new(m20261201_000005_daemons::Migration),
        ]
    }
}
