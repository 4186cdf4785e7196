//! Panics of a service: each is one request that failed, and is known (NP-07).

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::Poll;

/// A panic that was caught, with what it said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Panicked(String);

impl Panicked {
    /// Goes on with the panic elsewhere: where requests are answered, it is one that failed.
    pub fn resume(&self) -> ! {
        resume_unwind(Box::new(self.0.clone()))
    }
}

/// A future's output, unless it panics. Our own locks outlive a panic: none of them is taken to be poisoned.
pub(super) async fn caught<F: Future>(mut future: Pin<&mut F>) -> Result<F::Output, Panicked> {
    std::future::poll_fn(|cx| match caught_at_once(|| future.as_mut().poll(cx)) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panicked) => Poll::Ready(Err(panicked)),
    })
    .await
}

/// The result of a function, unless it panics.
pub fn caught_at_once<T>(function: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(function)).map_err(|payload| Panicked(words(payload)))
}

fn words(payload: Box<dyn Any + Send>) -> String {
    let said = payload.downcast::<String>().map(|said| *said);
    let said = said.or_else(|payload| payload.downcast::<&'static str>().map(|said| (*said).to_owned()));
    said.unwrap_or_else(|_| "a panic without words".to_owned())
}
