//! Leases: one writer per lane, and none that was overtaken.

use chrono::TimeDelta;
use shopsync::domain::record::{Lane, Record};
use shopsync::store::StoreError;
use shopsync::store::db::owner::Owner;
use shopsync::store::ledger::leases::{Acquired, LEASE_TTL, LaneKey, Lease};

use crate::support::databases::{TestDatabase, both_databases};

fn key() -> LaneKey {
    LaneKey { shop: "acme".to_owned(), record: Record::Orders, lane: Lane::Update }
}

/// An owner on a machine nothing is known of, so that only time can end its lease.
fn elsewhere(name: &str) -> Owner {
    Owner::from(format!("{name}:1:1:there"))
}

fn granted(acquired: Acquired) -> Lease {
    match acquired {
        Acquired::Granted(lease) => lease,
        Acquired::Held { owner, until } => panic!("held by {owner} until {until}"),
    }
}

impl TestDatabase {
    /// Lets the time run out, which on Postgres is the server's own.
    async fn expire_leases(&self) {
        self.clock.advance(LEASE_TTL + TimeDelta::milliseconds(1));
        if self.store.is_postgres() {
            self.execute("UPDATE leases SET until = until - interval '1 minute'").await;
        }
    }
}

both_databases! {
    async fn a_lease_that_a_clock_hours_ahead_wrote_down_is_none(test: TestDatabase) {
        granted(test.store.leases().acquire(&key(), &elsewhere("a")).await.unwrap());
        let ahead = if test.store.is_postgres() {
            "UPDATE leases SET until = until + interval '8 hours'"
        } else {
            "UPDATE leases SET until = strftime('%Y-%m-%d %H:%M:%f', until, '+8 hours')"
        };
        test.execute(ahead).await;

        granted(test.store.leases().acquire(&key(), &elsewhere("b")).await.unwrap());
    }

    async fn a_lane_has_one_holder_and_says_who(test: TestDatabase) {
        let first = elsewhere("a");
        granted(test.store.leases().acquire(&key(), &first).await.unwrap());

        let second = test.another_store().await.leases().acquire(&key(), &elsewhere("b")).await.unwrap();

        assert!(matches!(&second, Acquired::Held { owner, .. } if *owner == first), "{second:?}");
    }

    async fn lanes_and_shops_do_not_hinder_each_other(test: TestDatabase) {
        let other_lane = LaneKey { lane: Lane::Create, ..key() };
        let other_shop = LaneKey { shop: "bolt".to_owned(), ..key() };
        for key in [key(), other_lane, other_shop] {
            granted(test.store.leases().acquire(&key, &elsewhere("a")).await.unwrap());
        }
    }

    async fn a_released_lane_is_free_at_once(test: TestDatabase) {
        let lease = granted(test.store.leases().acquire(&key(), &elsewhere("a")).await.unwrap());
        test.store.leases().release(&lease).await.unwrap();

        let next = granted(test.store.leases().acquire(&key(), &elsewhere("b")).await.unwrap());

        assert!(next.fence > lease.fence);
    }

    async fn a_lease_that_runs_out_is_taken_over_and_its_old_holder_can_do_nothing(test: TestDatabase) {
        let old = granted(test.store.leases().acquire(&key(), &elsewhere("a")).await.unwrap());
        test.expire_leases().await;
        let new = granted(test.store.leases().acquire(&key(), &elsewhere("b")).await.unwrap());

        let renewed = test.store.leases().renew(&old).await;
        test.store.leases().release(&old).await.unwrap();

        assert!(matches!(renewed, Err(StoreError::LeaseLost { .. })), "{renewed:?}");
        let third = test.store.leases().acquire(&key(), &elsewhere("c")).await.unwrap();
        assert!(matches!(&third, Acquired::Held { owner, .. } if *owner == new.owner), "{third:?}");
    }

    async fn a_renewed_lease_lives_on(test: TestDatabase) {
        let lease = granted(test.store.leases().acquire(&key(), &elsewhere("a")).await.unwrap());
        test.expire_leases().await;
        test.store.leases().renew(&lease).await.unwrap();

        let second = test.store.leases().acquire(&key(), &elsewhere("b")).await.unwrap();

        assert!(matches!(second, Acquired::Held { .. }), "{second:?}");
    }

    async fn the_lease_of_a_process_that_died_here_is_taken_at_once(test: TestDatabase) {
        let here = Owner::this_process();
        // The same machine and boot, but a start time no process with this number has.
        let mut parts: Vec<&str> = here.as_str().split(':').collect();
        parts[2] = "1";
        let dead = Owner::from(parts.join(":"));
        granted(test.store.leases().acquire(&key(), &dead).await.unwrap());

        let mine = granted(test.store.leases().acquire(&key(), &here).await.unwrap());

        let second = test.store.leases().acquire(&key(), &here).await.unwrap();
        assert!(matches!(second, Acquired::Held { .. }), "alive: {second:?}");
        test.store.leases().renew(&mine).await.unwrap();
    }

    async fn of_many_who_want_a_lane_at_once_one_gets_it(test: TestDatabase) {
        let mut attempts = tokio::task::JoinSet::new();
        for number in 0..8 {
            let store = test.another_store().await;
            attempts.spawn(async move { store.leases().acquire(&key(), &elsewhere(&format!("p{number}"))).await.unwrap() });
        }

        let acquired = attempts.join_all().await;

        let winners = acquired.iter().filter(|one| matches!(one, Acquired::Granted(_))).count();
        assert_eq!(winners, 1, "{acquired:?}");
    }
}
