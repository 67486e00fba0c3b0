//! What a reload tells of two configs: which keys differ, and which of them only a restart takes over. Never a value.

use crate::{Place, SHOP};

const SECRET: &str = "a-secret-nobody-sees";

#[test]
fn every_difference_is_named_by_its_key() {
    let job = "[jobs.often]\nsync = \"orders\"\nevery = \"1h\"\n";
    let more = format!("{SHOP}{job}");
    for (before, after, expected) in [
        (SHOP.to_owned(), SHOP.to_owned(), &[][..]),
        // Said in other words.
        (SHOP.to_owned(), format!("{SHOP}amounts = true\n[sync]\noverlap = \"600s\"\n"), &[]),
        (more.clone(), more.replace("1h", "2h"), &["`jobs.often.every` changed"]),
        (
            more.clone(),
            more.replace("every = \"1h\"", "cron = \"0 0 * * * *\""),
            &["`jobs.often.cron` changed", "`jobs.often.every` changed"],
        ),
        (SHOP.to_owned(), more.clone(), &["`jobs.often` is new"]),
        (more.clone(), SHOP.to_owned(), &["`jobs.often` is gone"]),
        (
            SHOP.to_owned(),
            SHOP.replace("shops.acme", "shops.other"),
            &["`shops.acme` is gone", "`shops.other` is new"],
        ),
        (SHOP.to_owned(), SHOP.replace(SECRET, "another"), &["`apps.temu-us.app_secret` changed"]),
        (
            SHOP.to_owned(),
            format!("{SHOP}enabled = false\n[sync]\nsettle = \"90s\"\n[log]\nlevel = \"debug\"\n"),
            &["`log.level` changed", "`shops.acme.enabled` changed", "`sync.settle` changed"],
        ),
        (proxy("one"), proxy("two"), &["`apps.temu-us.proxy` changed"]),
        (
            format!("{more}dead_man_url = \"https://example.com/one\"\n"),
            format!("{more}dead_man_url = \"https://example.com/two\"\n"),
            &["`jobs.often.dead_man_url` changed"],
        ),
        (database("one"), database("two"), &["`database.url` changed"]),
    ] {
        let changes = Place::new(&before).config().changes_to(&Place::new(&after).config());

        // Folders differ from place to place, and with them what starts there.
        let told: Vec<String> =
            changes.iter().map(ToString::to_string).filter(|told| !is_of_folder(told, &after)).collect();
        assert_eq!(told, expected, "{before} -> {after}");
    }
}

#[test]
fn what_another_file_holds_is_a_change_too() {
    let place =
        Place::new(&SHOP.replace(&format!("app_secret = \"{SECRET}\""), "app_secret_file = \"secret\""));
    place.write("secret", SECRET);
    let loaded = place.load().unwrap_or_else(|error| panic!("{error}"));
    let again = || loaded.again().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(loaded.config.changes_to(&again().config), []);

    place.write("secret", "another");

    let changes = loaded.config.changes_to(&again().config);
    let told: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["`apps.temu-us.app_secret_file` changed"]);
}

#[test]
fn a_file_that_is_gone_is_no_empty_config() {
    let place = Place::new(SHOP);
    let loaded = place.load().unwrap_or_else(|error| panic!("{error}"));
    std::fs::remove_file(place.path("config.toml")).expect("the file is there");

    let error = loaded.again().err().expect("it is gone").to_string();

    assert!(error.contains("config.toml does not exist"), "{error}");
}

#[test]
fn a_restart_is_required_for_what_is_built_once() {
    for (more, needs_restart) in [
        ("[database]\nschema = \"a\"\n", true),
        ("[http]\nlisten = \"127.0.0.1:9\"\n", true),
        ("[http]\npublic_url = \"https://example.com\"\n", true),
        ("[tokens]\nstore = \"file\"\n", true),
        ("[tokens]\nkey_file = \"key\"\n", true),
        ("[log]\nformat = \"json\"\n", true),
        ("[log]\nlevel = \"debug\"\n", false),
        ("[sync]\nshops_in_parallel = 2\n", false),
        ("[retry]\nattempts_max = 2\n", false),
        ("[notify]\nlag_limit = \"2h\"\n", false),
        ("[shops.other]\napp = \"temu-us\"\n", false),
        ("[jobs.orders]\nenabled = false\n", false),
    ] {
        let place = Place::new(SHOP);
        let loaded = place.load().unwrap_or_else(|error| panic!("{error}"));
        place.write("config.toml", &format!("{SHOP}{more}"));
        let next = loaded.again().unwrap_or_else(|error| panic!("{error}"));

        let changes = loaded.config.changes_to(&next.config);

        assert_eq!(changes.len(), 1, "{more}: {changes:?}");
        assert_eq!(changes[0].needs_restart(), needs_restart, "{more}");
    }
}

fn proxy(password: &str) -> String {
    SHOP.replace("zone = \"us\"", &format!("zone = \"us\"\nproxy = \"http://ann:{password}@proxy:8080\""))
}

fn database(password: &str) -> String {
    format!("{SHOP}[database]\nurl = \"postgres://ann:{password}@db/shop\"\n")
}

fn is_of_folder(told: &str, text: &str) -> bool {
    told.contains("tokens.directory") || (told.contains("database.url") && !text.contains("postgres"))
}
