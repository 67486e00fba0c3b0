//! Makes every path of the config absolute: relative ones start at the config file's folder, wherever the
//! daemon was started.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Config;

pub(super) fn make_absolute(config: &mut Config) {
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

/// The folder systemd keeps for the unit; of several, the first.
pub(super) fn state(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let folders = environment.get("STATE_DIRECTORY")?;
    folders.split(':').next().filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

fn start_at(path: &mut PathBuf, base: &Path) {
    *path = base.join(&*path);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_is_the_first_that_systemd_names() {
        for (told, expected) in [
            (Some("/var/lib/shopsync"), Some("/var/lib/shopsync")),
            (Some("/var/lib/a:/var/lib/b"), Some("/var/lib/a")),
            (Some(""), None),
            (None, None),
        ] {
            let environment = told.map(|told| ("STATE_DIRECTORY".to_owned(), told.to_owned()));
            assert_eq!(
                state(&environment.into_iter().collect()).as_deref(),
                expected.map(Path::new),
                "{told:?}"
            );
        }
    }
}
