//! A clock that was ahead for a while leaves moments to come behind: none of them stops anything for longer than its
//! longest life. And a clock that is off costs no login.

use chrono::TimeDelta;
use shopsync::clock::Clock;
use shopsync::domain::entity::Kind;
use shopsync::domain::record::Lane;
use shopsync::sandbox::{Platform, Sandbox, SandboxSettings};
use shopsync::store::db::owner::Owner;
use shopsync::store::records::replay::Retyped;
use shopsync::store::reports::alarms::AlarmKey;

use crate::store::orders::{of, order};
use crate::support::context::{ContextSettings, TestContext, config_text, open_app};
use crate::support::databases::{TestDatabase, both_databases};

/// How far ahead the clock was.
const AHEAD: TimeDelta = TimeDelta::hours(8);
/// How long a record is off that the platform does not grant.
const OFF_FOR: TimeDelta = TimeDelta::hours(24);

both_databases! {
    async fn a_record_is_off_no_longer_than_a_day_whatever_a_clock_wrote_down(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings::default()).await;
        let store = &test.app.store;
        let now = test.clock.now();
        for (until, is_off) in [(now + OFF_FOR, true), (now + OFF_FOR + AHEAD, false)] {
            store.cursors().switch_off("temu-shop", "orders", "not granted", Some(until)).await.unwrap();
            let run = test.run("temu-shop", Lane::Update).await;
            assert_eq!(run.is_err(), is_off, "{run:?}");
        }
        assert!(store.cursors().off("temu-shop", "orders").await.unwrap().is_none(), "it is granted, and on again");
    }

    async fn an_alarm_is_claimed_no_longer_than_its_telling_takes_whatever_a_clock_wrote_down(test: TestDatabase) {
        let key = AlarmKey { cause: "lag".to_owned(), shop: "acme".to_owned(), record: "orders".to_owned() };
        test.store.alarms().note(std::slice::from_ref(&key), &[]).await.unwrap();
        let claim = async || {
            let seen: Vec<_> = test.store.alarms().all().await.unwrap().into_iter().collect();
            test.store.alarms().claim(&seen).await.unwrap().len()
        };
        test.clock.advance(AHEAD);
        assert_eq!((claim().await, claim().await), (1, 0), "one tells it");
        test.clock.advance(-AHEAD);
        assert_eq!((claim().await, claim().await), (1, 0), "the other was far ahead");
    }

    async fn a_daemon_that_a_clock_far_ahead_saw_at_work_is_gone(test: TestDatabase) {
        let owner = Owner::from("there:1:1:there".to_owned());
        let shops = ["acme".to_owned()];
        test.clock.advance(AHEAD);
        test.store.daemons().works(&owner, &shops).await.unwrap();
        test.clock.advance(-AHEAD);
        assert_eq!(test.store.daemons().shops().await.unwrap(), None);
        test.store.daemons().works(&owner, &shops).await.unwrap();
        test.clock.advance(TimeDelta::seconds(-30));
        assert_eq!(test.store.daemons().shops().await.unwrap().map(|shops| shops.len()), Some(1), "a step is no end");
    }

    async fn what_is_set_aside_waits_no_longer_than_a_day_whatever_a_clock_wrote_down(database: TestDatabase) {
        let sandbox = SandboxSettings { orders: 12, history: TimeDelta::hours(20), ..SandboxSettings::default() };
        let test = TestContext::new(database, ContextSettings { sandbox, ..ContextSettings::default() }).await;
        let number = test.sandbox.world().with(|world| {
            let number = world.numbers(Platform::Xiaohongshu, 0)[0].clone();
            let broken = shopsync::sandbox::Fault::new(shopsync::sandbox::FaultKind::InternalError);
            world.add_fault(broken.at("order.getOrderDetail").about(&number));
            number
        });
        for lane in [Lane::Update, Lane::Create] {
            test.run("xhs-shop", lane).await.unwrap();
        }
        test.sandbox.world().with(shopsync::sandbox::World::clear_faults);
        let waits = "SELECT COUNT(*) FROM quarantine WHERE next_try_at IS NOT NULL";
        assert_eq!(test.database.number(waits).await, 1, "{number}");
        for (until, left) in [(TimeDelta::hours(23), 1), (TimeDelta::hours(32), 0)] {
            let until = (test.clock.now() + until).format("%Y-%m-%d %H:%M:%S%.3f");
            let zone = if test.database.store.is_postgres() { "+00" } else { "" };
            test.database.execute(&format!("UPDATE quarantine SET next_try_at = '{until}{zone}'")).await;
            test.settle();
            test.run("xhs-shop", Lane::Update).await.unwrap();
            assert_eq!(test.database.number(waits).await, left, "{until}");
        }
    }

    async fn a_replay_believes_no_time_that_is_still_to_come(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        let now = test.clock.now();
        test.clock.advance(AHEAD);
        test.save(&lease, vec![order("A")]).await;
        test.clock.advance(-AHEAD);

        let raw = test.store.replay().raw_batch("acme", Kind::Order, None, 1).await.unwrap().remove(0).raw;
        let mut stored = order("A");
        of(&mut stored).paid_at = Some(now + TimeDelta::hours(4));
        of(&mut stored).updated_at = Some(now + TimeDelta::hours(4));
        let things = [Retyped { entity: stored.entity, raw }];
        assert_eq!(test.store.replay().rewrite_typed("acme", &things).await.unwrap(), 1);

        let rewritten = test.stored("A").await;
        assert_eq!((rewritten.paid_at, rewritten.updated_at), (None, Some(now)));
    }

    async fn a_clock_seven_minutes_off_costs_no_login(database: TestDatabase) {
        let folder = tempfile::tempdir().unwrap();
        for minutes in [7, -7] {
            let settings = SandboxSettings { clock: database.clock.clone(), ..SandboxSettings::default() };
            let sandbox = Sandbox::start(settings).await.unwrap();
            let url = secrecy::ExposeSecret::expose_secret(&database.settings.url);
            std::fs::write(folder.path().join("config.toml"), config_text(&sandbox, url, "", false)).unwrap();
            let clock = Clock::manual(database.clock.now() + TimeDelta::minutes(minutes));
            let app = open_app(&folder, &database, &clock).await;
            for (name, platform) in [("temu-shop", Platform::Temu), ("xhs-shop", Platform::Xiaohongshu)] {
                let code = sandbox.world().with(|world| world.issue_code(platform, 0));
                let status = app.tokens.login_code(app.shop(name).unwrap(), code.into()).await;
                assert!(status.is_ok_and(|status| status.usable), "{name}, {minutes} minutes");
            }
            sandbox.stop().await;
        }
    }
}
