//! A program that is gone between any two of its steps.

use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that is dropped after so many polls: the program is gone between any two of its steps.
pub(super) struct CutOff<F> {
    pub(super) inner: Pin<Box<F>>,
    pub(super) polls_left: u16,
}

impl<F: Future> Future for CutOff<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls_left == 0 {
            return Poll::Ready(None);
        }
        self.polls_left -= 1;
        self.inner.as_mut().poll(context).map(Some)
    }
}
