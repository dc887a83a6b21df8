//! Answers that are made while they are sent.

use crate::error::Error;
use crate::wire::envelope::POSITION;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use std::io;
use std::time::Duration;
use store::Position;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Bytes gathered before they are handed to the connection.
const CHUNK_BYTES: usize = 64 << 10;

/// Room beyond [`CHUNK_BYTES`] for the piece that crosses it.
const CHUNK_SLACK_BYTES: usize = 4 << 10;

/// Chunks that wait for the connection: what a slow reader makes the server hold.
const CHUNKS_WAITING_MAX: usize = 4;

/// A reader that takes nothing for so long is gone: it must not keep a thread, or a query's turn, for ever.
const SEND_TIME_MAX: Duration = Duration::from_secs(60);

/// What an answer can look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One JSON document in the envelope.
    Document,
    /// One JSON object a line.
    Lines,
    /// Comma-separated values with a line of names.
    Csv,
    /// An Arrow IPC stream.
    Arrow,
}

impl Form {
    const fn media(self) -> &'static str {
        match self {
            Self::Document => "application/json",
            Self::Lines => "application/x-ndjson",
            Self::Csv => "text/csv",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }

    /// Of what is offered what `Accept` gives the most quality (`q=`); of equals what it names first, and the
    /// first offered when anything goes.
    ///
    /// # Errors
    /// `ERR_VALIDATION` (406) when there is none.
    pub(super) fn accepted(headers: &HeaderMap, offered: &[Self]) -> Result<Self, Error> {
        let Some(accept) = headers.get(header::ACCEPT) else { return Ok(offered[0]) };
        let accept = accept.to_str().unwrap_or("");
        let ranges: Vec<MediaRange<'_>> = accept.split(',').map(MediaRange::read).collect();
        // Of each form what the range that names it most exactly says.
        let mut best: Option<(f32, usize, Self)> = None;
        for form in offered {
            let fitting = ranges.iter().enumerate().filter(|(_, range)| range.fits(form.media()));
            let Some((place, range)) = fitting.max_by_key(|(_, range)| range.exactness()) else { continue };
            let is_better = |(quality, before, _): (f32, usize, Self)| {
                range.quality > quality || (range.quality == quality && place < before)
            };
            if range.quality > 0.0 && best.is_none_or(is_better) {
                best = Some((range.quality, place, *form));
            }
        }
        if let Some((_, _, form)) = best {
            return Ok(form);
        }
        let offered = offered.iter().map(|form| form.media()).collect::<Vec<_>>().join(", ");
        Err(Error::problem("", format!("cannot answer as `{}`", crate::wire::fields::short(accept)))
            .hint(format!("accept one of {offered}"))
            .status(StatusCode::NOT_ACCEPTABLE))
    }
}

/// One media range of `Accept`, as RFC 9110 has it.
struct MediaRange<'a> {
    /// `text/csv`, `text/*`, `*/*`; nothing is anything.
    media: &'a str,
    /// From 0, not at all, to 1.
    quality: f32,
}

impl<'a> MediaRange<'a> {
    fn read(range: &'a str) -> Self {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next().unwrap_or("");
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
        Self { media, quality }
    }

    fn exactness(&self) -> u8 {
        match self.media {
            "" | "*/*" => 0,
            media if media.ends_with("/*") => 1,
            _ => 2,
        }
    }

    fn fits(&self, media: &str) -> bool {
        match (self.exactness(), self.media.split_once('/'), media.split_once('/')) {
            (0, _, _) => true,
            (1, Some((kind, _)), Some((of, _))) => kind.eq_ignore_ascii_case(of),
            _ => self.media.eq_ignore_ascii_case(media),
        }
    }
}

/// Where the bytes of an answer go, from whatever thread makes them. One that is dropped before it is
/// [finished](Outflow::finish) breaks the connection off, so that nobody takes what was sent for everything.
#[derive(Debug)]
pub(super) struct Outflow {
    buffer: Vec<u8>,
    pieces: mpsc::Sender<Piece>,
}

/// What goes through.
#[derive(Debug)]
enum Piece {
    Chunk(Bytes),
    /// That was all of it.
    End,
}

/// The reader has gone; there is nobody to write for.
#[derive(Debug)]
pub(super) struct Gone;

