//! A request with its body read and bounded.

use super::front::BODY_BYTES_MAX;
use super::room::{Room, Taken};
use crate::app::Shared;
use crate::context::Provenance;
use crate::error::{Code, Error};
use crate::once::OnceKey;
use crate::wire::args;
use crate::wire::fields::Fields;
use axum::body::{Body, BodyDataStream};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use std::time::Duration;

/// Longest time a body may take to arrive: a slow sender must not hold a request open for ever.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);

/// Most bytes of a refused body that are read and thrown away.
const DRAIN_BYTES_MAX: usize = 8 * BODY_BYTES_MAX;

/// Who asks, and the body of what is asked.
#[derive(Debug)]
pub(crate) struct Call {
    /// What the headers say of the caller.
    pub(crate) by: Provenance,
    /// The key by which it is made once.
    pub(crate) once: Option<OnceKey>,
    body: Bytes,
    /// Held until the request is answered.
    _room: Taken,
}

impl Call {
    /// Reads the body as a JSON object with `read`. An absent body is an empty object.
    ///
    /// # Errors
    /// `ERR_VALIDATION` with a detail per problem.
    pub(crate) fn decode<T>(&self, read: impl FnOnce(&mut Fields<'_, '_>) -> T) -> Result<T, Error> {
        let body: &[u8] = if self.body.is_empty() { b"{}" } else { &self.body };
        crate::wire::decode(body, read)
    }

    /// The same for a request that notes its problems and gives nothing when there are any.
    ///
    /// # Errors
    /// `ERR_VALIDATION` with a detail per problem.
    pub(crate) fn decode_some<T>(
        &self,
        read: impl FnOnce(&mut Fields<'_, '_>) -> Option<T>,
    ) -> Result<T, Error> {
        self.decode(read)?.ok_or_else(|| Error::problem("", "the request does not hold"))
    }
}

impl FromRequest<Shared> for Call {
    type Rejection = Error;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Error> {
        let by = Provenance::of(request.headers())?;
        // What a call that has a body wants is in the body.
        args::none(request.uri())?;
        let (parts, body) = request.into_parts();
        let (body, room) = read(&parts.headers, body, &app.room).await?;
        if !body.is_empty() {
            is_json(&parts.headers)?;
        }
        let once = OnceKey::of(&parts.headers, &parts.method, parts.uri.path(), &body)?;
        Ok(Self { by, once, body, _room: room })
    }
}

async fn read(headers: &HeaderMap, body: Body, room: &Room) -> Result<(Bytes, Taken), Error> {
    let mut taken = Taken::default();
    let too_large = || {
        Error::new(Code::PayloadTooLarge, format!("the body has more than {BODY_BYTES_MAX} bytes"))
            .details(serde_json::json!({"bytes_max": BODY_BYTES_MAX}))
            .hint("split it into several requests")
    };
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING).filter(|value| *value != "identity") {
        let encoding = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
        return Err(Error::problem(
            "",
            format!("content encoding `{encoding}` is not taken; send plain JSON"),
        )
        .status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    let collect = async {
        let mut frames = body.into_data_stream();
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if length.is_some_and(|length| length > BODY_BYTES_MAX) {
            return drain(frames, too_large()).await;
        }
        let broken = |error| Error::problem("", format!("the body broke off: {error}"));
        // Nearly every body is one frame, which is taken as it is.
        let Some(first) = frames.next().await.transpose().map_err(broken)? else { return Ok(Bytes::new()) };
        let mut all = BytesMut::new();
        let mut next = Some(first);
        while let Some(frame) = next.take() {
            if all.len() + frame.len() > BODY_BYTES_MAX {
                return drain(frames, too_large()).await;
            }
            if let Err(full) = room.take(frame.len(), &mut taken) {
                return drain(frames, full).await;
            }
            next = frames.next().await.transpose().map_err(broken)?;
            if all.is_empty() && next.is_none() {
                return Ok(frame);
            }
            all.extend_from_slice(&frame);
        }
        Ok(all.freeze())
    };
    let late = |_| Err(Error::unavailable("the body took too long to arrive"));
    let body = tokio::time::timeout(BODY_TIME_MAX, collect).await.unwrap_or_else(late)?;
    Ok((body, taken))
}

/// Reads on without keeping anything, within bounds, before a body is refused: a client that is still sending
/// does not look for an answer, and one whose connection is cut meanwhile never sees it.
async fn drain(mut frames: BodyDataStream, refusal: Error) -> Result<Bytes, Error> {
    let mut drained = 0;
    while drained < DRAIN_BYTES_MAX {
        match frames.next().await {
            Some(Ok(frame)) => drained += frame.len(),
            Some(Err(_)) | None => break,
        }
    }
    Err(refusal)
}

fn is_json(headers: &HeaderMap) -> Result<(), Error> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media = given.split(';').next().unwrap_or("").trim();
    match media.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => {
            let found = if given.is_empty() { "none".to_owned() } else { format!("`{given}`") };
            Err(Error::problem("", format!("expected the content type application/json, found {found}"))
                .status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
        }
    }
}
