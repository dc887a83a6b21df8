//! A request with its body read and bounded.

use super::front::BODY_BYTES_MAX;
use crate::app::Shared;
use crate::context::Provenance;
use crate::error::{Code, Error};
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
    body: Bytes,
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

    async fn from_request(request: Request, _: &Shared) -> Result<Self, Error> {
        let by = Provenance::of(request.headers())?;
        // What a call that has a body wants is in the body.
        args::none(request.uri())?;
        let (parts, body) = request.into_parts();
        let body = read(&parts.headers, body).await?;
        if !body.is_empty() {
            is_json(&parts.headers)?;
        }
        Ok(Self { by, body })
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Error> {
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
        let Some(second) = frames.next().await.transpose().map_err(broken)? else {
            return if first.len() <= BODY_BYTES_MAX { Ok(first) } else { Err(too_large()) };
        };
        let mut all = BytesMut::with_capacity(first.len() + second.len());
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(frame) = frames.next().await {
            all.extend_from_slice(&frame.map_err(broken)?);
            if all.len() > BODY_BYTES_MAX {
                return drain(frames, too_large()).await;
            }
        }
        match all.len() <= BODY_BYTES_MAX {
            true => Ok(all.freeze()),
            false => Err(too_large()),
        }
    };
    tokio::time::timeout(BODY_TIME_MAX, collect)
        .await
        .unwrap_or_else(|_| Err(Error::unavailable("the body took too long to arrive")))
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
