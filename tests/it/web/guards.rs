//! Who is let in: by name, by origin, by token. Everybody else is refused, and told to the log.

use reqwest::StatusCode;

use crate::support::databases::{TestDatabase, both_databases};
use crate::web::context::{ADMIN, PUBLIC, PUBLIC_HOST, Served, WITH_ADMIN, error_code};

both_databases! {
    async fn nothing_is_changed_or_handed_out_without_the_admin_token(database: TestDatabase) {
        let test = Served::new(database).await;
        let wrong = "x".repeat(ADMIN.len());

        for (response, expected) in [
            (test.sync_request("temu-shop").send().await.unwrap(), "no_token"),
            (test.sync("temu-shop", &wrong).await, "wrong_token"),
            (test.sync("temu-shop", &ADMIN[..ADMIN.len() - 1]).await, "wrong_token"),
            (test.sync_request("temu-shop").basic_auth("admin", Some(ADMIN)).send().await.unwrap(), "no_token"),
            (test.get("/api/v1/shops/temu-shop/token").send().await.unwrap(), "no_token"),
            (test.get("/api/v1/shops/temu-shop/token").bearer_auth(&wrong).send().await.unwrap(), "wrong_token"),
        ] {
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            assert!(response.headers().contains_key("www-authenticate"));
            assert_eq!(error_code(response).await, expected);
        }

        assert_eq!(test.database.number("SELECT COUNT(*) FROM job_runs").await, 0);
        assert_eq!(test.sync("temu-shop", ADMIN).await.status(), StatusCode::ACCEPTED);
        test.stop().await;
    }

    async fn without_an_admin_token_everything_is_read_only(database: TestDatabase) {
        let test = Served::with(database, "").await;
        for response in [
            test.sync("temu-shop", ADMIN).await,
            test.get("/api/v1/shops/temu-shop/token").bearer_auth(ADMIN).send().await.unwrap(),
        ] {
            assert_eq!(response.status(), StatusCode::FORBIDDEN);
            assert_eq!(error_code(response).await, "read_only");
        }
        let login = test.post("/login").header("content-type", FORM).body(format!("token={ADMIN}"));
        assert_eq!(login.send().await.unwrap().status(), StatusCode::FORBIDDEN);
        assert_eq!(test.get("/api/v1/status").send().await.unwrap().status(), StatusCode::OK);
        test.stop().await;
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_name_or_a_page_that_is_not_ours_is_refused_whatever_token_it_has() {
    let test = Served::new(TestDatabase::sqlite().await).await;

    for host in ["rebound.example", "shop.example.evil.example", "10.1.2.3:8787"] {
        for path in ["/api/v1/status", "/login", "/nowhere", "/oauth/temu/callback?code=a&state=b"] {
            let response = test.get(path).header("host", host).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST, "{host} {path}");
            assert_eq!(error_code(response).await, "wrong_host");
        }
        let health = test.get("/healthz").header("host", host).send().await.unwrap();
        assert_eq!(health.status(), StatusCode::OK, "tells nothing, and is asked by any name");
    }
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://127.0.0.1:1"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = test.sync_request("temu-shop").bearer_auth(ADMIN).header(name, value);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{name}: {value}");
        assert_eq!(error_code(response).await, "wrong_origin");
    }
    assert_eq!(test.database.number("SELECT COUNT(*) FROM job_runs").await, 0);

    let own = test.sync_request("temu-shop").bearer_auth(ADMIN);
    let own =
        own.header("host", PUBLIC_HOST).header("origin", PUBLIC).header("sec-fetch-site", "same-origin");
    assert_eq!(own.send().await.unwrap().status(), StatusCode::ACCEPTED);
    test.stop().await;
}

