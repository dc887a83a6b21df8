//! `Idempotency-Key`: a request that is sent again has its first answer.
//!
//! The answer is written into the same commit record as the events it tells of, so after a crash there is
//! both or neither. What wrote nothing (a refusal, a claim that found no work) is not kept: sent again, it is tried
//! again. A second caller with the same key comes after the first in the writer's queue, and has its answer.

use crate::clock;
use crate::error::{Code, Error};
use crate::wire::envelope::answer;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;
use domain::Work;
use serde_json::Value;
use store::{Digest, Once, Position, StepResult, Text, Timestamp};

/// The header.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Set on an answer that is that of an earlier request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Longest key, in bytes.
pub(crate) const KEY_BYTES_MAX: usize = 255;

/// How long an answer is kept, in microseconds.
const KEPT_US: i64 = 24 * 3_600 * 1_000_000;

/// The key of a request, and what makes it that request.
#[derive(Debug, Clone)]
pub(crate) struct OnceKey {
    key: Text,
    method: Method,
    path: Text,
    request: Digest,
}

impl OnceKey {
    /// The key in the headers, if there is one.
    ///
    /// # Errors
    /// `ERR_VALIDATION` when it is no key.
    pub(crate) fn of(
        headers: &HeaderMap,
        method: &Method,
        path: &str,
        body: &[u8],
    ) -> Result<Option<Self>, Error> {
        let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
        let key = value.to_str().ok().map(str::trim).filter(|key| (1..=KEY_BYTES_MAX).contains(&key.len()));
        let key = key.ok_or_else(|| {
            let message =
                format!("header Idempotency-Key: expected 1 to {KEY_BYTES_MAX} printable ASCII characters");
            Error::problem("", message).hint("a fresh UUID or ULID for each thing you want done once")
        })?;
        Ok(Some(Self { key: key.into(), method: method.clone(), path: path.into(), request: digest(body) }))
    }

    /// What the answer is kept by: keys of one agent are no other's.
    pub(crate) fn digest(&self, agent: Option<&Text>) -> Digest {
        let parts = [agent.map_or("", |agent| agent), self.method.as_str(), &self.path, &self.key];
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        first_half(hasher.finalize())
    }

    /// How the store does it once, and keeps what `render` makes of it, if it is anything to keep.
    pub(crate) fn once(
        &self,
        agent: Option<&Text>,
        render: impl FnOnce(&[StepResult<Work>]) -> Option<(Position, Vec<u8>)> + Send + 'static,
    ) -> Once<Work> {
        Once {
            key: self.digest(agent),
            request: self.request,
            since: Timestamp(clock::now().0.saturating_sub(KEPT_US)),
            render: Box::new(move |results| {
                let (position, data) = render(results)?;
                Some([&position.0.to_be_bytes()[..], &data].concat())
            }),
        }
    }
}

/// The answer that was kept.
pub(crate) fn replay(kept: &[u8], again: bool) -> Response {
    // It was made by `once`, and has a checksum of its own.
    let (position, data) = kept.split_first_chunk().unwrap_or((&[0; 8], b"null"));
    let position = Position(u64::from_be_bytes(*position));
    let mut response = answer(position, |out| out.extend_from_slice(data));
    if again {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// The key was used for another request.
pub(crate) fn reused() -> Error {
    Error::new(Code::Conflict, "this Idempotency-Key was used for another request")
        .details(serde_json::json!({"header": "Idempotency-Key"}))
        .hint("a key stands for one request: send that again, or take a fresh key for this one")
}

/// What a body asks for, however it is written: blanks and the order of members do not count.
fn digest(body: &[u8]) -> Digest {
    let meaning = match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            value.sort_all_objects();
            value.to_string().into_bytes()
        }
        // It will be refused, or there is none.
        Err(_) => body.to_vec(),
    };
    first_half(blake3::hash(&meaning))
}

fn first_half(hash: blake3::Hash) -> Digest {
    let (half, _) = hash.as_bytes().split_first_chunk().expect("32 bytes have 16");
    Digest(*half)
}

#[cfg(test)]
mod test {
    use super::*;

    fn key(key: &'static str, path: &str, body: &str) -> Result<OnceKey, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static(key));
        OnceKey::of(&headers, &Method::POST, path, body.as_bytes()).map(|key| key.expect("a key"))
    }

    fn kept_by(once: &OnceKey, agent: Option<&str>) -> Digest {
        once.once(agent.map(Text::from).as_ref(), |_| None).key
    }

    #[test]
    fn a_key_is_its_agents_methods_and_paths() {
        let of = |k, path, agent| kept_by(&key(k, path, "{}").unwrap(), agent);
        let one = of("k", "/tasks", Some("a"));
        assert_eq!(one, of("k", "/tasks", Some("a")));
        for other in [of("l", "/tasks", Some("a")), of("k", "/append", Some("a")), of("k", "/tasks", None)] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn the_same_request_may_be_written_otherwise() {
        let request = |body| key("k", "/tasks", body).unwrap().request;
        let one = request(r#"{"title":"x","caps":["a","b"]}"#);
        assert_eq!(one, request(r#"{ "caps": ["a", "b"], "title": "\u0078" }"#));
        assert_ne!(one, request(r#"{"title":"x","caps":["b","a"]}"#));
        assert_ne!(one, request(""));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let long: &'static str = Box::leak("k".repeat(KEY_BYTES_MAX + 1).into_boxed_str());
        for (text, fits) in [("", false), ("  ", false), (&long[1..], true), (long, false)] {
            assert_eq!(key(text, "/tasks", "{}").is_ok(), fits, "{text}");
        }
    }
}
