//! What runs by the clock: [`slots`] says when, [`ticker`] wakes, [`daemon`] starts what is to run, [`run`] runs one
//! lane of one shop and tells how it went. The [`keeper`] looks after the grants meanwhile,
//! and [`alarms`] tells people what needs them. Verbs run the same jobs without a clock.

pub mod alarms;
pub mod code_command;
pub mod daemon;
pub mod database;
pub mod health;
pub mod keeper;
pub mod lanes;
pub mod late;
pub mod notify_socket;
pub mod on_request;
pub mod pruning;
pub mod reload;
pub mod report;
pub mod run;
pub mod schedule;
pub mod slots;
pub mod status_line;
pub mod task;
pub mod ticker;
pub mod unauthorised;
pub mod under_way;
pub mod watchdog;

mod backlog;
mod board;
mod dead_man;
mod metronome;
mod presence;
