//! Which alerts are sent, and how often: a monitor over a real app and database, with webhooks of the test's own.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use shopsync::app::live::Live;
use shopsync::domain::record::Lane;
use shopsync::jobs::alarms::AlertMonitor;
use shopsync::sandbox::Platform;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::support::context::{ContextSettings, TestContext, authorise};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::receiver::{Manner, Receiver};

const TEMU: &str = "temu-shop";
const XHS: &str = "xhs-shop";
const SECRET: &str = "SEC0a1b2c3d";

/// A program with webhooks, all shops up to date.
struct Scene {
    test: TestContext,
    receiver: Receiver,
    folder: TempDir,
}

impl Scene {
    /// One webhook of each of these kinds, at the path of its name.
    async fn new(database: TestDatabase, kinds: &[&str]) -> Self {
        let receiver = Receiver::start().await;
        let folder = tempfile::tempdir().unwrap();
        let file = |name: String, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("{text}\n")).unwrap();
            path
        };
        let secret = file("secret".to_owned(), SECRET);
        let webhooks: Vec<String> = kinds
            .iter()
            .enumerate()
            .map(|(index, kind)| {
                let url = file(
                    format!("{index}.url"),
                    &format!("{}/{index}-{kind}?token=canary", receiver.address),
                );
                let (url, secret) = (url.display(), secret.display());
                format!("{{ kind = '{kind}', url_file = '{url}', secret_file = '{secret}' }}")
            })
            .collect();
        let sync = format!(
            "history = \"2d\"\nsettle = \"5s\"\n[notify]\nlag_limit = \"30m\"\nwebhooks = [{}]\n",
            webhooks.join(", ")
        );
        let test = TestContext::new(database, ContextSettings { sync, ..ContextSettings::default() }).await;
        let scene = Self { test, receiver, folder };
        scene.sync().await;
        scene
    }

    async fn sync(&self) {
        for shop in [TEMU, XHS] {
            self.test.run(shop, Lane::Update).await.unwrap();
        }
    }

    fn monitor(&self) -> AlertMonitor {
        AlertMonitor::new(Live::new(self.test.app.clone()), Arc::default())
    }

    /// The platform revokes the shop's grant, and a run notices.
    async fn revoke_temu(&self) {
        self.test.sandbox.world().with(|world| world.revoke(Platform::Temu, 0));
        self.test.settle();
        self.test.run(TEMU, Lane::Update).await.unwrap_err();
    }

    async fn set_aside_at_xhs(&self, number: &str) {
        let now = self.test.clock.now().format("%Y-%m-%d %H:%M:%S%.3f");
        let sql = format!(
            "INSERT INTO quarantine (shop, record, number, reason, raw, attempts, first_seen_at, last_seen_at)
             VALUES ('{XHS}', 'orders', '{number}', 'shape', '{{}}', 1, '{now}', '{now}')"
        );
        self.test.database.execute(&sql).await;
    }

    /// Checks every ten minutes for this long.
    async fn check_for(&self, monitor: &mut AlertMonitor, minutes: i64) {
        for _ in 0..minutes / 10 {
            self.test.clock.advance(TimeDelta::minutes(10));
            monitor.check().await;
        }
    }

    /// What the first webhook, of JSON, received: the alerts of each message.
    fn received(&self) -> Vec<Vec<String>> {
        let messages = self.receiver.received("/0-json");
        messages.iter().map(|message| alarms(&message.json())).collect()
    }
}

/// `state cause shop record`.
fn alarms(message: &Value) -> Vec<String> {
    let words = |alarm: &Value| {
        let word = |name: &str| alarm[name].as_str().unwrap_or("-").to_owned();
        ["state", "cause", "shop", "record"].map(word).join(" ")
    };
    message["alarms"].as_array().unwrap().iter().map(words).collect()
}

