//! A small page that says one thing: how an authorisation went, or where to type the admin token.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::policy;
use crate::language::Language;

/// The whole style of these pages; its hash stands in their policy.
const STYLE: &str = ":root{color-scheme:light dark;--ink:#1c2127;--paper:#f6f7f9;--card:#fff;--line:#d9dee4;--go:#0b6e4f}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--paper:#14171a;--card:#1d2126;--line:#343a42;--go:#5fd3a8}}\
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--paper);color:var(--ink);\
font:16px/1.6 system-ui,-apple-system,\"Segoe UI\",\"PingFang SC\",\"Microsoft YaHei\",\"Noto Sans CJK SC\",sans-serif}\
main{box-sizing:border-box;max-width:34rem;margin:1rem;padding:1.5rem 2rem;background:var(--card);border:1px solid var(--line);border-radius:.75rem}\
h1{margin:0 0 .5rem;font-size:1.3rem;line-height:1.3}p{margin:.5rem 0}code{overflow-wrap:anywhere}\
label{display:block;margin:1rem 0 .25rem}input{box-sizing:border-box;width:100%;font:inherit;padding:.45rem .6rem;border:1px solid var(--line);border-radius:.4rem}\
button{margin-top:.9rem;font:inherit;padding:.45rem 1.1rem;border:1px solid var(--go);border-radius:.4rem;background:none;color:var(--go)}";

/// One page.
pub fn notice(status: StatusCode, language: Language, title: &str, content: &Markup) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · shopsync" }
                style { (PreEscaped(STYLE)) }
            }
            body { main { h1 { (title) } (content) } }
        }
    };
    let mut response = (status, Html(page.into_string())).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy::allowing(STYLE, ""));
    response
}
