//! The page in parts, as they stand in the document, and what holds of the whole.

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use maud::Markup;

use super::words::Words;
use super::*;
use crate::auth::policy::OwnerReason;
use crate::domain::record::Record;
use crate::platform::{profile, profiles};
use crate::store::ledger::windows::WindowState;
use crate::web::overview::{
    DAYS, DayView, Freshness, GapView, GrantState, GrantView, RecordView, RunView, ShopView, ToDo, What,
};

/// More does not load in a blink over a tunnel.
const BYTES_MAX: usize = 40 * 1024;

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap()
}

fn before(seconds: i64) -> DateTime<Utc> {
    now() - TimeDelta::seconds(seconds)
}

fn run(id: i64, outcome: Option<&'static str>, error: Option<&str>) -> RunView {
    RunView {
        id,
        job: "orders".to_owned(),
        shop: "acme-us".to_owned(),
        record: Record::Orders,
        started_at: before(100),
        finished_at: outcome.map(|_| before(96)),
        outcome,
        rows_seen: 1_240,
        rows_written: 31,
        error: error.map(str::to_owned),
    }
}

fn record(record: Record, freshness: Freshness) -> RecordView {
    RecordView {
        record,
        freshness,
        synced_until: Some(before(40)),
        last_run: Some(run(7, Some("ok"), None)),
        next_run: Some(before(-200)),
        rows: 12_345,
        gaps: Vec::new(),
        quarantined: 0,
        amounts_due: 0,
        extras_unreadable: 0,
        off_reason: None,
    }
}

fn grant(state: GrantState, to_do: Option<ToDo>) -> GrantView {
    GrantView { state, owner_needed_by: Some(before(-86_400 * 200)), days_left: Some(200), to_do }
}

fn shop(name: &str, records: Vec<RecordView>) -> ShopView {
    ShopView {
        name: name.to_owned(),
        platform: profiles()[0].name,
        zone: "us".to_owned(),
        account: Some("Acme <Ltd>".to_owned()),
        grant: grant(GrantState::Good, None),
        paused: None,
        records,
    }
}

fn to_do(what: What) -> ToDo {
    ToDo {
        what,
        command: "shopsync auth login acme-us".to_owned(),
        console_page: Some("https://seller.example/client-manage"),
        granting: profile(profiles()[0].name).map(|profile| &profile.granting),
    }
}

fn overview(shops: Vec<ShopView>) -> Overview {
    let first = now().date_naive() - chrono::Days::new(29);
    let days = first.iter_days().zip(0..DAYS as u64).map(|(day, place)| DayView { day, orders: place * 7 });
    Overview { at: now(), version: "0.0.0", shops, days: days.collect(), runs: vec![run(8, None, None)] }
}

/// One tag a line.
fn lines(markup: &Markup) -> String {
    markup.0.replace("><", ">\n<")
}

fn in_both(show: impl Fn(&Words) -> Markup) -> String {
    [Language::English, Language::Chinese].map(|language| lines(&show(words_in(language)))).join("\n\n")
}

#[test]
fn the_first_line_shows_the_worst_first() {
    let one = |freshness| shop("acme-us", vec![record(Record::Orders, freshness)]);
    let needy = |what| ShopView {
        name: "bolt".to_owned(),
        grant: grant(GrantState::NeedsOwner, Some(to_do(what))),
        ..one(Freshness::Fresh)
    };
    let dead = What::AskOwner { reason: OwnerReason::RefreshRefused, works_until: None };
    let soon = What::AuthoriseBefore { end: before(-86_400 * 3), days: 3 };
    let idle = || shop("disk", Vec::new());
    for (shops, expected) in [
        (vec![], "No shop yet"),
        (vec![one(Freshness::Fresh)], "The shop is fresh; oldest 40 s ago"),
        (vec![one(Freshness::Fresh), one(Freshness::ByHand), idle()], "The shop is fresh; oldest 40 s ago"),
        (vec![idle(), idle()], "Nothing is read for the 2 shops by the clock; their tokens are kept alive"),
        (vec![one(Freshness::Late), one(Freshness::Never)], "1 shop is late: acme-us"),
        (vec![one(Freshness::Never)], "Reading for the first time: acme-us"),
        (vec![one(Freshness::Late), needy(dead.clone())], "1 shop needs its owner: bolt"),
        (vec![needy(What::Authorise), needy(dead)], "2 shops need their owners: bolt, bolt"),
        (vec![one(Freshness::Fresh), needy(soon)], "All 2 shops are fresh; oldest 40 s ago"),
    ] {
        let (_, line, _) = headline::message(&overview(shops), words_in(Language::English));
        assert_eq!(line, expected);
    }
}

#[test]
fn an_owner_who_is_needed_gets_the_very_command() {
    let dead = What::AskOwner { reason: OwnerReason::AccessEnded, works_until: None };
    let mut needy = shop("acme-us", vec![record(Record::AfterSales, Freshness::Off)]);
    needy.grant = grant(GrantState::NeedsOwner, Some(to_do(dead)));
    let overview = overview(vec![needy]);
    insta::assert_snapshot!(in_both(|words| needed::needed(&overview, words)));
}

#[test]
fn a_cell_gives_freshness_in_a_word_and_what_is_missing() {
    let gap = |state, windows| GapView { state, windows, oldest: before(86_400 * 9) };
    let view = RecordView {
        gaps: vec![gap(WindowState::Planned, 12), gap(WindowState::Failed, 1)],
        quarantined: 3,
        amounts_due: 1_200,
        extras_unreadable: 0,
        last_run: Some(run(7, Some("failed"), Some("no answer"))),
        ..record(Record::Orders, Freshness::Late)
    };
    let overview = overview(vec![shop("acme-us", vec![view]), shop("disk", Vec::new())]);
    insta::assert_snapshot!(in_both(|words| shops::shops(&overview, words, Access::MayAct)));
}

#[test]
fn runs_show_why_they_did_not_end_well() {
    let mut overview = overview(Vec::new());
    overview.runs.push(run(6, Some("failed"), Some("the platform did not answer: <timeout>")));
    insta::assert_snapshot!(in_both(|words| runs::runs(&overview, words)));
}

#[test]
fn only_who_may_act_is_offered_to() {
    let overview = overview(vec![shop("acme-us", vec![record(Record::Orders, Freshness::Fresh)])]);
    for (access, buttons, logs_in) in
        [(Access::ReadOnly, 0, false), (Access::MayLogIn, 0, true), (Access::MayAct, 1, false)]
    {
        let document = page(&overview, Language::English, access).0;
        assert_eq!(document.matches("<form class=\"sync\"").count(), buttons, "{access:?}");
        assert_eq!(document.contains("href=\"login\""), logs_in, "{access:?}");
        assert_eq!(document.contains("action=\"logout\""), access == Access::MayAct, "{access:?}");
    }
}

#[test]
fn a_page_of_many_shops_stays_small_and_brings_everything_itself() {
    let all = || Record::ALL.map(|kind| record(kind, Freshness::Fresh)).to_vec();
    let shops: Vec<ShopView> = (0..6).map(|number| shop(&format!("acme-{number}"), all())).collect();
    for language in [Language::English, Language::Chinese] {
        let document = page(&overview(shops.clone()), language, Access::MayAct).0;
        assert!(document.len() < BYTES_MAX, "{} bytes", document.len());
        for outside in ["src=", "<link", "@import", "url("] {
            assert!(!document.contains(outside), "{outside}");
        }
        assert!(!document.contains("<Ltd>"), "names are data, not markup");
    }
}
