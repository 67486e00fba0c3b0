//! Prometheus' text format for values that are read at each scrape. So what no longer exists leaves no series behind.

use std::fmt::Write;

use super::catalogue::Meter;

/// Writes a metric with its series, each with the values of its labels. Writes nothing if there is no series.
pub fn family<const LABELS: usize, Text: AsRef<str>>(
    out: &mut String,
    meter: &Meter,
    series: impl IntoIterator<Item = ([Text; LABELS], f64)>,
) {
    debug_assert_eq!(meter.labels.len(), LABELS, "{}", meter.name);
    let mut series = series.into_iter().peekable();
    if series.peek().is_none() {
        return;
    }
    // Writing to a `String` does not fail.
    let _ = writeln!(out, "# HELP {} {}\n# TYPE {0} {}", meter.name, meter.help, meter.kind.as_str());
    for (values, value) in series {
        let labels: Vec<String> = meter
            .labels
            .iter()
            .zip(&values)
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value.as_ref())))
            .collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(out, "{}{labels} {value}", meter.name);
    }
}

/// The labels of one series, as they are written.
pub struct Labels<'a>(&'a str);

impl<'a> Labels<'a> {
    /// The value of a label. `None`: the series does not have it. Only for values that need no escapes, such as names of the
    /// config.
    pub fn get(&self, label: &str) -> Option<&'a str> {
        self.0.split("\",").find_map(|pair| pair.strip_prefix(label)?.strip_prefix("=\""))
    }
}

/// Removes the series that `is_kept` refuses.
pub fn only(text: &str, is_kept: impl Fn(&Labels<'_>) -> bool) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.lines() {
        let labels = line.split_once('{').and_then(|(_, labels)| labels.rsplit_once("\"}"));
        if line.starts_with('#') || labels.is_none_or(|(labels, _)| is_kept(&Labels(labels))) {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meters::catalogue::{BUILD_INFO, GRANTS, QUARANTINED, RUN_DURATION};

    #[test]
    fn a_family_has_its_head_once_and_a_line_a_series() {
        let mut text = String::new();

        family(&mut text, &QUARANTINED, [(["a", "orders"], 2.0), (["b", "products"], 0.0)]);
        family(&mut text, &GRANTS, Vec::<([String; 1], f64)>::new());
        family(&mut text, &RUN_DURATION, [([""; 0], 1.5)]);

        let expected = "\
            # HELP shopsync_quarantined Records in quarantine.\n\
            # TYPE shopsync_quarantined gauge\n\
            shopsync_quarantined{shop=\"a\",record=\"orders\"} 2\n\
            shopsync_quarantined{shop=\"b\",record=\"products\"} 0\n\
            # HELP shopsync_run_duration_seconds How long runs took.\n\
            # TYPE shopsync_run_duration_seconds histogram\n\
            shopsync_run_duration_seconds 1.5\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn values_of_labels_are_escaped() {
        let mut text = String::new();

        family(&mut text, &BUILD_INFO, [(["a\"b\\c\nd"], 1.0)]);

        assert!(text.ends_with("{version=\"a\\\"b\\\\c\\nd\"} 1\n"), "{text}");
    }

    #[test]
    fn series_of_unknown_shops_go_and_all_others_stay() {
        let text = "# TYPE x counter\nx{shop=\"a\",record=\"o\"} 1\nx{record=\"o\",shop=\"ab\"} 2\n\ny 3\ny{job=\"a\"} 4\n";

        let kept = only(text, |labels| labels.get("shop").is_none_or(|shop| shop == "ab"));

        assert_eq!(kept, "# TYPE x counter\nx{record=\"o\",shop=\"ab\"} 2\n\ny 3\ny{job=\"a\"} 4\n");
    }

    #[test]
    fn a_label_is_found_by_its_whole_name() {
        let labels = Labels("workshop=\"a\",shop=\"b\",record=\"c");

        assert_eq!(
            (labels.get("shop"), labels.get("record"), labels.get("work")),
            (Some("b"), Some("c"), None)
        );
    }
}
