//! Secrets come from one place, are never repeated, and are guarded.

use secrecy::ExposeSecret;
use shopsync::clock::Clock;

use super::{Place, SHOP, assert_tells, error_of};

#[test]
fn the_value_of_a_secret_is_never_repeated() {
    for text in [
        "[apps.x]\napp_secret = 8700113",
        "[apps.x]\napp_secret = [\"8700113\"]",
        "[apps.x]\napp_secret = \"8700113\nfoo",
        "[apps.x]\napp_secret = '8700113' oops",
        "[database]\nurl = \"mysql://u:8700113@h/d\"",
        "[database]\nurl = 8700113",
        "[apps.x]\nproxy = \"//u:8700113@proxy\"",
        "[apps.x]\nproxy = \"ftp://u:8700113@proxy\"",
        "[jobs.x]\ndead_man_url = \"8700113\"",
    ] {
        let error = error_of(text);
        assert!(!error.contains("8700113"), "{error}");
    }
    assert_tells(&error_of("[apps.x]\napp_secret = 'abc' oops"), &["config.toml, line 2, column 20"]);
}

#[test]
fn a_secret_comes_from_one_place() {
    let place = Place::new(
        &SHOP.replace("app_secret = \"a-secret-nobody-sees\"", "app_secret_file = \"temu.secret\""),
    );
    place.write("temu.secret", "  from-the-file\n");
    let secret = |place: &Place| {
        let settings = place.config().app_settings("temu-us", &Clock::system()).unwrap();
        settings.app_secret.expose_secret().to_owned()
    };
    assert_eq!(secret(&place), "from-the-file");

    // The environment's choice replaces the file's.
    let place = place.set("SHOPSYNC_APPS__TEMU_US__APP_SECRET", "from-the-environment");
    assert_eq!(secret(&place), "from-the-environment");

    let place = Place::new(&SHOP.replace("app_secret = \"a-secret-nobody-sees\"", ""));
    let folder = place.folder.path().display().to_string();
    let place = place.set("CREDENTIALS_DIRECTORY", &folder);
    place.write("temu-us.app_secret", "from-systemd\n");
    assert_eq!(secret(&place), "from-systemd");

    let place = place.set("SHOPSYNC_APPS__TEMU_US__APP_SECRET", "second");
    assert_tells(&place.error(), &["two app secrets"]);

    let both = SHOP.replace("app_secret =", "app_secret_file = \"temu.secret\"\napp_secret =");
    assert_tells(&error_of(&both), &["`app_secret` and `app_secret_file` exclude each other"]);
}

#[test]
fn a_secret_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new(SHOP);
    assert!(place.load().is_ok_and(|loaded| loaded.warnings.is_empty()));

    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(place.path("config.toml"), open).unwrap();
    let warnings = place.load().map(|loaded| loaded.warnings).unwrap_or_default();
    assert_tells(&warnings.join("\n"), &["config.toml", "chmod 600"]);
}
