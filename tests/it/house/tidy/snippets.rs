//! Proof that the house rules can fail: a snippet for each, and what they must let pass.

use super::{LINES_MAX, findings};

/// A file, what stands in it, and what is found.
const BROKEN: &[(&str, &str, &str)] = &[
    ("src/clock.rs", "use std::fmt;", "does not open with"),
    ("src/clock.rs", "//!", "does not open with"),
    ("src/platform/http.rs", "use crate::store::orders;", "`platform` must not import `store`"),
    (
        "src/store/records/orders.rs",
        "fn f() { crate::platform::profile(x) }",
        "`store` must not import `platform`",
    ),
    ("src/domain/window.rs", "use crate::{clock::Clock, domain::money};", "`domain` must not import `clock`"),
    ("src/sync/orders.rs", "use crate::jobs::ticker;", "`sync` must not import `jobs`"),
    ("src/config/load.rs", "use crate::store::connect;", "`config` must not import `store`"),
    ("src/sandbox/temu.rs", "use crate::platform::temu::sign;", "`sandbox` must not import `platform`"),
    ("src/elsewhere/mod.rs", "fn f() {}", "module `elsewhere` has no place"),
    ("src/sync/orders.rs", "use sea_orm::EntityTrait;", "`sea_orm` is only for src/store/"),
    (
        "src/platform/http.rs",
        "let x = backoff::future::retry();",
        "`backoff` is only for src/platform/retry/",
    ),
    ("src/auth/mod.rs", "use anyhow::Result;", "`anyhow` is only for"),
    ("src/sync/orders.rs", r#"if name == "temu" {}"#, "names the platform `temu`"),
    ("src/auth/mod.rs", "struct XiaohongshuTokens;", "names the platform `xiaohongshu`"),
    ("src/config/mod.rs", r#"fn f() -> &str { "115" }"#, "names the platform `115`"),
    (
        "src/platform/temu/sign.rs",
        "use crate::platform::xiaohongshu::sign;",
        "names the platform `xiaohongshu`",
    ),
    ("src/platform/mod.rs", "use temu::PROFILE;", "names the platform `temu`"),
    ("src/sync/orders.rs", "fn f() { todo!() }", "`todo!`"),
    ("tests/it/sync/orders.rs", "#[test] #[ignore] fn f() {}", "`#[ignore`"),
    ("src/sync/orders.rs", "#[cfg(test)] mod tests { #![allow(unused)] }", "`#![allow`"),
];

#[test]
fn each_rule_finds_what_breaks_it() {
    for (path, text, expected) in BROKEN {
        let text = if *expected == "does not open with" {
            (*text).to_owned()
        } else {
            format!("//! What it is for.\n{text}")
        };
        let found = findings(path, &text);
        assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
        assert!(found[0].contains(expected), "{path}: {text}: {found:?}");
    }
}

#[test]
fn what_the_rules_allow_is_not_found() {
    for (path, text) in [
        ("src/jobs/scheduler/ticker.rs", "use crate::clock::Clock; use super::slots; use crate::app::App;"),
        ("src/commands/run.rs", "use crate::jobs::ticker; use anyhow::Context;"),
        ("src/platform/retry/pauses.rs", "use backoff::backoff::Backoff;"),
        ("src/platform/temu/mod.rs", r#"const NAME: &str = "temu"; use super::error;"#),
        ("src/platform/open115/mod.rs", r#"const NAME: &str = "115";"#),
        ("src/platform/mod.rs", "pub mod temu;\nstatic BUILT_IN: &[&Profile] = &[&temu::PROFILE];"),
        ("src/sandbox/temu.rs", r#"const PATH: &str = "/temu/openapi/router"; use crate::clock::Clock;"#),
        (
            "src/sync/orders.rs",
            "// Temu pages backwards. todo!()\n#[cfg(test)] mod tests { use crate::platform::temu; }",
        ),
        ("src/sync/orders.rs", "const ROWS: u64 = 1_155 + 1_115;"),
        ("src/sync/orders/tests.rs", "use crate::jobs; const SHOP: &str = \"temu\";"),
    ] {
        let found = findings(path, &format!("//! What it is for.\n{text}"));
        assert!(found.is_empty(), "{text}: {found:?}");
    }
}

#[test]
fn a_long_file_is_found() {
    let text = format!("//! Long.\n{}", "fn f() {}\n".repeat(LINES_MAX));
    assert!(findings("src/sync/orders.rs", &text)[0].contains("401 lines are more than 400"));
    assert!(findings("src/sync/orders.rs", &text[..text.len() - 10]).is_empty());
}