#[tokio::test]
async fn a_listed_scraper_may_use_any_name_for_metrics_and_for_nothing_else() {
    for (listed, metrics) in [
        ("hosts = [\"127.0.0.1\"]\n", StatusCode::OK),
        ("hosts = [\"10.9.8.7\", \"prom.example\"]\n", StatusCode::MISDIRECTED_REQUEST),
        ("", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let test = Served::with(TestDatabase::sqlite().await, listed).await;
        for host in ["shopsync.internal:8787", "10.1.2.3"] {
            let asked = async |path: &str| test.get(path).header("host", host).send().await.unwrap().status();
            assert_eq!(asked("/metrics").await, metrics, "{listed}{host}");
            for path in ["/healthz", "/readyz"] {
                assert_eq!(asked(path).await, StatusCode::OK, "{listed}{host}{path}");
            }
            for path in
                ["/", "/login", "/api/v1/status", "/metrics/", "/metrics/more", "/oauth/temu/callback"]
            {
                assert_eq!(asked(path).await, StatusCode::MISDIRECTED_REQUEST, "{listed}{host}{path}");
            }
        }
        test.stop().await;
    }
}

#[tokio::test]
async fn a_browser_gets_a_cookie_for_the_typed_token_that_no_other_page_can_use() {
    let test = Served::new(TestDatabase::sqlite().await).await;
    let login = |token: &str| {
        test.post("/login")
            .header("content-type", FORM)
            .header("sec-fetch-site", "same-origin")
            .body(format!("token={token}"))
    };
    let form = test.get("/login").send().await.unwrap().text().await.unwrap();
    assert!(form.contains("type=\"password\"") && !form.contains("script"), "{form}");
    let refused = login("not-the-token").send().await.unwrap();
    assert_eq!((refused.status(), refused.headers().get("set-cookie")), (StatusCode::UNAUTHORIZED, None));

    let taken = login(ADMIN).send().await.unwrap();

    assert_eq!(
        (taken.status(), &taken.headers()["location"]),
        (StatusCode::SEE_OTHER, &"./".parse().unwrap())
    );
    let cookie = taken.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict") && !cookie.contains("Secure"), "{cookie}");
    assert!(!cookie.contains(ADMIN), "the token itself stays with its owner");
    let public = login(ADMIN).header("host", PUBLIC_HOST).send().await.unwrap();
    assert!(public.headers()["set-cookie"].to_str().unwrap().ends_with("; Secure"));

    let pair = cookie.split(';').next().unwrap().to_owned();
    let with_cookie = |shop: &str| test.sync_request(shop).header("cookie", &pair);
    let refused = with_cookie("temu-shop").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN, "a cookie alone does not say which page sent it");
    let foreign = with_cookie("temu-shop").header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let token = test.get("/api/v1/shops/temu-shop/token").header("cookie", &pair).send().await.unwrap();
    assert_eq!(token.status(), StatusCode::UNAUTHORIZED, "no browser needs a shop's token");
    let own = with_cookie("temu-shop").header("sec-fetch-site", "same-origin").send().await.unwrap();
    assert_eq!(own.status(), StatusCode::ACCEPTED);

    let second = login(ADMIN).send().await.unwrap().headers()["set-cookie"].to_str().unwrap().to_owned();
    let second = second.split(';').next().unwrap().to_owned();
    let own_page = |request: reqwest::RequestBuilder, cookie: &str| {
        request.header("cookie", cookie).header("sec-fetch-site", "same-origin")
    };
    assert!(own_page(test.post("/logout"), &second).send().await.unwrap().status().is_redirection());
    let ended = own_page(test.sync_request("xhs-shop"), &second).send().await.unwrap();
    assert_eq!(ended.status(), StatusCode::UNAUTHORIZED, "a copy of the cookie does not outlive the logout");

    test.database.clock.advance(chrono::TimeDelta::hours(13));
    let old = with_cookie("xhs-shop").header("sec-fetch-site", "same-origin").send().await.unwrap();
    assert_eq!(old.status(), StatusCode::UNAUTHORIZED);
    test.stop().await;
}

#[tokio::test]
async fn guessing_ends_after_a_few_tries_and_an_old_token_shuts_no_one_out() {
    let test = Served::new(TestDatabase::sqlite().await).await;
    for _ in 0..20 {
        assert_eq!(test.sync("temu-shop", "an-old-token").await.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(test.sync("temu-shop", ADMIN).await.status(), StatusCode::ACCEPTED);

    for number in 0..9 {
        let guess = format!("guess-{number}");
        assert_eq!(test.sync("temu-shop", &guess).await.status(), StatusCode::UNAUTHORIZED);
    }
    let response = test.sync("xhs-shop", "guess-9").await;

    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 61);
    assert_eq!(error_code(response).await, "too_many_attempts");
    let right = test.sync("xhs-shop", ADMIN).await;
    assert_eq!(right.status(), StatusCode::ACCEPTED, "guesses of others shut nobody out");
    test.stop().await;
}

#[tokio::test]
async fn every_answer_forbids_browsers_what_it_can() {
    let test = Served::with(TestDatabase::sqlite().await, WITH_ADMIN).await;
    for path in ["/healthz", "/readyz", "/api/v1/status", "/login", "/nowhere", "/oauth/temu/callback"] {
        let response = test.get(path).send().await.unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "same-origin");
        assert_eq!(header("cache-control"), "no-store");
    }
    let refused = test.get("/").header("host", "evil.example").send().await.unwrap();
    assert!(refused.headers().contains_key("content-security-policy"));
    let wrong = test.post("/api/v1/status").send().await.unwrap();
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(error_code(wrong).await, "wrong_method");
    test.stop().await;
}
