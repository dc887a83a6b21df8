//! `traceparent` of W3C Trace Context: which trace a request is part of.

use axum::http::HeaderMap;
use std::fmt;
use store::Text;

/// Where it stands.
pub(crate) const HEADER: &str = "traceparent";

/// Bytes of a header of version 00; those of later versions begin with so many of the same meaning.
const BYTES: usize = 55;

/// A header that holds: as version 00, which is what this server speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceParent(Text);

impl TraceParent {
    /// What the headers say. One that does not hold, and one that is there twice, is as none: so the
    /// recommendation wants it.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(HEADER).iter();
        let (first, None) = (all.next()?, all.next()) else { return None };
        Self::parse(first.as_bytes())
    }

    fn parse(value: &[u8]) -> Option<Self> {
        let (held, rest) = value.split_at_checked(BYTES)?;
        let [version, trace, parent, flags] = [&held[..2], &held[3..35], &held[36..52], &held[53..]];
        let is_hex = |part: &[u8]| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let is_zero = |part: &[u8]| part.iter().all(|byte| *byte == b'0');
        let dashes = [2, 35, 52].iter().all(|at| held[*at] == b'-');
        let parts = [version, trace, parent, flags].into_iter().all(is_hex);
        let ends = match version {
            b"ff" => false,
            b"00" => rest.is_empty(),
            // A later version may add to it, after another dash.
            _ => rest.first().is_none_or(|byte| *byte == b'-'),
        };
        let holds = dashes && parts && ends && !is_zero(trace) && !is_zero(parent);
        let text = std::str::from_utf8(&held[2..]).ok().filter(|_| holds)?;
        Some(Self(format!("00{text}").into()))
    }

    /// The whole of it.
    pub(crate) fn text(&self) -> &Text {
        &self.0
    }

    /// The trace's id.
    pub(crate) fn trace_id(&self) -> &str {
        &self.0[3..35]
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "b7ad6b7169203331";

    fn parsed(text: &str) -> Option<String> {
        TraceParent::parse(text.as_bytes()).map(|held| held.to_string())
    }

    #[test]
    fn what_holds() {
        let whole = format!("00-{TRACE}-{PARENT}-01");
        assert_eq!(parsed(&whole), Some(whole.clone()));
        assert_eq!(TraceParent::parse(whole.as_bytes()).unwrap().trace_id(), TRACE);
        assert!(parsed(&format!("00-{TRACE}-{PARENT}-00")).is_some());
        for later in [format!("01-{TRACE}-{PARENT}-01"), format!("cc-{TRACE}-{PARENT}-01-what-comes")] {
            assert_eq!(parsed(&later), Some(whole.clone()), "{later}");
        }
    }

    #[test]
    fn what_does_not() {
        let upper = TRACE.to_uppercase();
        for wrong in [
            String::new(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-0"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("00-{TRACE}-{PARENT}-011"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("0-{TRACE}-{PARENT}-01x"),
            format!("00-{upper}-{PARENT}-01"),
            format!("00-{}-{PARENT}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00_{TRACE}-{PARENT}-01"),
            format!("00-{TRACE}-{PARENT}-0g"),
            format!("01-{TRACE}-{PARENT}-01more"),
            format!("00-{}é-{PARENT}-01", &TRACE[..30]),
            " ".repeat(BYTES),
        ] {
            assert_eq!(parsed(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn one_and_no_more() {
        let whole = format!("00-{TRACE}-{PARENT}-01");
        let mut headers = HeaderMap::new();
        assert_eq!(TraceParent::of(&headers), None);
        headers.append(HEADER, whole.parse().unwrap());
        assert!(TraceParent::of(&headers).is_some());
        headers.append(HEADER, whole.parse().unwrap());
        assert_eq!(TraceParent::of(&headers), None);
    }
}