impl Outflow {
    /// A response, and where its bytes go.
    pub(super) fn response(form: Form, position: Position) -> (Self, Response) {
        let (pieces, receiver) = mpsc::channel(CHUNKS_WAITING_MAX);
        let body = Body::from_stream(stream::unfold(Some(receiver), |receiver| async move {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Some(Piece::Chunk(chunk)) => Some((Ok(chunk), Some(receiver))),
                Some(Piece::End) => None,
                None => Some((Err(io::Error::other("broken off")), None)),
            }
        }));
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.media()));
        headers.insert(POSITION, HeaderValue::from(position.0));
        (Self { buffer: Vec::new(), pieces }, response)
    }

    /// Writes a piece; `true` when enough has gathered to be sent.
    pub(super) fn write(&mut self, piece: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.buffer.capacity() == 0 {
            self.buffer.reserve(CHUNK_BYTES + CHUNK_SLACK_BYTES);
        }
        piece(&mut self.buffer);
        self.buffer.len() >= CHUNK_BYTES
    }

    /// Sends what has gathered, waiting for room.
    ///
    /// # Errors
    /// When the reader has gone.
    pub(super) async fn send(&mut self) -> Result<(), Gone> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = Bytes::from(std::mem::take(&mut self.buffer));
        match timeout(SEND_TIME_MAX, self.pieces.send(Piece::Chunk(chunk))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// The same on a thread of the runtime that may block.
    ///
    /// # Errors
    /// When the reader has gone.
    pub(super) fn send_blocking(&mut self) -> Result<(), Gone> {
        Handle::current().block_on(self.send())
    }

    /// Sends what is left, and that it was all. A reader that has gone meanwhile does not matter.
    pub(super) async fn finish(mut self) {
        if self.send().await.is_ok() {
            let _ = timeout(SEND_TIME_MAX, self.pieces.send(Piece::End)).await;
        }
    }

    /// The same on a thread of the runtime that may block.
    pub(super) fn finish_blocking(self) {
        Handle::current().block_on(self.finish());
    }

    /// Breaks the connection off.
    pub(super) fn break_off(self, why: impl std::fmt::Display) {
        tracing::warn!(%why, "an answer broke off");
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn accepts() {
        let accepted = |accept: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert("accept", accept.parse().unwrap());
            }
            Form::accepted(&headers, &[Form::Document, Form::Lines]).ok()
        };
        assert_eq!(accepted(None), Some(Form::Document));
        assert_eq!(accepted(Some("*/*")), Some(Form::Document));
        assert_eq!(accepted(Some("")), Some(Form::Document));
        assert_eq!(accepted(Some("application/*")), Some(Form::Document));
        assert_eq!(accepted(Some("application/x-ndjson, application/json")), Some(Form::Lines));
        assert_eq!(accepted(Some("text/html, application/x-ndjson;q=0.9, */*;q=0.1")), Some(Form::Lines));
        assert_eq!(accepted(Some("application/json;q=0.1, application/x-ndjson")), Some(Form::Lines));
        assert_eq!(accepted(Some("application/json;q=0, */*;q=0.5")), Some(Form::Lines));
        assert_eq!(accepted(Some("application/json;q=0")), None);
        assert_eq!(accepted(Some("text/csv")), None);
        assert_eq!(accepted(Some("text/*")), None);
    }

    /// What a reader gets of an answer; an error when it broke off.
    async fn read(response: Response) -> Result<Bytes, axum::Error> {
        axum::body::to_bytes(response.into_body(), usize::MAX).await
    }

    #[tokio::test]
    async fn only_what_was_finished_is_whole() {
        let answer = || {
            let (mut out, response) = Outflow::response(Form::Lines, Position(1));
            out.write(|out| out.extend_from_slice(b"{}\n"));
            (out, response)
        };
        let (out, response) = answer();
        out.finish().await;
        assert_eq!(&*read(response).await.unwrap(), b"{}\n");
        let (mut out, response) = answer();
        out.send().await.unwrap();
        drop(out);
        assert!(read(response).await.is_err(), "its maker went away");
        let (out, response) = answer();
        out.break_off("a reason");
        assert!(read(response).await.is_err());
    }
}
