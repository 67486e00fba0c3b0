//! The first line: is everything fresh, and who is needed?

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::words::Words;
use crate::web::overview::{Freshness, Overview, ShopView};

/// How much of a reader's attention a thing deserves; also the name of its style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Good,
    Warning,
    Bad,
    /// Nothing to judge.
    Quiet,
}

impl Level {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }
}

pub(super) fn headline(overview: &Overview, words: &Words) -> Markup {
    let (level, line, more) = message(overview, words);
    html! {
        section #headline class=(level.class()) data-live {
            h1 { (line) }
            @if let Some(more) = more { p { (more) } }
        }
    }
}

/// The worst first; behind it, how the rest is doing.
pub(super) fn message(overview: &Overview, words: &Words) -> (Level, String, Option<String>) {
    let shops = &overview.shops;
    if shops.is_empty() {
        return (Level::Quiet, words.no_shops.to_owned(), Some(words.no_shops_more.to_owned()));
    }
    let oldest = oldest(overview).map(|at| overview.at - at);
    let read = shops.iter().filter(|shop| is_read(shop)).count();
    let fresh = shops.iter().filter(|shop| is_fresh(shop)).count();
    let rest = || (read > 0).then(|| (words.some_fresh)(fresh, read, oldest));
    let late = names(shops, |shop| !needs_owner(shop) && has(shop, &[Freshness::Late, Freshness::Waiting]));
    let need_owner = names(shops, needs_owner);
    if !need_owner.is_empty() {
        let more = match rest() {
            Some(rest) if !late.is_empty() => Some((words.and)(&(words.are_late)(&late), &rest)),
            rest => rest,
        };
        return (Level::Bad, (words.need_owner)(&need_owner), more);
    }
    if !late.is_empty() {
        return (Level::Bad, (words.are_late)(&late), rest());
    }
    let first = names(shops, |shop| has(shop, &[Freshness::Loading, Freshness::Never]));
    if !first.is_empty() {
        return (Level::Quiet, (words.first_sync)(&first), rest());
    }
    let failed = names(shops, has_failed);
    let line = if read == 0 { (words.none_read)(shops.len()) } else { (words.all_fresh)(read, oldest) };
    if !failed.is_empty() {
        return (Level::Warning, line, Some((words.have_failed)(&failed)));
    }
    let level = if read == 0 { Level::Quiet } else { Level::Good };
    let soon = names(shops, |shop| shop.grant.to_do.is_some() || has(shop, &[Freshness::Off]));
    if soon.is_empty() {
        (level, line, None)
    } else {
        (Level::Warning, line, Some((words.owner_soon)(&soon)))
    }
}

pub(super) fn needs_owner(shop: &ShopView) -> bool {
    shop.grant.to_do.as_ref().is_some_and(crate::web::overview::ToDo::is_urgent)
}

/// Whether the clock reads anything of it. Of some shops nothing but the token is kept.
fn is_read(shop: &ShopView) -> bool {
    shop.records.iter().any(|record| is_by_clock(record.freshness))
}

fn is_by_clock(freshness: Freshness) -> bool {
    !matches!(freshness, Freshness::Off | Freshness::ByHand)
}

/// Nothing of it is late, missing or waiting; what no one reads by the clock does not count.
fn is_fresh(shop: &ShopView) -> bool {
    let by_clock = || shop.records.iter().filter(|record| is_by_clock(record.freshness));
    is_read(shop) && by_clock().all(|record| record.freshness == Freshness::Fresh)
}

/// Whether the last run of anything that the clock reads did not go well, though it is not late yet.
fn has_failed(shop: &ShopView) -> bool {
    let mut by_clock = shop.records.iter().filter(|record| is_by_clock(record.freshness));
    by_clock.any(|record| record.last_run.as_ref().is_some_and(|run| run.outcome == Some("failed")))
}

fn has(shop: &ShopView, any: &[Freshness]) -> bool {
    shop.records.iter().any(|record| any.contains(&record.freshness))
}

fn names(shops: &[ShopView], which: impl Fn(&ShopView) -> bool) -> Vec<&str> {
    shops.iter().filter(|shop| which(shop)).map(|shop| shop.name.as_str()).collect()
}

/// Until when everything that the clock reads is stored.
fn oldest(overview: &Overview) -> Option<DateTime<Utc>> {
    let records = overview.shops.iter().flat_map(|shop| &shop.records);
    records.filter(|record| is_by_clock(record.freshness)).filter_map(|record| record.synced_until).min()
}
