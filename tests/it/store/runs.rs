//! The log of runs, the overview, and the form of what is stored.

use chrono::TimeDelta;
use shopsync::domain::record::{Lane, Record};
use shopsync::domain::window::Window;
use shopsync::store::records::pages::PageCommit;
use shopsync::store::records::quarantine::Quarantined;
use shopsync::store::reports::runs::{NewRun, Outcome, RunEnd, RunsFilter};

use crate::store::orders::{order, page};
use crate::support::databases::{TestDatabase, at, both_databases};

fn run(shop: &str) -> NewRun {
    NewRun {
        job: "orders".to_owned(),
        shop: shop.to_owned(),
        record: Record::Orders,
        lane: Lane::Update,
        trigger: "cron".to_owned(),
    }
}

fn end(outcome: Outcome) -> RunEnd {
    RunEnd {
        outcome,
        calls: 3,
        rows_seen: 30,
        rows_written: 20,
        rows_unchanged: 9,
        rows_quarantined: 1,
        error: (outcome != Outcome::Ok).then(|| "HTTP 502".to_owned()),
    }
}

both_databases! {
    async fn a_run_is_reported_as_it_went(test: TestDatabase) {
        let id = test.store.runs().start(run("acme")).await.unwrap();
        let going_on = test.store.runs().list(&RunsFilter::default()).await.unwrap().remove(0);
        assert_eq!((going_on.id, going_on.outcome, going_on.finished_at), (id, None, None));
        test.clock.advance(TimeDelta::seconds(9));

        test.store.runs().finish(id, end(Outcome::Failed)).await.unwrap();

        let told = test.store.runs().list(&RunsFilter::default()).await.unwrap().remove(0);
        assert_eq!(told.finished_at, Some(told.started_at + TimeDelta::seconds(9)));
        assert_eq!((told.outcome, told.error.as_deref()), (Some(Outcome::Failed), Some("HTTP 502")));
        assert_eq!((told.calls, told.rows_seen, told.rows_written), (3, 30, 20));
        assert_eq!((told.rows_unchanged, told.rows_quarantined), (9, 1));
    }

    async fn runs_are_filtered_newest_first(test: TestDatabase) {
        for (shop, outcome) in [("acme", Outcome::Ok), ("bolt", Outcome::Failed), ("acme", Outcome::Interrupted)] {
            let id = test.store.runs().start(run(shop)).await.unwrap();
            test.store.runs().finish(id, end(outcome)).await.unwrap();
        }
        test.store.runs().start(run("acme")).await.unwrap();

        let ids = async |filter| {
            let runs = test.store.runs().list(&filter).await.unwrap();
            runs.into_iter().map(|run| run.id).collect::<Vec<_>>()
        };
        let acme = Some("acme".to_owned());
        assert_eq!(ids(RunsFilter { shop: acme.clone(), ..RunsFilter::default() }).await, [4, 3, 1]);
        assert_eq!(ids(RunsFilter { failed_only: true, ..RunsFilter::default() }).await, [3, 2]);
        assert_eq!(ids(RunsFilter { shop: acme, failed_only: true, limit: Some(1) }).await, [3]);
    }

    async fn a_run_whose_process_died_is_ended_and_one_that_goes_on_is_not(test: TestDatabase) {
        let lease = test.lease(Lane::Amounts).await;
        let going_on = test.store.runs().start(run("acme")).await.unwrap();
        let orphan = test.store.runs().start(run("bolt")).await.unwrap();
        assert_eq!(test.store.runs().end_orphaned().await.unwrap(), 1);

        let runs = test.store.runs().list(&RunsFilter::default()).await.unwrap();
        let told: Vec<_> = runs.iter().map(|run| (run.id, run.outcome)).collect();
        assert_eq!(told, [(orphan, Some(Outcome::Interrupted)), (going_on, None)]);

        test.store.leases().release(&lease).await.unwrap();
        assert_eq!(test.store.runs().end_orphaned().await.unwrap(), 1);
        assert_eq!(test.store.runs().end_orphaned().await.unwrap(), 0);
    }

    async fn the_overview_counts_what_there_is(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        let history = Window::new(at("2026-11-01 00:00:00"), at("2026-11-02 00:00:00")).unwrap();
        test.store.cursors().begin(&lease, at("2026-11-20 11:00:00"), &[history]).await.unwrap();
        let ok = test.store.runs().start(run("acme")).await.unwrap();
        let unreadable = Quarantined { number: Some("B".to_owned()), reason: "shape".to_owned(), raw: "{}".to_owned(), has_own_call: false };
        let page = PageCommit { amounts_due: true, quarantined: vec![unreadable], ..page(test.clock.now(), vec![order("A")]) };
        test.store.pages().commit(&lease, &page).await.unwrap();
        test.store.runs().finish(ok, end(Outcome::Ok)).await.unwrap();
        test.clock.advance(TimeDelta::minutes(5));
        let last = test.store.runs().start(run("acme")).await.unwrap();

        let overview = test.store.reports().overview("acme", Record::Orders).await.unwrap();

        assert_eq!((overview.rows, overview.quarantined, overview.amounts_due), (1, 1, 1));
        assert_eq!((overview.windows_planned, overview.windows_failed, overview.windows_short), (1, 0, 0));
        assert_eq!(overview.cursor.unwrap().last_sync_at, Some(at("2026-11-20 11:00:00")));
        assert_eq!((overview.last_run.unwrap().id, overview.last_ok.unwrap().id), (last, ok));
        let nothing = test.store.reports().overview("bolt", Record::Orders).await.unwrap();
        assert_eq!((nothing.rows, nothing.cursor, nothing.last_run), (0, None, None));
    }
}

