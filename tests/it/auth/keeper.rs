//! Grants are kept alive with or without jobs, by however many programs; none ends in silence, and none is told twice.

use std::time::Duration;

use chrono::TimeDelta;
use shopsync::auth::policy::OwnerReason;
use shopsync::store::grants::grant_marks::GrantMark;

use crate::auth::keeper_context::{Keeping, look, look_all};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::events;

const DAY: TimeDelta = TimeDelta::days(1);
/// Before the end of a week's token: late enough that it is due, whatever the shop's jitter.
const DUE: TimeDelta = TimeDelta::minutes(24);

both_databases! {
    async fn what_is_due_is_renewed_though_no_job_asks_and_what_is_not_is_left_alone(test: TestDatabase) {
        let test = Keeping::renewing(test, 3).await;
        let keeper = test.keeper();
        for days in [0, 3, 6] {
            test.database.clock.set(test.grant(test.shop()).await.tokens.obtained_at + TimeDelta::days(days));
            look(&keeper).await;
            assert_eq!(test.service.with(|world| world.refresh_calls), 0, "after {days} days");
        }

        test.pass(DAY - DUE);
        look_all(&[keeper.clone(), test.another_keeper().await]).await;
        look(&keeper).await;

        assert_eq!(test.service.with(|world| (world.refresh_calls, world.spent)), (3, 0));
        for shop in &test.shops {
            assert_eq!(test.grant(shop).await.version, 2);
        }
    }

    async fn two_hundred_shops_due_at_once_are_renewed_a_few_at_a_time(test: TestDatabase) {
        let test = Keeping::renewing(test, 200).await;
        test.service.with(|world| world.delay = Duration::from_millis(30));
        test.pass(TimeDelta::days(7) - DUE);
        let begun = std::time::Instant::now();

        look(&test.keeper()).await;

        test.service.with(|world| {
            assert_eq!((world.refreshes, world.spent), (200, 0));
            assert!((2..=4).contains(&world.in_flight_max), "{} at once", world.in_flight_max);
        });
        assert!(begun.elapsed() > Duration::from_secs(3), "spread in time");
    }

    async fn one_shops_trouble_does_not_stop_the_others(test: TestDatabase) {
        let test = Keeping::renewing(test, 5).await;
        let spoil = format!("UPDATE credentials SET state = 'flux' WHERE shop = '{}'", test.name());
        test.database.execute(&spoil).await;
        test.service.revoke(&test.shops[1].name);
        test.pass(TimeDelta::days(7) - DUE);
        let keeper = test.keeper();

        look(&keeper).await;
        look(&keeper).await;

        assert_eq!(test.service.with(|world| world.refreshes), 3);
        assert_eq!(test.told("token.keep_failed"), 1, "and not at each look");
        assert_eq!(events::told("token.needs_owner", &test.shops[1].name).len(), 1);
    }

    async fn a_throttled_grant_is_left_alone_until_its_pause_is_over_in_every_program(test: TestDatabase) {
        let test = Keeping::renewing(test, 1).await;
        test.pass(TimeDelta::days(7) - DUE);
        test.service.with(|world| world.throttles = true);
        look(&test.keeper()).await;
        test.service.with(|world| world.throttles = false);

        let restarted = test.another_keeper().await;
        look(&restarted).await;
        assert_eq!(test.service.with(|world| world.refresh_calls), 1);

        test.pass(TimeDelta::seconds(6));
        look(&restarted).await;
        assert_eq!(test.service.with(|world| (world.refresh_calls, world.refreshes)), (2, 1));
    }

    async fn a_refresh_that_a_dead_process_began_is_taken_up_at_the_start(test: TestDatabase) {
        let test = Keeping::renewing(test, 1).await;
        let begun = "UPDATE credentials SET state = 'refreshing', attempt_id = 'a', attempt_rt_hash = 'h', \
                     attempt_at = obtained_at";
        test.database.execute(begun).await;
        test.pass(TimeDelta::days(8));

        look(&test.keeper()).await;

        let row = test.grant(test.shop()).await;
        assert_eq!((row.version, row.condition.as_str()), (2, "active"));
    }

    async fn four_programs_warn_once_of_each_threshold_and_of_the_death_once_a_day(test: TestDatabase) {
        let test = Keeping::by_hand(test).await;
        let mut keepers = Vec::new();
        for _ in 0..4 {
            keepers.push(test.another_keeper().await);
        }
        let warnings = || events::told("token.expiring", test.name());
        test.pass(TimeDelta::days(55));
        for day in 55..90 {
            look_all(&keepers).await;
            look_all(&keepers).await;
            if day == 80 {
                // A restart forgets nothing.
                keepers[0] = test.another_keeper().await;
            }
            test.pass(DAY);
        }
        let days: Vec<bool> = [30, 14, 7, 3, 1]
            .iter()
            .zip(warnings())
            .map(|(days, told)| told.text.contains(&format!("token=access days={days} ")))
            .collect();
        assert_eq!((warnings().len(), days), (5, vec![true; 5]), "{:?}", warnings());
        assert_eq!(test.told("token.needs_owner"), 0);

        for day in 1..=3 {
            for _ in 0..3 {
                look_all(&keepers).await;
            }
            assert_eq!(test.told("token.needs_owner"), day);
            test.pass(DAY);
        }
        assert_eq!((warnings().len(), test.told("shop.paused")), (5, 1));
    }

    async fn a_new_grant_is_warned_of_from_the_start(test: TestDatabase) {
        let test = Keeping::by_hand(test).await;
        let keeper = test.keeper();
        for _ in 0..2 {
            test.pass(TimeDelta::days(70));
            look(&keeper).await;
            test.replace(&test.tokens).await;
        }
        assert_eq!(test.told("token.expiring"), 2);
        assert_eq!(test.row().await.warned_at, None);
    }

    async fn a_dead_shop_is_paused_and_goes_on_once_another_program_authorises_it(test: TestDatabase) {
        let test = Keeping::by_hand(test).await;
        let keeper = test.keeper();
        test.pass(TimeDelta::days(91));
        look(&keeper).await;
        look(&keeper).await;
        let pause = test.row().await.pause.unwrap();
        assert_eq!(OwnerReason::parse(&pause.reason), Some(OwnerReason::AccessEnded));
        assert_eq!((test.told("shop.paused"), test.told("shop.resumed")), (1, 0));
        assert!(test.tokens.access(test.shop()).await.is_err());

        test.replace(&test.another_program().await).await;

        assert_eq!(test.row().await.pause, None);
        assert!(test.tokens.access(test.shop()).await.is_ok(), "without a restart");
        look(&keeper).await;
        look(&keeper).await;
        // By the program that was told, and by the one that noticed.
        assert_eq!((test.told("shop.paused"), test.told("shop.resumed")), (1, 2));
    }

    async fn a_pause_that_came_after_the_new_grant_is_lifted(test: TestDatabase) {
        let test = Keeping::by_hand(test).await;
        let keeper = test.keeper();
        test.database.store.shops().pause(test.name(), OwnerReason::AccessEnded.as_str(), None).await.unwrap();
        look(&keeper).await;
        look(&keeper).await;
        assert_eq!((test.row().await.pause, test.told("shop.resumed")), (None, 1));

        test.database.store.shops().pause(test.name(), "by hand", None).await.unwrap();
        look(&keeper).await;
        assert!(test.row().await.pause.is_some(), "a pause of somebody else stays");
    }

    async fn two_programs_ask_once_a_day_what_a_grant_holds(test: TestDatabase) {
        let test = Keeping::by_hand(test).await;
        let keepers = [test.keeper(), test.another_keeper().await];
        test.service.with(|world| world.info_calls = 0);
        for _ in 0..72 {
            look_all(&keepers).await;
            test.pass(TimeDelta::hours(1));
        }
        // At the start, and on the days that begin at the three midnights that follow.
        assert_eq!(test.service.with(|world| world.info_calls), 4);
    }

    async fn a_token_its_owner_took_back_is_noticed_within_a_day(test: TestDatabase) {
        let test = Keeping::by_hand(test).await;
        let keeper = test.keeper();
        look(&keeper).await;
        test.service.revoke(test.name());
        for _ in 0..26 {
            test.pass(TimeDelta::hours(1));
            look(&keeper).await;
        }
        let pause = test.row().await.pause.unwrap();
        assert_eq!(OwnerReason::parse(&pause.reason), Some(OwnerReason::AccessRefused));
        assert_eq!(test.told("token.needs_owner"), 1);
    }

    async fn an_inspection_that_failed_on_the_way_is_tried_again_but_not_at_once(test: TestDatabase) {
        let test = Keeping::by_hand(test).await;
        let keeper = test.keeper();
        test.service.with(|world| (world.is_down, world.info_calls) = (true, 0));
        look(&keeper).await;
        look(&keeper).await;
        assert_eq!(test.service.with(|world| world.info_calls), 1);
        assert_eq!(test.row().await.inspected_at, None);

        test.service.with(|world| world.is_down = false);
        test.pass(TimeDelta::minutes(11));
        look(&keeper).await;
        assert_eq!(test.row().await.inspected_at, Some(test.database.clock.now()));
        assert_eq!(test.told("token.needs_owner"), 0);
    }

    async fn what_a_grant_does_not_list_is_reported_once_a_day_and_switches_nothing_off(test: TestDatabase) {
        let test = Keeping::by_hand(test).await;
        let keeper = test.keeper();
        test.service.with(|world| {
            world.scopes = Some(vec!["bg.open.accesstoken.info.get", "bg.order.list.v2.get"]);
        });
        look(&keeper).await;
        look(&keeper).await;
        let told = events::told("token.scope_missing", test.name());
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].text.contains("record=orders") && told[0].text.contains("bg.order.amount.query"), "{told:?}");
        assert!(test.tokens.access(test.shop()).await.is_ok() && test.row().await.pause.is_none());

        test.service.with(|world| world.scopes.as_mut().unwrap().push("bg.order.amount.query"));
        test.pass(DAY);
        look(&keeper).await;
        assert_eq!(test.told("token.scope_missing"), 1);
    }

    async fn of_many_who_saw_the_same_mark_one_moves_it(test: TestDatabase) {
        let test = Keeping::by_hand(test).await;
        let (store, now) = (&test.database.store, test.database.clock.now());
        for mark in [GrantMark::Warned, GrantMark::Inspected] {
            for (seen, to, expected) in [
                (Some(now), Some(now), false),
                (None, Some(now), true),
                (None, Some(now), false),
                (Some(now), None, true),
                (None, Some(now + DAY), true),
            ] {
                let moved = store.grants().mark(test.name(), mark, seen, to).await.unwrap();
                assert_eq!(moved, expected, "{mark:?} from {seen:?} to {to:?}");
            }
        }
    }
}
