//! What the errors say that a person meets in `check` and `auth`, in Chinese. Every kind of error is reported in full
//! here; what a platform, the database or the system said itself stays as it is.

use std::error::Error;
use std::sync::Arc;

use crate::app::AppError;
use crate::auth::store::TokenStoreError;
use crate::error_text::chain;
use crate::exit::{Exit, Failure};
use crate::language::{Language, Text};

mod auth;
mod platform;
mod store;

pub(super) use auth::coverage;
pub(super) use platform::remedy;

/// An error and all that caused it, on one line.
pub(super) fn text_of(error: &(dyn Error + 'static)) -> Text {
    Text { english: chain(error), chinese: chain_of(error) }
}

/// The same for an error that ends a verb on a terminal. Keeps the exit code.
pub(super) fn for_person(error: anyhow::Error) -> anyhow::Error {
    match Language::of_process() {
        Language::English => error,
        Language::Chinese => Failure::new(Exit::of_error(&error), chain_of(&*error)).into(),
    }
}

fn chain_of(error: &(dyn Error + 'static)) -> String {
    let mut text = one(error);
    let mut next = error.source();
    while let Some(cause) = next {
        next = cause.source();
        // A cause that is only repeated, in either language, is left out.
        let (original, cause) = (cause.to_string(), one(cause));
        if !text.ends_with(&original) && !text.ends_with(&cause) {
            text.push('：');
            text.push_str(&cause);
        }
    }
    text
}

fn one(error: &(dyn Error + 'static)) -> String {
    translated(error).unwrap_or_else(|| error.to_string())
}

/// `None`: it is no one's of ours, or a [`Failure`], which speaks the right language already.
fn translated(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = find::<AppError>(error) {
        return Some(match error {
            AppError::Auth(error) => auth::error(error),
            AppError::Store(error) => store::error(error),
            AppError::Connect(error) => platform::connect_error(error),
        });
    }
    find(error)
        .map(auth::error)
        .or_else(|| find(error).map(auth::given))
        .or_else(|| find(error).map(platform::error))
        .or_else(|| find(error).map(store::error))
        .or_else(|| find(error).map(store::cause))
        .or_else(|| find(error).map(store::key))
        .or_else(|| find(error).map(store::key_format))
        .or_else(|| find(error).map(store::seal))
        .or_else(|| find(error).map(store::file_store))
        .or_else(|| find(error).map(|_: &TokenStoreError| store::TOKEN_STORE.to_owned()))
}

/// An error of this type, also where several hold it or it lies in a box.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let shared = || error.downcast_ref::<Arc<T>>().map(|error| &**error);
    let boxed = || error.downcast_ref::<Box<T>>().map(|error| &**error);
    error.downcast_ref().or_else(shared).or_else(boxed)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::auth::AuthError;
    use crate::platform::PlatformError;

    /// A person who reads only one of the languages understands it: no sentence of the other is left, only what stands
    /// in backquotes, numbers, and what others said.
    pub(in super::super) fn is_translated(error: &(dyn Error + 'static)) {
        let (english, chinese) = (error.to_string(), translated(error).expect("an error of ours"));
        assert!(!has_chinese(&english), "{english}");
        assert!(has_chinese(&chinese), "{chinese}");
        assert_eq!(english_sentence(&chinese), None, "{chinese}");
    }

    /// Three words of small letters in a row, outside of what is quoted.
    fn english_sentence(text: &str) -> Option<String> {
        let outside: Vec<&str> = text.split('`').step_by(2).collect();
        let outside = outside.join("|");
        let words: Vec<&str> = outside.split(' ').collect();
        let is_word = |word: &&str| word.len() > 1 && word.chars().all(|char| char.is_ascii_lowercase());
        words.windows(3).find(|three| three.iter().all(is_word)).map(|three| three.join(" "))
    }

    pub(in super::super) fn has_chinese(text: &str) -> bool {
        text.chars().any(|char| ('\u{4e00}'..='\u{9fff}').contains(&char))
    }

    #[test]
    fn a_chain_is_reported_in_one_language_with_what_others_said_as_it_is() {
        let source = PlatformError::TokenRefused { code: "7".to_owned(), message: "token is bad".to_owned() };
        let error = AuthError::Platform { shop: "acme".to_owned(), source: Arc::new(source) };
        assert_eq!(text_of(&error).chinese, "店铺 `acme` 的令牌请求失败：平台拒绝了令牌（7：token is bad）");
        let error = AppError::Auth(AuthError::NeverAuthorised {
            shop: "a".to_owned(),
            command: "shopsync auth qr a".to_owned(),
        });
        assert_eq!(text_of(&error).chinese, "店铺 `a` 从未授权：请运行 `shopsync auth qr a`");
    }
}
