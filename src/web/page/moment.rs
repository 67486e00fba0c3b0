//! Moments and lengths of time on the page: relative to read, exact to look up.

use crate::domain::moment;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use maud::{Markup, html};

use super::words::Words;

/// `3 min ago` or `in 2 h`, with the exact moment behind it.
pub(super) fn relative(at: DateTime<Utc>, now: DateTime<Utc>, words: &Words) -> Markup {
    let text = if at > now { (words.ahead)(at - now) } else { (words.ago)(now - at) };
    html! { time datetime=(exact(at)) title=(in_utc(at)) { (text) } }
}

/// The day of a moment, with the exact moment behind it.
pub(super) fn day(at: DateTime<Utc>) -> Markup {
    html! { time datetime=(exact(at)) title=(in_utc(at)) { (moment::to_day(at)) } }
}

pub(super) fn exact(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(super) fn in_utc(at: DateTime<Utc>) -> String {
    format!("{} UTC", moment::to_second(at))
}

/// The largest unit that is reached, and how many of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Seconds(i64),
    Minutes(i64),
    Hours(i64),
    Days(i64),
}

impl Length {
    pub(super) fn of(span: TimeDelta) -> Self {
        let seconds = span.num_seconds().max(0);
        match seconds {
            0..60 => Self::Seconds(seconds),
            60..3_600 => Self::Minutes(seconds / 60),
            // One day says less than 30 hours.
            3_600..172_800 => Self::Hours(seconds / 3_600),
            _ => Self::Days(seconds / 86_400),
        }
    }
}

/// `12345` as people read it: `12,345`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_reported_in_its_largest_unit() {
        for (seconds, expected) in [
            (-5, Length::Seconds(0)),
            (59, Length::Seconds(59)),
            (60, Length::Minutes(1)),
            (3_599, Length::Minutes(59)),
            (3_600, Length::Hours(1)),
            (172_799, Length::Hours(47)),
            (172_800, Length::Days(2)),
        ] {
            assert_eq!(Length::of(TimeDelta::seconds(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn digits_stand_in_threes() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), expected);
        }
    }
}
