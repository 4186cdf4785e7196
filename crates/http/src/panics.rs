//! Panics: each is known (NP-07). One of a service is a request that failed, and whoever catches it says so; one of any other
//! task or thread is logged as it happens, so that nobody who starts one has to think of it.

use crate::event::Event;
use crate::log::Log;
use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::task::Poll;

/// Panics that wait to be logged; of more at once there is no event, only what standard error has. Source: ours.
const UNTOLD_MAX: usize = 64;

thread_local! {
    /// True while somebody catches what panics on this thread.
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

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
    let was_caught = IS_CAUGHT.replace(true);
    let result = catch_unwind(AssertUnwindSafe(function));
    IS_CAUGHT.set(was_caught);
    result.map_err(|payload| Panicked(words(&*payload)))
}

/// From now on, logs every panic of this process that nobody catches: of any thread, and of any task, which its runtime
/// ends without a word. Standard error has it as before.
pub fn log_uncaught(log: Arc<Log>) -> std::io::Result<()> {
    // By a thread of its own: the one that panics may hold what the log needs.
    let (tell, told) = sync_channel::<(Event, String)>(UNTOLD_MAX);
    let run = move || told.into_iter().for_each(|(event, why)| log.event(&event, &why));
    std::thread::Builder::new().name("panics".to_owned()).spawn(run)?;
    let before = take_hook();
    set_hook(Box::new(move |panic| {
        before(panic);
        if !IS_CAUGHT.get() {
            // See `UNTOLD_MAX`.
            let _ = tell.try_send((uncaught(panic), words(panic.payload())));
        }
    }));
    Ok(())
}

fn uncaught(panic: &PanicHookInfo<'_>) -> Event {
    let (thread, place) = (std::thread::current(), panic.location());
    let event = Event::named("taskPanicked").with("thread", thread.name().unwrap_or_default());
    place.map_or(event.clone(), |place| event.with("place", place))
}

fn words(payload: &(dyn Any + Send)) -> String {
    let said = payload.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| payload.downcast_ref::<&'static str>().copied());
    said.unwrap_or("a panic without words").to_owned()
}
