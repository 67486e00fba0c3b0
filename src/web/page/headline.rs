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
    let (level, line, more) = told(overview, words);
    html! {
        section #headline class=(level.class()) data-live {
            h1 { (line) }
            @if let Some(more) = more { p { (more) } }
        }
    }
}

/// The worst first; behind it, how the rest is doing.
pub(super) fn told(overview: &Overview, words: &Words) -> (Level, String, Option<String>) {
    let shops = &overview.shops;
    if shops.is_empty() {
        return (Level::Quiet, words.no_shops.to_owned(), Some(words.no_shops_more.to_owned()));
    }
    let newest = newest(overview).map(|at| overview.at - at);
    let fresh = shops.iter().filter(|shop| is_fresh(shop)).count();
    let rest = || Some((words.some_fresh)(fresh, shops.len(), newest));
    let late = names(shops, |shop| !needs_owner(shop) && has(shop, &[Freshness::Late, Freshness::Waiting]));
    let need_owner = names(shops, needs_owner);
    if !need_owner.is_empty() {
        let rest = (words.some_fresh)(fresh, shops.len(), newest);
        let more = if late.is_empty() { rest } else { (words.and)(&(words.are_late)(&late), &rest) };
        return (Level::Bad, (words.need_owner)(&need_owner), Some(more));
    }
    if !late.is_empty() {
        return (Level::Bad, (words.are_late)(&late), rest());
    }
    let first = names(shops, |shop| has(shop, &[Freshness::Loading, Freshness::Never]));
    if !first.is_empty() {
        return (Level::Quiet, (words.first_sync)(&first), rest());
    }
    let line = (words.all_fresh)(shops.len(), newest);
    let soon = names(shops, |shop| shop.grant.to_do.is_some() || has(shop, &[Freshness::Off]));
    if soon.is_empty() {
        (Level::Good, line, None)
    } else {
        (Level::Warning, line, Some((words.owner_soon)(&soon)))
    }
}

pub(super) fn needs_owner(shop: &ShopView) -> bool {
    shop.grant.to_do.as_ref().is_some_and(crate::web::overview::ToDo::is_urgent)
}

/// Nothing of it is late, missing or waiting; what nobody reads by the clock does not count.
fn is_fresh(shop: &ShopView) -> bool {
    let is_missed = |freshness| {
        matches!(freshness, Freshness::Late | Freshness::Loading | Freshness::Never | Freshness::Waiting)
    };
    let is_unauthorised = shop.records.is_empty() && needs_owner(shop);
    !is_unauthorised && !shop.records.iter().any(|record| is_missed(record.freshness))
}

fn has(shop: &ShopView, any: &[Freshness]) -> bool {
    shop.records.iter().any(|record| any.contains(&record.freshness))
}

fn names(shops: &[ShopView], which: impl Fn(&ShopView) -> bool) -> Vec<&str> {
    shops.iter().filter(|shop| which(shop)).map(|shop| shop.name.as_str()).collect()
}

fn newest(overview: &Overview) -> Option<DateTime<Utc>> {
    let records = overview.shops.iter().flat_map(|shop| &shop.records);
    records.filter_map(|record| record.synced_until).max()
}
