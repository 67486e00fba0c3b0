//! What the rest of the program is handed.

use shopsync::clock::Clock;
use shopsync::domain::record::Record;

use super::{Place, SHOP, assert_tells};

#[test]
fn a_gateway_no_official_page_knows_is_warned_of() {
    let place = Place::new(
        "[apps.x]\nplatform = \"xiaohongshu\"\napp_id = \"k\"\napp_secret = \"s\"\ngateway = \"https://openapi.xiaohongshu.com/x\"",
    );
    let warnings = place.load().map(|loaded| loaded.warnings).unwrap_or_default();
    assert_tells(&warnings.join("\n"), &["`apps.x.gateway`", "https://ark.xiaohongshu.com/"]);
}

#[test]
fn shops_are_those_enabled_with_all_that_platform_and_zone_have() {
    let text = format!(
        "{SHOP}[shops.zeta]\napp = \"temu-us\"\nenabled = false\n[shops.aaa]\napp = \"temu-us\"\naccount = \"007\"\nrecords = [\"orders\"]"
    );
    let config = Place::new(&text).config();

    let shops = config.shops();

    let names: Vec<&str> = shops.iter().map(|shop| shop.name.as_str()).collect();
    assert_eq!(names, ["aaa", "acme"]);
    assert_eq!(shops[0].account.as_deref(), Some("007"));
    assert_eq!(shops[1].account, None);
    assert_eq!(shops[1].records, Record::ALL);
    let job = &config.jobs["products"];
    assert!(!job.covers(&shops[0]) && job.covers(&shops[1]));
}

#[test]
fn the_gateway_is_the_apps_own_else_the_zones() {
    let settings = |text: &str| Place::new(text).config().app_settings("temu-us", &Clock::system()).unwrap();
    let zone = settings(SHOP);
    assert_eq!(zone.gateway.as_str(), "https://openapi-b-us.temu.com/openapi/router");
    assert_eq!(zone.redirect_uri, "");

    let own = SHOP.replace("[shops", "gateway = \"http://127.0.0.1:99/r\"\n[shops");
    let own = settings(&format!("{own}[http]\npublic_url = \"https://a.example/\""));
    assert_eq!(own.gateway.as_str(), "http://127.0.0.1:99/r");
    assert_eq!(own.redirect_uri, "https://a.example/oauth/temu/callback");
}
