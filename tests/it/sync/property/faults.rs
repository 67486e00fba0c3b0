//! Which named faults a script draws from, and that one bad thing never keeps the others away.

use chrono::TimeDelta;
use shopsync::domain::record::Lane;
use shopsync::sandbox::{Fault, NAMED_FAULTS, Platform, SandboxSettings, World};

use crate::support::context::{ContextSettings, SHOPS, TestContext};
use crate::support::databases::TestDatabase;

/// Faults of the scripts, written as on the command line. With small shares: a case is to end.
pub(super) const BORNE: &[&str] = &[
    "internal-error=0.05",
    "bad-gateway=0.05",
    "html-page=0.05",
    "truncated=0.05",
    "reset=0.05",
    "lost-reply=0.05",
    "unreadable-row=0.1",
    "front-502-html=0.05",
    "front-503-text=0.05",
    "gateway-404-json=0.05",
    "waf-403-html=0.05",
    "waf-405-html=0.05",
    "date-header-empty",
    "total-capped:50=0.5",
    "rows-capped:50=0.5",
    "total-of-page=0.3",
    "total-zero=0.3",
    "page-capped:3",
    "max-rows-500:5",
    "endless-total=0.1",
    "null-page",
    "busy-words=0.05",
    "http-400-json=0.02",
    // Bodies.
    "gbk=0.2",
    "gbk-unnamed=0.02",
    "charset-wrong=0.2",
    "bom=0.2",
    "gzip=0.2",
    "gzip-unnamed=0.02",
    "trailing-text=0.05",
    "leading-text=0.05",
    // Rows and single things.
    "isolated-501-code=0.05",
    "isolated-empty=0.05",
    "isolated-cut=0.05",
    "null-number=0.05",
    "null-item-number=0.05",
    "nan-row=0.05",
    "keyed-skus=0.2",
    "money-unreadable=0.1",
    "huge-number:5000=0.05",
    "split-order=0.2",
];

/// Faults of single things that the program bears: whatever is not struck is current while they last.
const ISOLATED: &[&str] = &[
    "isolated-500=0.1",
    "isolated-refused=0.1",
    "isolated-html=0.1",
    "null-number=0.05",
    "null-item-number=0.1",
    "nan-row=0.1",
    "keyed-skus=0.2",
    // Megabytes for each of them: too slow for the scripts.
    "many-lines:6000=0.02",
    "split-order=0.2",
];

/// Faults that no script draws, each with its reason.
const NEVER_DRAWN: &[(&str, &str)] = &[
    ("too-many-requests", "it slows a reader down, as it should: a case would take minutes"),
    ("throttle", "the same"),
    ("http-429-json", "the same"),
    ("retry-after-huge", "each holds all calls back for half a minute, as it should"),
    ("stall", "each costs the two seconds of a timeout"),
    ("isolated-hang", "the same"),
    ("not-granted", "the record is off until its owner comes"),
    ("http-403-json", "the same"),
    ("token-expired", "the grant waits for its owner"),
    ("token-revoked", "the same"),
    ("http-401-json", "the same"),
    ("unfiltered", "each of a case's thousand short windows is asked three times: it would take minutes"),
    ("unfiltered-rows", "the same"),
    (
        "date-off",
        "a call or two is refused for its time before our own clock is tried, and a script counts those",
    ),
    (
        "time-ahead",
        "a row keeps the time it was read at until it is read again, and the scripts compare update times",
    ),
    ("time-old", "the same"),
    ("unit-swapped", "a time in seconds has lost its milliseconds, and the scripts compare those"),
    ("still-calculated", "orders are listed, not calculated"),
    ("empty-list", "a list that says nothing is there cannot be told from a true one"),
    ("api-gone", "nothing can be read at all"),
    ("history-limit", "the scripts reach back a day"),
    ("money-busy", "the scripts read no money of its own"),
    ("huge-row", "13 MB for each order; a test of its own looks at one"),
    ("odd-neighbour", "the scripts log in before they begin"),
];

/// The fault that a script draws, on the platform it is about. `SHOPSYNC_FAULTS=isolated-500=0.05,nan-row=0.1` in the
/// environment lets it draw from these.
pub(super) fn drawn(which: u8, platform: Platform) -> Fault {
    let chosen = std::env::var("SHOPSYNC_FAULTS").unwrap_or_default();
    let chosen: Vec<&str> = chosen.split(',').filter(|fault| !fault.is_empty()).collect();
    let list = if chosen.is_empty() { BORNE } else { chosen.as_slice() };
    let fault: Fault = list[usize::from(which) % list.len()].parse().unwrap();
    fault.on(platform)
}

#[test]
fn every_named_fault_is_drawn_or_has_a_reason() {
    let name = |written: &&str| written.split([':', '=']).next().unwrap().to_owned();
    let mut known: Vec<String> = BORNE.iter().chain(ISOLATED).map(name).collect();
    known.extend(NEVER_DRAWN.iter().map(|(name, _)| (*name).to_owned()));
    known.sort();
    known.dedup();
    let mut named: Vec<String> = NAMED_FAULTS.iter().map(|named| named.name.to_owned()).collect();
    named.sort();
    assert_eq!(known, named);
    for written in BORNE.iter().chain(ISOLATED) {
        assert!(written.parse::<Fault>().is_ok(), "{written}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_single_things_are_bad_all_others_are_current() {
    let chosen = std::env::var("SHOPSYNC_FAULTS").unwrap_or_default();
    let chosen: Vec<&str> = chosen.split(',').filter(|fault| !fault.is_empty()).collect();
    for written in if chosen.is_empty() { ISOLATED } else { chosen.as_slice() } {
        let sandbox =
            SandboxSettings { orders: 90, history: TimeDelta::hours(12), ..SandboxSettings::default() };
        let settings = ContextSettings { sandbox, ..ContextSettings::default() };
        let test = TestContext::new(TestDatabase::sqlite().await, settings).await;
        test.sandbox.world().with(|world| world.add_fault(written.parse().unwrap()));
        for (name, platform, _) in SHOPS {
            for lane in [Lane::Update, Lane::Create] {
                // Its outcome says that something is left; the rows say what.
                let _left = test.run(name, lane).await;
            }
            let differences = test.differences(name).await;
            let is_struck =
                |number: &str| test.sandbox.world().with(|world| world.is_struck(platform, number));
            let lost = differences.iter().find(|line| !is_struck(line.split([' ', ':']).next().unwrap()));
            assert_eq!(
                lost.map(|line| line.chars().take(200).collect::<String>()),
                None,
                "{written} keeps others away from {name}"
            );
        }
        test.sandbox.world().with(World::clear_faults);
        for hours in [0, 25] {
            test.clock.advance(TimeDelta::hours(hours));
            test.settle();
            for (name, ..) in SHOPS {
                test.sync(name).await;
            }
        }
        test.assert_equals_truth().await;
        test.sandbox.stop().await;
    }
}
