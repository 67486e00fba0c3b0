//! A Postgres that ends our connections: told as unavailable, and survived.

use sea_orm::{ConnectionTrait, TransactionTrait};
use secrecy::ExposeSecret;
use shopsync::domain::record::Lane;

use crate::store::orders::{order, page};
use crate::support::databases::{self, TestDatabase};

const POLLS_MAX: u32 = 2_000;

impl TestDatabase {
    /// Ends the connections of this database that match, and tells how many there were.
    async fn end_connections(&self, matching: &str) -> i64 {
        self.number(&format!(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND {matching}"
        ))
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_were_ended_while_idle_are_replaced_unnoticed() {
    let Some(test) = TestDatabase::postgres().await else {
        return;
    };
    test.store.ping().await.unwrap();
    assert!(test.end_connections("application_name = 'shopsync'").await > 0);
    test.store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_connection_ends_is_reported_as_unavailable_and_can_be_done_again() {
    let Some(test) = TestDatabase::postgres().await else {
        return;
    };
    let lease = test.lease(Lane::Update).await;
    let other = databases::connect(test.settings.url.expose_secret()).await;
    let in_the_way = other.begin().await.unwrap();
    in_the_way.execute_unprepared("SELECT * FROM leases FOR UPDATE").await.unwrap();
    let commit = tokio::spawn({
        let (store, lease, page) =
            (test.store.clone(), lease.clone(), page(test.clock.now(), vec![order("A")]));
        async move { store.pages().commit(&lease, &page).await }
    });

    let mut ended = 0;
    for _ in 0..POLLS_MAX {
        ended = test.end_connections("wait_event_type = 'Lock' AND application_name = 'shopsync'").await;
        if ended > 0 {
            break;
        }
    }
    assert_eq!(ended, 1, "the commit was waiting for the lease");
    let error = commit.await.unwrap().unwrap_err();
    in_the_way.rollback().await.unwrap();

    assert!(error.is_unavailable(), "{error:?}");
    assert_eq!(test.number("SELECT count(*) FROM orders").await, 0);
    let again = test.store.pages().commit(&lease, &page(test.clock.now(), vec![order("A")])).await.unwrap();
    assert_eq!(again.written, 1);
}
