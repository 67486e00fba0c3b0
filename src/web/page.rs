//! The status page: one document, made on the server, that also works without its script.
//!
//! [`page`] is pure: what it shows is [`Overview`], in which language [`Language`] says. `answer` gathers and sends it.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::overview::Overview;
use crate::language::Language;
use words::Words;

mod answer;
mod chart;
mod headline;
mod moment;
mod needed;
mod runs;
mod shops;
#[cfg(test)]
mod tests;
mod words;
mod words_en;
mod words_zh;

pub use answer::routes;

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");

/// What the reader may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// There is no way to do more.
    ReadOnly,
    MayLogIn,
    /// Has shown the admin token.
    MayAct,
}

/// The whole document.
pub fn page(overview: &Overview, language: Language, access: Access) -> Markup {
    let words = words_in(language);
    document(
        language,
        &html! {
            (top(words, language, access))
            main {
                (silent(words))
                (headline::headline(overview, words))
                (needed::needed(overview, words))
                (shops::shops(overview, words, access))
                (chart::chart(&overview.days, words))
                (runs::runs(overview, words))
            }
            (bottom(overview))
        },
    )
}

/// What is shown while nothing can be read: the script, or the reader, looks again.
pub fn unavailable(language: Language) -> Markup {
    let words = words_in(language);
    document(
        language,
        &html! {
            (top(words, language, Access::ReadOnly))
            main {
                (silent(words))
                section #headline .bad data-live { h1 { (words.database_away) } p { (words.database_away_more) } }
            }
        },
    )
}

fn document(language: Language, body: &Markup) -> Markup {
    let words = words_in(language);
    html! {
        (DOCTYPE)
        html lang=(language.code()) data-version=(env!("CARGO_PKG_VERSION"))
            data-starting=(words.starting) data-reading=(words.reading) data-refused=(words.refused) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { "shopsync" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (body)
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn words_in(language: Language) -> &'static Words {
    match language {
        Language::English => &words_en::WORDS,
        Language::Chinese => &words_zh::WORDS,
    }
}

/// Shown by the script when no one answers it.
fn silent(words: &Words) -> Markup {
    html! { p #silent .notice hidden role="alert" { (words.silent) } }
}

fn top(words: &Words, language: Language, access: Access) -> Markup {
    let other = language.other();
    html! {
        header {
            span .name { "shopsync" }
            nav aria-label=(words.navigation) {
                @match access {
                    Access::ReadOnly => {}
                    Access::MayLogIn => { a href="login" { (words.log_in) } }
                    Access::MayAct => { form method="post" action="logout" { button { (words.log_out) } } }
                }
                a href={ "?lang=" (other.code()) } hreflang=(other.code()) lang=(other.code()) { (words_in(other).name) }
            }
        }
    }
}

fn bottom(overview: &Overview) -> Markup {
    html! {
        footer #bottom data-live {
            p {
                "shopsync " (overview.version) " · "
                time #at datetime=(moment::exact(overview.at)) { (moment::in_utc(overview.at)) }
            }
        }
    }
}
