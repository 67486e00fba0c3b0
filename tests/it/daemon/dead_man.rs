//! The dead man's switch: which pings a slot of a job sends, in which order, and that nothing depends on them.

use std::time::Duration;

use secrecy::ExposeSecret;
use shopsync::app::live::Live;
use shopsync::config::Work;
use shopsync::domain::record::{Lane, Record};
use shopsync::jobs::daemon::Daemon;
use shopsync::jobs::scheduler::job::Trigger;
use shopsync::sandbox::{Fault, FaultKind, Platform};
use tokio_util::sync::CancellationToken;

use crate::daemon::process::{sandbox, start, stop, until};
use crate::support::context::{ContextSettings, SHOPS, TestContext};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;
use crate::support::receiver::{Manner, Receiver};

/// A daemon with a job that has a switch, and no ticker: the test starts the slots.
struct Scene {
    test: TestContext,
    receiver: Receiver,
    daemon: Daemon,
    cancel: CancellationToken,
}

impl Scene {
    async fn new(database: TestDatabase) -> Self {
        let receiver = Receiver::start().await;
        let sync = format!(
            "history = \"2d\"\nsettle = \"5s\"\n[jobs.orders]\ndead_man_url = \"{}/hc?key=canary\"\n",
            receiver.address
        );
        let test = TestContext::new(database, ContextSettings { sync, ..ContextSettings::default() }).await;
        // The first run of a shop only says from where on it reads.
        for (shop, ..) in SHOPS {
            test.run(shop, Lane::Update).await.unwrap();
        }
        test.settle();
        let cancel = CancellationToken::new();
        let daemon = Daemon::new(Live::new(test.app.clone()), cancel.clone());
        Self { test, receiver, daemon, cancel }
    }

    fn slot(&self) {
        let shops = self.test.app.covered_by("orders");
        self.daemon.start("orders", Work::Sync(Record::Orders), &shops, Trigger::Schedule);
    }

    async fn ended_well(&self) -> i64 {
        let sql = "SELECT count(*) FROM job_runs WHERE job = 'orders' AND outcome = 'ok'";
        self.test.database.number(sql).await
    }
}

both_databases! {
    async fn success_is_sent_after_every_shop_has_committed(database: TestDatabase) {
        let scene = Scene::new(database).await;

        scene.slot();
        let told = scene.receiver.wait_for("/hc", 1).await;

        assert_eq!(scene.ended_well().await, 2);
        assert_eq!(scene.receiver.paths(), ["/hc/start", "/hc"]);
        assert_eq!(told[0].query["key"], "canary");
        assert_eq!(told[0].method, "GET");
    }

    async fn a_slot_in_which_a_shop_failed_is_a_failure_and_names_the_shop(database: TestDatabase) {
        let scene = Scene::new(database).await;
        scene.test.sandbox.world().with(|world| world.revoke(Platform::Temu, 0));

        scene.slot();
        let told = scene.receiver.wait_for("/hc/fail", 1).await;

        assert_eq!(told[0].method, "POST");
        assert!(told[0].body.contains("temu-shop") && !told[0].body.contains("xhs-shop"), "{}", told[0].body);
        assert_eq!(scene.receiver.paths(), ["/hc/start", "/hc/fail"]);
        assert_eq!(scene.ended_well().await, 1, "the other shop is none the worse");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_that_fails_does_not_fail_a_sync() {
    let scene = Scene::new(TestDatabase::sqlite().await).await;
    for path in ["/hc/start", "/hc"] {
        scene.receiver.set(path, Manner::Answer(404, ""));
    }

    scene.slot();
    scene.receiver.wait_for("/hc", 1).await;

    assert_eq!(scene.ended_well().await, 2);
    scene.receiver.set("/hc/start", Manner::Hang);
    scene.test.settle();
    scene.slot();
    let both_ran = async {
        while scene.ended_well().await < 4 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(crate::daemon::process::PATIENCE, both_ran).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_stops_within_a_slot_sends_neither_success_nor_failure() {
    let scene = Scene::new(TestDatabase::sqlite().await).await;
    scene.test.sandbox.world().with(|world| {
        world.reset_counters();
        world.add_fault(Fault::new(FaultKind::Stall { milliseconds: 120_000 }));
    });
    scene.slot();
    scene.receiver.wait_for("/hc/start", 1).await;
    until(|| scene.test.sandbox.world().with(|world| world.calls_total()) >= 2).await;

    scene.cancel.cancel();
    assert!(scene.daemon.drain(crate::daemon::process::STOP_WITHIN).await);

    assert_eq!(scene.receiver.paths(), ["/hc/start"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_daemon_notifies_its_switch_and_its_webhooks() {
    let (sandbox, database) = (sandbox(20).await, TestDatabase::sqlite().await);
    let receiver = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("hook.url");
    std::fs::write(&url, format!("{}/hook", receiver.address)).unwrap();
    let more = format!(
        "[jobs.orders]\ncron = \"* * * * * *\"\ndead_man_url = \"{}/hc\"\n\
         [notify]\nwebhooks = [{{ kind = \"json\", url_file = {url:?} }}]\n",
        receiver.address
    );
    let program = Program::with(&sandbox, database.settings.url.expose_secret(), &more);
    program.authorise_all(&sandbox).await;
    database
        .execute(
            "INSERT INTO quarantine (shop, record, number, reason, raw, attempts, first_seen_at, last_seen_at)
             VALUES ('xhs-shop', 'orders', 'Q', 'shape', '{}', 1, '2026-11-20 10:00:00.000', '2026-11-20 10:00:00.000')",
        )
        .await;

    let (mut child, mut log) = start(&program).await;
    receiver.wait_for("/hc", 2).await;
    let told = receiver.wait_for("/hook", 1).await;
    stop(&mut child, &mut log, "TERM").await;

    assert_eq!(told[0].json()["alarms"][0]["cause"], "quarantine");
    assert_eq!(receiver.paths().iter().find(|path| path.starts_with("/hc")).unwrap(), "/hc/start");
}
