//! Makes every path of the config absolute: relative ones start at the config file's folder, wherever the
//! daemon was started.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Config;

pub fn make_absolute(config: &mut Config) {
    let base = config.base.clone();
    let apps = config.apps.values_mut().map(|app| &mut app.app_secret_file);
    let optional =
        [&mut config.database.url_file, &mut config.http.admin_token_file, &mut config.tokens.key_file];
    for path in optional.into_iter().chain(apps).flatten() {
        start_at(path, &base);
    }
    start_at(&mut config.tokens.directory, &base);
    for webhook in &mut config.notify.webhooks {
        start_at(&mut webhook.url_file, &base);
        if let Some(path) = &mut webhook.secret_file {
            start_at(path, &base);
        }
    }
}

/// Where the units keep their configs, and their states.
const UNIT_CONFIGS: &str = "/etc/shopsync";
const UNIT_STATES: &str = "/var/lib/shopsync";

/// The folder systemd keeps for the unit; of several, the first. For a verb that someone runs by hand with the config
/// of a unit, it is that unit's: new tokens that one of them could not store are found by the other.
pub fn state(environment: &BTreeMap<String, String>, config: Option<&Path>) -> Option<PathBuf> {
    let named = environment.get("STATE_DIRECTORY").and_then(|folders| folders.split(':').next());
    match named.filter(|folder| !folder.is_empty()) {
        Some(folder) => Some(PathBuf::from(folder)),
        None => of_unit(config?).filter(|folder| folder.is_dir()),
    }
}

/// The folder of the unit that has this config: `shopsync` or `shopsync@NAME`.
fn of_unit(config: &Path) -> Option<PathBuf> {
    if config.parent()? != Path::new(UNIT_CONFIGS) {
        return None;
    }
    let states = Path::new(UNIT_STATES);
    match config.file_stem()?.to_str()? {
        "config" => Some(states.to_owned()),
        instance => Some(states.join(instance)),
    }
}

fn start_at(path: &mut PathBuf, base: &Path) {
    *path = base.join(&*path);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_is_the_first_that_systemd_names() {
        for (variable, expected) in [
            (Some("/var/lib/shopsync"), Some("/var/lib/shopsync")),
            (Some("/var/lib/a:/var/lib/b"), Some("/var/lib/a")),
            (Some(""), None),
            (None, None),
        ] {
            let environment = variable.map(|variable| ("STATE_DIRECTORY".to_owned(), variable.to_owned()));
            assert_eq!(
                state(&environment.into_iter().collect(), None).as_deref(),
                expected.map(Path::new),
                "{variable:?}"
            );
        }
    }

    #[test]
    fn the_config_of_a_unit_shows_where_its_state_is() {
        for (config, expected) in [
            ("/etc/shopsync/config.toml", Some("/var/lib/shopsync")),
            ("/etc/shopsync/eu.toml", Some("/var/lib/shopsync/eu")),
            ("/etc/shopsync/old/eu.toml", None),
            ("/home/ann/config.toml", None),
        ] {
            assert_eq!(of_unit(Path::new(config)).as_deref(), expected.map(Path::new), "{config}");
        }
    }
}
