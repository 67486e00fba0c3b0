//! Where secrets come from: in line, a file, or systemd's credentials. Looks at who else can read them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::problem::Findings;
use super::{AppConfig, Config, database, file};

/// A secret is a line; more is another file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;
/// Shorter ones can be guessed.
const ADMIN_TOKEN_BYTES_MIN: usize = 32;
/// Longer ones do not fit beside the rest of a request's head.
const ADMIN_TOKEN_BYTES_MAX: usize = 512;
/// Where systemd puts what `LoadCredential=` names.
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// Fills in the secrets that are to be used.
pub fn read(
    config: &mut Config,
    environment: &BTreeMap<String, String>,
    path: Option<&Path>,
    findings: &mut Findings<'_>,
) {
    config.credentials = environment.get(CREDENTIALS_VARIABLE).map(PathBuf::from);
    let credentials = config.credentials.clone();
    read_database(config, findings);
    read_admin_token(config, findings);
    for (name, app) in &mut config.apps {
        if app.profile().is_none_or(|profile| profile.has_secret) {
            read_app(name, app, credentials.as_deref(), findings);
        }
    }
    if let Some(path) = path
        && has_inline_secret(config)
        && file::is_open_to_others(path)
    {
        let message = format!(
            "{} holds secrets and every user can read it; run: chmod 600 {}",
            path.display(),
            path.display()
        );
        findings.warning(&[], message);
    }
}

fn read_database(config: &mut Config, findings: &mut Findings<'_>) {
    let key = match (&config.database.url, &config.database.url_file) {
        (Some(_), None) => "url",
        (None, Some(_)) => "url_file",
        _ => return findings.problem(&["database"], "set `url` or `url_file`"),
    };
    let path = ["database", key];
    let address = match &config.database.url_file {
        Some(file) => secret_of_file(file, &path, findings),
        None => config.database.url.clone(),
    };
    let Some(address) = address else { return };
    match database::effective(address.expose_secret(), &config.base) {
        Ok(address) => config.database.effective_url = SecretString::from(address),
        Err(message) => findings.problem(&path, message),
    }
}

fn read_admin_token(config: &mut Config, findings: &mut Findings<'_>) {
    let Some(file) = &config.http.admin_token_file else { return };
    let path = ["http", "admin_token_file"];
    let Some(token) = secret_of_file(file, &path, findings) else { return };
    let text = token.expose_secret();
    let is_in_bounds = (ADMIN_TOKEN_BYTES_MIN..=ADMIN_TOKEN_BYTES_MAX).contains(&text.len());
    if !is_in_bounds || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!(
            "the file {0} must hold one word of {ADMIN_TOKEN_BYTES_MIN} to {ADMIN_TOKEN_BYTES_MAX} plain characters; \
             make one with: (umask 077; openssl rand -hex 32 > {0})",
            file.display()
        );
        return findings.problem(&path, message);
    }
    config.http.admin_token = Some(token);
}

fn read_app(name: &str, app: &mut AppConfig, credentials: Option<&Path>, findings: &mut Findings<'_>) {
    let credential_name = format!("{name}.app_secret");
    let credential = credentials.map(|folder| folder.join(&credential_name)).filter(|path| path.exists());
    let section = ["apps", name];
    let secret = match (&app.app_secret, &app.app_secret_file, credential) {
        (Some(secret), None, None) => Some(secret.clone()),
        (None, Some(path), None) => secret_of_file(path, &["apps", name, "app_secret_file"], findings),
        (None, None, Some(path)) => secret_of_file(&path, &section, findings),
        (None, None, None) => {
            let message = format!(
                "there is no app secret: set `app_secret`, `app_secret_file` or the systemd credential `{credential_name}`"
            );
            return findings.problem(&section, message);
        }
        _ => {
            let message = format!(
                "there are two app secrets: keep one of `app_secret`, `app_secret_file` and the systemd credential `{credential_name}`"
            );
            return findings.problem(&section, message);
        }
    };
    if let Some(secret) = secret {
        app.effective_secret = secret;
    }
}

fn secret_of_file(file: &Path, key: &[&str], findings: &mut Findings<'_>) -> Option<SecretString> {
    let text = match file::read_text(file, SECRET_BYTES_MAX) {
        Ok(text) => text,
        Err(error) => {
            findings.problem(key, format!("the file {} cannot be read: {error}", file.display()));
            return None;
        }
    };
    if text.trim().is_empty() {
        findings.problem(key, format!("the file {} is empty", file.display()));
        return None;
    }
    if file::is_open_to_others(file) {
        let message = format!("every user can read {0}; run: chmod 600 {0}", file.display());
        findings.warning(key, message);
    }
    Some(SecretString::from(text.trim()))
}

fn has_inline_secret(config: &Config) -> bool {
    let address = config.database.url.as_ref().map(ExposeSecret::expose_secret);
    let has_password = address.is_some_and(|address| {
        url::Url::parse(address).is_ok_and(|url| url.password().is_some() || url.query().is_some())
            && !address.starts_with("sqlite:")
    });
    has_password || config.apps.values().any(|app| app.app_secret.is_some())
}
