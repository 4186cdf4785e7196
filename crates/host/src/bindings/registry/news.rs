//! Namespaces and devices that are no more.

use super::Bindings;
use crate::bindings::row::BindingState;
use bonafide_http::Event;
use bonafide_opener::Gone;
use bonafide_types::BindingId;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Pause before the line to the opener is made anew. Source: ours.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Bindings {
    /// Follows the news of what is gone, on a thread of its own, for as long as the bindings are there.
    pub fn follow_news(self: &Arc<Self>) {
        let (this, runtime) = (Arc::downgrade(self), tokio::runtime::Handle::current());
        std::thread::spawn(move || {
            while let Some(news) = line(&this) {
                while let Ok(Some(key)) = news.next() {
                    let Some(this) = this.upgrade() else { return };
                    runtime.spawn(async move { this.mark_gone(&key).await });
                }
                std::thread::sleep(AGAIN_AFTER);
            }
        });
    }

    /// Ends what a binding serves whose place is no more. Its row stays, so that it is seen.
    async fn mark_gone(&self, key: &str) {
        let Some(id) = key.split('/').next().and_then(|id| id.parse::<BindingId>().ok()) else { return };
        let _one_at_a_time = self.changing.lock().await;
        let serving = {
            let mut entries = self.entries();
            let Some(entry) = entries.get_mut(&id) else { return };
            let why = "its network namespace or device is no more: attach it anew, if there is another in its place";
            entry.state = BindingState::Gone(why.to_owned());
            self.log.event(&self.event("bindingGone", &entry.row), &why);
            entry.serving.take()
        };
        if let Some(serving) = serving {
            serving.end().await;
        }
        if let Err(error) = self.close(id).await {
            self.log.event(&Event::named("bindingNotClosed").with("binding", id), &error);
        }
        self.changed.send_replace(());
    }
}

/// A line to the opener; `None` once nobody wants news any more, or there are none.
fn line(bindings: &Weak<Bindings>) -> Option<Gone> {
    loop {
        let opener = Arc::clone(&bindings.upgrade()?.opener);
        if let Ok(line) = opener.gone() {
            return Some(line);
        }
        std::thread::sleep(AGAIN_AFTER);
    }
}
