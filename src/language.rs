//! Texts in English and Chinese, and which of the two a person reads.
//!
//! On a terminal the environment decides: `init`, `check` and `auth` speak Chinese there, and so do questions before
//! something that cannot be undone and errors about a name or the database. JSON, logs and other verbs stay English. The
//! pages follow the browser.

use std::fmt;
use std::sync::OnceLock;

/// A language that we write texts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Chinese,
}

/// Which variable counts, the strongest first.
const VARIABLES: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];

/// More languages than any browser lists.
const WISHES_MAX: usize = 32;

impl Language {
    /// The language of the user who started this program. It does not change while the program runs.
    pub fn of_process() -> Self {
        static LANGUAGE: OnceLock<Language> = OnceLock::new();
        *LANGUAGE.get_or_init(|| Self::of(|name| std::env::var(name).ok()))
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

    /// The one that a browser likes best, by its `Accept-Language`; English when it names neither.
    pub fn of_browser(accepted: &str) -> Self {
        let mut best = (Self::English, 0);
        for wish in accepted.split(',').take(WISHES_MAX) {
            let (tag, weight) =
                wish.split_once(';').map_or((wish, 1000), |(tag, weight)| (tag, weight_of(weight)));
            let Some(language) = Self::of_tag(tag.trim()) else { continue };
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = VARIABLES.into_iter().filter_map(variable).find(|locale| !locale.is_empty());
        let is_chinese = locale.is_some_and(|locale| locale.split(['_', '.', '-', '@']).next() == Some("zh"));
        if is_chinese { Self::Chinese } else { Self::English }
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

/// One sentence in both languages. Shown in that of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub english: String,
    pub chinese: String,
}

impl Text {
    /// What is the same in every language: names, numbers, addresses.
    pub fn alike(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { english: text.clone(), chinese: text }
    }

    /// With spaces behind, to line up what follows. A Chinese character is as wide as two letters.
    pub fn padded(&self, width: usize) -> String {
        let text = self.to_string();
        let taken: usize = text.chars().map(|char| if char < '\u{2e80}' { 1 } else { 2 }).sum();
        text + &" ".repeat(width.saturating_sub(taken))
    }

    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::English => &self.english,
            Language::Chinese => &self.chinese,
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.in_language(Language::of_process()))
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        match Language::of_process() {
            Language::English => text.english,
            Language::Chinese => text.chinese,
        }
    }
}

/// The same sentence twice, English first; both may name what is in scope, as in `format!`. A part that differs
/// between the languages is another [`Text`], named behind a `;`.
macro_rules! text {
    ($english:literal, $chinese:literal $(; $($part:ident),+)?) => {{
        let english = { $($(let $part = &$part.english;)+)? format!($english) };
        let chinese = { $($(let $part = &$part.chinese;)+)? format!($chinese) };
        $crate::language::Text { english, chinese }
    }};
}
pub(crate) use text;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_says_anything_decides() {
        use Language::{Chinese, English};
        for (all, messages, lang, expected) in [
            (None, None, None, English),
            (None, None, Some("zh_CN.UTF-8"), Chinese),
            (None, None, Some("zh"), Chinese),
            (None, None, Some("zh-Hans"), Chinese),
            (None, None, Some("zha_CN"), English),
            (None, None, Some("en_US.UTF-8"), English),
            (None, Some("zh_TW"), Some("en_US"), Chinese),
            (Some("C"), Some("zh_TW"), Some("zh_CN"), English),
            (Some(""), None, Some("zh_CN"), Chinese),
        ] {
            let variable = |name: &str| match name {
                "LC_ALL" => all.map(str::to_owned),
                "LC_MESSAGES" => messages.map(str::to_owned),
                _ => lang.map(str::to_owned),
            };
            assert_eq!(Language::of(variable), expected, "{all:?} {messages:?} {lang:?}");
        }
    }

    #[test]
    fn the_language_a_browser_likes_best_is_taken() {
        use Language::{Chinese, English};
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
            assert_eq!(Language::of_browser(text), expected, "{text}");
        }
    }

    #[test]
    fn a_sentence_takes_its_parts_in_its_own_language() {
        let (shop, days) = ("acme", text!("2 days", "2 天"));
        let text = text!("{shop}: {days} left", "{shop}：还剩 {days}"; days);
        assert_eq!((&*text.english, &*text.chinese), ("acme: 2 days left", "acme：还剩 2 天"));
    }
}
