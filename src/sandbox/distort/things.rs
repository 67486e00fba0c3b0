//! What becomes of one thing in an answer: a row of a list, or the content of a call of its own.

use super::node::Node;
use crate::sandbox::faults::{FaultKind, Faults, Strike};
use crate::sandbox::layout::{Layout, Role};

/// More is milliseconds.
const SECONDS_MAX: i64 = 99_999_999_999;
/// Less is no time of our days.
const SECONDS_MIN: i64 = 1_000_000_000;

/// Texts that no strict JSON reader takes, each a member of a row.
const UNREADABLE: [(&str, &str); 6] = [
    ("netWeight", "NaN"),
    ("netWeight", "-Infinity"),
    ("remarkText", r#""it\'s""#),
    ("remarkText", "\"a\u{1f}b\""),
    ("netWeight", "0x1F"),
    ("remarkText", "\"two\nlines\""),
];

/// Changes one thing. `false`: there is nothing in it to change.
pub fn change(node: &mut Node, number: &str, layout: &Layout, strike: &Strike, faults: &mut Faults) -> bool {
    let parameter = strike.parameter;
    match strike.kind {
        FaultKind::NullNumber => node.replace(layout.number, Node::null()),
        FaultKind::NullItemNumber => null_item_number(node, layout),
        FaultKind::NanRow => {
            // The same thing is always written the same way, unless the form is given.
            let form = if strike.has_parameter { strike.form } else { number.bytes().map(u64::from).sum() };
            let (name, value) = UNREADABLE[usize::try_from(form).unwrap_or(0) % UNREADABLE.len()];
            node.add(name, Node::Text(value.to_owned()));
            true
        }
        FaultKind::KeyedSkus => keyed(node, layout),
        FaultKind::TimeAhead => {
            let ahead = i64::try_from(parameter).unwrap_or(i64::MAX);
            time_once(node, number, layout, faults, |time, unit| {
                time.saturating_add(ahead.saturating_mul(unit))
            })
        }
        FaultKind::TimeOld => {
            let old = i64::try_from(parameter).unwrap_or(0);
            time_once(node, number, layout, faults, |_, unit| old.saturating_mul(unit))
        }
        FaultKind::UnitSwapped => swap_units(node),
        FaultKind::HugeNumber => {
            let length = usize::try_from(parameter).unwrap_or(usize::MAX);
            let longer = format!("{number}{}", "9".repeat(length.saturating_sub(number.len())));
            let is_text = matches!(node.at(layout.number), Some(Node::Text(text)) if text.starts_with('"'));
            node.replace(layout.number, if is_text { Node::string(&longer) } else { Node::Text(longer) })
        }
        FaultKind::HugeRow => {
            node.add(
                "extendInfo",
                Node::string(&"x".repeat(usize::try_from(parameter).unwrap_or(usize::MAX))),
            );
            true
        }
        FaultKind::ManyLines => many_lines(node, layout, usize::try_from(parameter).unwrap_or(usize::MAX)),
        _ => false,
    }
}

fn lines<'n>(node: &'n mut Node, layout: &Layout) -> Option<&'n mut Node> {
    node.at_mut(layout.lines?)
}

fn null_item_number(node: &mut Node, layout: &Layout) -> bool {
    if layout.role == Role::Items && layout.lines.is_none() {
        return node.replace(layout.number, Node::null());
    }
    let Some(rows) = lines(node, layout).and_then(Node::rows_mut) else {
        return false;
    };
    let mut is_changed = false;
    for line in rows {
        is_changed |= line.replace(&[layout.line_number], Node::null());
    }
    is_changed
}

/// The lines as an object with numbers for names.
fn keyed(node: &mut Node, layout: &Layout) -> bool {
    let Some(lines) = lines(node, layout) else {
        return false;
    };
    let Some(rows) = lines.rows_mut().map(std::mem::take) else {
        return false;
    };
    *lines =
        Node::Object(rows.into_iter().enumerate().map(|(index, row)| (index.to_string(), row)).collect());
    true
}

fn many_lines(node: &mut Node, layout: &Layout, count: usize) -> bool {
    match lines(node, layout).and_then(Node::rows_mut) {
        Some(rows) if !rows.is_empty() => {
            *rows = rows.iter().cycle().take(count).cloned().collect();
            true
        }
        _ => false,
    }
}

/// Another update time, the first time that this call shows this version of the thing. `other` is given the
/// right one and how many of its units are a second.
fn time_once(
    node: &mut Node,
    number: &str,
    layout: &Layout,
    faults: &mut Faults,
    other: impl FnOnce(i64, i64) -> i64,
) -> bool {
    let Some(place) = layout.updated.and_then(|path| node.at_mut(path)) else {
        return false;
    };
    let Some(time) = place.plain().and_then(|text| text.parse::<i64>().ok()) else {
        return false;
    };
    if !faults.is_first(format!("time {} {number} {time}", layout.api)) {
        return false;
    }
    let unit = if time > SECONDS_MAX { 1000 } else { 1 };
    write_time(place, other(time, unit));
    true
}

/// Every time in the other unit.
fn swap_units(node: &mut Node) -> bool {
    let mut is_changed = false;
    node.each_member(&mut |name, value| {
        let is_time = ["Time", "At"].iter().any(|end| name.ends_with(end));
        let Some(time) = value.plain().filter(|_| is_time).and_then(|text| text.parse::<i64>().ok()) else {
            return;
        };
        if time >= SECONDS_MIN {
            write_time(value, if time > SECONDS_MAX { time / 1000 } else { time * 1000 });
            is_changed = true;
        }
    });
    is_changed
}

/// In quotes where it was.
fn write_time(place: &mut Node, time: i64) {
    let is_text = matches!(place, Node::Text(text) if text.starts_with('"'));
    *place = if is_text { Node::string(&time.to_string()) } else { Node::Text(time.to_string()) };
}

/// No amount of money can be read. `false`: there is none.
pub fn hide_money(node: &mut Node) -> bool {
    let mut is_changed = false;
    node.each_member(&mut |name, value| {
        let is_money = name.to_ascii_lowercase().contains("amount") || name.ends_with("Discount");
        if is_money && matches!(value, Node::Text(_)) {
            *value = Node::string("--");
            is_changed = true;
        }
    });
    is_changed
}
