//! Database queries for a client that waits for the answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answer::ApiError;
use crate::error_text::chain;

/// How long a client waits for the database.
pub const READ_WITHIN: Duration = Duration::from_secs(2);
/// At the same time: the pool's connections are there for the runs.
const READS_MAX: usize = 4;

/// A few places for such questions. Clones share them.
#[derive(Clone)]
pub struct Reads {
    places: Arc<Semaphore>,
}

impl Default for Reads {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(READS_MAX)) }
    }
}

impl Reads {
    /// The answer, unless it takes too long.
    ///
    /// A question that takes too long is asked to its end all the same, in its place: giving it up would leave the
    /// place of its connection in the pool taken, and a database that hangs gets no more than a few.
    pub async fn ask<T, E>(
        &self,
        question: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, ApiError>
    where
        T: Send + 'static,
        E: std::error::Error + Send + 'static,
    {
        let places = self.places.clone();
        let query = async move {
            let Ok(place) = places.acquire_owned().await else {
                return Err(ApiError::internal());
            };
            let answered = tokio::spawn(async move {
                let answer = question.await;
                drop(place);
                answer
            });
            match answered.await {
                Ok(answer) => answer.map_err(|error| unreadable(&error)),
                Err(_) => Err(ApiError::internal()),
            }
        };
        timeout(READ_WITHIN, query).await.unwrap_or_else(|_| Err(ApiError::database_away()))
    }
}

fn unreadable(error: &(dyn std::error::Error + 'static)) -> ApiError {
    tracing::debug!("the database gave no answer to a request: {}", chain(error));
    ApiError::database_away()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[tokio::test]
    async fn questions_that_hang_take_a_few_places_and_no_one_waits_long() {
        let reads = Reads::default();
        let hanging = (0..2 * READS_MAX).map(|_| reads.ask(std::future::pending::<Result<(), Infallible>>()));
        for answer in futures_util::future::join_all(hanging).await {
            assert_eq!(answer, Err(ApiError::database_away()));
        }
        assert_eq!(reads.places.available_permits(), 0);
        let one_more = reads.ask(std::future::ready(Ok::<_, Infallible>(1))).await;
        assert_eq!(one_more, Err(ApiError::database_away()));
    }
}
