//! What a case is made of: how its windows and pages are cut, and what happens in it.

use proptest::prelude::*;
use shopsync::domain::record::Lane;

/// How one case cuts its world.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    pub(super) page_size: u32,
    pub(super) rows_max: u64,
    pub(super) window_max_secs: i64,
    pub(super) overlap_secs: i64,
    pub(super) windows_in_parallel: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Time passes.
    Wait {
        seconds: i64,
    },
    /// Orders are placed and changed, some of them in one second.
    Trade {
        placed: u8,
        changed: u8,
        in_one_second: bool,
    },
    /// A run of a lane, while orders change and time passes at each call; `polls` cuts it off.
    Run {
        lane: Lane,
        polls: Option<u16>,
        changes_per_call: u8,
        seconds_per_call: u8,
    },
    /// A run in which one page can never be read.
    RunWithBrokenPage {
        calls_before: u8,
    },
    /// From now on one of [`super::faults::BORNE`] strikes, until all trouble ends.
    Trouble {
        which: u8,
    },
    TroubleEnds,
    /// An operator deletes rows by hand and rewinds the cursor far enough to get them again.
    DeleteAndRewind {
        every: u8,
    },
}

pub(super) fn cut() -> impl Strategy<Value = Cut> {
    (1_u32..8, 8_u64..40, 60_i64..4_000, 0_i64..90, 1_usize..4).prop_map(
        |(page_size, rows_max, window_max_secs, overlap_secs, windows_in_parallel)| Cut {
            page_size,
            rows_max: rows_max.max(u64::from(page_size)),
            window_max_secs,
            overlap_secs,
            windows_in_parallel,
        },
    )
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let lane = prop_oneof![3 => Just(Lane::Update), 1 => Just(Lane::Create)];
    prop_oneof![
        2 => (1_i64..5_000).prop_map(|seconds| Step::Wait { seconds }),
        3 => (0_u8..6, 0_u8..8, any::<bool>())
            .prop_map(|(placed, changed, in_one_second)| Step::Trade { placed, changed, in_one_second }),
        5 => (lane, proptest::option::of(1_u16..400), 0_u8..3, 0_u8..20).prop_map(
            |(lane, polls, changes_per_call, seconds_per_call)| Step::Run {
                lane, polls, changes_per_call, seconds_per_call,
            }
        ),
        1 => (0_u8..6).prop_map(|calls_before| Step::RunWithBrokenPage { calls_before }),
        2 => any::<u8>().prop_map(|which| Step::Trouble { which }),
        1 => Just(Step::TroubleEnds),
        1 => (1_u8..4).prop_map(|every| Step::DeleteAndRewind { every }),
    ]
}

const ROWS_OF_A_REAL_PLATFORM: u64 = 5_000;
const PAGE_OF_A_REAL_PLATFORM: u32 = 100;

impl Cut {
    /// More rows in larger pages: no platform pages on for ever.
    pub(super) fn lists_like_a_real_platform(&mut self) {
        self.rows_max = ROWS_OF_A_REAL_PLATFORM;
        self.page_size = PAGE_OF_A_REAL_PLATFORM;
    }
}
