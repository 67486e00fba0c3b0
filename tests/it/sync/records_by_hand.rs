//! Quarantine, explain and fetch for records that are no orders: the real binary.

use chrono::TimeDelta;
use secrecy::ExposeSecret;
use shopsync::clock::Clock;
use shopsync::sandbox::{Platform, Sandbox, SandboxSettings, Spoiled};

use crate::support::databases::{TestDatabase, both_databases};
use crate::support::program::Program;
use crate::support::shops_of_all_kinds::{ALL_SHOPS, authorise_all_of, sections};
use crate::support::truth_records;

/// A table of parts, and the column that names what they are of.
type Parts = (&'static str, &'static str);

/// Tables of things that are no orders: the record, the key, and where their parts are.
const TABLES: [(&str, &str, &str, Option<Parts>); 4] = [
    ("products", "products", "product_id", None),
    ("skus", "products", "sku_id", None),
    ("after_sales", "after_sales", "number", Some(("after_sale_items", "number"))),
    ("activities", "activities", "activity_id", Some(("activity_skus", "activity_id"))),
];

async fn everything(database: &TestDatabase) -> (Sandbox, Program) {
    let sandbox = Sandbox::start(SandboxSettings {
        clock: Clock::system(),
        orders: 20,
        products: 20,
        after_sales: 20,
        activities: 8,
        history: TimeDelta::hours(30),
        ..SandboxSettings::default()
    })
    .await
    .unwrap();
    let program = Program::with(&sandbox, database.settings.url.expose_secret(), &sections(&sandbox))
        .reading_everything();
    authorise_all_of(&program, &sandbox).await;
    program.finish(&["sync"]).await;
    (sandbox, program)
}

/// The first two things of a table by key, with their answers.
async fn first_two(database: &TestDatabase, table: &str, key: &str, shop: &str) -> Vec<(String, String)> {
    let sql = format!("SELECT {key}, raw FROM {table} WHERE shop = '{shop}' ORDER BY {key} LIMIT 2");
    let rows = database.query(&sql).await;
    rows.iter().map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())).collect()
}

