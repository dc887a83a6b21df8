//! What is left of a request's body when its answer is made.
//!
//! A client that is still sending does not look for an answer, and over a Unix socket it breaks when the
//! server stops reading. So what nobody read is read and thrown away first, within bounds.

use super::front::BODY_BYTES_MAX;
use axum::body::{Body, BodyDataStream, HttpBody};
use axum::http::Request;
use futures::{StreamExt, stream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Longest wait for what is left.
const UNREAD_TIME_MAX: Duration = Duration::from_secs(5);

/// A handle on a body that somebody else reads.
pub(crate) struct Unread(Arc<Mutex<BodyDataStream>>);

/// Keeps a handle on the body of a request that has one.
pub(crate) fn keep(request: Request<Body>) -> (Request<Body>, Option<Unread>) {
    if request.body().is_end_stream() {
        return (request, None);
    }
    let (parts, body) = request.into_parts();
    let kept = Arc::new(Mutex::new(body.into_data_stream()));
    let frames = stream::unfold(Arc::clone(&kept), |body| async move {
        let frame = body.lock().await.next().await?;
        Some((frame, body))
    });
    (Request::from_parts(parts, Body::from_stream(frames)), Some(Unread(kept)))
}

impl Unread {
    /// Reads on to the end, or to the bounds.
    pub(crate) async fn discard(self) {
        // Whoever still has it reads it.
        let Ok(mut body) = self.0.try_lock() else { return };
        let rest = async {
            let mut bytes = 0;
            while bytes <= BODY_BYTES_MAX
                && let Some(Ok(frame)) = body.next().await
            {
                bytes += frame.len();
            }
        };
        // What does not come in time is given up like what is too long.
        let _ = tokio::time::timeout(UNREAD_TIME_MAX, rest).await;
    }
}
