//! The daemon's work. [`scheduler`] decides when a job is due, [`daemon`] runs it, [`token_keeper`] keeps tokens valid,
//! [`alarms`] notifies people, and [`supervision`] shows that the daemon works. Verbs run the same jobs once.
//!
//! [`daemon::background`] lists everything that runs in the background.

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
