//! What differs between two configs, by the names of the keys. Values are not shown: any may be a secret.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::ExposeSecret;
use serde_json::Value;

use super::environment::NAMED_SECTIONS;
use super::problem::dotted;
use super::{AppConfig, Config};

/// What is built once, at the start. Other sections, and the rest of `log`, are taken over as the program runs.
const FIXED: [&[&str]; 6] = [
    &["database"],
    &["http", "listen"],
    &["http", "public_url"],
    &["http", "admin_token_file"],
    &["tokens"],
    &["log", "format"],
];

/// One difference between a config and the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    path: Vec<String>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    New,
    Gone,
    Other,
}

impl Config {
    /// What is different in `next`, in the order of its keys.
    pub fn changes_to(&self, next: &Self) -> Vec<Change> {
        let (before, after) = (self.by_section(), next.by_section());
        let mut changes = Vec::new();
        for (path, section) in &after {
            match before.get(path) {
                None => changes.push(Change { path: path.clone(), kind: Kind::New }),
                Some(former) => {
                    let mut keys: Vec<&String> = former.keys().chain(section.keys()).collect();
                    keys.sort_unstable();
                    keys.dedup();
                    let is_other = |key: &&String| former.get(*key) != section.get(*key);
                    changes.extend(keys.into_iter().filter(is_other).map(|key| Change::of(path, key)));
                }
            }
        }
        let gone = before.into_keys().filter(|path| !after.contains_key(path));
        changes.extend(gone.map(|path| Change { path, kind: Kind::Gone }));
        changes.extend(self.secret_changes_to(next));
        changes.sort_by(|left, right| left.path.cmp(&right.path));
        changes.dedup();
        changes
    }

    /// Every value by the path of its section and its key, secrets hidden.
    fn by_section(&self) -> BTreeMap<Vec<String>, serde_json::Map<String, Value>> {
        let mut sections = BTreeMap::new();
        let Ok(Value::Object(all)) = serde_json::to_value(self) else {
            return sections;
        };
        for (section, value) in all {
            let Value::Object(values) = value else { continue };
            if !NAMED_SECTIONS.contains(&section.as_str()) {
                sections.insert(vec![section], values);
                continue;
            }
            for (name, value) in values {
                if let Value::Object(values) = value {
                    sections.insert(vec![section.clone(), name], values);
                }
            }
        }
        sections
    }

    /// What the hidden values hide. Of what both have: that one came or went is seen without.
    fn secret_changes_to(&self, next: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.database.effective_url.expose_secret() != next.database.effective_url.expose_secret() {
            let key = if next.database.url_file.is_some() { "url_file" } else { "url" };
            changes.push(Change::of(&["database"], key));
        }
        for (name, app) in &next.apps {
            let Some(former) = self.apps.get(name) else { continue };
            let section = ["apps", name];
            let is_same = former.effective_secret.expose_secret() == app.effective_secret.expose_secret();
            let others = [
                (is_same, secret_key(app)),
                (former.gateway == app.gateway, "gateway"),
                (former.proxy == app.proxy, "proxy"),
            ];
            let other_keys = others.into_iter().filter(|(is_same, _)| !is_same).map(|(_, key)| key);
            changes.extend(other_keys.map(|key| Change::of(&section, key)));
        }
        for (name, job) in &next.jobs {
            if self.jobs.get(name).is_some_and(|former| former.dead_man_url != job.dead_man_url) {
                changes.push(Change::of(&["jobs", name], "dead_man_url"));
            }
        }
        if self.http.public_url != next.http.public_url {
            changes.push(Change::of(&["http"], "public_url"));
        }
        changes
    }
}

/// The key to name when the secret of an app is another one.
fn secret_key(app: &AppConfig) -> &'static str {
    if app.app_secret_file.is_some() { "app_secret_file" } else { "app_secret" }
}

impl Change {
    fn of<S: AsRef<str>>(section: &[S], key: &str) -> Self {
        let section = section.iter().map(AsRef::as_ref);
        Self { path: section.chain([key]).map(str::to_owned).collect(), kind: Kind::Other }
    }

    /// The full key, such as `jobs.orders.cron`, or the section that came or went.
    pub fn key(&self) -> String {
        dotted(&self.path)
    }

    /// Whether it needs a restart.
    pub fn needs_restart(&self) -> bool {
        let starts = |fixed: &&[&str]| self.path.iter().zip(fixed.iter()).all(|(key, fixed)| key == fixed);
        FIXED.iter().any(|fixed| starts(fixed) && self.path.len() >= fixed.len())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key();
        match self.kind {
            Kind::New => write!(f, "`{key}` is new"),
            Kind::Gone => write!(f, "`{key}` is gone"),
            Kind::Other => write!(f, "`{key}` changed"),
        }
    }
}
