//! What to do next, for errors whose own place does not know better: by code, status and kind. So no error is
//! told without advice.

use super::Code;
use axum::http::StatusCode;
use serde_json::Value;
use std::borrow::Cow;

/// What would be right, and commands that help.
pub(super) struct Advice {
    pub(super) hint: Cow<'static, str>,
    pub(super) next: Vec<String>,
}

fn hint(hint: impl Into<Cow<'static, str>>) -> Advice {
    Advice { hint: hint.into(), next: Vec::new() }
}

/// The advice on an error of that code and status with these details.
pub(super) fn of(code: Code, status: StatusCode, details: &Value) -> Advice {
    match code {
        Code::Validation => validation(status, details),
        Code::Pql => hint("mend the text at the line and column that details name, and send it again"),
        Code::Unauthorized => {
            hint("send `Authorization: Bearer TOKEN`; a page needs a ticket and a known origin")
        }
        Code::Forbidden => hint(forbidden(details["rule"].as_str().unwrap_or_default())),
        Code::NotFound => not_found(details["kind"].as_str().unwrap_or_default()),
        Code::Conflict => hint("read what details name as it is now, and decide again"),
        Code::InvalidState => hint("details.allowed lists where it can go from here"),
        Code::LeaseRequired => hint("claim the task and send the lease_id, or override: true"),
        Code::LeaseExpired => hint("stop working on this task, and read where it stands"),
        Code::PayloadTooLarge => hint("split it into several requests, or keep the large part elsewhere"),
        Code::RateLimit => hint("wait as long as Retry-After says, then send it again"),
        Code::Unavailable => {
            hint("nothing was done: wait as long as Retry-After says, then send it again; reads go on")
        }
        Code::Internal => hint(
            "the server's log says more, under the X-Request-Id of this answer; read the state before you ask again",
        ),
    }
}

fn validation(status: StatusCode, details: &Value) -> Advice {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            hint("the header Allow lists the methods of this path; GET /openapi.json those of all")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => hint("send plain JSON with `Content-Type: application/json`"),
        StatusCode::NOT_ACCEPTABLE => hint("accept application/json"),
        StatusCode::UPGRADE_REQUIRED => {
            hint("connect with a WebSocket client and the subprotocol agentpm.v1")
        }
        _ => {
            let has_place = details
                .as_array()
                .into_iter()
                .flatten()
                .any(|problem| problem["pointer"].as_str().is_some_and(|pointer| !pointer.is_empty()));
            match has_place {
                true => Advice {
                    hint: "mend what each pointer of details names, and send it again".into(),
                    next: vec!["agentpm schema".to_owned()],
                },
                false => hint(
                    "mend what the message names, and send it again; GET /openapi.json describes every call",
                ),
            }
        }
    }
}

fn forbidden(rule: &str) -> &'static str {
    match rule {
        "reserved_stream" => "append to a stream of your own, or use the command that makes such events",
        "reserved_type" => "use the command that makes such events, or a type of your own",
        "reserved_tag" => "use tags with a prefix of your own",
        _ => "this is allowed to nobody in this way; the reason says what is",
    }
}

/// What lists the things of a kind.
fn not_found(kind: &str) -> Advice {
    let query = |table: &str| format!("agentpm query 'SELECT * FROM {table} LIMIT 20'");
    let list = match kind {
        "task" => "agentpm task list".to_owned(),
        "agent" => "agentpm agent list".to_owned(),
        "run" => "agentpm run list".to_owned(),
        "session" => query("sessions"),
        "lease" => query("leases"),
        "relationship" => query("relationships"),
        "progress item" => query("progress_items"),
        "context" => query("contexts"),
        "run under this lease" => {
            return Advice {
                hint: "events go to the run that the lease began: send the run_id and the lease of one claim"
                    .into(),
                next: vec!["agentpm run list".to_owned()],
            };
        }
        "durable subscription" => query("subscriptions"),
        "subscription" => {
            return hint("subscribe first: it is known by the `sub` it was made with, on its own connection");
        }
        _ => return hint("check the path and the id; GET /openapi.json lists the paths"),
    };
    Advice {
        hint: format!("check the id, upper and lower case matter; `next` lists every {kind}").into(),
        next: vec![list],
    }
}