both_databases! {
    async fn windows_left_behind_by_a_cursor_set_by_hand_are_not_counted(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        test.store.cursors().begin(&lease, at("2026-11-20 11:00:00"), &[]).await.unwrap();
        let window = Window::new(at("2026-11-20 11:00:00"), at("2026-11-20 11:10:00")).unwrap();
        let id = test.store.windows().open(&lease, 1, window, 7).await.unwrap();
        test.store.windows().fail(&lease, id).await.unwrap();
        assert_eq!(test.store.reports().overview("acme", Record::Orders).await.unwrap().windows_failed, 1);

        test.store.cursors().set("acme", Record::Orders, at("2026-11-20 11:10:00")).await.unwrap();

        assert_eq!(test.store.reports().overview("acme", Record::Orders).await.unwrap().windows_failed, 0);
    }
}

#[tokio::test]
async fn every_instant_in_sqlite_is_text_of_23_characters() {
    let test = TestDatabase::sqlite().await;
    let lease = test.lease(Lane::Update).await;
    let history = Window::new(at("2026-11-01 00:00:00"), at("2026-11-02 00:00:00")).unwrap();
    test.store.cursors().begin(&lease, at("2026-11-20 11:00:00"), &[history]).await.unwrap();
    test.store.cursors().switch_off("acme", "amounts", "why", Some(at("2026-11-21 00:00:00"))).await.unwrap();
    test.store.shops().pause("acme", "why", Some(at("2026-11-21 00:00:00"))).await.unwrap();
    test.store.windows().open(&lease, 1, history, 7).await.unwrap();
    let id = test.store.runs().start(run("acme")).await.unwrap();
    test.store.runs().finish(id, end(Outcome::Ok)).await.unwrap();
    let unreadable =
        Quarantined { number: None, reason: "shape".to_owned(), raw: "{}".to_owned(), has_own_call: false };
    let page = PageCommit {
        amounts_due: true,
        quarantined: vec![unreadable],
        ..page(test.clock.now(), vec![order("A")])
    };
    test.store.pages().commit(&lease, &page).await.unwrap();

    let mut checked = 0;
    for table in ["shops", "orders", "sync_cursors", "leases", "sync_windows", "job_runs", "quarantine"] {
        for column in test.query(&format!("SELECT name FROM pragma_table_info('{table}')")).await {
            let column: String = column.try_get_by_index(0).unwrap();
            if !column.ends_with("_at") && !column.ends_with("until") && column != "ship_by" {
                continue;
            }
            let odd = format!(
                "SELECT count(*) FROM {table} WHERE {column} IS NOT NULL AND \
                 (typeof({column}) <> 'text' OR {column} NOT GLOB '????-??-?? ??:??:??.???')"
            );
            assert_eq!(test.number(&odd).await, 0, "{table}.{column}");
            checked += test.number(&format!("SELECT count({column}) FROM {table}")).await;
        }
    }
    assert!(checked >= 17, "only {checked} instants were there to be checked");
}
