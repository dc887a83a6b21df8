//! Who asks and why: what a request's headers put into the metadata of the events it makes.

use crate::error::Error;
use crate::trace::TraceParent;
use axum::http::HeaderMap;
use domain::Problem;
use store::Text;

/// Longest value of a provenance header, in bytes: it is repeated in every event.
pub(crate) const VALUE_BYTES_MAX: usize = 512;

/// Where a request comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Provenance {
    /// `Agentpm-Agent`
    pub(crate) agent_id: Option<Text>,
    /// `Agentpm-Session`
    pub(crate) session_id: Option<Text>,
    /// `Agentpm-Correlation-Id`
    pub(crate) correlation_id: Option<Text>,
    /// `Agentpm-Plan-Id`
    pub(crate) plan_id: Option<Text>,
    /// `traceparent`, when it holds
    pub(crate) traceparent: Option<Text>,
}

impl Provenance {
    /// What the headers say.
    ///
    /// # Errors
    /// `ERR_VALIDATION` when one is no text, empty or too long.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let mut read = |name: &'static str| {
            let value = headers.get(name)?;
            let text = std::str::from_utf8(value.as_bytes()).ok().map(str::trim);
            let held = text.filter(|text| (1..=VALUE_BYTES_MAX).contains(&text.len()));
            if held.is_none() {
                problems.push(Problem {
                    pointer: String::new(),
                    message: format!("header {name}: expected 1 to {VALUE_BYTES_MAX} bytes of UTF-8 text"),
                });
            }
            held.map(Text::from)
        };
        let provenance = Self {
            agent_id: read("agentpm-agent"),
            session_id: read("agentpm-session"),
            correlation_id: read("agentpm-correlation-id"),
            plan_id: read("agentpm-plan-id"),
            traceparent: TraceParent::of(headers).map(|held| held.text().clone()),
        };
        match problems.is_empty() {
            true => Ok(provenance),
            false => Err(Error::validation(&problems)),
        }
    }

    /// The same, with `agent` as the one who acts when the headers name nobody.
    pub(crate) fn or_agent(mut self, agent: Option<&Text>) -> Self {
        self.agent_id = self.agent_id.or_else(|| agent.filter(|agent| !agent.is_empty()).cloned());
        self
    }

    /// The same, with `session` when the headers name none.
    pub(crate) fn or_session(mut self, session: Option<&Text>) -> Self {
        self.session_id = self.session_id.or_else(|| session.cloned());
        self
    }

    /// Every member of event metadata that a request's headers may make.
    pub(crate) fn all(&self) -> [(&'static str, &Option<Text>); 5] {
        [
            ("agent_id", &self.agent_id),
            ("session_id", &self.session_id),
            ("correlation_id", &self.correlation_id),
            ("plan_id", &self.plan_id),
            ("traceparent", &self.traceparent),
        ]
    }

    /// The members of event metadata it makes.
    pub(crate) fn members(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.all().into_iter().filter_map(|(name, value)| value.as_deref().map(|value| (name, value)))
    }

    /// Event metadata: a JSON object.
    pub(crate) fn to_json(&self) -> Text {
        let mut out = Vec::with_capacity(64);
        out.push(b'{');
        for (index, (name, value)) in self.members().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            crate::wire::envelope::push(&mut out, name);
            out.push(b':');
            crate::wire::envelope::push(&mut out, value);
        }
        out.push(b'}');
        String::from_utf8(out).expect("serde_json writes UTF-8").into()
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn headers_become_metadata() {
        let mut headers = HeaderMap::new();
        headers.insert("agentpm-agent", "a \"b\"".parse().unwrap());
        headers.insert("agentpm-plan-id", "p".parse().unwrap());
        let by = Provenance::of(&headers).unwrap();
        assert_eq!(&*by.to_json(), r#"{"agent_id":"a \"b\"","plan_id":"p"}"#);
        assert_eq!(&*Provenance::default().to_json(), "{}");
    }

    #[test]
    fn the_header_goes_before_the_body() {
        let by = Provenance { agent_id: Some("head".into()), ..Provenance::default() };
        assert_eq!(by.or_agent(Some(&"body".into())).agent_id.as_deref(), Some("head"));
        assert_eq!(Provenance::default().or_agent(Some(&"body".into())).agent_id.as_deref(), Some("body"));
    }

    #[test]
    fn a_header_at_its_bound_and_beyond() {
        let of = |bytes: usize| {
            let mut headers = HeaderMap::new();
            headers.insert("agentpm-session", "x".repeat(bytes).parse().unwrap());
            Provenance::of(&headers)
        };
        assert!(of(VALUE_BYTES_MAX).is_ok());
        assert!(of(VALUE_BYTES_MAX + 1).is_err());
        assert!(of(0).is_err());
    }
}
