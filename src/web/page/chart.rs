//! Orders per day as bars, drawn by the server.

use maud::{Markup, html};

use super::moment::grouped;
use super::words::Words;
use crate::web::overview::DayView;

/// Units of the drawing, which is stretched to the page's width.
const STEP: usize = 20;
const BAR: usize = 14;
const HEIGHT: u64 = 100;
/// A day with orders never looks like one without.
const BAR_HEIGHT_MIN: u64 = 1;

pub(super) fn chart(days: &[DayView], words: &Words) -> Markup {
    let most = days.iter().map(|day| day.orders).max().unwrap_or(0);
    let sum: u64 = days.iter().map(|day| day.orders).sum();
    let today = days.last().map_or(0, |day| day.orders);
    let summary = (words.chart_summary)(&grouped(sum), &grouped(most), &grouped(today));
    html! {
        section #orders data-live aria-labelledby="orders-title" {
            h2 #orders-title { (words.orders_per_day) }
            p.summary { (summary) }
            figure {
                span.most aria-hidden="true" { (grouped(most)) }
                svg viewBox={ "0 0 " (days.len() * STEP) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(summary) {
                    @for (place, day) in days.iter().enumerate() { (bar(place, day, most, place + 1 == days.len(), words)) }
                }
                @if let (Some(first), Some(last)) = (days.first(), days.last()) {
                    figcaption aria-hidden="true" {
                        span { (first.day.format("%m-%d")) }
                        span { (last.day.format("%m-%d")) }
                    }
                }
            }
            (table(days, words))
        }
    }
}

fn bar(place: usize, day: &DayView, most: u64, is_today: bool, words: &Words) -> Markup {
    let height = height(day.orders, most);
    html! {
        rect .today[is_today] x=(place * STEP + (STEP - BAR) / 2) y=(HEIGHT - height) width=(BAR) height=(height) {
            title {
                (day.day) ": " (grouped(day.orders))
                @if is_today { " " (words.so_far) }
            }
        }
    }
}

fn height(orders: u64, most: u64) -> u64 {
    match (orders, most) {
        (0, _) | (_, 0) => 0,
        (orders, most) => u64::try_from(u128::from(orders) * u128::from(HEIGHT) / u128::from(most))
            .unwrap_or(HEIGHT)
            .max(BAR_HEIGHT_MIN),
    }
}

/// The same in figures, newest first.
fn table(days: &[DayView], words: &Words) -> Markup {
    html! {
        details {
            summary { (words.as_table) }
            table.days {
                thead { tr { th scope="col" { (words.day) } th scope="col" { (words.orders) } } }
                tbody {
                    @for day in days.iter().rev() {
                        tr { th scope="row" { (day.day) } td { (grouped(day.orders)) } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_high_as_its_share_and_never_invisible() {
        for (orders, most, expected) in
            [(0, 0, 0), (0, 9, 0), (9, 9, 100), (1, 2, 50), (1, 1_000_000, 1), (u64::MAX, u64::MAX, 100)]
        {
            assert_eq!(height(orders, most), expected, "{orders} of {most}");
        }
    }
}
