//! The way back from an authorisation: a link, the platform's page, our address, a grant.

use reqwest::{Response, StatusCode};
use shopsync::sandbox::{Fault, FaultKind};
use url::Url;

use crate::support::databases::{TestDatabase, both_databases};
use crate::web::context::{PUBLIC_HOST, Served, WITH_ADMIN, browser};

/// Opens a link of ours as the owner does, and says yes: where the platform sends the browser, on our side.
async fn agreed(test: &Served, shop: &str) -> String {
    let link = test.app.tokens.login_link(test.app.shop(shop).unwrap()).await.unwrap().unwrap();
    let sent = browser().get(link).send().await.unwrap();
    let back = Url::parse(sent.headers()["location"].to_str().unwrap()).unwrap();
    assert_eq!(back.host_str(), Some(PUBLIC_HOST));
    format!("{}?{}", back.path(), back.query().unwrap())
}

async fn open(test: &Served, path: &str) -> Response {
    test.get(path).header("host", PUBLIC_HOST).send().await.unwrap()
}

async fn grants(test: &Served) -> i64 {
    test.database.number("SELECT COUNT(*) FROM credentials").await
}

both_databases! {
    async fn an_owner_who_comes_back_ends_in_a_grant_and_a_reload_does_nothing(database: TestDatabase) {
        let test = Served::with(database, WITH_ADMIN).await;
        for shop in ["xhs-shop", "temu-shop"] {
            let path = agreed(&test, shop).await;

            let response = open(&test, &path).await;

            assert_eq!(response.status(), StatusCode::OK);
            let page = response.text().await.unwrap();
            assert!(page.contains(shop) && page.contains("Authorised") && page.contains("UTC"), "{page}");
            let of = test.app.shop(shop).unwrap();
            let first = test.app.tokens.status(of).await.unwrap().unwrap();
            assert!(first.usable);

            let again = test.get(&path).header("host", PUBLIC_HOST).header("accept-language", "zh-CN,zh;q=0.9");
            let again = again.send().await.unwrap();

            assert_eq!(again.status(), StatusCode::CONFLICT);
            let page = again.text().await.unwrap();
            assert!(page.contains("链接已使用") && page.contains("lang=\"zh-Hans\"") && page.contains(shop), "{page}");
            assert_eq!(test.app.tokens.status(of).await.unwrap().unwrap(), first);
        }
        test.stop().await;
    }

    async fn an_address_that_answers_no_link_of_ours_is_refused_and_uses_up_nothing(database: TestDatabase) {
        let test = Served::with(database, WITH_ADMIN).await;
        let path = agreed(&test, "xhs-shop").await;
        let query = path.split_once('?').unwrap().1.to_owned();
        let state = query.split('&').find(|pair| pair.starts_with("state=")).unwrap();
        let forged = path.replace(state, "state=0123456789abcdef0123456789abcdef");
        let stateless = path.replace(&format!("&{state}"), "");
        assert_ne!(stateless, path);

        for (path, title) in [
            (forged.as_str(), "Not a link of ours"),
            (&stateless, "Not a link of ours"),
            (&format!("/oauth/temu/callback?{query}"), "Not a link of ours"),
            (&format!("/oauth/nowhere/callback?{query}"), "Not a link of ours"),
            (&format!("/oauth/xiaohongshu/callback?{state}"), "Not a link of ours"),
            ("/oauth/xiaohongshu/callback", "Not a link of ours"),
            (&format!("/oauth/xiaohongshu/callback?error=access_denied&{state}"), "Not authorised"),
        ] {
            let response = open(&test, path).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
            let page = response.text().await.unwrap();
            assert!(page.contains(title), "{path}: {page}");
        }
        // A scanner that only looks at the address must not use it up.
        let head = browser().head(format!("http://{}{path}", test.address)).send().await.unwrap();
        assert_eq!(head.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(grants(&test).await, 0);

        assert_eq!(open(&test, &path).await.status(), StatusCode::OK, "the right address still works");
        test.stop().await;
    }

    async fn an_old_link_is_refused(database: TestDatabase) {
        let test = Served::with(database, WITH_ADMIN).await;
        let path = agreed(&test, "xhs-shop").await;
        test.database.execute("UPDATE login_attempts SET expires_at = '2026-11-01 00:00:00.000'").await;

        let response = open(&test, &path).await;

        assert_eq!(response.status(), StatusCode::GONE);
        assert_eq!(grants(&test).await, 0);
        test.stop().await;
    }

    async fn a_double_click_ends_in_one_grant(database: TestDatabase) {
        let test = Served::with(database, WITH_ADMIN).await;
        let path = agreed(&test, "xhs-shop").await;

        let (first, second) = tokio::join!(open(&test, &path), open(&test, &path));

        let mut statuses = [first.status().as_u16(), second.status().as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        let status = test.app.tokens.status(test.app.shop("xhs-shop").unwrap()).await.unwrap().unwrap();
        assert_eq!((status.version, status.usable), (1, true));
        test.stop().await;
    }

    async fn a_code_the_platform_had_no_time_for_may_be_brought_again(database: TestDatabase) {
        let test = Served::with(database, WITH_ADMIN).await;
        let path = agreed(&test, "xhs-shop").await;
        test.sandbox.world().with(|world| world.add_fault(Fault::new(FaultKind::Throttle)));

        let busy = open(&test, &path).await;
        test.sandbox.world().with(shopsync::sandbox::World::clear_faults);
        let again = open(&test, &path).await;

        assert_eq!((busy.status(), again.status()), (StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK));
        assert_eq!(grants(&test).await, 1);
        test.stop().await;
    }

    async fn an_account_that_is_another_shop_already_is_refused_and_the_page_names_that_shop(database: TestDatabase) {
        let http = format!("{WITH_ADMIN}[shops.twin]\napp = \"xhs\"\n");
        let test = Served::with(database, &http).await;
        let path = agreed(&test, "xhs-shop").await;
        assert_eq!(open(&test, &path).await.status(), StatusCode::OK);
        let path = agreed(&test, "twin").await;

        let response = open(&test, &path).await;

        assert_eq!(response.status(), StatusCode::CONFLICT);
        let page = response.text().await.unwrap();
        assert!(page.contains("This account is already the shop <strong>xhs-shop</strong>"), "{page}");
        assert_eq!(test.app.tokens.status(test.app.shop("twin").unwrap()).await.unwrap(), None);
        test.stop().await;
    }

    async fn another_sellers_grant_is_refused(database: TestDatabase) {
        let test = Served::new(database).await;
        let before = test.app.tokens.status(test.app.shop("xhs-shop").unwrap()).await.unwrap();
        let path = agreed(&test, "xhs-shop").await;
        let code = test.sandbox.world().with(|world| {
            world.issue_code(shopsync::sandbox::Platform::Xiaohongshu, 1)
        });
        let own = path.split(['?', '&']).find(|pair| pair.starts_with("code=")).unwrap();

        let response = open(&test, &path.replace(own, &format!("code={code}"))).await;

        assert_eq!(response.status(), StatusCode::CONFLICT);
        assert!(response.text().await.unwrap().contains("Another account"));
        assert_eq!(test.app.tokens.status(test.app.shop("xhs-shop").unwrap()).await.unwrap(), before);
        test.stop().await;
    }
}
