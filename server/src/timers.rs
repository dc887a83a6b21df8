//! What time alone brings about: leases that run out, sessions that are lost, snapshots that are due.

use crate::app::Shared;
use crate::clock;
use crate::context::Provenance;
use domain::Command;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A pause before the same deadline is tried again: the writer was busy, or an import is on.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Ends every lease and session whose time has passed, until the server stops. Nothing polls: it sleeps until the next
/// deadline the model knows of, or until a commit may have brought an earlier one.
pub(crate) async fn expire(app: Shared) {
    let mut heads = app.store().watch();
    loop {
        heads.borrow_and_update();
        let changed_or_due = async {
            match app.store().next_deadline() {
                None => heads.changed().await.is_ok(),
                Some(deadline) => timeout(clock::until(deadline), heads.changed())
                    .await
                    .is_ok_and(|changed| changed.is_ok()),
            }
        };
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = changed_or_due => {}
        }
        if app.store().next_deadline().is_none_or(|deadline| deadline > clock::now()) {
            continue;
        }
        let ended = app.execute(&Provenance::default(), Command::Expire).await;
        if let Err(error) = &ended {
            tracing::debug!(%error, "leases and sessions were not ended; trying again");
        }
        // A deadline that is still due was not served: without a pause this would spin.
        if app.store().next_deadline().is_some_and(|deadline| deadline <= clock::now()) {
            tokio::select! {
                () = app.stop.cancelled() => return,
                () = sleep(RETRY_AFTER) => {}
            }
        }
    }
}

/// Writes the views down whenever so much time has passed, if anything came since they were last, until the server
/// stops. After many events the store does it by itself, and at the end closing does.
pub(crate) async fn write_snapshots(app: Shared, every: Duration) {
    loop {
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = sleep(every) => {}
        }
        let store = app.store().clone();
        if store.checkpoint() >= store.head().position {
            continue;
        }
        let written = tokio::task::spawn_blocking(move || store.checkpoint_blocking()).await;
        match written {
            Ok(Ok(())) => tracing::debug!("a snapshot of the views was written"),
            Ok(Err(error)) => tracing::warn!(%error, "a snapshot of the views could not be written"),
            Err(error) => tracing::error!(%error, "writing a snapshot of the views panicked"),
        }
    }
}
