//! Shops by records: how fresh, how much, what is missing, and how long the token lasts.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::Access;
use super::headline::Level;
use super::moment::{day, grouped, relative};
use super::words::Words;
use crate::domain::record::Record;
use crate::store::ledger::windows::WindowState;
use crate::web::overview::{Freshness, GapView, GrantState, GrantView, Overview, RecordView, ShopView};

pub(super) fn shops(overview: &Overview, words: &Words, access: Access) -> Markup {
    let is_kept = |record: &Record| {
        overview.shops.iter().any(|shop| shop.records.iter().any(|view| view.record == *record))
    };
    let columns: Vec<Record> = Record::ALL.into_iter().filter(is_kept).collect();
    html! {
        section #shops data-live aria-labelledby="shops-title" hidden[overview.shops.is_empty()] {
            h2 #shops-title { (words.shops) }
            table.shops aria-labelledby="shops-title" {
                thead {
                    tr {
                        th scope="col" { (words.shop) }
                        @for record in &columns { th scope="col" { ((words.record)(*record)) } }
                        th scope="col" { (words.token) }
                    }
                }
                tbody {
                    @for shop in &overview.shops {
                        tr {
                            (name(shop, words))
                            @for record in &columns { (cell(shop, *record, overview.at, words, access)) }
                            (token(&shop.grant, words))
                        }
                    }
                }
            }
        }
    }
}

fn name(shop: &ShopView, words: &Words) -> Markup {
    html! {
        th scope="row" {
            (shop.name)
            small {
                (shop.platform)
                @if !shop.zone.is_empty() { " · " (shop.zone) }
                @if let Some(account) = &shop.account { " · " (account) }
            }
            @if let Some(reason) = &shop.paused {
                small.warning lang="en" title=(reason) { (words.paused) }
            }
        }
    }
}

fn cell(shop: &ShopView, record: Record, now: DateTime<Utc>, words: &Words, access: Access) -> Markup {
    let label = (words.record)(record);
    let Some(view) = shop.records.iter().find(|view| view.record == record) else {
        return html! { td.none data-label=(label) { span aria-label=(words.not_kept) { "–" } } };
    };
    let level = level(view.freshness);
    let may_sync = access == Access::MayAct && view.freshness != Freshness::Off;
    html! {
        td data-label=(label) {
            div {
                span .state .(level.class()) { ((words.freshness)(view.freshness)) }
                @if let Some(at) = view.synced_until { " " span.age { (relative(at, now, words)) } }
                (runs(view, now, words))
                small { ((words.rows)(&grouped(view.rows))) }
                (missing(view, words))
                @if may_sync { (sync_now(&shop.name, record, words)) }
            }
        }
    }
}

fn level(freshness: Freshness) -> Level {
    match freshness {
        Freshness::Fresh => Level::Good,
        Freshness::Late | Freshness::Waiting => Level::Bad,
        Freshness::Off => Level::Warning,
        Freshness::Loading | Freshness::Never | Freshness::ByHand => Level::Quiet,
    }
}

/// When it was last read, and when it will be.
fn runs(view: &RecordView, now: DateTime<Utc>, words: &Words) -> Markup {
    let last = view.last_run.as_ref();
    html! {
        small {
            @if let Some(run) = last {
                @match run.finished_at {
                    None => { span.age { (words.running) } }
                    Some(at) => { span.age { (words.run) " " (relative(at, now, words)) } }
                }
            }
            @if let Some(next) = view.next_run {
                @if last.is_some() { " · " }
                span.age { (words.next) " " (relative(next, now, words)) }
            }
        }
        @if let Some(run) = last.filter(|run| run.error.is_some()) {
            small.bad { a href={ "#run-" (run.id) } { (words.last_run_failed) } }
        }
    }
}

/// What is not, or not surely, here.
fn missing(view: &RecordView, words: &Words) -> Markup {
    html! {
        @for gap in &view.gaps { (gap_line(gap, words)) }
        @if view.amounts_due > 0 { small { ((words.amounts_due)(&grouped(view.amounts_due))) } }
        @if view.extras_unreadable > 0 {
            small.warning { ((words.extras_unreadable)(&grouped(view.extras_unreadable))) }
        }
        @if view.quarantined > 0 { small.warning { ((words.set_aside)(&grouped(view.quarantined))) } }
    }
}

fn gap_line(gap: &GapView, words: &Words) -> Markup {
    let is_trouble = matches!(gap.state, WindowState::Failed | WindowState::Short);
    html! {
        small.warning[is_trouble] { ((words.gap)(gap.state, gap.windows)) (words.from) " " (day(gap.oldest)) }
    }
}

/// Works by itself; the script shows how it goes.
fn sync_now(shop: &str, record: Record, words: &Words) -> Markup {
    let id = format!("sync-{shop}-{record}");
    html! {
        form.sync method="post" action="api/v1/sync" {
            input type="hidden" name="shop" value=(shop);
            input type="hidden" name="record" value=(record.as_str());
            button id=(id) aria-label={ (words.sync_now) ": " (shop) ", " ((words.record)(record)) } { (words.sync_now) }
            output.progress for=(id) {}
        }
    }
}

fn token(grant: &GrantView, words: &Words) -> Markup {
    let (level, text) = match (grant.state, grant.days_left) {
        (GrantState::NeverAuthorised, _) => (Level::Bad, words.never_authorised.to_owned()),
        (GrantState::NeedsOwner, _) => (Level::Bad, words.needs_owner.to_owned()),
        (GrantState::Unreadable, _) => (Level::Bad, words.token_unreadable.to_owned()),
        (GrantState::Warned, Some(days)) => (Level::Warning, (words.days_left)(days)),
        (GrantState::Warned, None) => (Level::Warning, words.renews_itself.to_owned()),
        (GrantState::Good, Some(days)) => (Level::Good, (words.days_left)(days)),
        (GrantState::Good, None) => (Level::Good, words.renews_itself.to_owned()),
    };
    html! {
        td data-label=(words.token) {
            div {
                span .state .(level.class()) { (text) }
                @if let Some(end) = grant.owner_needed_by { small { (day(end)) } }
            }
        }
    }
}
