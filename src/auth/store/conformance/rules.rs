//! The rules of one row: who may put what in the place of what.

use std::sync::Arc;

use chrono::TimeDelta;

use super::case::{Case, LEASE, at, intent, settlement, tokens};
use super::{Fault, must};
use crate::auth::store::TokenStore;
use crate::domain::credential::{Claim, Condition, Intent};

type Opened = Arc<dyn TokenStore>;

pub(super) async fn what_is_put_is_read_back(
    case: &Case,
    _open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    must(case.store.load(&case.shop).await?.is_none(), "a shop has a grant that nobody put")?;
    let claim = case.put().await?;
    let row = case.row().await?;
    must(row.tokens == tokens(1).tokens, "the tokens are others")?;
    must(
        row.version == 1 && row.condition == Condition::Active && row.lease.is_none(),
        "the row is another",
    )?;
    must(!case.store.put(&case.shop, None, &tokens(1)).await?, "a first grant replaces one that is there")?;
    must(case.store.put(&case.shop, Some(&claim), &tokens(2)).await?, "the present claim is refused")?;
    must(!case.store.put(&case.shop, Some(&claim), &tokens(2)).await?, "an old claim is taken")?;
    must(case.store.clear(&case.shop).await?, "forgetting a grant says there was none")?;
    must(!case.store.clear(&case.shop).await?, "forgetting nothing says there was a grant")?;
    must(case.store.load(&case.shop).await?.is_none(), "a grant that was forgotten is there")
}

pub(super) async fn a_row_that_changed_in_any_way_is_not_written_over(
    case: &Case,
    _open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let claim = case.put().await?;
    let row = case.raw.load(&case.shop).await?.ok_or_else(|| Fault::Broken("it is not there".to_owned()))?;
    let settled = row.settled(&settlement(None));
    must(!case.raw.swap(None, &settled).await?, "a row is replaced where none was expected")?;
    let others = [
        Claim { version: claim.version + 1, ..claim.clone() },
        Claim { fence: claim.fence + 1, ..claim.clone() },
        Claim { attempt: Some("another".to_owned()), ..claim.clone() },
        Claim { shop: format!("{} nobody", case.shop), ..claim.clone() },
    ];
    for other in others {
        must(!case.raw.swap(Some(&other), &settled).await?, format!("{other:?} is taken for the row's"))?;
    }
    must(case.raw.load(&case.shop).await?.as_ref() == Some(&row), "a swap that was refused wrote something")?;
    must(case.raw.swap(Some(&claim), &settled).await?, "the row's own claim is refused")?;
    must(!case.raw.swap(Some(&claim), &settled).await?, "a claim is taken a second time")?;
    must(case.raw.load(&case.shop).await? == Some(settled), "what was swapped in is not what is there")
}

pub(super) async fn one_of_two_who_begin_gets_the_right(
    case: &Case,
    _open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let claim = case.put().await?;
    let begun = case.begun(&claim, "one", LEASE).await?;
    must(case.begin(&claim, "two", LEASE).await?.is_none(), "the claim of before gets it too")?;
    let row = case.row().await?;
    must(row.claim() == begun, "the row's claim is not the one that was handed out")?;
    must(case.begin(&row.claim(), "three", LEASE).await?.is_none(), "the claim of now gets it too")?;
    must(row.condition == Condition::Refreshing, "the intent is not written")?;
    must(row.attempt.is_some_and(|attempt| attempt.id == "one"), "the attempt is not written")
}

pub(super) async fn a_right_ends_by_the_clock_of_the_store(
    case: &Case,
    open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let (ours, theirs) = (case.raw.now().await?, open().await.now().await?);
    must((theirs - ours).abs() < TimeDelta::minutes(1), "two who share the store have two clocks")?;
    let claim = case.put().await?;
    let begun = case.begun(&claim, "over", TimeDelta::zero()).await?;
    must(case.row().await?.lease.is_none(), "a right that is over still stands")?;
    case.begun(&begun, "lasting", LEASE).await?;
    must(case.row().await?.lease.is_some(), "a right that lasts does not stand")
}

pub(super) async fn a_holder_that_was_overtaken_can_neither_commit_nor_release(
    case: &Case,
    _open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let claim = case.put().await?;
    let frozen = case.begun(&claim, "frozen", TimeDelta::zero()).await?;
    let winner = case.begun(&frozen, "winner", LEASE).await?;
    must(!case.store.commit(&frozen, &tokens(2)).await?, "it commits")?;
    must(!case.store.settle(&frozen, &settlement(None)).await?, "it releases")?;
    let row = case.row().await?;
    must(row.version == 1 && row.lease.is_some(), "the winner has lost its right")?;
    must(case.store.commit(&winner, &tokens(2)).await?, "the winner cannot commit")?;
    let row = case.row().await?;
    must(row.version == 2 && row.lease.is_none() && row.tokens == tokens(2).tokens, "the pair is another")?;
    must(!case.store.commit(&winner, &tokens(3)).await?, "a right is used twice")
}

pub(super) async fn a_holder_keeps_its_right_past_its_time_while_no_one_wants_it(
    case: &Case,
    _open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let claim = case.put().await?;
    let late = case.begun(&claim, "late", TimeDelta::zero()).await?;
    must(case.store.commit(&late, &tokens(2)).await?, "its pair is lost though nobody took its place")
}

pub(super) async fn a_pause_holds_and_may_be_passed_over(
    case: &Case,
    _open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let claim = case.put().await?;
    let begun = case.begun(&claim, "one", LEASE).await?;
    let until = at(case.raw.now().await?.timestamp_millis()) + TimeDelta::minutes(5);
    must(case.store.settle(&begun, &settlement(Some(until))).await?, "the holder cannot settle")?;
    let row = case.row().await?;
    must(row.not_before == Some(until) && row.condition == Condition::Throttled, "the pause is not written")?;
    must(row.trouble == settlement(None).trouble, "the trouble is not written")?;
    must(row.tokens == tokens(1).tokens, "a settlement touches tokens")?;
    must(case.begin(&row.claim(), "two", LEASE).await?.is_none(), "the pause does not hold")?;
    let late = Intent { pauses_until: until, ..intent("three", LEASE, case.raw.now().await?) };
    must(case.store.begin(&row.claim(), &late).await?.is_some(), "the pause cannot be passed over")
}

pub(super) async fn an_authorisation_takes_the_right_from_a_refresh_under_way(
    case: &Case,
    _open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let claim = case.put().await?;
    let begun = case.begun(&claim, "one", LEASE).await?;
    let present = case.row().await?.claim();
    must(case.store.put(&case.shop, Some(&present), &tokens(2)).await?, "an owner must wait for a refresh")?;
    must(!case.store.commit(&begun, &tokens(2)).await?, "the refresh overwrites what the owner brought")?;
    let row = case.row().await?;
    must(row.lease.is_none() && row.attempt.is_none(), "the refresh is still under way")?;
    case.begun(&row.claim(), "two", LEASE).await.map(drop)
}

pub(super) async fn a_refresh_of_a_grant_that_was_cleared_writes_nothing(
    case: &Case,
    _open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let claim = case.put().await?;
    let begun = case.begun(&claim, "one", LEASE).await?;
    case.store.clear(&case.shop).await?;
    must(!case.store.commit(&begun, &tokens(2)).await?, "it brings the grant back")?;
    let again = case.put().await?;
    case.begun(&again, "two", LEASE).await?;
    must(!case.store.commit(&begun, &tokens(2)).await?, "it overwrites the grant that came after")
}
