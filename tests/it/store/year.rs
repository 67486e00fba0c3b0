//! A year of fifty shops: the tables that remember the copying stay small, and still answer.

use chrono::{DateTime, TimeDelta, Utc};
use shopsync::domain::record::{Lane, Record};
use shopsync::domain::window::{Window, contiguous_end};
use shopsync::store::ledger::leases::LaneKey;
use shopsync::store::ledger::windows::CREATE_EPOCH;
use shopsync::store::shops::prune::{Ages, PruneSummary};

use crate::store::shops::shop;
use crate::support::databases::{TestDatabase, at, both_databases};

const SHOPS: i64 = 50;
const DAYS: i64 = 365;
/// The step between runs. Real ones are closer; the tables grow alike.
const STEP: TimeDelta = TimeDelta::hours(12);
const OVERLAP: TimeDelta = TimeDelta::minutes(10);
const ROWS_PER_INSERT: usize = 1_000;

/// A row of the ledger, as a year leaves it.
struct Row {
    shop: String,
    lane: &'static str,
    epoch: i64,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    state: &'static str,
    read_at: DateTime<Utc>,
}

impl Row {
    fn values(&self) -> String {
        let Self { shop, lane, epoch, from, until, state, read_at } = self;
        let closed = matches!(*state, "complete" | "short");
        let (total, completed_at) =
            if closed { ("2", quoted(*read_at)) } else { ("NULL", "NULL".to_owned()) };
        format!(
            "('{shop}', 'orders', '{lane}', {epoch}, {}, {}, '{state}', {total}, {total}, 1, {}, {completed_at})",
            quoted(*from),
            quoted(*until),
            quoted(*read_at),
        )
    }
}

/// An instant as both databases take it in SQL.
fn quoted(at: DateTime<Utc>) -> String {
    format!("'{}'", at.format("%Y-%m-%d %H:%M:%S%.3f"))
}

fn name(shop: i64) -> String {
    format!("shop{shop:02}")
}

fn update_window(shop: i64, epoch: i64, until: DateTime<Utc>, state: &'static str) -> Row {
    let from = until - STEP - OVERLAP;
    Row {
        shop: name(shop),
        lane: "update",
        epoch,
        from,
        until,
        state,
        read_at: until + TimeDelta::minutes(1),
    }
}

impl TestDatabase {
    async fn insert_windows(&self, rows: &[Row]) {
        for rows in rows.chunks(ROWS_PER_INSERT) {
            let values: Vec<String> = rows.iter().map(Row::values).collect();
            self.execute(&format!(
                "INSERT INTO sync_windows (shop, record, lane, epoch, from_at, until_at, state, platform_total, rows_seen,
                 attempts, opened_at, completed_at) VALUES {}",
                values.join(", "),
            )).await;
        }
    }

    /// A run of each shop at each step, in the order of time.
    async fn insert_runs(&self, start: DateTime<Utc>) {
        let runs: Vec<String> = (0..DAYS * 2)
            .flat_map(|step| (0..SHOPS).map(move |shop| (step, shop)))
            .map(|(step, shop)| {
                let began = start + STEP * i32::try_from(step).unwrap();
                // The last ten days of every tenth shop go wrong.
                let outcome = if shop % 10 == 0 && step >= (DAYS - 10) * 2 { "failed" } else { "ok" };
                format!(
                    "('orders', '{}', 'orders', 'slot', {}, {}, '{outcome}', 1, 2, 2, 0, 0)",
                    name(shop),
                    quoted(began),
                    quoted(began + TimeDelta::seconds(5)),
                )
            })
            .collect();
        for runs in runs.chunks(ROWS_PER_INSERT) {
            self.execute(&format!(
                "INSERT INTO job_runs (job, shop, record, \"trigger\", started_at, finished_at, outcome, calls, rows_seen,
                 rows_written, rows_unchanged, rows_quarantined) VALUES {}", runs.join(", "),
            )).await;
        }
    }

    async fn insert_cursor(&self, shop: i64, epoch: i64, at: DateTime<Utc>) {
        self.execute(&format!(
            "INSERT INTO sync_cursors (shop, record, last_sync_at, epoch) VALUES ('{}', 'orders', {}, {epoch})",
            name(shop), quoted(at),
        )).await;
    }

    async fn prune(&self) -> PruneSummary {
        self.store.pruning().prune(Ages::default()).await.unwrap()
    }

    /// How many windows of a lane, read whole or short, hold a moment.
    async fn covering(&self, shop: i64, lane: &str, moment: DateTime<Utc>) -> i64 {
        self.number(&format!(
            "SELECT count(*) FROM sync_windows WHERE shop = '{}' AND lane = '{lane}' AND state IN ('complete', 'short')
             AND from_at <= {moment} AND until_at > {moment}",
            name(shop), moment = quoted(moment),
        )).await
    }
}

