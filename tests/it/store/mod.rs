//! The database, table by table, on SQLite and Postgres.

pub(super) mod after_sales;
pub(super) mod amounts;
pub(super) mod broken;
pub(super) mod cursors;
pub(super) mod database_errors;
pub(super) mod disk_full;
pub(super) mod events;
pub(super) mod few_connections;
pub(super) mod leases;
pub(super) mod orders;
pub(super) mod outage;
pub(super) mod pooler;
pub(super) mod products;
pub(super) mod quarantine;
pub(super) mod queries;
pub(super) mod replay;
pub(super) mod runs;
pub(super) mod scans;
pub(super) mod schema;
pub(super) mod shops;
pub(super) mod sqlite_file;
pub(super) mod upgrade;
pub(super) mod year;
