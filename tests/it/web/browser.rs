//! The status page in a real browser: what is seen, what a click does, and where a login ends.
//!
//! Pictures for people are left in `target/tmp/page/`.

use std::path::PathBuf;

use chrono::TimeDelta;
use shopsync::domain::record::Record;

use crate::support::databases::TestDatabase;
use crate::support::webdriver::{Browser, DESK, PHONE};
use crate::web::context::ADMIN;
use crate::web::page_context::{DEAD, FRESH, GAPS, LATE, NEW, PageContext};

const ENGLISH: &str = "en-US,en";
const CHINESE: &str = "zh-CN,zh";

/// `None`: this machine has no browser.
async fn opened(languages: &str) -> Option<(PageContext, Browser)> {
    let browser = Browser::start(languages).await?;
    let test = PageContext::new(TestDatabase::sqlite().await).await;
    browser.open(&test.address("/")).await;
    Some((test, browser))
}

/// Until when a shop's orders are stored, as the page says.
fn synced_until(shop: &str) -> String {
    format!(
        "[...document.querySelectorAll('#shops tbody tr')].find(row => row.cells[0].innerText.startsWith('{shop}')).querySelector('.age time').dateTime"
    )
}

async fn log_in(browser: &Browser) {
    browser.click("a[href=login]").await;
    browser.type_into("#token", ADMIN).await;
    browser.click("form button").await;
    browser
        .until(
            "the page again, with its buttons",
            "return document.querySelector('form.sync button') !== null",
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_opens_in_both_languages_on_a_desk_and_on_a_phone_and_nothing_sticks_out() {
    for (languages, expected) in
        [(ENGLISH, "2 shops need their owners: "), (CHINESE, "2 家店铺需要店主处理：")]
    {
        let Some((test, browser)) = opened(languages).await else { return };
        assert!(browser.text("h1").await.starts_with(expected), "{}", browser.text("h1").await);
        let shops = browser.text("#shops").await;
        for shop in [FRESH, GAPS, LATE, DEAD, NEW] {
            assert!(shops.contains(shop), "{shops}");
        }
        assert!(browser.text("#needed").await.contains("shopsync auth login peony"));
        let language = languages.split('-').next().unwrap();
        for scheme in ["light", "dark"] {
            browser.prefer(scheme).await;
            for (device, width) in [("desk", DESK), ("phone", PHONE)] {
                browser.picture(&format!("{language}-{scheme}-{device}"), width).await;
                let overhang = "return document.documentElement.scrollWidth - window.innerWidth";
                assert!(browser.run(overhang).await.as_i64().unwrap() <= 0, "{language} {scheme} {device}");
            }
        }
        assert_eq!(browser.complaints().await, [""; 0]);
        test.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_page_follows_what_happens_and_says_when_no_one_answers() {
    let Some((test, browser)) = opened(ENGLISH).await else { return };
    browser.run("window.mark = 1; document.querySelector('details').open = true").await;
    let before = browser.run(&format!("return {}", synced_until(LATE))).await;
    test.database.clock.advance(TimeDelta::minutes(1));
    test.sync(LATE, Record::Orders).await;

    browser.until("the newer time", &format!("return {} > {before}", synced_until(LATE))).await;

    let is_same = "return window.mark === 1 && document.querySelector('details').open";
    assert_eq!(
        browser.run(is_same).await,
        true,
        "the page was not loaded again, and what was opened stays open"
    );
    assert_eq!(browser.run("return document.getElementById('silent').hidden").await, true);
    let _rest = test.hang_up().await;
    browser.until("the notice", "return !document.getElementById('silent').hidden").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_click_on_sync_now_ends_in_a_newer_time() {
    let Some((test, browser)) = opened(ENGLISH).await else { return };
    log_in(&browser).await;
    browser.picture("en-light-admin", DESK).await;
    let before = browser.run(&format!("return {}", synced_until(LATE))).await;

    browser.click(&format!("#sync-{LATE}-orders")).await;

    browser.until("the newer time", &format!("return {} > {before}", synced_until(LATE))).await;
    browser
        .until("the button again", &format!("return !document.getElementById('sync-{LATE}-orders').disabled"))
        .await;

    browser.click(&format!("#sync-{NEW}-orders")).await;
    let said = format!(
        "return document.getElementById('sync-{NEW}-orders').form.innerText.includes('never authorised')"
    );
    browser.until("why not", &said).await;
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_script_the_form_alone_starts_a_sync() {
    let Some((test, browser)) = opened(ENGLISH).await else { return };
    browser.run_no_scripts().await;
    log_in_without_script(&test, &browser).await;
    let before = test.app.store.cursors().get(LATE, Record::Orders).await.unwrap().unwrap().last_sync_at;

    browser.click(&format!("#sync-{LATE}-orders")).await;

    let is_newer = async {
        while test.app.store.cursors().get(LATE, Record::Orders).await.unwrap().unwrap().last_sync_at
            == before
        {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(crate::web::context::PATIENCE, is_newer).await.expect("a newer cursor");
    assert!(browser.text("h1").await.contains("owner"), "back on the page");
    test.stop().await;
}

async fn log_in_without_script(test: &PageContext, browser: &Browser) {
    browser.open(&test.address("/login")).await;
    browser.type_into("#token", ADMIN).await;
    browser.click("form button").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_follows_the_link_ends_in_a_grant_and_leaves_the_list() {
    let Some((test, browser)) = opened(ENGLISH).await else { return };
    assert!(browser.text("#needed").await.contains(NEW));
    let shop = test.app.shop(NEW).unwrap();
    let link = test.app.tokens.login_link(shop).await.unwrap().unwrap();

    browser.open(&format!("{link}&shop=2")).await;

    assert!(browser.text("main").await.contains(NEW), "{}", browser.text("main").await);
    assert!(test.app.tokens.status(shop).await.unwrap().unwrap().usable);
    browser.picture("en-callback", DESK).await;
    browser.open(&test.address("/")).await;
    browser
        .until(
            "one shop less",
            &format!("return !document.getElementById('needed').innerText.includes('{NEW}')"),
        )
        .await;
    test.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_browser_after_its_test() {
    let Some(browser) = Browser::start(ENGLISH).await else { return };
    let process = PathBuf::from(format!("/proc/{}", browser.pid()));
    assert!(process.exists());
    drop(browser);
    assert!(!process.exists());
}
