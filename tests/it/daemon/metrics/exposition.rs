//! Prometheus' text format, read back. Strict: a line that is none panics.

use std::collections::{BTreeMap, BTreeSet};

/// A name with its labels.
pub(super) type Series = (String, BTreeMap<String, String>);

#[derive(Debug, Default)]
pub(super) struct Exposition {
    /// The kind of each metric.
    pub(super) kinds: BTreeMap<String, String>,
    /// The metrics that are explained.
    pub(super) helps: BTreeSet<String>,
    pub(super) values: BTreeMap<Series, f64>,
}

pub(super) fn series(name: &str, labels: &[(&str, &str)]) -> Series {
    let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
    (name.to_owned(), labels)
}

impl Exposition {
    pub(super) fn read(text: &str) -> Self {
        let mut told = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect(line);
                assert!(help.len() > 5 && told.helps.insert(name.to_owned()), "{line}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect(line);
                assert!(told.kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
            } else {
                let (series, value) = line.rsplit_once(' ').expect(line);
                let value: f64 = value.parse().expect(line);
                assert!(told.values.insert(read_series(series), value).is_none(), "twice: {line}");
            }
        }
        told
    }

    /// The metric that a series belongs to.
    pub(super) fn family_of<'a>(&self, name: &'a str) -> &'a str {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        base.filter(|base| self.kinds.get(*base).is_some_and(|kind| kind == "histogram")).unwrap_or(name)
    }

    /// All values of a metric that has these labels, added up.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |of: &BTreeMap<String, String>| {
            labels.iter().all(|(label, value)| of.get(*label).is_some_and(|told| told == value))
        };
        self.values.iter().filter(|((of, all), _)| of == name && has(all)).map(|(_, value)| value).sum()
    }
}

fn read_series(text: &str) -> Series {
    let Some((name, labels)) = text.split_once('{') else { return series(text, &[]) };
    let labels = labels.strip_suffix('}').expect(text).split("\",").map(|label| {
        let (label, value) = label.split_once("=\"").expect(text);
        (label.to_owned(), value.trim_end_matches('"').to_owned())
    });
    (name.to_owned(), labels.collect())
}
