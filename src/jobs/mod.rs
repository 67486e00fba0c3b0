//! What runs by the clock: [`slots`] says when, [`ticker`] wakes, [`daemon`] starts what is to run, [`run`] runs one
//! lane of one shop and tells how it went. The [`keeper`] looks after the grants meanwhile. Verbs run the same jobs without a clock.

pub mod code_command;
pub mod daemon;
pub mod database;
pub mod keeper;
pub mod lanes;
pub mod pruning;
pub mod run;
pub mod schedule;
pub mod slots;
pub mod task;
pub mod ticker;

mod board;
mod metronome;
