//! Durations as people write them: `500ms 90s 30m 24h 7d`.

use std::time::Duration;

/// Longer than anything that makes sense here; a guard against a slipped digit.
pub const DURATION_MAX: Duration = Duration::from_hours(10 * 365 * 24);

/// Units that are taken. The parser behind knows more, `M` for months among them, which everybody reads as
/// minutes.
const UNITS: [&str; 6] = ["ms", "s", "m", "h", "d", "w"];

/// What a duration looks like, as a regular expression: what it refuses, [`parse_duration`] refuses too.
pub const DURATION_PATTERN: &str = r"^\s*(\d+\s*(ms|s|m|h|d|w)\s*)+$";

const SYNTAX: &str = "write a number and a unit, such as 500ms, 90s, 30m, 24h or 7d";

/// Reads a duration; the error says how one is written.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if !text.is_empty() && text.chars().all(|char| char.is_ascii_digit() || char == '.') {
        return Err(without_unit(text));
    }
    let mut units = text.split(|char: char| !char.is_alphabetic()).filter(|unit| !unit.is_empty());
    if units.any(|unit| !UNITS.contains(&unit)) {
        return Err(format!("`{text}` is not a duration: {SYNTAX}"));
    }
    let duration =
        humantime::parse_duration(text).map_err(|_| format!("`{text}` is not a duration: {SYNTAX}"))?;
    if duration > DURATION_MAX {
        return Err(format!("`{text}` is longer than ten years"));
    }
    Ok(duration)
}

/// The shortest way of writing a duration in the config's own syntax.
pub fn format_duration(duration: Duration) -> String {
    const UNITS_MS: [(u128, &str); 5] =
        [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
    let millis = duration.as_millis();
    if millis == 0 {
        return "0s".to_owned();
    }
    let (size, unit) = UNITS_MS
        .into_iter()
        .find(|(size, _)| millis.is_multiple_of(*size))
        .expect("every count of milliseconds is a multiple of one");
    format!("{}{unit}", millis / size)
}

/// The message for a number where a duration belongs.
pub fn without_unit(number: &str) -> String {
    format!("{number} has no unit: {SYNTAX}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_a_unit_everybody_reads_alike() {
        for (text, seconds) in
            [("90s", 90), ("30m", 1800), ("1h 30m", 5400), ("24h", 86_400), ("7d", 604_800)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["30", "0", "1.5", "30M", "30 minutes ago", "", "-5m", "m", "2y", "99999999d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        assert!(parse_duration("30").is_err_and(|error| error.contains("no unit")));
    }

    #[test]
    fn a_written_duration_reads_back_as_itself() {
        for text in ["0s", "1500ms", "90s", "30m", "36h", "7d"] {
            let duration = parse_duration(text).expect("the text is right");
            assert_eq!(format_duration(duration), text);
        }
    }
}
