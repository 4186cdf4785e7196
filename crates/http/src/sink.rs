//! The output of lines: two buffers that take turns, and a thread that writes them, so that a slow output never holds
//! up a thread that logs.

use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes buffered before they are written at once. Source: nginx's usual `buffer=64k`.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;
/// Longest time for which a line stays in the buffer. Source: ours; short enough to watch.
const FLUSH_EVERY: Duration = Duration::from_millis(200);
/// Longest time that the end of the process waits for the last lines. Source: ours.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);
/// Buffers waiting for a slow output; more are dropped, so that a blocked terminal or disk never
/// blocks a request.
const BUFFERS_MAX: usize = 64;
/// Room for the line that fills a buffer, in bytes: a longer one costs a copy.
const LINE_BYTES: usize = 1_024;

/// An output for lines.
pub(super) struct Sink {
    lines: Mutex<Lines>,
    output: SyncSender<Full>,
}

/// A buffer to be written, and whom to tell that it was.
type Full = (Vec<u8>, Option<SyncSender<()>>);

/// Two buffers that take turns: one is filled while the other is written.
#[derive(Default)]
struct Lines {
    filling: Vec<u8>,
    /// The other, when it has been written.
    written: Option<Vec<u8>>,
}

impl Lines {
    /// Takes the filled buffer; the next line goes into the other.
    fn turn(&mut self) -> Vec<u8> {
        let next = self.written.take().unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES + LINE_BYTES));
        std::mem::replace(&mut self.filling, next)
    }
}

impl Sink {
    /// Writes to `output` from a thread of its own.
    pub(super) fn to(mut output: impl Write + Send + 'static) -> std::io::Result<Arc<Self>> {
        let (sender, receiver) = sync_channel::<Full>(BUFFERS_MAX);
        let sink = Arc::new(Self { lines: Mutex::default(), output: sender });
        let buffered = Arc::downgrade(&sink);
        std::thread::Builder::new().name("log".into()).spawn(move || {
            let next = |receiver: &Receiver<Full>| receiver.recv_timeout(FLUSH_EVERY);
            loop {
                let (mut lines, waiting) = match (next(&receiver), buffered.upgrade()) {
                    (Ok(full), _) => full,
                    (Err(RecvTimeoutError::Timeout), Some(sink)) => (sink.lines().turn(), None),
                    (Err(_), _) => return,
                };
                // An output that fails has nowhere to say so.
                let _ = output.write_all(&lines);
                if let Some(waiting) = waiting {
                    // It may wait no longer.
                    let _ = waiting.send(());
                }
                lines.clear();
                if let Some(sink) = buffered.upgrade() {
                    sink.lines().written = Some(lines);
                }
            }
        })?;
        Ok(sink)
    }

    /// Adds what `append` appends: one line.
    pub(super) fn put(&self, append: impl FnOnce(&mut Vec<u8>)) {
        let full = {
            let mut lines = self.lines();
            append(&mut lines.filling);
            (lines.filling.len() >= BUFFER_BYTES).then(|| lines.turn())
        };
        // After the lock: the thread that this wakes wants it too.
        if let Some(full) = full {
            // See `BUFFERS_MAX`.
            let _ = self.output.try_send((full, None));
        }
    }

    /// Returns when everything so far is written, or cannot be in time: for the end of a process.
    pub(super) fn flush(&self) {
        let (waiting, written) = sync_channel(1);
        let lines = self.lines().turn();
        if self.output.try_send((lines, Some(waiting))).is_ok() {
            // An output that is blocked holds up no end.
            let _ = written.recv_timeout(FLUSH_PATIENCE);
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
