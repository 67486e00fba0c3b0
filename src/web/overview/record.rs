//! One record of a shop on the page, and whether it is fresh.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::RunView;
use crate::domain::record::Record;
use crate::jobs::report::RecordReport;
use crate::store::ledger::windows::WindowState;
use crate::store::reports::explain::Gap;

#[derive(Clone, Debug, Serialize)]
pub struct RecordView {
    #[serde(serialize_with = "as_word")]
    pub record: Record,
    pub freshness: Freshness,
    /// Everything the platform showed as changed before it is stored. `None`: nothing was read yet.
    pub synced_until: Option<DateTime<Utc>>,
    pub last_run: Option<RunView>,
    /// `None`: no job covers it.
    pub next_run: Option<DateTime<Utc>>,
    pub rows: u64,
    pub gaps: Vec<GapView>,
    pub quarantined: u64,
    /// Orders whose money is still to be requested.
    pub amounts_due: u64,
    /// Orders whose money, or SKUs whose stock, could not be read.
    pub extras_unreadable: u64,
    /// Why the platform is not requested it. `None`: it is.
    pub off_reason: Option<String>,
}

/// How a record stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    Fresh,
    Late,
    /// Its first run goes on.
    Loading,
    Never,
    /// The shop has no grant that works.
    Waiting,
    /// The platform does not grant it.
    Off,
    /// No job reads it: only verbs do.
    ByHand,
}

/// Windows in one state that are not, or not surely, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GapView {
    #[serde(serialize_with = "as_state")]
    pub state: WindowState,
    pub windows: u64,
    /// Where the first of them begins.
    pub oldest: DateTime<Utc>,
}

impl RecordView {
    /// `is_usable`: whether the shop has a grant that works and goes on.
    pub(super) fn of(report: RecordReport, is_usable: bool) -> Self {
        let freshness = freshness(&report, is_usable);
        let RecordReport { record, overview, next_run, .. } = report;
        let (synced_until, off_reason) = match overview.cursor {
            Some(cursor) => (cursor.last_sync_at, cursor.off_reason),
            None => (None, None),
        };
        Self {
            record,
            freshness,
            synced_until,
            last_run: overview.last_run.map(RunView::from),
            next_run,
            rows: overview.rows,
            gaps: by_state(&overview.gaps),
            quarantined: overview.quarantined,
            amounts_due: overview.amounts_due,
            extras_unreadable: overview.extras_unreadable,
            off_reason,
        }
    }
}

fn freshness(report: &RecordReport, is_usable: bool) -> Freshness {
    let overview = &report.overview;
    let cursor = overview.cursor.as_ref();
    let is_running = overview.last_run.as_ref().is_some_and(|run| run.outcome.is_none());
    if cursor.is_some_and(|cursor| cursor.off_reason.is_some()) {
        Freshness::Off
    } else if report.is_late == Some(false) {
        Freshness::Fresh
    } else if !is_usable {
        Freshness::Waiting
    } else if report.next_run.is_none() {
        Freshness::ByHand
    } else if cursor.is_some_and(|cursor| cursor.last_sync_at.is_some()) {
        Freshness::Late
    } else if is_running {
        Freshness::Loading
    } else {
        Freshness::Never
    }
}

/// The page does not name the lane of the windows: readers do not need it.
fn by_state(gaps: &[Gap]) -> Vec<GapView> {
    let mut views: Vec<GapView> = Vec::new();
    for gap in gaps {
        match views.iter_mut().find(|view| view.state == gap.state) {
            Some(view) => {
                view.windows += gap.windows;
                view.oldest = view.oldest.min(gap.oldest);
            }
            None => views.push(GapView { state: gap.state, windows: gap.windows, oldest: gap.oldest }),
        }
    }
    views
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
pub(super) fn as_word<S: serde::Serializer>(record: &Record, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(record.as_str())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn as_state<S: serde::Serializer>(state: &WindowState, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.as_str())
}
