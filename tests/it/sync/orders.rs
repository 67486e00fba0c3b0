//! Orders of both platforms, from the first page to the last row, on both databases.

use chrono::TimeDelta;
use shopsync::domain::record::Lane;
use shopsync::sandbox::{Drift, Fault, FaultKind, Faults, Platform, SandboxSettings};

use crate::support::context::{ContextSettings, SHOPS, TestContext};
use crate::support::databases::{TestDatabase, both_databases};

const TEMU_LIST: &str = "bg.order.list.v2.get";
const TEMU_DETAIL: &str = "bg.order.detail.v2.get";
const TEMU_AMOUNT: &str = "bg.order.amount.query";
const XHS_LIST: &str = "order.getOrderList";
const XHS_DETAIL: &str = "order.getOrderDetail";

both_databases! {
    async fn ten_thousand_orders_amid_drift_and_faults_end_up_equal_to_the_truth(database: TestDatabase) {
        let faults = Faults::new(troubles());
        let test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings {
                orders: 10_000,
                burst: true,
                drift: Drift { per_list_request: 2, ..Drift::default() },
                faults,
                ..SandboxSettings::default()
            },
            sync: "history = \"30d\"\noverlap = \"10m\"\nsettle = \"5s\"\n".to_owned(),
            ..ContextSettings::default()
        }).await;

        // An order that changes twice in one moment, and is read in between, looks the same in the list.
        let clock = test.clock.clone();
        test.sandbox.world().with(|world| {
            world.on_request(Box::new(move |_, _| clock.advance(TimeDelta::milliseconds(1))));
        });

        for (name, ..) in SHOPS {
            until_it_works(&test, name).await;
        }
        test.sandbox.world().with(|world| {
            world.remove_hook();
            world.clear_faults();
            world.set_drift(Drift::default());
        });
        test.settle();
        for (name, ..) in SHOPS {
            test.sync(name).await;
        }

        test.assert_equals_truth().await;
    }

    async fn a_sync_with_nothing_changed_requests_no_detail_and_no_money(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings { orders: 150, history: TimeDelta::hours(30), ..SandboxSettings::default() },
            amounts: true,
            ..ContextSettings::default()
        }).await;
        for (name, ..) in SHOPS {
            test.sync(name).await;
        }
        test.sandbox.world().with(shopsync::sandbox::World::reset_counters);

        test.settle();
        for (name, ..) in SHOPS {
            test.sync(name).await;
        }

        test.sandbox.world().with(|world| {
            for api in [TEMU_DETAIL, TEMU_AMOUNT, XHS_DETAIL] {
                assert_eq!(world.calls(api), 0, "{api}");
            }
            assert!(world.calls(TEMU_LIST) >= 1 && world.calls(XHS_LIST) >= 1);
        });
        test.assert_equals_truth().await;
    }

    async fn a_window_of_one_page_costs_one_call(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings { orders: 20, history: TimeDelta::hours(20), ..SandboxSettings::default() },
            ..ContextSettings::default()
        }).await;
        test.sync("temu-shop").await;
        test.sandbox.world().with(|world| {
            world.reset_counters();
            world.create_order(Platform::Temu, 0);
        });

        test.settle();
        test.sync("temu-shop").await;

        assert_eq!(test.sandbox.world().with(|world| world.calls(TEMU_LIST)), 1);
        test.assert_orders_of("temu-shop").await;
    }

    async fn two_days_of_downtime_are_caught_up_in_windows_the_platform_allows(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings { orders: 50, history: TimeDelta::hours(20), ..SandboxSettings::default() },
            ..ContextSettings::default()
        }).await;
        test.sync("xhs-shop").await;
        for _ in 0..96 {
            test.clock.advance(TimeDelta::minutes(30));
            test.sandbox.world().with(|world| {
                let number = world.create_order(Platform::Xiaohongshu, 0);
                world.advance_status(Platform::Xiaohongshu, 0, &number);
            });
        }
        test.sandbox.world().with(shopsync::sandbox::World::reset_counters);

        test.settle();
        test.sync("xhs-shop").await;

        let calls = test.sandbox.world().with(|world| world.calls(XHS_LIST));
        assert!((96..=102).contains(&calls), "{calls} list calls for 96 half hours");
        test.assert_orders_of("xhs-shop").await;
    }

    async fn a_host_minutes_off_loses_nothing(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings { orders: 80, history: TimeDelta::hours(20), ..SandboxSettings::default() },
            ..ContextSettings::default()
        }).await;

        for skew in [TimeDelta::minutes(4), TimeDelta::minutes(-4)] {
            test.sandbox.world().with(|world| world.set_skew(skew));
            // The skew is learned from the answers; a jump of minutes takes a few of them to be believed.
            test.clock.advance(TimeDelta::minutes(11));
            for _ in 0..6 {
                for (name, platform, index) in SHOPS {
                    test.sandbox.world().with(|world| {
                        let number = world.create_order(platform, index);
                        world.change_lines(platform, index, &number);
                    });
                    test.clock.advance(TimeDelta::seconds(40));
                    test.run(name, Lane::Update).await.unwrap();
                }
            }
            test.clock.advance(TimeDelta::minutes(10));
            for (name, ..) in SHOPS {
                test.sync(name).await;
                test.assert_orders_of(name).await;
            }
        }
    }

    async fn a_page_that_fails_for_good_fails_its_window_and_holds_the_cursor(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings { orders: 0, ..SandboxSettings::default() },
            ..ContextSettings::default()
        }).await;
        test.sync("temu-shop").await;
        let before = test.cursor("temu-shop").await;
        test.sandbox.world().with(|world| {
            for _ in 0..250 {
                world.create_order(Platform::Temu, 0);
            }
            // The first page answers, every later one does not.
            let mut calls = 0;
            world.on_request(Box::new(move |world, request| {
                calls += u32::from(request.api == TEMU_LIST);
                if calls == 2 {
                    world.add_fault(Fault::new(FaultKind::InternalError).at(TEMU_LIST));
                }
            }));
        });

        test.settle();
        let outcome = test.run("temu-shop", Lane::Update).await;

        assert!(outcome.is_err_and(|error| error.contains("HTTP 500")));
        assert_eq!(test.cursor("temu-shop").await, before);
        test.sandbox.world().with(|world| {
            world.remove_hook();
            world.clear_faults();
        });
        test.sync("temu-shop").await;
        test.assert_orders_of("temu-shop").await;
    }

    async fn one_row_that_cannot_be_read_is_set_aside_and_the_others_arrive(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings { orders: 0, ..SandboxSettings::default() },
            ..ContextSettings::default()
        }).await;
        for (name, ..) in SHOPS {
            test.sync(name).await;
        }
        test.sandbox.world().with(|world| {
            for (_, platform, index) in SHOPS {
                for _ in 0..10 {
                    world.create_order(platform, index);
                }
            }
            world.add_fault(Fault::new(FaultKind::UnreadableRow));
        });

        test.settle();
        for (name, ..) in SHOPS {
            let counts = test.run(name, Lane::Update).await.unwrap();
            assert_eq!((counts.rows_quarantined, counts.rows_written), (1, 9), "{name}");
        }
        assert_eq!(test.database.number("SELECT COUNT(*) FROM quarantine").await, 2);

        // It becomes readable: stored, and out of quarantine in the same transaction.
        test.sandbox.world().with(shopsync::sandbox::World::clear_faults);
        test.settle();
        for (name, ..) in SHOPS {
            test.sync(name).await;
        }
        assert_eq!(test.database.number("SELECT COUNT(*) FROM quarantine").await, 0);
        test.assert_equals_truth().await;
    }

    async fn a_page_that_is_mostly_unreadable_is_a_changed_platform(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings { orders: 0, ..SandboxSettings::default() },
            ..ContextSettings::default()
        }).await;
        test.sync("xhs-shop").await;
        let before = test.cursor("xhs-shop").await;
        test.sandbox.world().with(|world| {
            for _ in 0..6 {
                world.create_order(Platform::Xiaohongshu, 0);
            }
            world.add_fault(Fault::new(FaultKind::Business { code: 50_209, message: "换了".to_owned() }).at(XHS_DETAIL));
        });

        test.settle();
        let outcome = test.run("xhs-shop", Lane::Update).await;

        assert!(outcome.is_err_and(|error| error.contains("6 of 6 rows")));
        assert_eq!(test.cursor("xhs-shop").await, before);
        assert_eq!(test.database.number("SELECT COUNT(*) FROM quarantine").await, 0);
    }

    async fn an_api_that_is_not_granted_is_reported_once_and_tried_again_daily(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings { orders: 5, history: TimeDelta::hours(20), ..SandboxSettings::default() },
            amounts: true,
            ..ContextSettings::default()
        }).await;
        test.sandbox.world().with(|world| world.set_granted(Platform::Temu, 0, TEMU_AMOUNT, false));

        test.sync("temu-shop").await;
        let outcome = test.run("temu-shop", Lane::Amounts).await;

        assert!(outcome.is_err_and(|error| error.contains("amounts are off")));
        assert_eq!(test.sandbox.world().with(|world| world.calls(TEMU_AMOUNT)), 1);
        assert_eq!(test.database.number("SELECT COUNT(*) FROM orders WHERE shop = 'temu-shop'").await, 5);

        test.sandbox.world().with(|world| world.set_granted(Platform::Temu, 0, TEMU_AMOUNT, true));
        test.clock.advance(TimeDelta::hours(25));
        test.sync("temu-shop").await;
        test.assert_orders_of("temu-shop").await;
    }

    async fn money_that_becomes_due_during_a_drain_is_read_by_that_drain(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings { orders: 5, history: TimeDelta::hours(20), ..SandboxSettings::default() },
            amounts: true,
            ..ContextSettings::default()
        }).await;
        for lane in [Lane::Update, Lane::Create] {
            test.run("temu-shop", lane).await.unwrap();
        }
        // As a case does that is read while the drain runs: it moves the due moment of its order.
        let soon = (test.clock.now() + TimeDelta::milliseconds(500)).format("%Y-%m-%d %H:%M:%S%.3f");
        test.database.execute(&format!(
            "UPDATE orders SET amounts_due_at = '{soon}' WHERE shop = 'temu-shop' \
             AND number IN (SELECT number FROM orders WHERE shop = 'temu-shop' ORDER BY number LIMIT 2)"
        )).await;
        let clock = test.clock.clone();
        test.sandbox.world().with(|world| {
            world.on_request(Box::new(move |_, _| clock.advance(TimeDelta::seconds(1))));
        });

        test.run("temu-shop", Lane::Amounts).await.unwrap();

        assert_eq!(test.database.number("SELECT COUNT(*) FROM orders WHERE shop = 'temu-shop' AND amounts_at IS NULL").await, 0);
        assert_eq!(test.sandbox.world().with(|world| world.calls(TEMU_AMOUNT)), 5);
    }

    async fn money_that_is_still_being_calculated_is_requested_an_hour_later(database: TestDatabase) {
        let test = TestContext::new(database, ContextSettings {
            sandbox: SandboxSettings { orders: 5, history: TimeDelta::hours(20), ..SandboxSettings::default() },
            amounts: true,
            ..ContextSettings::default()
        }).await;
        test.sandbox.world().with(|world| world.add_fault(Fault::new(FaultKind::StillCalculated).at(TEMU_AMOUNT)));
        test.sync("temu-shop").await;
        let asked = test.sandbox.world().with(|world| world.calls(TEMU_AMOUNT));
        assert_eq!(asked, 5);

        test.sandbox.world().with(shopsync::sandbox::World::clear_faults);
        test.clock.advance(TimeDelta::minutes(50));
        test.sync("temu-shop").await;
        assert_eq!(test.sandbox.world().with(|world| world.calls(TEMU_AMOUNT)), asked, "not within the hour");

        test.clock.advance(TimeDelta::minutes(11));
        test.sync("temu-shop").await;
        test.assert_orders_of("temu-shop").await;
    }
}

/// Everything a network and a platform can do to a reader, each now and then.
fn troubles() -> Vec<Fault> {
    let rare = |kind| Fault::new(kind).with_probability(0.004);
    vec![
        rare(FaultKind::InternalError),
        rare(FaultKind::BadGateway),
        rare(FaultKind::TooManyRequests { retry_after_seconds: None }),
        rare(FaultKind::HtmlPage),
        rare(FaultKind::Throttle),
        rare(FaultKind::Truncated),
        rare(FaultKind::Reset),
        rare(FaultKind::LostReply),
        Fault::new(FaultKind::Stall { milliseconds: 3_000 }).with_probability(0.000_3),
    ]
}

/// Runs until all lanes went through once; a run that fails goes on where it stopped.
async fn until_it_works(test: &TestContext, name: &str) {
    const RUNS_MAX: usize = 20;
    for lane in [Lane::Update, Lane::Create] {
        let mut runs = 0;
        while let Err(error) = test.run(name, lane).await {
            runs += 1;
            assert!(runs < RUNS_MAX, "{lane} lane of {name}: {error}");
        }
    }
}
