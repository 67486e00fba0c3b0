//! How programs read a moment, and how people read a length of time and money.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::Value;

use crate::domain::money::Currency;

/// An instant as programs read it: RFC 3339 in UTC, or null.
pub fn instant(at: Option<DateTime<Utc>>) -> Value {
    at.map_or(Value::Null, |at| Value::String(at.to_rfc3339_opts(SecondsFormat::Millis, true)))
}

/// A length of time in its two largest units: `3d 4h`, `5m 2s`.
pub fn length(span: TimeDelta) -> String {
    let seconds = span.num_seconds().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {minutes}m"),
        (days, hours, _) => format!("{days}d {hours}h"),
    }
}

/// Minor units as people write money: `1234` and USD are `12.34 USD`. Without a currency, the bare number.
pub fn money(minor: Option<i64>, currency: Option<&str>) -> String {
    let Some(minor) = minor else { return String::new() };
    let Some(currency) = currency.and_then(Currency::parse) else {
        return minor.to_string();
    };
    let decimals = currency.decimals();
    if decimals == 0 {
        return format!("{minor} {currency}");
    }
    let unit = 10_u64.pow(decimals);
    let sign = if minor < 0 { "-" } else { "" };
    let (whole, part) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
    format!("{sign}{whole}.{part:0width$} {currency}", width = decimals as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_reported_in_its_two_largest_units() {
        for (seconds, expected) in
            [(0, "0s"), (59, "59s"), (62, "1m 2s"), (7_260, "2h 1m"), (90_000, "1d 1h")]
        {
            assert_eq!(length(TimeDelta::seconds(seconds)), expected);
        }
    }

    #[test]
    fn money_is_written_with_its_currencys_decimals() {
        for (minor, currency, expected) in [
            (Some(1_234), Some("USD"), "12.34 USD"),
            (Some(-5), Some("CNY"), "-0.05 CNY"),
            (Some(1_234), Some("JPY"), "1234 JPY"),
            (Some(1_234), Some("KWD"), "1.234 KWD"),
            (Some(i64::MIN), Some("USD"), "-92233720368547758.08 USD"),
            (Some(7), None, "7"),
            (None, Some("USD"), ""),
        ] {
            assert_eq!(money(minor, currency), expected);
        }
    }
}
