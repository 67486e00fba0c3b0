//! What every place that keeps grants must do, checked on each of them.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use shopsync::auth::grants::Grants;
use shopsync::auth::memory::MemoryTokenStore;
use shopsync::auth::token_store::TokenStore;
use shopsync::clock::Clock;
use shopsync::domain::credential::{
    Attempt, Claim, Condition, Intent, NewTokens, SealedTokens, Settlement, Trouble,
};

use crate::databases::{TestDatabase, at, both_databases};

const SHOP: &str = "acme";
const LEASE: TimeDelta = TimeDelta::seconds(30);

/// A lease that no process on this machine holds, so that only time can end it.
const ELSEWHERE: &str = "there:1:1:there";

fn tokens(version: i64) -> NewTokens {
    NewTokens {
        version,
        condition: Condition::Active,
        tokens: SealedTokens {
            access_sealed: Some(format!("v1:main:access{version}")),
            access_ends_at: at("2026-11-27 12:00:00.123"),
            refresh_sealed: Some(format!("v1:main:refresh{version}")),
            refresh_ends_at: Some(at("2026-12-04 12:00:00")),
            key_id: "main".to_owned(),
            obtained_at: at("2026-11-20 12:00:00"),
        },
        granted_at: at("2026-11-01 00:00:00"),
        previous_refresh_sealed: Some(format!("v1:main:previous{version}")),
        not_before: None,
        trouble: None,
    }
}

fn intent(id: &str, lease: TimeDelta, now: DateTime<Utc>) -> Intent {
    Intent {
        attempt: Attempt { id: id.to_owned(), refresh_hash: "hash".to_owned(), at: now },
        condition: Condition::Refreshing,
        owner: ELSEWHERE.to_owned(),
        lease,
        pauses_until: now,
    }
}

/// One store under test.
struct Case {
    store: Grants,
    raw: Arc<dyn TokenStore>,
    clock: Clock,
}

impl Case {
    fn new(raw: Arc<dyn TokenStore>, clock: &Clock) -> Self {
        Self { store: Grants::new(raw.clone()), raw, clock: clock.clone() }
    }

    async fn put(&self) -> Claim {
        assert!(self.store.put(SHOP, None, &tokens(1)).await.unwrap());
        self.claim().await
    }

    async fn claim(&self) -> Claim {
        self.store.load(SHOP).await.unwrap().unwrap().claim()
    }

    async fn begin(&self, claim: &Claim, id: &str, lease: TimeDelta) -> Option<Claim> {
        let intent = intent(id, lease, self.clock.now());
        self.store.begin(claim, &intent).await.unwrap()
    }

    async fn what_is_put_is_read_back(&self) {
        assert_eq!(self.store.load(SHOP).await.unwrap(), None);
        let claim = self.put().await;
        let row = self.store.load(SHOP).await.unwrap().unwrap();
        assert_eq!((row.version, row.condition, row.lease.is_some()), (1, Condition::Active, false));
        assert_eq!(row.tokens, tokens(1).tokens);
        assert_eq!(row.granted_at, tokens(1).granted_at);
        assert_eq!(row.previous_refresh_sealed, tokens(1).previous_refresh_sealed);
        assert_eq!(self.store.list().await.unwrap(), [row]);
        assert_eq!(self.store.key_ids().await.unwrap().into_iter().collect::<Vec<_>>(), ["main"]);

        assert!(!self.store.put(SHOP, None, &tokens(1)).await.unwrap(), "there is one already");
        assert!(self.store.put(SHOP, Some(&claim), &tokens(2)).await.unwrap());
        assert!(!self.store.put(SHOP, Some(&claim), &tokens(2)).await.unwrap(), "the claim is old");
        assert!(self.store.clear(SHOP).await.unwrap());
        assert!(!self.store.clear(SHOP).await.unwrap());
        assert_eq!(self.store.load(SHOP).await.unwrap(), None);
    }

    async fn a_row_that_changed_in_any_way_is_not_written_over(&self) {
        let claim = self.put().await;
        let row = self.raw.load(SHOP).await.unwrap().unwrap();
        let settled = row.settled(&settlement(None));
        assert!(!self.raw.swap(None, &settled).await.unwrap(), "there is one");
        assert!(self.raw.swap(Some(&claim), &settled).await.unwrap());
        assert!(!self.raw.swap(Some(&claim), &settled).await.unwrap(), "it was settled meanwhile");
        assert_eq!(self.raw.load(SHOP).await.unwrap(), Some(settled.clone()));

        let absent = Claim { shop: "nobody".to_owned(), ..claim };
        assert!(!self.raw.swap(Some(&absent), &settled).await.unwrap());
    }

    async fn one_of_two_who_begin_gets_the_right(&self) {
        let claim = self.put().await;
        let begun = self.begin(&claim, "one", LEASE).await.unwrap();
        assert_eq!(self.begin(&claim, "two", LEASE).await, None, "with the claim of before");
        let seen = self.claim().await;
        assert_eq!(seen, begun);
        assert_eq!(self.begin(&seen, "three", LEASE).await, None, "with the claim of now");
        let row = self.store.load(SHOP).await.unwrap().unwrap();
        assert_eq!((row.condition, row.lease.is_some()), (Condition::Refreshing, true));
        assert_eq!(row.attempt.unwrap().id, "one");
    }

