//! Which of our languages a browser's owner reads.

use axum::http::{HeaderMap, header};

/// What pages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Chinese,
}

/// More wishes than anybody has.
const WISHES_MAX: usize = 32;

impl Language {
    /// The one of ours that `Accept-Language` likes best; English when it names neither.
    pub fn of(headers: &HeaderMap) -> Self {
        let wished = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Self::wished(wished.unwrap_or_default())
    }

    /// The language requested by `?lang=`. `None`: the page is not written in it.
    pub fn of_tag(tag: &str) -> Option<Self> {
        // Regions and scripts make no difference: readers of any Chinese read this one sooner than English.
        match tag.split('-').next()?.to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// The language that the page offers beside this one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::English => Self::Chinese,
            Self::Chinese => Self::English,
        }
    }

    /// The code in `<html lang>`.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-Hans",
        }
    }

    fn wished(text: &str) -> Self {
        let mut best = (Self::English, 0);
        for wish in text.split(',').take(WISHES_MAX) {
            let (tag, weight) =
                wish.split_once(';').map_or((wish, 1000), |(tag, weight)| (tag, weight_of(weight)));
            let language = match tag.trim().to_ascii_lowercase().split('-').next() {
                Some("zh") => Self::Chinese,
                Some("en") => Self::English,
                _ => continue,
            };
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }
}

/// `q=0.8` in thousandths; 0 for what cannot be read.
fn weight_of(text: &str) -> u32 {
    let Some((whole, part)) =
        text.trim().strip_prefix("q=").map(|number| number.split_once('.').unwrap_or((number, "")))
    else {
        return 0;
    };
    let thousandths = format!("{part:0<3}");
    match (whole, thousandths.get(..3).and_then(|digits| digits.parse::<u32>().ok())) {
        ("1", Some(0)) => 1000,
        ("0", Some(thousandths)) => thousandths,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::Language::{self, Chinese, English};

    #[test]
    fn the_language_a_browser_likes_best_is_taken() {
        for (text, expected) in [
            ("", English),
            ("zh-CN,zh;q=0.9,en;q=0.8", Chinese),
            ("zh", Chinese),
            ("ZH-Hant-TW", Chinese),
            ("de-DE,de;q=0.9,zh;q=0.4,en;q=0.7", English),
            ("en;q=0.3, zh-CN;q=0.35", Chinese),
            ("fr,*;q=0.5", English),
            ("zh;q=0", English),
            ("zh;q=nonsense,en;q=0.1", English),
            ("zho", English),
        ] {
            assert_eq!(Language::wished(text), expected, "{text}");
        }
    }
}
