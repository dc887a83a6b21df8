//! A client of the HTTP API, over the Unix socket or TCP.

mod caller;
mod error;
pub(crate) mod sse;

pub(crate) use caller::Caller;
pub(crate) use error::ClientError;

use crate::config::{Settings, Target};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response, Url};
use serde_json::Value;
use std::path::Path;

/// A client of one server. Clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    /// Where the server should be, for a person to read.
    place: String,
    token: Option<String>,
    /// What goes with every question …
    asking: HeaderMap,
    /// … and with every change.
    changing: HeaderMap,
}

/// The certificates of a PEM file.
///
/// # Errors
/// When it cannot be read or holds none.
fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, ClientError> {
    let wrong = |why: String| ClientError::Usage(format!("--tls-ca {}: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let held = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
    match held.is_empty() {
        false => Ok(held),
        true => Err(wrong("there is no certificate in it; expected PEM".to_owned())),
    }
}

/// Where a call goes: the segments of its path, escaped by us, and its query string.
#[derive(Debug, Clone, Default)]
pub(crate) struct At {
    segments: Vec<String>,
    pairs: Vec<(&'static str, String)>,
}

impl At {
    /// A path by its segments; each may hold anything.
    pub(crate) fn path<S: AsRef<str>>(segments: &[S]) -> Self {
        Self { segments: segments.iter().map(|s| s.as_ref().to_owned()).collect(), pairs: Vec::new() }
    }

    /// The same with a parameter, if it has a value.
    pub(crate) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.pairs.extend(value.map(|value| (name, value.to_string())));
        self
    }
}

impl Client {
    /// A client of the server that the settings name.
    ///
    /// # Errors
    /// When the URL is none.
    pub(crate) fn new(settings: &Settings) -> Result<Self, ClientError> {
        let client = Self::trusting(&settings.target, settings.token.clone(), settings.tls_ca.as_deref())?;
        let (asking, changing) = (settings.caller.headers(false)?, settings.caller.headers(true)?);
        Ok(Self { asking, changing, ..client })
    }

    /// A client of the server at `target`.
    ///
    /// # Errors
    /// When the URL is none.
    pub(crate) fn at(target: &Target, token: Option<String>) -> Result<Self, ClientError> {
        Self::trusting(target, token, None)
    }

    /// The same, which trusts the certificates of that file in place of the system's.
    ///
    /// # Errors
    /// When the URL is none, or the file holds no certificates.
    pub(crate) fn trusting(
        target: &Target,
        token: Option<String>,
        ca: Option<&Path>,
    ) -> Result<Self, ClientError> {
        crate::tls::install();
        // A proxy between an agent and its own server is never meant, whatever the environment says.
        let builder = reqwest::Client::builder().no_proxy();
        let is_tls = matches!(target, Target::Url(url) if url.starts_with("https:"));
        let builder = match ca {
            // The system's certificates take a while to read; who speaks no TLS needs none.
            None if !is_tls => builder.tls_certs_only([]),
            None => builder,
            Some(path) => builder.tls_certs_only(certificates(path)?),
        };
        let (builder, base) = match target {
            Target::Socket(path) => (builder.unix_socket(path.as_path()), "http://localhost"),
            Target::Url(url) => (builder, url.as_str()),
        };
        let base = Url::parse(base)
            .ok()
            .filter(|url| !url.cannot_be_a_base())
            .ok_or_else(|| ClientError::Usage(format!("`{base}` is no URL; expected http://HOST:PORT")))?;
        let place = match target {
            Target::Socket(path) => path.display().to_string(),
            Target::Url(_) => base.to_string(),
        };
        let http = builder.build().map_err(|error| ClientError::Usage(error.to_string()))?;
        Ok(Self { http, base, place, token, asking: HeaderMap::new(), changing: HeaderMap::new() })
    }

    /// A request that the caller finishes.
    pub(crate) fn request(&self, method: Method, at: &At) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(&at.segments);
        }
        if !at.pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(&at.pairs);
        }
        let said = if method == Method::GET { &self.asking } else { &self.changing };
        let request = self.http.request(method, url).headers(said.clone());
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request; an error of the server becomes one of ours.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|error| ClientError::unreachable(&self.place, &error))?;
        match response.status().is_success() {
            true => Ok(response),
            false => Err(ClientError::refused(response).await),
        }
    }

    /// The `data` of an answer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub(crate) async fn call(
        &self,
        method: Method,
        at: &At,
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        let request = self.request(method, at);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = self.send(request).await?;
        let mut envelope: Value = response.json().await.map_err(|error| {
            ClientError::Answer(format!("the answer is not what an agentpm server sends: {error}"))
        })?;
        Ok(envelope["data"].take())
    }

    /// The `data` of an answer to GET.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub(crate) async fn get(&self, at: &At) -> Result<Value, ClientError> {
        self.call(Method::GET, at, None).await
    }

    /// The `data` of an answer to POST.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub(crate) async fn post(&self, at: &At, body: &Value) -> Result<Value, ClientError> {
        self.call(Method::POST, at, Some(body)).await
    }
}
