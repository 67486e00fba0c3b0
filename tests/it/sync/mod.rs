//! Records on their way from a platform to the rows, amid faults, changes and kills.

pub(super) mod compare;
pub(super) mod every_record;
pub(super) mod every_record_lies;
pub(super) mod hints;
pub(super) mod isolation;
pub(super) mod kill;
pub(super) mod losses;
pub(super) mod orders;
pub(super) mod property;
pub(super) mod records_by_hand;
pub(super) mod records_replay;
pub(super) mod scans;
pub(super) mod shown_again;
pub(super) mod split_orders;