fn mac(key: &str, text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

both_databases! {
    async fn each_alert_is_sent_once_in_one_message_and_again_when_it_is_over(database: TestDatabase) {
        let mut scene = Scene::new(database, &["json"]).await;
        let mut monitor = scene.monitor();
        monitor.check().await;
        assert_eq!(scene.received(), Vec::<Vec<String>>::new(), "all is well");

        scene.revoke_temu().await;
        scene.set_aside_at_xhs("Q1").await;
        monitor.check().await;
        let raised = ["raised needs_owner temu-shop -", "raised quarantine xhs-shop orders"];
        assert_eq!(scene.received(), [raised]);

        monitor.check().await;
        scene.test.restart().await;
        let mut monitor = scene.monitor();
        scene.test.clock.advance(TimeDelta::minutes(10));
        monitor.check().await;
        assert_eq!(scene.received().len(), 1, "neither the next check nor the next daemon sends it again");

        authorise(&scene.test.app, &scene.test.sandbox, TEMU, Platform::Temu, 0).await;
        scene.test.database.execute("DELETE FROM quarantine").await;
        monitor.check().await;
        monitor.check().await;
        let over = ["over needs_owner temu-shop -", "over quarantine xhs-shop orders"];
        assert_eq!(scene.received()[1..], [over]);
        let message = scene.receiver.received("/0-json")[1].json();
        assert_eq!(message["alarms"][0]["lasted_seconds"], 600, "{message}");

        // What comes back on the same day is not told again on that day.
        scene.set_aside_at_xhs("Q2").await;
        monitor.check().await;
        assert_eq!(scene.received().len(), 2, "{:?}", scene.received());
    }

    async fn a_late_record_is_sent_daily_and_a_shop_with_a_dead_grant_only_as_such(database: TestDatabase) {
        let scene = Scene::new(database, &["json"]).await;
        let mut monitor = scene.monitor();
        monitor.check().await;
        scene.revoke_temu().await;
        scene.check_for(&mut monitor, 20).await;
        assert_eq!(scene.received(), [["raised needs_owner temu-shop -"]]);

        scene.check_for(&mut monitor, 20).await;
        assert_eq!(scene.received()[1..], [["raised lag xhs-shop orders"]]);

        scene.check_for(&mut monitor, 24 * 60).await;
        let again = scene.received()[2..].concat();
        assert_eq!(again, ["standing needs_owner temu-shop -", "standing lag xhs-shop orders"]);

        scene.test.run(XHS, Lane::Update).await.unwrap();
        monitor.check().await;
        assert_eq!(scene.received()[4..], [["over lag xhs-shop orders"]]);
    }

    async fn a_daemon_that_comes_back_is_reported_once_and_shops_may_catch_up(database: TestDatabase) {
        let scene = Scene::new(database, &["json"]).await;
        scene.monitor().check().await;

        scene.test.clock.advance(TimeDelta::hours(3));
        let mut monitor = scene.monitor();
        monitor.check().await;
        scene.check_for(&mut monitor, 20).await;
        assert_eq!(scene.received(), [["raised daemon_back - -"]], "not that all shops are behind");

        scene.check_for(&mut monitor, 10).await;
        let lags = ["raised lag temu-shop orders", "raised lag xhs-shop orders"];
        assert_eq!(scene.received()[1..], [lags], "they had half an hour");
    }

    async fn of_two_daemons_one_sends(database: TestDatabase) {
        let scene = Scene::new(database, &["json"]).await;
        scene.set_aside_at_xhs("Q1").await;
        let (mut one, mut other) = (scene.monitor(), scene.monitor());

        tokio::join!(one.check(), other.check());
        tokio::join!(one.check(), other.check());

        assert_eq!(scene.received(), [["raised quarantine xhs-shop orders"]]);
    }

    async fn a_config_that_schedules_nothing_raises_an_alert(database: TestDatabase) {
        let mut scene = Scene::new(database, &["json"]).await;
        scene.test.edit_config("[retry]", "[jobs.orders]\nenabled = false\n[retry]").await;

        scene.monitor().check().await;

        assert_eq!(scene.received(), [["raised nothing_scheduled - -"]]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_kind_of_webhook_gets_a_signature_and_one_that_refuses_does_not_block_the_others() {
    let kinds = ["json", "dingtalk", "feishu", "wecom", "json"];
    let scene = Scene::new(TestDatabase::sqlite().await, &kinds).await;
    scene.receiver.set("/1-dingtalk", Manner::Answer(200, r#"{"errcode":310000,"errmsg":"sign not match"}"#));
    scene.receiver.set("/4-json", Manner::RedirectTo("/elsewhere"));
    scene.set_aside_at_xhs("Q1").await;
    let mut monitor = scene.monitor();

    monitor.check().await;

    let now = scene.test.clock.now();
    let dingtalk = &scene.receiver.received("/1-dingtalk")[0];
    assert_eq!(dingtalk.query["timestamp"], now.timestamp_millis().to_string());
    let expected = mac(SECRET, &format!("{}\n{SECRET}", now.timestamp_millis()));
    assert_eq!(dingtalk.query["sign"], STANDARD.encode(expected));
    let feishu = scene.receiver.received("/2-feishu")[0].json();
    let key = format!("{}\n{SECRET}", now.timestamp());
    assert_eq!(feishu["sign"], STANDARD.encode(mac(&key, "")));
    let json = &scene.receiver.received("/0-json")[0];
    let signature = format!("sha256={}", hex::encode(mac(SECRET, &json.body)));
    assert_eq!(json.headers["x-shopsync-signature"], signature);
    let text = scene.receiver.received("/3-wecom")[0].json()["text"]["content"].to_string();
    assert!(
        text.contains("shopsync: 1 alarm") && text.contains("无法解析") && !text.contains("canary"),
        "{text}"
    );
    assert!(
        scene.receiver.received("/elsewhere").is_empty(),
        "an address that is handed on is nobody's secret"
    );
    assert_eq!(scene.receiver.received("/1-dingtalk").len(), 1, "a clear no is not asked again at once");

    scene.receiver.set("/1-dingtalk", Manner::Answer(200, r#"{"errcode":0}"#));
    scene.test.clock.advance(TimeDelta::minutes(3));
    monitor.check().await;
    monitor.check().await;
    assert_eq!(scene.receiver.received("/1-dingtalk").len(), 2, "what it missed it gets once");
    assert_eq!(scene.receiver.received("/0-json").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_no_webhook_accepted_is_sent_later_to_an_address_that_may_change_meanwhile() {
    let scene = Scene::new(TestDatabase::sqlite().await, &["json"]).await;
    let file = scene.folder.path().join("0.url");
    let address = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "not an address").unwrap();
    scene.set_aside_at_xhs("Q1").await;
    let mut monitor = scene.monitor();
    monitor.check().await;

    std::fs::write(&file, address).unwrap();
    monitor.check().await;
    assert!(scene.received().is_empty(), "the webhook is paused for a while");
    scene.test.clock.advance(TimeDelta::minutes(3));
    monitor.check().await;

    assert_eq!(scene.received(), [["raised quarantine xhs-shop orders"]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_hangs_does_not_delay_a_stop_and_the_next_daemon_sends_the_alert() {
    let scene = Scene::new(TestDatabase::sqlite().await, &["json"]).await;
    scene.receiver.set("/0-json", Manner::Hang);
    scene.set_aside_at_xhs("Q1").await;
    let cancel = CancellationToken::new();
    let mut monitor = scene.monitor();
    let stopped = cancel.clone();
    let checking = tokio::spawn(async move { stopped.run_until_cancelled(monitor.check()).await });
    scene.receiver.wait_for("/0-json", 1).await;

    let stopped_at = std::time::Instant::now();
    cancel.cancel();
    checking.await.unwrap();
    assert!(stopped_at.elapsed().as_secs() < 5);

    scene.receiver.set("/0-json", Manner::Answer(204, ""));
    scene.test.clock.advance(TimeDelta::minutes(1));
    scene.monitor().check().await;
    assert_eq!(scene.received().len(), 1, "the first daemon may still be sending it");
    scene.test.clock.advance(TimeDelta::minutes(5));
    scene.monitor().check().await;
    assert_eq!(scene.received().len(), 2);
}