both_databases! {
    async fn what_could_not_be_read_of_any_record_is_read_by_the_next_try(database: TestDatabase) {
        let (sandbox, program) = everything(&database).await;
        let mut set_aside = 0;
        for (shop, (table, record, key, parts)) in ALL_SHOPS.iter().flat_map(|shop| TABLES.map(|table| (shop, table))) {
            for (number, raw) in first_two(&database, table, key, shop.name).await {
                if let Some((parts, owner)) = parts {
                    database.execute(&format!("DELETE FROM {parts} WHERE shop = '{}' AND {owner} = '{number}'", shop.name)).await;
                }
                database.execute(&format!("DELETE FROM {table} WHERE shop = '{}' AND {key} = '{number}'", shop.name)).await;
                database.execute(&format!(
                    "INSERT INTO quarantine (shop, record, number, reason, raw, attempts, first_seen_at, last_seen_at, version) \
                     VALUES ('{}', '{record}', '{number}', 'not understood', '{}', 1, '{now}', '{now}', '0.0.1')", shop.name, raw.replace('\'', "''"),
                    now = Clock::system().now().format("%Y-%m-%d %H:%M:%S%.3f")
                )).await;
                set_aside += 1;
            }
        }
        let listed = program.json(&["quarantine", "list", "--json"]).await;
        assert_eq!(listed.as_array().unwrap().len(), set_aside);
        assert!(set_aside >= 2 * (4 + 4 + 2 + 2 + 3), "{set_aside}");
        let story = program.json(&["explain", "xhs-shop", listed.as_array().unwrap().iter().find(|row| row["shop"] == "xhs-shop" && row["record"] == "after_sales").unwrap()["number"].as_str().unwrap(), "--record", "after_sales", "--json"]).await;
        assert_eq!((&story["here"], &story["quarantine"]["reason"]), (&false.into(), &"not understood".into()), "{story}");

        let told = program.json(&["quarantine", "retry", "--json"]).await;

        let read: u64 = told.as_array().unwrap().iter().map(|row| row["read"].as_u64().unwrap()).sum();
        assert_eq!(read, set_aside as u64, "{told}");
        assert_eq!(database.number("SELECT COUNT(*) FROM quarantine").await, 0);
        for shop in &ALL_SHOPS {
            let differences = truth_records::differences(&database, &sandbox, shop, false).await;
            assert!(differences.is_empty(), "{}: {:#?}", shop.name, differences.first());
        }
    }

    async fn what_is_unreadable_at_the_platform_waits_aside_and_is_not_taken_for_gone(database: TestDatabase) {
        let (sandbox, program) = everything(&database).await;
        let spoil = |spoiled| sandbox.world().with(|world| {
            for (platform, id) in [Platform::Temu, Platform::Xiaohongshu].map(|platform| (platform, world.truth_products(platform, 0)[5].product_id.clone())) {
                world.change_product(platform, 0, &id, |product| product.shape.spoiled = spoiled);
                let case = world.case_numbers(platform, 0)[5].clone();
                world.change_case(platform, 0, &case, |case| case.shape.spoiled = spoiled);
            }
        });
        spoil(Some(Spoiled::Status));
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;

        program.fail(&["sync", "--full"], 3).await;

        for (shop, record) in [("temu-shop", "products"), ("temu-shop", "after_sales"), ("xhs-shop", "products"), ("xhs-shop", "after_sales")] {
            let aside = format!("SELECT COUNT(*) FROM quarantine WHERE shop = '{shop}' AND record = '{record}'");
            assert!(database.number(&aside).await > 0, "{shop} {record}");
        }
        assert_eq!(database.number("SELECT COUNT(*) FROM products WHERE gone_at IS NOT NULL").await, 0);
        assert_eq!(database.number("SELECT COUNT(*) FROM skus WHERE gone_at IS NOT NULL").await, 0);
        let said = program.fail(&["quarantine", "retry"], 3).await;
        assert!(said.contains("cannot be read still"), "{said}");

        spoil(None);
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        program.finish(&["sync", "--full"]).await;
        assert_eq!(database.number("SELECT COUNT(*) FROM quarantine").await, 0);
        for shop in &ALL_SHOPS {
            let differences = truth_records::differences(&database, &sandbox, shop, false).await;
            assert!(differences.is_empty(), "{}: {:#?}", shop.name, differences.first());
        }
    }

    async fn a_thing_of_any_record_shows_where_it_came_from_and_fetch_is_for_orders(database: TestDatabase) {
        let (_sandbox, program) = everything(&database).await;
        for (shop, (table, record, key, _)) in ALL_SHOPS.iter().flat_map(|shop| TABLES.map(|table| (shop, table))) {
            let Some((number, _)) = first_two(&database, table, key, shop.name).await.into_iter().next() else {
                continue;
            };
            let story = program.json(&["explain", shop.name, &number, "--record", record, "--json"]).await;
            let kind = match table { "products" => "product", "skus" => "SKU", "after_sales" => "after-sales case", _ => "activity" };
            assert_eq!((&story["here"], &story["kind"]), (&true.into(), &kind.into()), "{story}");
            assert_eq!(story["run"]["outcome"], "ok", "{story}");
            if table == "after_sales" {
                assert!(story["windows"].as_array().unwrap().iter().any(|window| window["lane"] == "create" && window["state"] == "complete"), "{story}");
            }

            // Taken for an order, it is told what it is and how to ask for it.
            let output = program.output(&["explain", shop.name, &number]).await;
            assert_eq!(output.status.code(), Some(65));
            let told = String::from_utf8(output.stdout).unwrap();
            assert!(told.contains(&format!("shopsync explain {} {number} --record {record}", shop.name)), "{told}");
            if shop.name == "temu-shop" {
                let said = program.fail(&["fetch", shop.name, &number], 65).await;
                assert!(said.contains(&format!("shows no {number} among the orders")), "{said}");
            }
        }
        for shop in ["partner-shop", "cn-shop"] {
            let said = program.fail(&["fetch", shop, "PO-1"], 2).await;
            assert!(said.contains("has no orders") && said.lines().count() == 1, "{said}");
        }
    }
}
