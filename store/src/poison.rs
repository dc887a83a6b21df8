//! The writer's end: said once, known to all.

use std::sync::Arc;
use tokio::sync::watch;

/// Not set while all is well.
pub(crate) struct Poison(watch::Sender<Option<Arc<str>>>);

impl Poison {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Sets it; the first reason counts, and is given.
    pub(crate) fn set(&self, why: Arc<str>) -> Arc<str> {
        let mut kept = Arc::clone(&why);
        self.0.send_if_modified(|reason| match reason {
            Some(first) => {
                kept = Arc::clone(first);
                false
            }
            None => {
                *reason = Some(why);
                true
            }
        });
        kept
    }

    pub(crate) fn get(&self) -> Option<Arc<str>> {
        self.0.borrow().clone()
    }

    /// Returns when it is set.
    pub(crate) async fn wait(&self) -> Arc<str> {
        let mut receiver = self.0.subscribe();
        loop {
            if let Some(why) = receiver.borrow_and_update().clone() {
                return why;
            }
            // The sender is borrowed here, so it cannot be gone.
            let _ = receiver.changed().await;
        }
    }
}