both_databases! {
    async fn a_year_of_fifty_shops_leaves_tables_that_are_bounded_and_still_answer(test: TestDatabase) {
        let shops: Vec<_> = (0..SHOPS).map(|number| shop(&name(number))).collect();
        test.store.shops().register(&shops).await.unwrap();
        let now = test.clock.now();
        let start = now - TimeDelta::days(DAYS);
        let mut rows = Vec::new();
        for shop in 0..SHOPS {
            // Shops of the second half had their cursor set by hand in the middle of the year.
            let set_at = if shop < SHOPS / 2 { start } else { start + TimeDelta::days(DAYS / 2) };
            for step in 1..=DAYS * 2 {
                let until = start + STEP * i32::try_from(step).unwrap();
                let epoch = if until > set_at { 2 } else { 1 };
                rows.push(update_window(shop, epoch, until, "complete"));
            }
            for week in 0..4 {
                let from = start - TimeDelta::weeks(week + 1);
                let state = if week == 2 && shop == 0 { "short" } else { "complete" };
                rows.push(Row { shop: name(shop), lane: "create", epoch: 0, from, until: from + TimeDelta::weeks(1), state, read_at: start });
                rows.push(Row { shop: name(shop), lane: "create", epoch: 0, from, until: from + TimeDelta::weeks(2), state: "split", read_at: start });
            }
            test.insert_cursor(shop, 2, now).await;
        }
        test.insert_windows(&rows).await;
        test.insert_runs(start).await;
        test.execute("INSERT INTO quarantine (shop, record, number, reason, raw, attempts, first_seen_at, last_seen_at) SELECT shop, 'orders', 'Q', 'r', '{}', 1, last_sync_at, last_sync_at FROM sync_cursors").await;

        let rows = test.number("SELECT count(*) FROM sync_windows").await;
        let summary = test.prune().await;

        // A month of windows as they were read, and a few stretches.
        let windows = test.number("SELECT count(*) FROM sync_windows").await;
        let month = 30 * 2 + 1;
        assert!(windows <= SHOPS * (month + 5), "{windows} windows are left");
        let runs = test.number("SELECT count(*) FROM job_runs").await;
        assert!(runs <= SHOPS * (90 * 2 + 2), "{runs} runs are left");
        assert_eq!(summary.windows.cast_signed(), rows - windows);
        assert_eq!(summary.runs.cast_signed(), SHOPS * DAYS * 2 - runs);
        assert_eq!(test.number("SELECT count(*) FROM quarantine").await, SHOPS);
        assert_eq!(test.prune().await, PruneSummary::default(), "once is enough");

        for shop in [0, SHOPS - 1] {
            let set_at = if shop < SHOPS / 2 { start } else { start + TimeDelta::days(DAYS / 2) };
            let closed = test.store.windows().closed_after(&name(shop), Record::Orders, 2, start).await.unwrap();
            let closed: Vec<Window> = closed.into_iter().map(|row| row.window).collect();
            assert_eq!(contiguous_end(set_at, &closed), now, "no gap came into what was read");
            for days in [1, 40, 100] {
                assert!(test.covering(shop, "update", now - TimeDelta::days(days)).await >= 1, "{days} days ago");
            }
            assert_eq!(test.covering(shop, "create", start - TimeDelta::days(3)).await, 1);
        }
        let short = test.store.windows().all_short(&name(0), Record::Orders, Lane::Create, CREATE_EPOCH).await.unwrap();
        assert_eq!(short.len(), 1);
        let told = "SELECT CAST(sum(rows_seen) AS bigint) FROM sync_windows WHERE shop = 'shop00' AND lane = 'update'";
        assert_eq!(test.number(told).await, DAYS * 2 * 2, "what the windows told is added up");
        let overview = test.store.reports().overview(&name(10), Record::Orders).await.unwrap();
        assert!(overview.last_run.is_some() && overview.last_ok.is_some());
    }

    async fn what_is_not_over_is_never_merged(test: TestDatabase) {
        let old = test.clock.now() - TimeDelta::days(60);
        let states = ["complete", "short", "complete", "failed", "planned", "reading", "complete"];
        let rows: Vec<Row> = (0..).zip(states).map(|(step, state)| {
            let from = old + TimeDelta::hours(step);
            Row { shop: name(0), lane: "create", epoch: 0, from, until: from + TimeDelta::hours(1), state, read_at: old }
        }).collect();
        test.insert_windows(&rows).await;

        assert_eq!(test.prune().await.windows, 0);

        let left = test.query("SELECT state FROM sync_windows ORDER BY from_at").await;
        let left: Vec<String> = left.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        assert_eq!(left, states);
    }

    async fn windows_ahead_of_the_cursor_stay_as_they_were_read(test: TestDatabase) {
        let old = test.clock.now() - TimeDelta::days(60);
        let rows: Vec<Row> = (1..=4).map(|step| update_window(0, 1, old + STEP * step, "complete")).collect();
        test.insert_windows(&rows).await;
        assert_eq!(test.prune().await.windows, 0, "nobody knows where the cursor is");

        test.insert_cursor(0, 1, old + STEP * 2).await;

        assert_eq!(test.prune().await.windows, 1);
        let ahead = test.store.windows().closed_after(&name(0), Record::Orders, 1, old + STEP * 2).await.unwrap();
        assert_eq!(ahead.iter().map(|row| row.window.until()).collect::<Vec<_>>(), [old + STEP * 3, old + STEP * 4]);
    }

    async fn a_gap_between_windows_stays_a_gap(test: TestDatabase) {
        let old = test.clock.now() - TimeDelta::days(60);
        let steps = [1, 2, 4, 5, 6];
        let rows: Vec<Row> = steps.map(|step| update_window(0, 1, old + STEP * step, "complete")).into();
        test.insert_windows(&rows).await;
        test.insert_cursor(0, 1, test.clock.now()).await;

        assert_eq!(test.prune().await.windows, 3);

        assert_eq!(test.covering(0, "update", old + STEP * 2 + TimeDelta::hours(1)).await, 0);
        assert_eq!(test.covering(0, "update", old + STEP * 5 + TimeDelta::hours(1)).await, 1);
    }

    async fn a_lane_of_thousands_is_merged_in_steps(test: TestDatabase) {
        let old = test.clock.now() - TimeDelta::days(900);
        let rows: Vec<Row> = (1..=1_300).map(|step| update_window(0, 1, old + STEP * step, "complete")).collect();
        test.insert_windows(&rows).await;
        test.insert_cursor(0, 1, test.clock.now()).await;
        let key = LaneKey { shop: name(0), record: Record::Orders, lane: Lane::Update };
        let older_than = test.clock.now() - TimeDelta::days(30);

        let step = test.store.windows().merge(&key, 1, older_than, None).await.unwrap();
        assert_eq!((step.rows, step.next.is_some()), (499, true));

        assert_eq!(test.prune().await.windows, 1_299 - 499);
    }

    async fn runs_that_are_going_on_and_those_still_requested_stay(test: TestDatabase) {
        let run = |id: i64, job: &str, record: &str, days: i64, outcome: &str| {
            let began = quoted(test.clock.now() - TimeDelta::days(days));
            format!("({id}, '{job}', 'acme', '{record}', 'slot', {began}, {outcome}, 0, 0, 0, 0, 0)")
        };
        let rows = [
            run(1, "orders", "orders", 200, "'ok'"),
            run(2, "orders", "orders", 199, "NULL"),
            run(3, "nightly", "orders", 198, "'ok'"),
            run(4, "orders", "orders", 197, "'ok'"),
            run(5, "orders", "orders", 196, "'failed'"),
            run(6, "orders", "orders", 95, "'failed'"),
            run(7, "products", "products", 95, "'interrupted'"),
            run(8, "orders", "orders", 1, "'failed'"),
        ];
        test.execute(&format!(
            "INSERT INTO job_runs (id, job, shop, record, \"trigger\", started_at, outcome, calls, rows_seen, rows_written,
             rows_unchanged, rows_quarantined) VALUES {}", rows.join(", "),
        )).await;

        assert_eq!(test.prune().await.runs, 3);

        let left = test.query("SELECT id FROM job_runs ORDER BY id").await;
        let left: Vec<i64> = left.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
        assert_eq!(left, [2, 3, 4, 7, 8], "going on, newest of its job, last that went well, newest, young");
        assert_eq!(test.store.runs().last_of("nightly").await.unwrap(), Some(at("2026-11-20 12:00:00") - TimeDelta::days(198)));
    }
}
