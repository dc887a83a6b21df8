//! What a client says of itself in headers.

use super::ClientError;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// Who asks, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    /// `Agentpm-Agent`
    pub(crate) agent: Option<String>,
    /// `Agentpm-Correlation-Id`
    pub(crate) correlation_id: Option<String>,
    /// `Agentpm-Plan-Id`
    pub(crate) plan_id: Option<String>,
    /// `Idempotency-Key`, of the calls that change something.
    pub(crate) idempotency_key: Option<String>,
}

impl Caller {
    /// The headers of a call.
    ///
    /// # Errors
    /// When one holds what no header can.
    pub(super) fn headers(&self, changes: bool) -> Result<HeaderMap, ClientError> {
        let key = self.idempotency_key.as_ref().filter(|_| changes);
        let mut headers = HeaderMap::new();
        for (flag, name, value) in [
            ("--as", "agentpm-agent", self.agent.as_ref()),
            ("--correlation-id", "agentpm-correlation-id", self.correlation_id.as_ref()),
            ("--plan-id", "agentpm-plan-id", self.plan_id.as_ref()),
            ("--idempotency-key", "idempotency-key", key),
        ] {
            let Some(text) = value else { continue };
            let value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
                ClientError::Usage(format!("{flag}: expected a line of text, without control characters"))
            })?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn says_what_was_given() {
        let caller =
            Caller { agent: Some("größe".into()), idempotency_key: Some("k".into()), ..Caller::default() };
        let names = |changes| caller.headers(changes).unwrap().len();
        assert_eq!((names(true), names(false)), (2, 1), "a question needs no key");
        let broken = Caller { plan_id: Some("a\nb".into()), ..Caller::default() };
        assert!(matches!(broken.headers(true), Err(ClientError::Usage(why)) if why.contains("--plan-id")));
    }
}
