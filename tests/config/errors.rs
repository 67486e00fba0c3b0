//! What is wrong is told with its place, its key and what was meant.

use super::{Place, SHOP, assert_tells, error_of};

#[test]
fn an_unknown_key_is_reported_with_its_place_and_the_nearest_known_one() {
    assert_tells(
        &error_of("[sync]\nhistroy = \"1d\""),
        &["config.toml", "`sync.histroy`", "did you mean `sync.history`?"],
    );
    assert_tells(&error_of("[synk]\nhistory = \"1d\""), &["`synk`", "did you mean `sync`?"]);
    assert_tells(
        &error_of(&format!("{SHOP}acount = \"1\"")),
        &["`shops.acme.acount`", "did you mean `shops.acme.account`?"],
    );
    let place = Place::new(SHOP).set("SHOPSYNC_APPS__TEMU_US__APP_SECRETT", "hush-hush");
    let error = place.error();
    assert_tells(&error, &["SHOPSYNC_APPS__TEMU_US__APP_SECRETT", "did you mean `apps.temu-us.app_secret`?"]);
    assert!(!error.contains("hush-hush"));
    let place = Place::new(SHOP).set("SHOPSYNC_HTPP__LISTEN", "");
    assert_tells(&place.error(), &["SHOPSYNC_HTPP__LISTEN", "did you mean `http`?"]);
}

#[test]
fn all_errors_are_reported_in_one_run() {
    let error = Place::new("[sync]\nhistroy = \"1d\"\noverlap = 10\n[retry]\nattempts_max = \"many\"")
        .set("SHOPSYNC_LOG__LEVLE", "info")
        .error();
    assert_tells(
        &error,
        &["4 errors", "`sync.histroy`", "`sync.overlap`", "`retry.attempts_max`", "`log.levle`"],
    );

    let error = error_of("[sync]\nshutdown_grace = \"10s\"\n[retry]\nattempts_max = 0\n[apps.x]\n");
    assert_tells(&error, &["shutdown_grace", "attempts_max", "apps.x.platform"]);
}

#[test]
fn a_wrong_kind_of_value_is_reported_with_what_was_expected() {
    for (text, parts) in [
        ("[sync]\noverlap = 600", &["`sync.overlap`", "its unit"][..]),
        ("[sync]\noverlap = \"600\"", &["`sync.overlap`", "no unit"]),
        ("[sync]\nkeep_raw = \"always\"", &["`sync.keep_raw`", "forever"]),
        ("[retry]\nattempts_max = \"many\"", &["`retry.attempts_max`", "whole number", "found text"]),
        ("[retry]\nattempts_max = -1", &["`retry.attempts_max`", "not negative"]),
        ("[tokens]\nseal = \"maybe\"", &["`tokens.seal`", "true or false"]),
        ("[tokens]\nstore = \"databse\"", &["`tokens.store`", "did you mean `database`?"]),
        ("[log]\nlevel = \"inof\"", &["`log.level`", "did you mean `info`?"]),
        ("[http]\nlisten = \"8787\"", &["`http.listen`"]),
        ("sync = 3", &["`sync`", "a section"]),
    ] {
        assert_tells(&error_of(text), parts);
    }
}

#[test]
fn a_job_must_say_what_and_when() {
    for (text, parts) in [
        ("[jobs.x]\nevery = \"1h\"", &["`jobs.x`", "reconcile"][..]),
        ("[jobs.orders]\ncron = \"0 0 0 30 2 *\"", &["`jobs.orders.cron`", "names no moment"]),
        ("[jobs.x]\nsync = \"orders\"", &["`jobs.x`", "when it runs"]),
        ("[jobs.x]\nsync = \"orders\"\nevery = \"9s\"", &["`jobs.x.every`", "10s"]),
        (
            "[jobs.x]\nsync = \"oders\"\nevery = \"1h\"",
            &["`jobs.x.sync`", "orders, products, after_sales, activities"],
        ),
        ("[jobs.x]\nsync = \"orders\"\ncron = \"* * * *\"", &["`jobs.x.cron`", "found 4"]),
        ("[jobs.x]\nsync = \"orders\"\ncron = \"0 0 25 * * *\"", &["`jobs.x.cron`", "no cron pattern"]),
        (
            "[jobs.x]\nsync = \"orders\"\nevery = \"1h\"\ntimezone = \"Europe/Berln\"",
            &["`jobs.x.timezone`", "Europe/Berlin"],
        ),
        ("[jobs.\"a b\"]\nsync = \"orders\"\nevery = \"1h\"", &["`jobs.\"a b\"`", "a name has"]),
        ("[jobs.x]\nsync = \"orders\"\nreconcile = \"orders\"\nevery = \"1h\"", &["exclude each other"]),
    ] {
        assert_tells(&error_of(text), parts);
    }
}

#[test]
fn an_app_must_fit_its_platform() {
    let app = |lines: &str| error_of(&format!("[apps.x]\napp_key = \"k\"\n{lines}"));
    let secret = "app_secret = \"s\"\n";
    for (lines, parts) in [
        ("platform = \"temo\"", &["`apps.x.platform`", "did you mean `temu`?"][..]),
        ("platform = \"temu\"\napp_secret = \"s\"", &["`apps.x.zone`", "us, eu, global, partner, cn"]),
        ("platform = \"temu\"\nzone = \"uk\"\napp_secret = \"s\"", &["`apps.x.zone`", "`uk`"]),
        ("platform = \"xiaohongshu\"\nzone = \"cn\"\napp_secret = \"s\"", &["`apps.x.zone`", "no zones"]),
        ("platform = \"xiaohongshu\"", &["`apps.x`", "no app secret", "`x.app_secret`"]),
        ("platform = \"115\"\napp_secret = \"s\"", &["`apps.x.app_secret`", "no app secret"]),
        (
            "platform = \"xiaohongshu\"\napp_secret_file = \"none\"",
            &["`apps.x.app_secret_file`", "cannot be read"],
        ),
    ] {
        assert_tells(&app(lines), parts);
    }
    for (line, key) in [
        ("gateway = \"http://ark.example.com/\"", "gateway"),
        ("proxy = \"ftp://proxy:21\"", "proxy"),
        ("requests_per_second = 0", "requests_per_second"),
        ("requests_per_second = nan", "requests_per_second"),
        ("requests_per_second = 100000", "requests_per_second"),
        ("refresh_before = \"1s\"", "refresh_before"),
        ("sign_method = \"sha1\"", "sign_method"),
    ] {
        let error = app(&format!("platform = \"xiaohongshu\"\n{secret}{line}"));
        assert_tells(&error, &[&format!("`apps.x.{key}`")]);
    }
}

#[test]
fn a_shop_must_fit_its_app() {
    for (shop, parts) in [
        ("app = \"temu-uk\"", &["`shops.x.app`", "did you mean `temu-us`?"][..]),
        ("", &["`shops.x.app`"]),
        ("app = \"temu-us\"\nrecords = []", &["`shops.x.records`", "enabled = false"]),
        ("app = \"temu-us\"\nrecords = [\"oders\"]", &["`shops.x.records`", "orders, products"]),
    ] {
        assert_tells(&error_of(&format!("{SHOP}[shops.x]\n{shop}")), parts);
    }
    let partner = SHOP.replace("\"us\"", "\"partner\"");
    let error = error_of(&format!("{partner}records = [\"orders\"]"));
    assert_tells(&error, &["`shops.acme.records`", "zone `partner`", "it has products"]);
}
