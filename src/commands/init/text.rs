//! What `init` writes into config.toml.

use std::path::Path;

use crate::config::{SYSTEM_FILE, bare_or_quoted};
use crate::platform::Profile;

pub(super) struct NewApp {
    pub name: String,
    pub profile: &'static Profile,
    pub zone: Option<String>,
    pub key: String,
    /// `None`: not written.
    pub redirect: Option<String>,
}

pub(super) struct NewShop {
    pub name: String,
    pub app: String,
}

/// The beginning of a new file.
pub(super) fn head(path: &Path) -> String {
    let state = state_folder(path);
    let (database, tokens) = match &state {
        Some(state) => {
            (format!("{state}/shopsync.db"), format!("\n[tokens]\ndirectory = \"{state}/tokens\"\n"))
        }
        None => ("shopsync.db".to_owned(), String::new()),
    };
    format!(
        "{HEAD}\n[database]\nurl = \"sqlite://{database}\"  # or postgres://user:password@host/database\n{tokens}"
    )
}

const HEAD: &str = "\
# All other keys have defaults: `shopsync config show` prints what holds in the end, and the config.toml that comes with
# the program has every key with a comment. Durations: 500ms 90s 30m 24h 7d. Relative paths start at this file's
# folder. An unknown key is an error.
";

/// The sections of an app and a shop, as they stand at the end of the file.
pub(super) fn sections(app: Option<&NewApp>, shop: &NewShop) -> String {
    let mut lines = Vec::new();
    if let Some(app) = app {
        lines.push(
            "\n# An app is what you registered in the platform's console. Many shops may share one."
                .to_owned(),
        );
        lines.push(format!("[apps.{}]", bare_or_quoted(&app.name)));
        lines.push(format!("platform = {}", quoted(app.profile.name)));
        lines.extend(app.zone.as_ref().map(|zone| format!("zone = {}", quoted(zone))));
        lines.push(format!("app_key = {}", quoted(&app.key)));
        if app.profile.has_secret {
            lines.push(format!("app_secret_file = {}", quoted(&secret_file(&app.name))));
        }
        lines.extend(app.redirect.as_ref().map(|address| format!("redirect_uri = {}", quoted(address))));
    }
    lines.push("\n# A shop is one seller account that authorised the app.".to_owned());
    lines.push(format!("[shops.{}]", bare_or_quoted(&shop.name)));
    lines.push(format!("app = {}\n", quoted(&shop.app)));
    lines.join("\n")
}

/// The file beside config.toml that holds an app's secret.
pub(super) fn secret_file(app: &str) -> String {
    format!("{app}.secret")
}

/// The same config with an app's secret in another file.
pub(super) fn with_secret_file(text: &str, name: &str, other: &str) -> String {
    let line = |name: &str| format!("app_secret_file = {}\n", quoted(name));
    // The last one: it was added just now.
    match text.rfind(&line(name)) {
        Some(at) => format!("{}{}{}", &text[..at], line(other), &text[at + line(name).len()..]),
        None => text.to_owned(),
    }
}

/// Where the daemon of a config in the system's folder keeps its files: that folder is not its to write to. `None`:
/// beside the config.
fn state_folder(path: &Path) -> Option<String> {
    let system = Path::new(SYSTEM_FILE);
    if path.parent() != system.parent() {
        return None;
    }
    if path == system {
        return Some(STATE_FOLDER.to_owned());
    }
    Some(format!("{STATE_FOLDER}/{}", path.file_stem()?.to_str()?))
}

/// As the units have it: `StateDirectory=shopsync`, and `shopsync/%i` of an instance.
const STATE_FOLDER: &str = "/var/lib/shopsync";

/// A text of TOML. JSON escapes the same way, all but one character.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_the_systems_folder_keeps_its_files_elsewhere() {
        for (path, expected) in [
            ("/etc/shopsync/config.toml", Some("/var/lib/shopsync")),
            ("/etc/shopsync/second.toml", Some("/var/lib/shopsync/second")),
            ("/etc/shopsync/more/config.toml", None),
            ("/home/ann/config.toml", None),
        ] {
            assert_eq!(state_folder(Path::new(path)).as_deref(), expected, "{path}");
        }
    }
}
