//! What runs by the clock. [`scheduler`] says when a job is due, [`daemon`] runs it, [`token_keeper`] keeps the grants
//! alive, [`alarms`] tell people what they must do, and [`supervision`] shows that the daemon works. Verbs run the same
//! jobs without a clock.

pub mod alarms;
pub mod daemon;
pub mod late;
pub mod pruning;
pub mod report;
pub mod scheduler;
pub mod supervision;
pub mod token_keeper;
pub mod unauthorised;

mod dead_man;
