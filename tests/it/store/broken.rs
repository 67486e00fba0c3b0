//! What goes wrong between the begin of a transaction and its end, and the connection it leaves behind.

use std::time::Duration;

use chrono::TimeDelta;

use crate::support::databases::{TestDatabase, both_databases};

/// Longer than any gap in these tests, so that a beat only writes `beat_at`.
const GAP_MAX: TimeDelta = TimeDelta::days(1_000);
/// Moments at which a write is given up, from its first microseconds to beyond its end.
const MOMENTS: u32 = 100;
const STEP: Duration = Duration::from_micros(40);

impl TestDatabase {
    /// A write of the store that a connection of the test's own sees afterwards.
    async fn assert_writes_arrive(&self) {
        for _ in 0..15 {
            self.clock.advance(TimeDelta::seconds(1));
            self.store.daemons().beat(GAP_MAX).await.unwrap();
            let now = self.clock.now().format("%Y-%m-%d %H:%M:%S").to_string();
            let rows = format!(
                "SELECT COUNT(*) FROM heartbeats WHERE program = 'daemon' AND CAST(beat_at AS varchar(30)) LIKE '{now}%'"
            );
            assert_eq!(self.number(&rows).await, 1, "{now}");
        }
    }

    /// Nobody holds what the next writer needs.
    async fn assert_nothing_is_held(&self) {
        if self.store.is_postgres() {
            let open = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
                        AND application_name = 'shopsync' AND state LIKE 'idle in transaction%'";
            for _ in 0..100 {
                if self.number(open).await == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            panic!("a session stays inside a transaction");
        }
        self.execute("UPDATE heartbeats SET since = since").await;
    }
}

both_databases! {
    async fn a_write_that_is_given_up_at_any_moment_leaves_no_transaction_open(test: TestDatabase) {
        test.store.daemons().beat(GAP_MAX).await.unwrap();
        for moment in 0..MOMENTS {
            tokio::time::timeout(STEP * moment, test.store.daemons().beat(GAP_MAX)).await.ok();
        }
        test.assert_nothing_is_held().await;
        test.assert_writes_arrive().await;
    }

    async fn a_transaction_that_the_database_ended_or_aborted_costs_its_own_writes_and_nothing_else(test: TestDatabase) {
        test.store.daemons().beat(GAP_MAX).await.unwrap();
        // On Postgres every further statement of the transaction is refused. SQLite rolls back by itself, and the driver
        // does not know; the rollback after the next error would then leave a transaction open.
        let triggers = if test.store.is_postgres() {
            test.execute(
                "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not like this'; END $$",
            )
            .await;
            ["FOR EACH ROW EXECUTE FUNCTION no()"; 2]
        } else {
            ["BEGIN SELECT RAISE(ROLLBACK, 'no'); END", "BEGIN SELECT RAISE(ABORT, 'no'); END"]
        };
        let removed = if test.store.is_postgres() { "DROP TRIGGER no ON heartbeats" } else { "DROP TRIGGER no" };
        for trigger in triggers.into_iter().cycle().take(6) {
            test.execute(&format!("CREATE TRIGGER no BEFORE UPDATE ON heartbeats {trigger}")).await;
            let error = test.store.daemons().beat(GAP_MAX).await.unwrap_err();
            assert!(error.is_named(), "{error:?}");
            test.execute(removed).await;
            test.assert_nothing_is_held().await;
            test.assert_writes_arrive().await;
        }
    }
}

/// As it does when its disk is full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_sqlite_ended_by_itself_costs_its_connection_and_nothing_else() {
    let test = TestDatabase::sqlite().await;
    test.store.daemons().beat(GAP_MAX).await.unwrap();
    test.execute(
        "CREATE TRIGGER no BEFORE UPDATE ON heartbeats BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END",
    )
    .await;
    for _ in 0..3 {
        test.store.daemons().beat(GAP_MAX).await.unwrap_err();
        test.execute("DELETE FROM heartbeats WHERE program = 'nobody'").await;
    }
    test.execute("DROP TRIGGER no").await;
    test.assert_nothing_is_held().await;
    test.assert_writes_arrive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_the_server_refuses_costs_its_connection_and_nothing_else() {
    let Some(test) = TestDatabase::postgres().await else { return };
    test.store.daemons().beat(GAP_MAX).await.unwrap();
    test.execute(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not like this'; END $$; \
         CREATE CONSTRAINT TRIGGER no AFTER UPDATE ON heartbeats DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION no()",
    )
    .await;
    for _ in 0..3 {
        let error = test.store.daemons().beat(GAP_MAX).await.unwrap_err();
        assert!(error.is_named(), "{error:?}");
        test.assert_nothing_is_held().await;
    }
    test.execute("DROP TRIGGER no ON heartbeats").await;
    test.assert_writes_arrive().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_cut_within_a_transaction_costs_nothing_else() {
    let Some(test) = TestDatabase::postgres().await else { return };
    test.store.daemons().beat(GAP_MAX).await.unwrap();
    test.execute(
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$; \
         CREATE TRIGGER cut BEFORE UPDATE ON heartbeats FOR EACH ROW EXECUTE FUNCTION cut()",
    )
    .await;
    let error = test.store.daemons().beat(GAP_MAX).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    test.execute("DROP TRIGGER cut ON heartbeats").await;
    test.assert_nothing_is_held().await;
    test.assert_writes_arrive().await;
}
