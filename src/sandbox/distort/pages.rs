//! What becomes of a page of a list: what it says about itself, and what an empty one looks like.

use super::node::Node;
use crate::sandbox::faults::{FaultKind, Strike};
use crate::sandbox::layout::Layout;

/// The page's own facts.
pub struct Page {
    /// Rows in the content.
    pub rows: usize,
    /// Rows of the pages before it.
    pub skipped: usize,
    pub size: usize,
    /// Everything there is in the shop, whatever the filter.
    pub everything: usize,
}

/// Names of members that count pages from the total.
const PAGES: &str = "maxPageNo";

/// Changes a page. The answer is `None` where the content is to be left out.
pub fn change(content: &mut Node, layout: &Layout, strike: &Strike, page: &Page) -> Option<()> {
    let parameter = strike.parameter;
    match strike.kind {
        FaultKind::TotalCapped => set_total(content, layout, |total| total.min(parameter), Some(page.size)),
        FaultKind::RowsCapped => {
            set_total(content, layout, |total| total.min(parameter), Some(page.size));
            let left = usize::try_from(parameter).unwrap_or(usize::MAX).saturating_sub(page.skipped);
            if let Some(rows) = rows(content, layout) {
                rows.truncate(left);
            }
        }
        FaultKind::TotalOfPage => set_total(content, layout, |_| page.rows as u64, None),
        FaultKind::TotalZero => set_total(content, layout, |_| parameter, None),
        FaultKind::Unfiltered => set_total(content, layout, |_| page.everything as u64, Some(page.size)),
        FaultKind::EndlessTotal => {
            if matches!(content, Node::Text(_)) {
                *content = Node::parse(&empty(layout));
            }
            set_total(content, layout, |_| parameter, Some(page.size));
            if let Some(rows) = rows(content, layout) {
                rows.clear();
            }
        }
        FaultKind::NullPage if page.rows == 0 => return null_page(content, layout, strike.form),
        _ => {}
    }
    Some(())
}

fn empty(layout: &Layout) -> String {
    let (total, rows) = (layout.total.unwrap_or("total"), layout.rows.unwrap_or("rows"));
    format!(r#"{{"{total}":0,"{rows}":[]}}"#)
}

/// `page_size`: what counts pages follows the total. `None`: it stays right.
fn set_total(content: &mut Node, layout: &Layout, change: impl FnOnce(u64) -> u64, page_size: Option<usize>) {
    let Some(place) = layout.total.and_then(|total| content.at_mut(&[total])) else {
        return;
    };
    let total = change(place.plain().and_then(|text| text.parse().ok()).unwrap_or(0));
    *place = Node::number(total);
    if let Some(page_size) = page_size {
        content.replace(&[PAGES], Node::number(total.div_ceil(page_size.max(1) as u64)));
    }
}

fn rows<'n>(content: &'n mut Node, layout: &Layout) -> Option<&'n mut Vec<Node>> {
    content.at_mut(&[layout.rows?]).and_then(Node::rows_mut)
}

/// The ways in which platforms say that there is nothing.
fn null_page(content: &mut Node, layout: &Layout, form: u64) -> Option<()> {
    if let (4 | 5, Node::Text(_)) = (form % 6, &*content) {
        *content = Node::parse(&empty(layout));
    }
    match form % 6 {
        0 => *content = Node::null(),
        1 => return None,
        2 => *content = Node::Object(Vec::new()),
        3 => *content = Node::List(Vec::new()),
        4 => {
            content.replace(&[layout.rows?], Node::null());
        }
        _ => content.remove(layout.rows?),
    }
    Some(())
}