    async fn a_holder_that_was_overtaken_can_neither_commit_nor_release(&self) {
        let claim = self.put().await;
        let frozen = self.begin(&claim, "frozen", TimeDelta::zero()).await.unwrap();
        assert!(!self.store.load(SHOP).await.unwrap().unwrap().lease.is_some(), "its lease is over");
        let winner = self.begin(&frozen, "winner", LEASE).await.unwrap();

        assert!(!self.store.commit(&frozen, &tokens(2)).await.unwrap());
        let settlement = settlement(None);
        assert!(!self.store.settle(&frozen, &settlement).await.unwrap());
        let row = self.store.load(SHOP).await.unwrap().unwrap();
        assert_eq!((row.version, row.lease.is_some()), (1, true), "still the winner's");

        assert!(self.store.commit(&winner, &tokens(2)).await.unwrap());
        let row = self.store.load(SHOP).await.unwrap().unwrap();
        assert_eq!((row.version, row.lease.is_some(), row.condition), (2, false, Condition::Active));
        assert_eq!(row.tokens, tokens(2).tokens);
        assert!(!self.store.commit(&winner, &tokens(3)).await.unwrap(), "a right is used once");
    }

    async fn a_holder_keeps_its_right_past_the_lease_while_nobody_wants_it(&self) {
        let claim = self.put().await;
        let late = self.begin(&claim, "late", TimeDelta::zero()).await.unwrap();
        assert!(self.store.commit(&late, &tokens(2)).await.unwrap());
    }

    async fn a_pause_holds_and_may_be_passed_over(&self) {
        let claim = self.put().await;
        let begun = self.begin(&claim, "one", LEASE).await.unwrap();
        let until = self.clock.now() + TimeDelta::minutes(5);
        assert!(self.store.settle(&begun, &settlement(Some(until))).await.unwrap());

        let row = self.store.load(SHOP).await.unwrap().unwrap();
        assert_eq!((row.condition, row.not_before), (Condition::Throttled, Some(until)));
        assert_eq!(row.trouble, settlement(None).trouble);
        assert_eq!(row.tokens, tokens(1).tokens, "no token is touched");
        assert_eq!(self.begin(&row.claim(), "two", LEASE).await, None);
        let late = Intent { pauses_until: until, ..intent("three", LEASE, self.clock.now()) };
        assert!(self.store.begin(&row.claim(), &late).await.unwrap().is_some());
    }

    async fn an_authorisation_takes_the_right_from_a_refresh_under_way(&self) {
        let claim = self.put().await;
        let begun = self.begin(&claim, "one", LEASE).await.unwrap();
        assert!(self.store.put(SHOP, Some(&self.claim().await), &tokens(2)).await.unwrap());
        assert!(!self.store.commit(&begun, &tokens(2)).await.unwrap());
        let row = self.store.load(SHOP).await.unwrap().unwrap();
        assert_eq!((row.lease.is_some(), row.attempt.as_ref()), (false, None));
        assert!(self.begin(&row.claim(), "two", LEASE).await.is_some());
    }

    async fn a_refresh_of_a_grant_that_was_cleared_writes_nothing(&self) {
        let claim = self.put().await;
        let begun = self.begin(&claim, "one", LEASE).await.unwrap();
        self.store.clear(SHOP).await.unwrap();
        assert!(!self.store.commit(&begun, &tokens(2)).await.unwrap());
        let again = self.put().await;
        self.begin(&again, "two", LEASE).await.unwrap();
        assert!(!self.store.commit(&begun, &tokens(2)).await.unwrap(), "though version and fence are equal");
    }
}

fn settlement(not_before: Option<DateTime<Utc>>) -> Settlement {
    Settlement {
        condition: Condition::Throttled,
        not_before,
        trouble: Some(Trouble {
            class: "throttled".to_owned(),
            message: "the platform asks for fewer calls".to_owned(),
        }),
        access_ends_at: None,
    }
}

/// One test for each rule and store.
macro_rules! every_store {
    ($($name:ident)+) => {
        both_databases! {$(
            async fn $name(test: TestDatabase) {
                Case::new(Arc::new(test.store.clone()), &test.clock).$name().await;
            }
        )+}

        mod in_memory {$(
            #[tokio::test]
            async fn $name() {
                let clock = super::Clock::manual(super::at("2026-11-20 12:00:00"));
                let store = super::MemoryTokenStore::new(clock.clone());
                super::Case::new(super::Arc::new(store), &clock).$name().await;
            }
        )+}
    };
}

every_store! {
    what_is_put_is_read_back
    a_row_that_changed_in_any_way_is_not_written_over
    one_of_two_who_begin_gets_the_right
    a_holder_that_was_overtaken_can_neither_commit_nor_release
    a_holder_keeps_its_right_past_the_lease_while_nobody_wants_it
    a_pause_holds_and_may_be_passed_over
    an_authorisation_takes_the_right_from_a_refresh_under_way
    a_refresh_of_a_grant_that_was_cleared_writes_nothing
}

both_databases! {
    async fn of_many_programs_that_begin_at_once_one_gets_the_right(test: TestDatabase) {
        let case = Case::new(Arc::new(test.store.clone()), &test.clock);
        let claim = case.put().await;
        let mut attempts = tokio::task::JoinSet::new();
        for number in 0..8 {
            let (store, claim, now) = (test.another_store().await, claim.clone(), test.clock.now());
            attempts.spawn(async move {
                Grants::new(Arc::new(store)).begin(&claim, &intent(&number.to_string(), LEASE, now)).await.unwrap()
            });
        }

        let begun = attempts.join_all().await;

        assert_eq!(begun.iter().filter(|claim| claim.is_some()).count(), 1, "{begun:?}");
    }
}
