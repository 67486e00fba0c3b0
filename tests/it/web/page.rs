//! What the status page knows, and how it is sent.

use chrono::TimeDelta;
use shopsync::domain::record::Record;
use shopsync::jobs::late::is_record_late;
use shopsync::web::overview::{DAYS, Freshness, GrantState, Overview, ShopView};

use crate::support::databases::{TestDatabase, at, both_databases};
use crate::web::page_context::{DEAD, FRESH, GAPS, LATE, NEW, PageContext};

async fn look(test: &PageContext) -> Overview {
    let days = Overview::days(&test.app).await.unwrap();
    Overview::gather(&test.app, days).await.unwrap()
}

fn shop<'a>(overview: &'a Overview, name: &str) -> &'a ShopView {
    overview.shops.iter().find(|shop| shop.name == name).unwrap()
}

fn freshness(overview: &Overview, name: &str, record: Record) -> Freshness {
    shop(overview, name).records.iter().find(|view| view.record == record).unwrap().freshness
}

both_databases! {
    async fn each_shop_is_shown_as_it_stands(database: TestDatabase) {
        let test = PageContext::new(database).await;

        let overview = look(&test).await;

        for (name, expected, grant) in [
            (FRESH, Freshness::Fresh, GrantState::Good),
            (GAPS, Freshness::Fresh, GrantState::Good),
            (LATE, Freshness::Late, GrantState::Good),
            (DEAD, Freshness::Waiting, GrantState::NeedsOwner),
            (NEW, Freshness::Waiting, GrantState::NeverAuthorised),
        ] {
            assert_eq!(freshness(&overview, name, Record::Orders), expected, "{name}");
            assert_eq!(shop(&overview, name).grant.state, grant, "{name}");
        }
        let gaps = &shop(&overview, GAPS).records;
        assert!(gaps.iter().any(|record| !record.gaps.is_empty()));
        let set_aside: u64 = gaps.iter().map(|record| record.quarantined).sum();
        assert_eq!(set_aside, u64::try_from(test.database.number("SELECT COUNT(*) FROM quarantine").await).unwrap());
        assert!(set_aside > 0);
        assert!(overview.runs.iter().any(|run| run.error.is_some()));
        let sent = serde_json::to_string(&overview).unwrap();
        assert!(sent.contains("shopsync auth login peony"), "{sent}");
        test.stop().await;
    }

    async fn the_page_judges_lateness_as_the_alarms_do(database: TestDatabase) {
        let test = PageContext::new(database).await;
        let app = &test.app;
        let (shop, now) = (app.shop(FRESH).unwrap(), app.clock.now());
        // Orders are read every five minutes, and may be half an hour behind.
        for (minutes, expected) in [(29, false), (45, true)] {
            let stored_until = now - TimeDelta::minutes(minutes);
            assert_eq!(is_record_late(app, shop, Record::Orders, stored_until), expected, "{minutes}");
        }
        test.stop().await;
    }

    async fn orders_are_counted_by_their_day_in_utc_and_other_shops_are_not(database: TestDatabase) {
        let order = |shop: &str, number: &str, created_at: &str| format!(
            "INSERT INTO orders (shop, number, platform, status, platform_status, created_at, raw, list_hash, content_hash, \
             first_seen_at, synced_at, run_id) VALUES ('{shop}', '{number}', 'temu', 'shipped', '4', '{created_at}', '{{}}', \
             'l', 'c', '2026-11-20 12:00:00.000', '2026-11-20 12:00:00.000', 1)");
        let zone = if database.store.is_postgres() { "+00" } else { "" };
        for (shop, number, created_at) in [
            ("a", "1", "2026-11-17 23:59:59.999"),
            ("a", "2", "2026-11-18 00:00:00.000"),
            ("a", "3", "2026-11-18 23:59:59.999"),
            ("b", "1", "2026-11-18 12:00:00.000"),
            ("b", "2", "2026-11-20 00:00:00.000"),
            ("c", "1", "2026-11-18 12:00:00.000"),
        ] {
            database.execute(&order(shop, number, &format!("{created_at}{zone}"))).await;
        }
        let shops = ["a".to_owned(), "b".to_owned()];

        let days = database.store.reports().orders_per_day(&shops, at("2026-11-18 00:00:00")).await.unwrap();

        let days: Vec<(String, u64)> = days.into_iter().map(|(day, orders)| (day.to_string(), orders)).collect();
        assert_eq!(days, [("2026-11-18".to_owned(), 3), ("2026-11-20".to_owned(), 1)]);
    }

    async fn the_chart_shows_every_day_and_every_order(database: TestDatabase) {
        let test = PageContext::new(database).await;

        let overview = look(&test).await;

        assert_eq!(overview.days.len(), DAYS);
        assert_eq!(overview.days.last().unwrap().day, overview.at.date_naive());
        assert!(overview.days.windows(2).all(|pair| pair[1].day - pair[0].day == TimeDelta::days(1)));
        let first = overview.days[0].day;
        let stored = test.database.number(&format!("SELECT COUNT(*) FROM orders WHERE created_at >= '{first}'")).await;
        let shown: u64 = overview.days.iter().map(|day| day.orders).sum();
        assert_eq!(shown, u64::try_from(stored).unwrap());
        assert!(shown > 300, "{shown}");
        test.stop().await;
    }

    async fn the_page_speaks_the_readers_language_and_knows_no_buyer(database: TestDatabase) {
        let test = PageContext::new(database).await;

        let chinese = test.get("/", "de;q=0.1, zh-CN").await;

        let policy = chinese.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("script-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(chinese.headers()["cache-control"], "no-store");
        let chinese = chinese.text().await.unwrap();
        assert!(chinese.contains("lang=\"zh-Hans\"") && chinese.contains("家店铺需要店主处理"), "{chinese}");
        let english = test.get("/?lang=en", "zh-CN").await.text().await.unwrap();
        assert!(english.contains("2 shops need their owners: "), "{english}");
        assert!(!english.contains("<button"), "nobody logged in");
        for text in ["number", "city", "buyer_note", "tracking_number"] {
            let rows = test.database.query(&format!("SELECT DISTINCT {text} FROM orders WHERE {text} IS NOT NULL")).await;
            for row in rows {
                let personal: String = row.try_get_by_index(0).unwrap();
                assert!(!english.contains(&personal), "{text}: {personal}");
            }
        }
        test.stop().await;
    }
}
