use crate::error::Code;
use crate::failure::{Failure, exit};
use reqwest::Response;
use serde_json::Value;
use std::fmt::Write;

/// Why a call gave nothing.
#[derive(Debug, Clone)]
pub(crate) enum ClientError {
    /// The client itself was set up wrongly.
    Usage(String),
    /// There is no server, or it went away.
    Unreachable(String),
    /// The server said no.
    Refused(Refusal),
    /// What came back is not what a server of ours sends.
    Answer(String),
}

/// An error of the server.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// Its code, if we know it.
    pub(crate) code: Option<Code>,
    /// The `error` of the envelope.
    pub(crate) error: Value,
}

impl ClientError {
    pub(super) fn unreachable(place: &str, error: &reqwest::Error) -> Self {
        let mut why = String::new();
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            why = inner.to_string();
            source = inner.source();
        }
        let why = if why.is_empty() { error.to_string() } else { why };
        let ask = match why.contains("certificate") {
            true => {
                "does --tls-ca name who signed its certificate, and is that one of a server (CA:FALSE), for this name?"
            }
            false => "is `agentpm serve` running?",
        };
        Self::Unreachable(format!("cannot reach the server at {place}: {why}; {ask}"))
    }

    pub(super) async fn refused(response: Response) -> Self {
        let status = response.status();
        match response.json::<Value>().await {
            Ok(mut envelope) if envelope["error"].is_object() => {
                let error = envelope["error"].take();
                let code = error["code"].as_str().and_then(Code::parse);
                Self::Refused(Refusal { code, error })
            }
            _ => Self::Answer(format!(
                "the server answered {status} without saying why; is it an agentpm server?"
            )),
        }
    }

    /// An error that a server tells in the middle of an answer: the `error` of an envelope, as JSON.
    pub(crate) fn told(error: &str) -> Self {
        match serde_json::from_str::<Value>(error) {
            Ok(error) => {
                let code = error["code"].as_str().and_then(Code::parse);
                Self::Refused(Refusal { code, error })
            }
            Err(_) => Self::Answer(format!("the server ended the answer: {error}")),
        }
    }

    /// Whether the same call may succeed later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused(refusal) => refusal.code.is_some_and(Code::is_retryable),
            Self::Usage(_) | Self::Answer(_) => false,
        }
    }

    /// How the program ends after it. `statement` is the PQL that was sent, if any: errors in it are shown
    /// where they are.
    pub(crate) fn into_failure(self, statement: Option<&str>) -> Failure {
        match self {
            Self::Usage(message) => Failure::usage(message),
            Self::Unreachable(message) => Failure::new(exit::UNREACHABLE, message),
            Self::Answer(message) => Failure::internal(message),
            Self::Refused(refusal) => {
                let code = refusal.code.map_or(exit::INTERNAL, Code::exit_code);
                Failure::new(code, refusal.render(statement))
            }
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        error.into_failure(None)
    }
}

impl Refusal {
    /// The error for a person to read.
    fn render(&self, statement: Option<&str>) -> String {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (code, message) = (text(&self.error["code"]), text(&self.error["message"]));
        let details = &self.error["details"];
        if let (Some(statement), Some(pql_code)) = (statement, details["pql_code"].as_str()) {
            let all = details["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
            if all.is_empty() {
                return underlined(statement, pql_code, &message, details);
            }
            let each = all
                .iter()
                .map(|each| underlined(statement, &text(&each["pql_code"]), &text(&each["message"]), each));
            return each.collect::<Vec<_>>().join("\n");
        }
        let mut out = format!("{message} ({code})");
        // A single problem is the message itself.
        for detail in details.as_array().filter(|details| details.len() > 1).into_iter().flatten() {
            let _ = write!(out, "\n  {}: {}", text(&detail["pointer"]), text(&detail["message"]));
        }
        for (name, value) in details.as_object().into_iter().flatten() {
            let _ = write!(out, "\n  {name}: {value}");
        }
        if let Some(hint) = self.error["hint"].as_str() {
            let _ = write!(out, "\n  hint: {hint}");
        }
        for next in self.error["next"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let _ = write!(out, "\n  try: {next}");
        }
        out
    }
}

/// The line of the statement that is wrong, with carets under the place.
fn underlined(statement: &str, code: &str, message: &str, details: &Value) -> String {
    let number = |name: &str| {
        details[name]
            .as_u64()
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(1)
            .clamp(1, statement.len().max(1))
    };
    let (line_number, column, length) = (number("line"), number("column"), number("length"));
    let line = statement.lines().nth(line_number - 1).unwrap_or("");
    // A tab before the place is a tab below it, however wide tabs are.
    let skipped: String = line
        .chars()
        .chain(std::iter::repeat(' '))
        .take(column - 1)
        .map(|it| if it == '\t' { it } else { ' ' })
        .collect();
    let margin = " ".repeat(line_number.to_string().len());
    let hint = details["hint"].as_str().map_or_else(String::new, |hint| format!(" {hint}"));
    format!(
        "error[{code}]: {message}\n  {line_number} | {line}\n  {margin} | {skipped}{}{hint}",
        "^".repeat(length),
    )
}

#[cfg(test)]
mod test {
    use super::*;
    use serde_json::json;

    #[test]
    fn points_at_the_place() {
        let details = json!({"line": 2, "column": 7, "length": 6, "hint": "did you mean `status`?"});
        let shown =
            underlined("SELECT id FROM tasks\nWHERE statsu = 1", "unknown_column", "no column", &details);
        assert_eq!(
            shown,
            "error[unknown_column]: no column\n  2 | WHERE statsu = 1\n    |       ^^^^^^ did you mean `status`?"
        );
    }

    #[test]
    fn points_at_each_place_behind_tabs_too() {
        let error = json!({
            "code": "ERR_PQL", "message": "no column `a`", "hint": null, "next": [],
            "details": {"pql_code": "unknown_column", "line": 1, "column": 9, "length": 1, "hint": null, "errors": [
                {"message": "no column `a`", "pql_code": "unknown_column", "line": 1, "column": 9, "length": 1, "hint": null},
                {"message": "no table `t`", "pql_code": "unknown_table", "line": 1, "column": 16, "length": 1, "hint": "b"},
            ]},
        });
        let failure = ClientError::Refused(Refusal { code: Code::parse("ERR_PQL"), error });
        assert_eq!(
            failure.into_failure(Some("\tSELECT a\tFROM t")).to_string(),
            "error[unknown_column]: no column `a`\n  1 | \tSELECT a\tFROM t\n    | \t       ^\n\
             error[unknown_table]: no table `t`\n  1 | \tSELECT a\tFROM t\n    | \t        \t     ^ b"
        );
    }

    #[test]
    fn shows_every_problem() {
        let error = json!({
            "code": "ERR_VALIDATION", "message": "2 fields do not hold", "hint": null, "next": [],
            "details": [{"pointer": "/a", "message": "is required"}, {"pointer": "/b", "message": "no"}],
        });
        let failure =
            ClientError::Refused(Refusal { code: Code::parse("ERR_VALIDATION"), error }).into_failure(None);
        assert_eq!(failure.exit, 8);
        assert_eq!(failure.to_string(), "2 fields do not hold (ERR_VALIDATION)\n  /a: is required\n  /b: no");
    }
}
