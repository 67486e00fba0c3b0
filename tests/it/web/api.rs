//! What programs ask for: runs, progress, state, tokens.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use shopsync::sandbox::{Fault, FaultKind};

use crate::support::databases::{TestDatabase, both_databases};
use crate::support::truth;
use crate::web::context::{ADMIN, PATIENCE, Served, WITH_ADMIN, error_code};

both_databases! {
    async fn a_sync_that_is_requested_runs_in_the_daemon_and_is_reported(database: TestDatabase) {
        let test = Served::new(database).await;
        // The youngest orders are not read before they have settled.
        test.database.clock.advance(chrono::TimeDelta::minutes(2));

        let response = test.sync("xhs-shop", ADMIN).await;

        assert_eq!(response.status(), StatusCode::ACCEPTED);
        let told = crate::web::context::json(response).await;
        assert_eq!((&told["shop"], &told["record"]), (&json!("xhs-shop"), &json!("orders")));
        until_all_is_here(&test).await;
        let runs = test.json("/api/v1/runs?shop=xhs-shop").await;
        let first = runs["runs"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&first["job"], &first["trigger"]), (&json!("on_request"), &json!("manual")), "{first}");
        assert_eq!(first["outcome"], json!("ok"));
        assert_eq!(test.json("/api/v1/runs?failed=true").await, json!({ "runs": [] }));

        let status = test.json("/api/v1/status").await;
        let records = status["records"].as_array().unwrap();
        assert_eq!(records.len(), 2);
        let of = |shop: &str| records.iter().find(|line| line["shop"] == shop).unwrap().clone();
        assert!(of("xhs-shop")["rows"].as_u64().unwrap() > 0);
        assert_eq!(of("temu-shop")["last_run"], json!(null));
        assert_eq!(status["shops"][0]["token_to_do"], json!(null));
        test.stop().await;
    }

    async fn a_sync_that_is_requested_lifts_a_switch_off_at_once(database: TestDatabase) {
        let test = Served::new(database).await;
        test.database.clock.advance(chrono::TimeDelta::minutes(2));
        let until = test.database.clock.now() + chrono::TimeDelta::hours(20);
        let store = &test.app.store;
        for subject in ["orders", "amounts"] {
            store.cursors().switch_off("xhs-shop", subject, "not granted", Some(until)).await.unwrap();
        }

        let response = test.sync("xhs-shop", ADMIN).await;

        assert_eq!(response.status(), StatusCode::ACCEPTED);
        until_all_is_here(&test).await;
        for subject in ["orders", "amounts"] {
            assert!(store.cursors().off("xhs-shop", subject).await.unwrap().is_none(), "{subject}");
        }
        test.stop().await;
    }

    async fn what_cannot_be_synced_is_refused_in_words(database: TestDatabase) {
        let test = Served::with(database, WITH_ADMIN).await;
        let ask = async |body: &str, kind: &str| {
            let request = test.post("/api/v1/sync").bearer_auth(ADMIN).header("content-type", kind);
            let response = request.body(body.to_owned()).send().await.unwrap();
            (response.status().as_u16(), error_code(response).await)
        };
        let (json, form) = ("application/json", "application/x-www-form-urlencoded");
        for (body, kind, status, code) in [
            (r#"{"shop":"acme","record":"orders"}"#, json, 404, "unknown_shop"),
            (r#"{"shop":"temu-shop","record":"orders"}"#, json, 409, "needs_owner"),
            (r#"{"shop":"temu-shop","record":"products"}"#, json, 404, "not_read"),
            (r#"{"shop":"temu-shop","record":"sales"}"#, json, 400, "bad_request"),
            (r#"{"shop":"temu-shop"}"#, json, 400, "bad_request"),
            (r#"{"shop":"temu-shop","record":"orders","full":true}"#, json, 400, "bad_request"),
            ("", json, 400, "bad_request"),
            (r#"{"shop":"temu-shop","record":"orders"}"#, "text/plain", 415, "wrong_type"),
            // As `curl -d` sends it.
            (r#"{"shop":"temu-shop","record":"orders"}"#, form, 415, "wrong_type"),
            ("shop=temu-shop&record=orders", form, 409, "needs_owner"),
            ("shop=temu-shop", form, 400, "bad_request"),
        ] {
            assert_eq!(ask(body, kind).await, (status, code.to_owned()), "{body}");
        }
        for path in ["/api/v1/runs?n=0", "/api/v1/runs?n=501", "/api/v1/runs?n=x", "/api/v1/runs?shops=a"] {
            let response = test.get(path).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
            assert_eq!(error_code(response).await, "bad_request");
        }
        assert_eq!(test.database.number("SELECT COUNT(*) FROM job_runs").await, 0);
        test.stop().await;
    }

    async fn a_token_is_handed_out_to_one_who_knows_the_admin_token_and_never_the_refresh_token(database: TestDatabase) {
        let test = Served::new(database).await;
        let ask = async |shop: &str| {
            test.get(&format!("/api/v1/shops/{shop}/token")).bearer_auth(ADMIN).send().await.unwrap()
        };

        let told = crate::web::context::json(ask("xhs-shop").await).await;

        let shop = test.app.shop("xhs-shop").unwrap();
        let access = test.app.tokens.access(shop).await.unwrap();
        assert_eq!(told["access_token"], json!(secrecy::ExposeSecret::expose_secret(&access.token)));
        assert!(told["access_ends_at"].as_str().unwrap().ends_with('Z'));
        assert_eq!(told.as_object().unwrap().len(), 3, "{told}");
        let unknown = ask("acme").await;
        assert_eq!((unknown.status(), error_code(unknown).await.as_str()), (StatusCode::NOT_FOUND, "unknown_shop"));
        test.app.tokens.clear(shop).await.unwrap();
        let cleared = ask("xhs-shop").await;
        assert_eq!((cleared.status(), error_code(cleared).await.as_str()), (StatusCode::CONFLICT, "needs_owner"));
        test.stop().await;
    }

    async fn what_is_being_read_is_seen_and_is_not_started_twice(database: TestDatabase) {
        let test = Served::new(database).await;
        test.sandbox.world().with(|world| world.add_fault(Fault::new(FaultKind::Stall { milliseconds: 1_500 })));

        assert_eq!(test.sync("temu-shop", ADMIN).await.status(), StatusCode::ACCEPTED);
        let progress = async {
            loop {
                let told = test.json("/api/v1/progress").await;
                if let Some(run) = told["runs"].as_array().unwrap().first() {
                    return run.clone();
                }
            }
        };
        let run = tokio::time::timeout(PATIENCE, progress).await.unwrap();
        let again = test.sync("temu-shop", ADMIN).await;

        assert_eq!((&run["shop"], &run["lane"], &run["job"]), (&json!("temu-shop"), &json!("update"), &json!("on_request")));
        assert_eq!((again.status(), error_code(again).await.as_str()), (StatusCode::CONFLICT, "busy"));
        test.sandbox.world().with(shopsync::sandbox::World::clear_faults);
        test.stop().await;
    }
}

/// Waits until everything the shop has is stored, and nothing is under way any more.
async fn until_all_is_here(test: &Served) {
    let (_, platform, index) = crate::support::context::SHOPS[1];
    let expected = test.sandbox.world().with(|world| world.truth(platform, index));
    let is_here = async {
        loop {
            let is_idle = test.json("/api/v1/progress").await["runs"].as_array().unwrap().is_empty();
            if is_idle
                && truth::differences(&test.database.store, "xhs-shop", &expected, true).await.is_empty()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, is_here).await.expect("all orders must arrive");
}
