//! Questions for people and monitors: status, runs, alarms, explanations. They only read, apart from their own marks.

pub mod alarms;
pub mod alert_queries;
pub mod daemons;
pub mod explain;
pub mod health_snapshot;
pub mod heartbeats;
pub mod orders_per_day;
pub mod overview;
pub mod rows;
pub mod runs;
