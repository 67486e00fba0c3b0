//! The language people are spoken to in: English, or Chinese where the environment requests it: by `init`, `check` and
//! `auth`, in questions before something that cannot be undone, and where a name or the database is wrong. JSON, logs
//! and what other verbs say stay English; the status page follows the browser.

use std::fmt;
use std::sync::OnceLock;

/// A language that `init`, `check` and `auth` speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Chinese,
}

/// Which variable counts, the strongest first.
const VARIABLES: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];

impl Language {
    /// The language of the user who started this program. It does not change while the program runs.
    pub fn of_process() -> Self {
        static LANGUAGE: OnceLock<Language> = OnceLock::new();
        *LANGUAGE.get_or_init(|| Self::of(|name| std::env::var(name).ok()))
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = VARIABLES.into_iter().filter_map(variable).find(|locale| !locale.is_empty());
        let is_chinese = locale.is_some_and(|locale| locale.split(['_', '.', '-', '@']).next() == Some("zh"));
        if is_chinese { Self::Chinese } else { Self::English }
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
    fn a_sentence_takes_its_parts_in_its_own_language() {
        let (shop, days) = ("acme", text!("2 days", "2 天"));
        let text = text!("{shop}: {days} left", "{shop}：还剩 {days}"; days);
        assert_eq!((&*text.english, &*text.chinese), ("acme: 2 days left", "acme：还剩 2 天"));
    }
}
