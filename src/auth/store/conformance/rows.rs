//! What a row may hold: every field, long texts, any name.

use std::sync::Arc;

use super::case::{Case, at, tokens};
use super::{Fault, must};
use crate::auth::store::TokenStore;
use crate::domain::credential::{Attempt, Condition, Credential, RefreshLease, Trouble};

type Opened = Arc<dyn TokenStore>;

/// A sealed token as long as the longest that is opened.
const LONG: usize = 60_000;

/// Names that mean something to a file system, a query or a protocol.
const ODD: &[&str] = &[
    "..",
    ".hidden",
    "a/../b",
    "/etc/passwd",
    "C:\\x",
    "con",
    "two  spaces ",
    "UPPER",
    "upper",
    "O'Brien; DROP TABLE credentials--",
    "50%",
    "50%25",
    "a*b?[c]",
    "tab\tand\nline",
    "旗舰店·一号",
    "é",
    "e\u{301}",
    "🛒",
    "a:b",
    "{curly}",
    "--flag",
    "a.json",
    "x~y",
];

/// As long as a name in the config may sensibly get.
const NAME_LENGTH: usize = 200;

pub(super) async fn every_field_is_kept(case: &Case, _open: &impl AsyncFn() -> Opened) -> Result<(), Fault> {
    let first = Credential::first(&case.shop, &tokens(7));
    let mut rows = Vec::new();
    for (fence, condition) in (10_i64..).zip(Condition::ALL) {
        let full = Credential {
            fence,
            condition,
            not_before: Some(at(1_795_176_000_001)),
            lease: Some(RefreshLease { owner: "host:1:2:3".to_owned(), until: at(1_795_176_030_999) }),
            place: Some("somewhere:1".to_owned()),
            attempt: Some(Attempt {
                id: "id".to_owned(),
                refresh_hash: "hash".to_owned(),
                at: at(1_795_176_000_500),
            }),
            trouble: Some(Trouble {
                class: "throttled".to_owned(),
                message: "慢点 'x' \"y\"\n%s".to_owned(),
            }),
            ..first.clone()
        };
        let mut bare = Credential { fence: fence + 100, previous_refresh_sealed: None, ..first.clone() };
        bare.tokens.refresh_sealed = None;
        bare.tokens.refresh_ends_at = None;
        rows.extend([full, bare]);
    }
    let mut claim = None;
    for row in rows {
        must(case.raw.swap(claim.as_ref(), &row).await?, "a swap with the right claim is refused")?;
        let kept = case.raw.load(&case.shop).await?;
        must(kept.as_ref() == Some(&row), format!("put in {row:?}, got {kept:?}"))?;
        claim = Some(row.claim());
    }
    Ok(())
}

pub(super) async fn large_texts_are_kept_whole(
    case: &Case,
    _open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let long = |letter: &str| Some(format!("v1:main:{}", letter.repeat(LONG)));
    let mut large = tokens(1);
    large.tokens.access_sealed = long("a");
    large.tokens.refresh_sealed = long("b");
    large.previous_refresh_sealed = long("c");
    must(case.store.put(&case.shop, None, &large).await?, "it is refused")?;
    let row = case.row().await?;
    let is_whole = row.tokens == large.tokens && row.previous_refresh_sealed == large.previous_refresh_sealed;
    must(is_whole, "it comes back as another")
}

pub(super) async fn odd_names_are_names_like_others(
    case: &Case,
    _open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let long = "店".repeat(NAME_LENGTH);
    let longer = "店".repeat(NAME_LENGTH + 1);
    let names: Vec<&str> = ODD.iter().copied().chain([long.as_str(), longer.as_str()]).collect();
    for (version, name) in (1..).zip(&names) {
        case.also(name);
        must(case.store.put(name, None, &tokens(version)).await?, format!("`{name}` is taken for another"))?;
    }
    for (version, name) in (1..).zip(&names) {
        let row = case.store.load(name).await?;
        let is_its_own = row.is_some_and(|row| row.shop == *name && row.version == version);
        must(is_its_own, format!("`{name}` is not what was put there"))?;
    }
    let listed = case.store.list().await?;
    for name in &names {
        let is_listed = listed.iter().filter(|row| row.shop == *name).count() == 1;
        must(is_listed, format!("`{name}` is not listed once"))?;
    }
    Ok(())
}

pub(super) async fn all_grants_are_listed_by_name(
    case: &Case,
    _open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let shops = ["c", "a", "b"].map(|letter| format!("{} {letter}", case.shop));
    for shop in &shops {
        case.also(shop);
        must(case.store.put(shop, None, &tokens(1)).await?, "it is refused")?;
    }
    let listed = case.store.list().await?;
    let ours: Vec<&str> = listed
        .iter()
        .map(|row| row.shop.as_str())
        .filter(|shop| shops.iter().any(|ours| ours == shop))
        .collect();
    must(ours == [&shops[1], &shops[2], &shops[0]], format!("listed were {ours:?}"))?;
    let loaded = case.store.load(&shops[0]).await?;
    let is_same = listed.iter().any(|row| Some(row) == loaded.as_ref());
    must(is_same, "a listed row is not the one that is loaded")
}

pub(super) async fn the_place_is_the_same_each_time(
    case: &Case,
    open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let first = case.raw.place().await?;
    case.put().await?;
    must(case.raw.place().await? == first, "it changes when something is written")?;
    must(open().await.place().await? == first, "it is another when the store is opened again")?;
    must(!case.row().await?.is_copied, "a row is called a copy where it was written")
}
