//! What faults make of an answer that the platform has given: rows, pages, times, amounts, neighbours of tokens.
//! The answer is made first and as it should be; it is changed here, by the table of how each call is laid out.

use super::accounts::Platform;
use super::faults::{FaultKind, Strike, Struck};
use super::flat::FlatBody;
use super::layout::{Layout, Role, layout};
use super::world::World;

mod node;
mod pages;
mod things;
mod tokens;

use node::Node;
use pages::Page;

/// A page size no call requests: where the platform's default counts.
const PAGE_SIZE_DEFAULT: usize = 50;

/// A call whose answer may be changed.
pub struct Answered<'a> {
    pub platform: Platform,
    pub api: &'a str,
    pub shop: usize,
    pub body: &'a FlatBody,
    pub struck: &'a Struck,
}

/// The content of an answer after all faults, and how many rows it holds. An empty text: the content is left out.
pub fn content(world: &mut World, answered: &Answered<'_>, content: String) -> (String, usize) {
    let Some(layout) = layout(Some(answered.platform), answered.api) else {
        return (content, 0);
    };
    if answered.struck.strikes.is_empty() {
        return (content, 0);
    }
    let mut node = Node::parse(&content);
    let rows = layout.rows.and_then(|rows| node.at_mut(&[rows])).and_then(Node::rows_mut);
    let rows = rows.map_or(0, |rows| rows.len());
    for strike in &answered.struck.strikes {
        if strike.is_decided_by_row() {
            change_things(world, answered, layout, strike, &mut node);
        } else if strike.kind == FaultKind::MoneyUnreadable {
            things::hide_money(&mut node);
        } else if strike.kind == FaultKind::OddNeighbour {
            tokens::change(&mut node, strike.form);
        } else if layout.total.is_some() {
            let page = page(world, answered, layout, rows);
            if pages::change(&mut node, layout, strike, &page).is_none() {
                return (String::new(), 0);
            }
        }
    }
    (node.text(), rows)
}

/// The same for the content of a platform that sells nothing.
pub fn token_content(struck: &Struck, content: String) -> String {
    match struck.strike(&FaultKind::OddNeighbour) {
        Some(strike) => {
            let mut node = Node::parse(&content);
            tokens::change(&mut node, strike.form);
            node.text()
        }
        None => content,
    }
}

fn change_things(
    world: &mut World,
    answered: &Answered<'_>,
    layout: &Layout,
    strike: &Strike,
    content: &mut Node,
) {
    let named_things = named_things(answered.body, layout);
    let mut is_changed = false;
    match layout.rows.and_then(|rows| content.at_mut(&[rows])) {
        Some(rows) => {
            for row in rows.rows_mut().into_iter().flatten() {
                let number = row.at(layout.number).and_then(Node::plain).unwrap_or_default();
                // What belongs to an activity is about the activity that was requested.
                let is_hit = strike.hits(&number)
                    || (layout.role == Role::Items
                        && named_things.len() == 1
                        && strike.hits(&named_things[0]));
                if is_hit {
                    is_changed |= things::change(row, &number, layout, strike, &mut world.faults);
                }
            }
        }
        None if layout.rows.is_none() => {
            let number = named_things.first().map_or("", String::as_str);
            if strike.hits(number) {
                is_changed = things::change(content, number, layout, strike, &mut world.faults);
            }
        }
        None => {}
    }
    if is_changed {
        world.faults.has_struck(strike);
    }
}

/// The things that a call names.
pub fn named_things(body: &FlatBody, layout: &Layout) -> Vec<String> {
    let Some(name) = layout.asks_for else {
        return Vec::new();
    };
    body.strings(name).unwrap_or_else(|| body.text(name).into_iter().collect())
}

fn page(world: &mut World, answered: &Answered<'_>, layout: &Layout, rows: usize) -> Page {
    let integer =
        |name| answered.body.integer(name).ok().flatten().and_then(|value| usize::try_from(value).ok());
    let size = integer("pageSize").unwrap_or(PAGE_SIZE_DEFAULT);
    let number = ["pageNo", "pageNumber", "page"].into_iter().find_map(integer).unwrap_or(1);
    let shop = world.shop(answered.platform, answered.shop);
    let everything = match layout.api {
        "bg.order.list.v2.get" | "order.getOrderList" => shop.len(),
        api if api.to_ascii_lowercase().contains("aftersale") => shop.cases.len(),
        "bg.promotion.activity.query" => shop.activities.listed().count(),
        _ => shop.goods.skus().count(),
    };
    Page { rows, skipped: number.saturating_sub(1).saturating_mul(size), size, everything }
}

/// The page size that is given where less is given than was requested.
pub fn page_size_max(struck: &Struck) -> Option<u64> {
    struck.strike(&FaultKind::PageCapped).map(|strike| strike.parameter.max(1))
}

/// Whether a window begins earlier than the platform lists anything. `None`: it does not, or there is no limit.
pub fn too_old(platform: Platform, api: &str, body: &FlatBody, struck: &Struck, now_ms: i64) -> Option<u64> {
    let strike = struck.strike(&FaultKind::HistoryLimit)?;
    let layout = layout(Some(platform), api)?;
    let begins = layout.begins.iter().find_map(|name| body.integer(name).ok().flatten())?;
    let begins_ms = if layout.in_milliseconds { begins } else { begins.saturating_mul(1000) };
    let days = i64::try_from(strike.parameter).unwrap_or(i64::MAX);
    (begins_ms < now_ms.saturating_sub(days.saturating_mul(86_400_000))).then_some(strike.parameter)
}
