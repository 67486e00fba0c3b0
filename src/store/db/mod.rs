//! The connection: pools, transactions, what SQLite and Postgres write differently, errors by name, migrations.

pub(super) mod bulk;
pub mod cause;
pub mod connect;
pub(super) mod connection;
pub(super) mod dialect;
pub mod error;
pub mod home;
pub(super) mod migrate;
pub mod owner;
pub(super) mod pools;
pub(super) mod probe;
pub(super) mod transaction;
