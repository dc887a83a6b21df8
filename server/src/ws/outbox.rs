//! What waits to be written to a socket, bounded in bytes.

use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use futures::SinkExt;
use futures::stream::SplitSink;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, MissedTickBehavior, timeout};

/// Bytes of frames that wait for the socket. A frame that is larger takes all of it.
pub(super) const BYTES_MAX: usize = 1 << 20;

/// A socket that takes nothing for so long is gone.
const WRITE_TIME_MAX: Duration = Duration::from_secs(60);

/// Sent so often to an idle socket, so that a dead peer is noticed and middle boxes keep the connection.
const PING_EVERY: Duration = Duration::from_secs(30);

/// Where frames are put. Clones write to the same socket.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    frames: mpsc::UnboundedSender<(Utf8Bytes, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
}

/// The socket is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

/// Where frames come out, in the order they were put in.
#[derive(Debug)]
pub(super) struct Outlet {
    frames: mpsc::UnboundedReceiver<(Utf8Bytes, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
}

pub(super) fn outbox() -> (Outbox, Outlet) {
    // The channel itself is unbounded; the room in bytes is what bounds it.
    let (sender, frames) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(BYTES_MAX));
    (Outbox { frames: sender, room: room.clone() }, Outlet { frames, room })
}

impl Outbox {
    /// Puts a frame (JSON text), waiting for room. May be dropped while it waits: then the frame was not put.
    ///
    /// # Errors
    /// When the socket is gone.
    pub(super) async fn put(&self, frame: Vec<u8>) -> Result<(), Gone> {
        let size = u32::try_from(frame.len().clamp(1, BYTES_MAX)).unwrap_or(u32::MAX);
        let permit = self.room.clone().acquire_many_owned(size).await.map_err(|_| Gone)?;
        let text = Utf8Bytes::try_from(Bytes::from(frame)).map_err(|_| Gone)?;
        self.frames.send((text, permit)).map_err(|_| Gone)
    }
}

impl Outlet {
    /// Writes frames until every [`Outbox`] is gone or the socket takes no more. Then whoever waits for room
    /// is told.
    pub(super) async fn drain(mut self, mut socket: SplitSink<WebSocket, Message>) {
        self.write(&mut socket).await;
        self.room.close();
    }

    /// The next frame, once its room is free again.
    #[cfg(test)]
    pub(super) async fn next(&mut self) -> Option<Utf8Bytes> {
        self.frames.recv().await.map(|(text, _)| text)
    }

    async fn write(&mut self, socket: &mut SplitSink<WebSocket, Message>) {
        let mut ping = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let (message, permit) = tokio::select! {
                biased;
                frame = self.frames.recv() => match frame {
                    Some((text, permit)) => (Message::Text(text), Some(permit)),
                    None => break,
                },
                _ = ping.tick() => (Message::Ping(Bytes::new()), None),
            };
            let more_waits = !self.frames.is_empty();
            let write = async {
                match more_waits {
                    true => socket.feed(message).await,
                    false => socket.send(message).await,
                }
            };
            let written = timeout(WRITE_TIME_MAX, write).await;
            drop(permit);
            if !matches!(written, Ok(Ok(()))) {
                return;
            }
        }
        // The client may be gone already; then there is nobody to say goodbye to.
        let _ = timeout(WRITE_TIME_MAX, socket.close()).await;
    }
}
