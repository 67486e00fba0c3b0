//! An order in several parcels may come in several rows of the list, each with its own lines: they are one order with
//! all of the lines.
//!
//! Here the rows of one page are brought together. Of rows on different pages none is ever stored in place of another:
//! the store refuses them, and all rows of the order are read at once, by its number.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::convert;
use super::lists::text_member;
use crate::platform::{ListRow, Page, Row, lenient};

/// The member of a row that holds its lines, and the member of a line that holds its number.
const LINES: &str = "orderList";
const LINE_NUMBER: &str = "orderSn";

/// A page with one row an order. What its total counts are the platform's own rows, which are distinguished by their
/// lines.
pub fn whole_orders(page: Page) -> Page {
    let names = page.rows.iter().map(name).collect();
    Page { counted: Some(names), rows: merged(page.rows), ..page }
}

/// Rows in their order, those of one order as one.
pub fn merged(rows: Vec<Row>) -> Vec<Row> {
    let mut merged: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        let known = match &row {
            Row::Readable(row) => merged.iter().position(|known| is_of(known, &row.number)),
            Row::Unreadable(_) => None,
        };
        match (known, row) {
            (Some(at), Row::Readable(row)) => {
                if let Row::Readable(known) = &merged[at] {
                    merged[at] = together(known, row);
                }
            }
            (_, row) => merged.push(row),
        }
    }
    merged
}

fn is_of(row: &Row, number: &str) -> bool {
    matches!(row, Row::Readable(row) if row.number == number)
}

/// The number of its first line, which no other row has: the same whenever and wherever the row is shown.
fn name(row: &Row) -> String {
    let (number, raw) = match row {
        Row::Readable(row) => (row.number.as_str(), &row.raw),
        Row::Unreadable(row) => (row.number.as_deref().unwrap_or(&row.raw), &row.raw),
    };
    first_line(raw).unwrap_or_else(|| number.to_owned())
}

/// The newer of two rows with the lines of both, those of `known` first; of a line that is in both, as the newer has
/// it.
fn together(known: &ListRow, row: ListRow) -> Row {
    let is_newer = row.updated_at >= known.updated_at;
    let (Some(mut ours), Some(mut theirs)) = (members(&known.raw), members(&row.raw)) else {
        return Row::Readable(row);
    };
    let mut lines = lines_of(ours.remove(LINES));
    for line in lines_of(theirs.remove(LINES)) {
        match lines.iter_mut().find(|known| is_same_line(known, line)) {
            Some(known) if is_newer => *known = line,
            Some(_) => {}
            None => lines.push(line),
        }
    }
    let lines: Vec<&str> = lines.into_iter().map(RawValue::get).collect();
    let members = if is_newer { theirs } else { ours };
    let others = members.iter().map(|(name, value)| format!(",{}:{}", serde_json::json!(name), value.get()));
    let raw = format!("{{\"{LINES}\":[{}]{}}}", lines.join(","), others.collect::<String>());
    match RawValue::from_string(raw) {
        Ok(raw) => convert::list_row(&raw),
        Err(_) => Row::Readable(row),
    }
}

fn is_same_line(one: &RawValue, other: &RawValue) -> bool {
    match (number_of(one), number_of(other)) {
        (None, None) => one.get() == other.get(),
        (one, other) => one == other,
    }
}

fn members(raw: &str) -> Option<BTreeMap<String, &RawValue>> {
    lenient::object(raw).ok()
}

fn lines_of(lines: Option<&RawValue>) -> Vec<&RawValue> {
    let lines = lines.map(|lines| lenient::rows(&mut serde_json::Deserializer::from_str(lines.get())));
    lines.and_then(Result::ok).flatten().unwrap_or_default()
}

fn first_line(row: &str) -> Option<String> {
    lines_of(members(row)?.get(LINES).copied()).into_iter().filter_map(number_of).min()
}

fn number_of(line: &RawValue) -> Option<String> {
    text_member(line.get(), LINE_NUMBER)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::domain::entity::Answers;

    fn row(number: &str, updated_at: i64, lines: &[(&str, i64)]) -> Row {
        let lines: Vec<_> =
            lines.iter().map(|(number, quantity)| json!({"orderSn": number, "quantity": quantity})).collect();
        let head = json!({"parentOrderSn": number, "parentOrderStatus": 2, "updateTime": updated_at});
        let row = json!({"parentOrderMap": head, "orderList": lines, "other": [1]});
        convert::list_row(&RawValue::from_string(row.to_string()).unwrap())
    }

    fn lines(row: &Row) -> Vec<(String, i64)> {
        let Row::Readable(row) = row else { panic!("{row:?}") };
        let answers = Answers { list: Some(row.raw.clone()), ..Answers::default() };
        let order = convert::order(&answers).unwrap();
        let mut lines: Vec<_> =
            order.items.into_iter().map(|item| (item.item_number.unwrap(), item.quantity.unwrap())).collect();
        lines.sort();
        lines
    }

    #[test]
    fn rows_of_one_order_are_one_order_with_the_lines_of_all() {
        let rows = vec![
            row("A", 1_763_600_000, &[("A1", 1), ("A2", 2)]),
            row("B", 1_763_600_000, &[("B1", 1)]),
            row("A", 1_763_600_100, &[("A3", 3), ("A2", 1)]),
            row("A", 1_763_600_050, &[("A4", 4), ("A3", 9)]),
        ];
        let page = whole_orders(Page { total: 4, rows, ..Page::default() });

        assert_eq!(page.rows.len(), 2);
        let expected =
            [("A1", 1), ("A2", 1), ("A3", 3), ("A4", 4)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(lines(&page.rows[0]), expected);
        assert_eq!(lines(&page.rows[1]), [("B1".to_owned(), 1)]);
        let names: BTreeSet<String> = page.counted.unwrap().into_iter().collect();
        assert_eq!(names.len(), 4, "each row of the platform counts: {names:?}");
    }

    #[test]
    fn a_row_that_comes_twice_is_one_row() {
        let twice = || row("A", 1_763_600_000, &[("A1", 1), ("A2", 2)]);
        let page = whole_orders(Page { total: 2, rows: vec![twice(), twice()], ..Page::default() });
        assert_eq!((page.rows.len(), lines(&page.rows[0]).len()), (1, 2));
        let names: BTreeSet<String> = page.counted.unwrap().into_iter().collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }
}
