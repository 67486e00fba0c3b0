//! Which layer wins, and how the environment writes values.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;
use shopsync::clock::Clock;
use shopsync::config::{Config, LoadOptions, Timing, Work};
use shopsync::domain::record::Record;

use super::{Place, SHOP, assert_tells, error_of};

#[test]
fn without_a_file_the_defaults_hold() {
    let place = Place::new("");
    std::fs::remove_file(place.path("config.toml")).unwrap();

    let loaded = place.load().unwrap_or_else(|error| panic!("{error}"));

    assert_eq!(loaded.path, None);
    assert_eq!(loaded.base, place.folder.path());
    let config = loaded.config;
    let database = format!("sqlite://{}", place.path("shopsync.db").display());
    assert_eq!(config.database_url().expose_secret(), database);
    assert_eq!(config.key_folder(), place.folder.path());
    assert_eq!(config.sync.history, Duration::from_hours(30 * 24));
    assert_eq!(config.sync.keep_raw, None);
    assert_eq!(config.retry_policy().backoff_min, Duration::from_millis(500));
    let jobs: Vec<&str> = config.jobs.keys().map(String::as_str).collect();
    assert_eq!(jobs, ["activities", "after_sales", "nightly", "orders", "products"]);
    assert_eq!(config.jobs["nightly"].work(), Some(Work::Reconcile { record: Record::Orders, days: 3 }));
}

#[test]
fn the_environment_stands_above_the_file_and_the_file_above_the_defaults() {
    let place =
        Place::new("[sync]\nhistory = \"10d\"\noverlap = \"5m\"").set("SHOPSYNC_SYNC__OVERLAP", "20m");

    let sync = place.config().sync;

    assert_eq!(sync.settle, Duration::from_mins(1));
    assert_eq!(sync.history, Duration::from_hours(240));
    assert_eq!(sync.overlap, Duration::from_mins(20));
}

#[test]
fn a_key_with_leading_zeros_keeps_them() {
    let place = Place::new(SHOP).set("SHOPSYNC_APPS__TEMU_US__APP_KEY", "000456");
    let settings = place.config().app_settings("temu-us", &Clock::system()).unwrap();
    assert_eq!(settings.app_key, "000456");

    for (name, value) in [("true", "true"), ("list", "[1]"), ("float", "1e5")] {
        let place = Place::new(SHOP).set("SHOPSYNC_APPS__TEMU_US__APP_KEY", value);
        let settings = place.config().app_settings("temu-us", &Clock::system()).unwrap();
        assert_eq!(settings.app_key, value, "{name}");
    }
}

#[test]
fn an_underscore_in_a_variable_stands_for_what_the_section_is_called() {
    let file = "[apps.temu-us]\nplatform=\"temu\"\napp_secret=\"s\"\napp_key=\"k\"\n[shops.\"Acme.US-1\"]\napp=\"temu-us\"";
    let config = Place::new(file)
        .set("SHOPSYNC_APPS__TEMU_US__ZONE", "eu")
        .set("SHOPSYNC_SHOPS__ACME_US_1__AMOUNTS", "no")
        .set("SHOPSYNC_JOBS__AFTER_SALES__ENABLED", "false")
        .config();

    assert_eq!(config.apps.len(), 1);
    let shops = config.shops();
    assert_eq!((shops[0].name.as_str(), shops[0].zone.as_str()), ("Acme.US-1", "eu"));
    assert!(!shops[0].options.amounts);
    assert!(!config.jobs["after_sales"].enabled);
}

#[test]
fn numbers_switches_and_lists_are_taken_from_the_environment() {
    let config = Place::new(SHOP)
        .set("SHOPSYNC_RETRY__ATTEMPTS_MAX", "7")
        .set("SHOPSYNC_APPS__TEMU_US__REQUESTS_PER_SECOND", "2.5")
        .set("SHOPSYNC_SHOPS__ACME__DETAIL", "true")
        .set("SHOPSYNC_SHOPS__ACME__RECORDS", "after_sales, orders")
        .set("SHOPSYNC_JOBS__ORDERS__SHOPS", r#"["acme", "b*"]"#)
        .config();

    assert_eq!(config.retry.attempts_max, 7);
    assert_eq!(config.requests_per_second("temu-us"), Some(2.5));
    assert!(config.shops["acme"].detail);
    assert_eq!(config.shops()[0].records, [Record::Orders, Record::AfterSales]);
    assert_eq!(config.jobs["orders"].shops, ["acme", "b*"]);
}

#[test]
fn a_variable_with_one_underscore_too_few_is_warned_of() {
    let place = Place::new(SHOP).set("SHOPSYNC_SYNC_HISTORY", "1d").set("SHOPSYNC_CONFIGS", "1");
    let warnings = place.load().unwrap().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("did you mean SHOPSYNC_SYNC__HISTORY?"), "{warnings:?}");
}

#[test]
fn variables_without_two_underscores_are_not_configuration() {
    let place = Place::new(SHOP).set("SHOPSYNC_REQUIRE_POSTGRES", "1").set("OTHER__THING", "1");
    assert_eq!(place.config().shops().len(), 1);
}

#[test]
fn a_schedule_of_a_higher_layer_replaces_the_lower_ones() {
    let config = Place::new("[jobs.orders]\nevery = \"30m\"").config();
    assert_eq!(config.jobs["orders"].timing(), Some(Timing::Every(Duration::from_mins(30))));

    let config = Place::new("[jobs.orders]\nevery = \"30m\"")
        .set("SHOPSYNC_JOBS__ORDERS__CRON", "*/7 * * * *")
        .set("SHOPSYNC_JOBS__ORDERS__TIMEZONE", "Europe/Berlin")
        .config();
    let expected = Timing::Cron { pattern: "0 */7 * * * *".to_owned(), timezone: chrono_tz::Europe::Berlin };
    assert_eq!(config.jobs["orders"].timing(), Some(expected));

    let error = error_of("[jobs.orders]\nevery = \"30m\"\ncron = \"0 * * * * *\"");
    assert_tells(&error, &["config.toml", "`jobs.orders`", "`cron` and `every` exclude each other"]);
}

#[test]
fn a_relative_config_file_gives_an_absolute_base() {
    let place = Place::new("");
    let loaded = Config::load(&LoadOptions {
        path: Some("config.toml".into()),
        environment: BTreeMap::new(),
        working_directory: place.folder.path().to_owned(),
        system_file: place.path("etc/config.toml"),
    });
    assert_eq!(loaded.ok().map(|loaded| loaded.base).as_deref(), Some(Path::new(place.folder.path())));
}

#[test]
fn the_system_file_is_read_when_nothing_nearer_is_there() {
    let place = Place::new("[sync]\nhistory = \"1d\"");
    std::fs::create_dir(place.path("etc")).unwrap();
    place.write("etc/config.toml", "[sync]\nhistory = \"2d\"");
    assert_eq!(place.config().sync.history, Duration::from_hours(24));

    std::fs::remove_file(place.path("config.toml")).unwrap();
    assert_eq!(place.config().sync.history, Duration::from_hours(48));
    assert_eq!(place.config().key_folder(), place.path("etc"));
}
