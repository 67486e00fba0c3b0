//! The config.toml in the root: true, complete, and every example works.

use super::{Place, error_of};

#[test]
fn the_shipped_file_says_what_is_built_in() {
    let shipped = Place::new(include_str!("../../config.toml"));
    let without_file = Place::new("");

    let json = |place: &Place| place.load().map(|loaded| loaded.to_json()).unwrap_or_default();
    let built_in = json(&without_file).to_string();
    let built_in = built_in.replace(&folder(&without_file), &folder(&shipped));

    assert_eq!(json(&shipped).to_string(), built_in);
}

#[test]
fn the_shipped_file_loads_with_every_example_and_names_every_key() {
    let text = uncommented(include_str!("../../config.toml"));
    let place = Place::new(&text);
    place.write("xhs.secret", "s");
    let config = place.config();
    assert_eq!(config.apps.len(), 4);
    assert_eq!(config.shops.len(), 3);

    for section in
        ["database", "http", "log", "tokens", "sync", "retry", "apps.x", "shops.x", "jobs.x", "notify"]
    {
        for key in known_keys(section) {
            let line = format!("{key} = ");
            let is_named =
                text.lines().any(|text| text.starts_with(&line)) || text.contains(&format!("# {key} means"));
            assert!(is_named, "`{section}.{key}` is not in config.toml");
        }
    }
}

#[test]
fn the_packaged_file_is_the_shipped_one_with_paths_of_its_own() {
    let [shipped, packaged] =
        [include_str!("../../config.toml"), include_str!("../../packaging/config.toml")]
            .map(|text| Place::new(&uncommented(text)))
            .map(|place| {
                place.write("xhs.secret", "s");
                // Reads no key: it lies where the package puts it.
                let shown = place.load().unwrap_or_else(|error| panic!("{error}")).to_json();
                shown.to_string().replace(&folder(&place), "")
            });
    let moved = shipped
        .replace("sqlite://shopsync.db", "sqlite:///var/lib/shopsync/shopsync.db")
        .replace("\"/tokens\"", "\"/var/lib/shopsync/tokens\"")
        .replace("\"key_file\":\"\"", "\"key_file\":\"/var/lib/shopsync/shopsync.key\"");
    assert_eq!(packaged, moved);
}

/// What a section may hold, as told when something else is found there.
fn known_keys(section: &str) -> Vec<String> {
    let error = error_of(&format!("[{section}]\n'###' = 1"));
    let (_, known) = error.split_once("known here are ").expect("the known keys are told");
    let known = known.lines().next().unwrap_or_default();
    known.split(", ").map(str::to_owned).collect()
}

/// The file with its examples put to work: lines of comment that look like TOML.
pub(crate) fn uncommented(text: &str) -> String {
    let is_toml = |line: &str| {
        let key: String = line.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
        line.starts_with('[') || (!key.is_empty() && line[key.len()..].starts_with(" = "))
    };
    let lines = text.lines().map(|line| match line.strip_prefix("# ") {
        Some(example) if is_toml(example) => example,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn folder(place: &Place) -> String {
    place.folder.path().display().to_string()
}
