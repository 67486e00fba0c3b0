//! What a shop must be: of an app that exists, with records its platform has.

use crate::config::problem::{Findings, nearest};
use crate::config::{Config, ShopConfig};
use crate::domain::record::Record;

pub(super) fn validate(name: &str, shop: &ShopConfig, config: &Config, findings: &mut Findings<'_>) {
    super::name(&["shops", name], name, findings);
    let path = ["shops", name, "app"];
    let Some(app) = config.apps.get(&shop.app) else {
        let message = match shop.app.as_str() {
            "" => "name the app it belongs to".to_owned(),
            app => match nearest(app, config.apps.keys().map(String::as_str)) {
                Some(near) => format!("there is no `[apps.{app}]`; did you mean `{near}`?"),
                None => format!("there is no `[apps.{app}]`"),
            },
        };
        return findings.problem(&path, message);
    };
    let (Some(records), Some(profile)) = (&shop.records, app.profile()) else {
        return;
    };
    let path = ["shops", name, "records"];
    if records.is_empty() {
        findings.problem(&path, "nothing would be copied; to pause a shop set `enabled = false`");
    }
    let has = profile.records(app.zone_name());
    for record in records.iter().filter(|record| !has.contains(record)) {
        let zone = app.zone.as_ref().map(|zone| format!(" in zone `{zone}`"));
        let known = names(has);
        let message = format!(
            "platform `{}`{} has no `{record}`; it has {known}",
            profile.name,
            zone.unwrap_or_default()
        );
        findings.problem(&path, message);
    }
    if shop.code_command.first().is_some_and(String::is_empty) {
        findings.problem(&["shops", name, "code_command"], "the first word is the program to run");
    }
}

fn names(records: &[Record]) -> String {
    if records.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<&str> = records.iter().map(|record| record.as_str()).collect();
    names.join(", ")
}
