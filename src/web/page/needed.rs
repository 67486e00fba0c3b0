//! Who has to do something, and what: a list that is not there when there is nothing.

use maud::{Markup, html};

use super::headline::Level;
use super::words::Words;
use crate::web::overview::{Freshness, Overview, ShopView, ToDo, What};

pub(super) fn needed(overview: &Overview, words: &Words) -> Markup {
    let is_off = |shop: &&ShopView| shop.records.iter().any(|record| record.freshness == Freshness::Off);
    let needy: Vec<&ShopView> =
        overview.shops.iter().filter(|shop| shop.grant.to_do.is_some() || is_off(shop)).collect();
    html! {
        section #needed data-live hidden[needy.is_empty()] {
            @if !needy.is_empty() {
                h2 { (words.needed) }
                ul {
                    @for shop in urgent_first(&needy) {
                        @if let Some(to_do) = &shop.grant.to_do { (item(shop, to_do, words)) }
                        (not_granted(shop, words))
                    }
                }
            }
        }
    }
}

fn urgent_first<'a>(shops: &[&'a ShopView]) -> Vec<&'a ShopView> {
    let mut shops = shops.to_vec();
    shops.sort_by_key(|shop| !shop.grant.to_do.as_ref().is_some_and(ToDo::is_urgent));
    shops
}

fn item(shop: &ShopView, to_do: &ToDo, words: &Words) -> Markup {
    let level = if to_do.is_urgent() { Level::Bad } else { Level::Warning };
    html! {
        li class=(level.class()) {
            strong { (shop.name) }
            p { (reason(&to_do.what, words)) }
            @if let Some(granting) = to_do.granting {
                p {
                    ((words.granting)(granting)) " "
                    @if let Some(page) = to_do.console_page {
                        a href=(page) rel="noreferrer" target="_blank" { (words.open_console) }
                    }
                }
            }
            @if !to_do.command.is_empty() {
                @if to_do.console_page.is_some() { p { (words.then_run) } }
                code { (to_do.command) }
            }
        }
    }
}

fn reason(what: &What, words: &Words) -> Markup {
    html! {
        @match what {
            What::Authorise => { (words.authorise) }
            What::AskOwner { reason, works_until } => {
                ((words.owner_reason)(*reason)) " "
                @match works_until {
                    Some(at) => { ((words.works_until)(*at)) }
                    None => { (words.nothing_works) }
                }
            }
            What::TakeOver => { (words.take_over) }
            What::AuthoriseBefore { end, days } => { ((words.authorise_before)(*end, *days)) }
            What::Wait { trouble, again_at } => { ((words.wait)(trouble, *again_at)) }
            What::Unreadable { error } => { ((words.unreadable)(error)) }
        }
    }
}

fn not_granted(shop: &ShopView, words: &Words) -> Markup {
    html! {
        @for record in shop.records.iter().filter(|record| record.freshness == Freshness::Off) {
            li.warning { strong { (shop.name) } p { ((words.not_granted)(record.record)) } }
        }
    }
}
