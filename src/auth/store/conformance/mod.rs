//! What every place that keeps grants must do, as a check that a store of one's own can be put through.
//!
//! ```no_run
//! # use shopsync::auth::store::TokenStore;
//! # async fn example(store: std::sync::Arc<impl TokenStore + 'static>) {
//! let broken = shopsync::auth::store::conformance::check(async || store.clone()).await;
//! assert!(broken.is_empty(), "{}", broken.join("\n"));
//! # }
//! ```

use std::sync::Arc;

use super::{TokenStore, TokenStoreError};

mod case;
mod contention;
mod rows;
mod rules;

use case::Case;

/// Every rule on a store that may already hold other grants. `open` opens it once more, as another process would; one
/// that lives in this process alone hands out itself. Returns a line for each rule that is broken.
pub async fn check<S: TokenStore + 'static>(open: impl AsyncFn() -> Arc<S>) -> Vec<String> {
    let mut broken = Vec::new();
    let open = async || {
        let opened: Arc<dyn TokenStore> = open().await;
        opened
    };
    macro_rules! rules {
        ($($module:ident::$rule:ident)+) => {$(
            let case = Case::new(open().await, stringify!($rule));
            let kept = $module::$rule(&case, &open).await;
            if let Err(fault) = kept {
                broken.push(format!("{}: {fault}", stringify!($rule).replace('_', " ")));
            }
            if let Err(error) = case.clean_up().await {
                broken.push(format!("a grant cannot be forgotten: {error}"));
            }
        )+};
    }
    rules! {
        rules::what_is_put_is_read_back
        rules::a_row_that_changed_in_any_way_is_not_written_over
        rules::one_of_two_who_begin_gets_the_right
        rules::a_right_ends_by_the_clock_of_the_store
        rules::a_holder_that_was_overtaken_can_neither_commit_nor_release
        rules::a_holder_keeps_its_right_past_its_time_while_no_one_wants_it
        rules::a_pause_holds_and_may_be_passed_over
        rules::an_authorisation_takes_the_right_from_a_refresh_under_way
        rules::a_refresh_of_a_grant_that_was_cleared_writes_nothing
        rows::every_field_is_kept
        rows::large_texts_are_kept_whole
        rows::odd_names_are_names_like_others
        rows::all_grants_are_listed_by_name
        rows::the_place_is_the_same_each_time
        contention::of_many_who_begin_at_once_one_gets_the_right
        contention::of_many_who_authorise_at_once_one_is_the_first
        contention::what_is_written_is_seen_when_the_store_is_opened_again
    }
    broken
}

/// What a rule found.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Broken(String),
    #[error("the store failed: {}", .0.cause())]
    Store(#[from] TokenStoreError),
}

/// `what` says what is wrong when `holds` is false.
fn must(holds: bool, what: impl Into<String>) -> Result<(), Fault> {
    if holds { Ok(()) } else { Err(Fault::Broken(what.into())) }
}
