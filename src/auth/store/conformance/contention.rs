//! Several at once, and one after the other's end: what a store promises by its capabilities.

use std::sync::Arc;

use futures_util::future::join_all;

use super::super::grants::Grants;
use super::case::{Case, LEASE, intent, tokens};
use super::{Fault, must};
use crate::auth::store::TokenStore;

type Opened = Arc<dyn TokenStore>;

const WRITERS: usize = 8;

/// Each opens the store for itself where several processes may.
async fn writers(case: &Case, open: &impl AsyncFn() -> Opened) -> Vec<Grants> {
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let is_shared = case.raw.capabilities().cross_process;
        writers.push(Grants::new(if is_shared { open().await } else { case.raw.clone() }));
    }
    writers
}

pub(super) async fn of_many_who_begin_at_once_one_gets_the_right(
    case: &Case,
    open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let claim = case.put().await?;
    let now = case.raw.now().await?;
    let begun = writers(case, open).await.into_iter().enumerate().map(|(number, writer)| {
        let claim = claim.clone();
        let intent = intent(&number.to_string(), LEASE, now);
        tokio::spawn(async move { writer.begin(&claim, &intent).await })
    });
    must_be_one(join_all(begun).await.into_iter().map(|done| Ok(finished(done)??.is_some())))
}

pub(super) async fn of_many_who_authorise_at_once_one_is_the_first(
    case: &Case,
    open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let put = writers(case, open).await.into_iter().map(|writer| {
        let shop = case.shop.clone();
        tokio::spawn(async move { writer.put(&shop, None, &tokens(1)).await })
    });
    must_be_one(join_all(put).await.into_iter().map(|done| Ok(finished(done)??)))
}

pub(super) async fn what_is_written_is_seen_when_the_store_is_opened_again(
    case: &Case,
    open: &impl AsyncFn() -> Opened,
) -> Result<(), Fault> {
    let capabilities = case.raw.capabilities();
    if !capabilities.durable && !capabilities.cross_process {
        return Ok(());
    }
    case.put().await?;
    let (ours, theirs) = (case.raw.load(&case.shop).await?, open().await.load(&case.shop).await?);
    must(theirs.is_some() && theirs == ours, "it is not there, or another")?;
    must(case.store.clear(&case.shop).await?, "it cannot be forgotten")?;
    must(open().await.load(&case.shop).await?.is_none(), "what was forgotten is there")
}

fn must_be_one(answers: impl Iterator<Item = Result<bool, Fault>>) -> Result<(), Fault> {
    let answers: Vec<bool> = answers.collect::<Result<_, _>>()?;
    let winners = answers.iter().filter(|has_won| **has_won).count();
    must(winners == 1, format!("{winners} of {WRITERS} did"))
}

fn finished<T>(done: Result<T, tokio::task::JoinError>) -> Result<T, Fault> {
    done.map_err(|error| Fault::Broken(error.to_string()))
}
