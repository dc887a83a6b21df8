//! One call of the API: what it takes, what it gives.

use super::errors;
use super::{Kind, Type, answers, build};
use crate::error::Code;
use crate::wire::args::Args;
use crate::wire::fields::Fields;
use crate::wire::shape::{self, Parameter};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// JSON, in the envelope.
pub(super) const JSON: &str = "application/json";

/// One line a row.
pub(crate) const NDJSON: &str = "application/x-ndjson";

/// A call of the API. Each file of `http` describes its own, beside its routes.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(super) method: &'static str,
    /// Its path as the router has it.
    pub(super) path: &'static str,
    /// Its name: `create_task`.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    query: Vec<Parameter>,
    headers: Vec<(&'static str, &'static str, Value)>,
    body: Option<Body>,
    /// What it answers with 200, by media type.
    answers: Vec<(&'static str, Value)>,
    codes: Vec<Code>,
    /// Further statuses of `ERR_VALIDATION`.
    statuses: Vec<u16>,
    /// The status of an answer that is no error.
    success: u16,
    /// Whether `Idempotency-Key` is heeded.
    keeps_answers: bool,
}

#[derive(Debug, Clone)]
struct Body {
    media: &'static str,
    schema: Value,
    example: Option<Value>,
}

/// What any call may be answered with.
const ALWAYS: [Code; 5] =
    [Code::Validation, Code::Unauthorized, Code::RateLimit, Code::Unavailable, Code::Internal];

impl Operation {
    fn new(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self {
            method,
            path,
            id,
            summary,
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            answers: Vec::new(),
            codes: ALWAYS.to_vec(),
            statuses: Vec::new(),
            success: 200,
            keeps_answers: method != "get",
        }
    }

    /// A call that changes nothing.
    pub(crate) fn get(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new("get", path, id, summary)
    }

    /// A call with a body: a JSON object with the members that `read` reads.
    pub(crate) fn post<T>(
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        read: impl FnOnce(&mut Fields<'_, '_>) -> T,
    ) -> Self {
        Self::new("post", path, id, summary).takes(read)
    }

    /// The same by `PUT`.
    pub(crate) fn put<T>(
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        read: impl FnOnce(&mut Fields<'_, '_>) -> T,
    ) -> Self {
        Self::new("put", path, id, summary).takes(read)
    }

    /// The same by `PATCH`.
    pub(crate) fn patch<T>(
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        read: impl FnOnce(&mut Fields<'_, '_>) -> T,
    ) -> Self {
        Self::new("patch", path, id, summary).takes(read)
    }

    /// The same by `DELETE`, whose body is empty.
    pub(crate) fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let mut delete = Self::new("delete", path, id, summary).fails(&[Code::PayloadTooLarge]);
        delete.statuses.push(415);
        delete
    }

    /// A call whose body is no JSON.
    pub(crate) fn post_stream(
        path: &'static str,
        id: &'static str,
        summary: &'static str,
        media: &'static str,
    ) -> Self {
        let mut post = Self::new("post", path, id, summary).fails(&[Code::PayloadTooLarge]);
        post.body = Some(Body { media, schema: json!({ "type": "string" }), example: None });
        post.statuses.push(415);
        post
    }

    fn takes<T>(mut self, read: impl FnOnce(&mut Fields<'_, '_>) -> T) -> Self {
        let mut schema = shape::body(read);
        if let Value::Object(members) = &mut schema {
            members.insert("description".to_owned(), self.summary.into());
        }
        self.body = Some(Body { media: JSON, schema, example: None });
        self.statuses.push(415);
        self.fails(&[Code::PayloadTooLarge])
    }

    /// The parameters of its query string: those that `read` reads.
    pub(crate) fn query<T>(mut self, read: impl FnOnce(&mut Args) -> T) -> Self {
        self.query = shape::query(read);
        self
    }

    /// A header that it heeds, besides those that every call does.
    pub(crate) fn header(mut self, name: &'static str, description: &'static str, schema: Value) -> Self {
        self.headers.push((name, description, schema));
        self
    }

    /// A body that holds.
    pub(crate) fn example(mut self, example: Value) -> Self {
        if let Some(body) = &mut self.body {
            body.example = Some(example);
        }
        self
    }

    /// What its answer's `data` is.
    pub(crate) fn gives(self, data: &str) -> Self {
        self.gives_schema(build::refer(data))
    }

    /// The same, with a schema of its own.
    pub(crate) fn gives_schema(mut self, data: Value) -> Self {
        self.answers.push((JSON, answers::envelope(data)));
        self
    }

    /// An answer that has no envelope.
    pub(crate) fn gives_plain(mut self, media: &'static str, schema: Value) -> Self {
        self.answers.push((media, schema));
        self
    }

    /// It takes no `Idempotency-Key`.
    pub(crate) fn keeps_no_answer(mut self) -> Self {
        self.keeps_answers = false;
        self
    }

    /// A form of its answer that `Accept` can ask for.
    pub(crate) fn or_streams(mut self, media: &'static str) -> Self {
        self.answers.push((media, json!({ "type": "string" })));
        if !self.statuses.contains(&406) {
            self.statuses.push(406);
        }
        self
    }

    /// A status of `ERR_VALIDATION` besides 400.
    pub(crate) fn refuses(mut self, status: u16) -> Self {
        self.statuses.push(status);
        self
    }

    /// The status of its success.
    pub(crate) fn succeeds(mut self, status: u16) -> Self {
        self.success = status;
        self
    }

    /// What it may be answered with, besides what any call may.
    pub(crate) fn fails(mut self, codes: &[Code]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// The same of a call that changes a task: it may be held, be in another state, be at another version.
    pub(crate) fn changes_work(self) -> Self {
        self.fails(&[
            Code::NotFound,
            Code::Conflict,
            Code::InvalidState,
            Code::LeaseRequired,
            Code::LeaseExpired,
        ])
    }

    /// The type of its body: `create_task` takes a `CreateTask`.
    pub(super) fn request(&self) -> Option<Type> {
        let body =
            self.body.as_ref().filter(|body| body.media == JSON && body.schema["properties"].is_object())?;
        Some(Type::new(self.request_name(), Kind::Request, body.schema.clone()))
    }

    fn request_name(&self) -> String {
        self.id.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
    }

    /// What varies in its path.
    fn places(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'))
    }

    /// The chapter it is in: the first step of its path.
    fn chapter(&self) -> &'static str {
        self.path.split('/').nth(1).unwrap_or_default()
    }

    /// As OpenAPI has it.
    pub(super) fn openapi(&self) -> Value {
        let mut operation = json!({
            "operationId": self.id,
            "summary": self.summary,
            "tags": [self.chapter()],
            "parameters": self.parameters(),
        });
        if let Some(body) = &self.body {
            let schema = match self.request() {
                Some(request) => build::refer(&request.name),
                None => body.schema.clone(),
            };
            let mut media = json!({ "schema": schema });
            if let Some(example) = &body.example {
                media["example"] = example.clone();
            }
            let is_required = body.schema["required"].is_array() || body.media != JSON;
            operation["requestBody"] = json!({ "required": is_required, "content": { body.media: media } });
        }
        operation["responses"] = self.responses();
        operation
    }

    fn parameters(&self) -> Vec<Value> {
        let path = self.places().map(|name| {
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } })
        });
        let query = self.query.iter().map(|Parameter { name, is_required, schema }| {
            let mut parameter =
                json!({ "name": name, "in": "query", "required": is_required, "schema": schema });
            if !is_required {
                // As if it were not there.
                parameter["allowEmptyValue"] = true.into();
            }
            if schema["type"] == "array" {
                parameter["style"] = "form".into();
                parameter["explode"] = false.into();
            }
            parameter
        });
        let headers = self.headers.iter().map(|(name, description, schema)| {
            json!({ "name": name, "in": "header", "description": description, "schema": schema })
        });
        let of_reads = self.method == "get";
        let common = if of_reads { super::openapi::OF_READS } else { super::openapi::OF_WRITES };
        let key = self.keeps_answers.then_some("IdempotencyKey");
        let common = common
            .iter()
            .copied()
            .chain(key)
            .map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }));
        path.chain(query).chain(headers).chain(common).collect()
    }

    fn responses(&self) -> Value {
        let mut codes: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        // A key that was used for another request; a session that is not there, or is over.
        let of_writes: &[Code] = match self.keeps_answers {
            true => &[Code::Conflict, Code::NotFound, Code::InvalidState],
            false => &[],
        };
        for code in self.codes.iter().chain(of_writes) {
            let of_status = codes.entry(code.status().as_u16()).or_default();
            if !of_status.contains(code) {
                of_status.push(*code);
            }
        }
        for status in &self.statuses {
            codes.insert(*status, vec![Code::Validation]);
        }
        let content =
            self.answers.iter().map(|(media, schema)| ((*media).to_owned(), json!({ "schema": schema })));
        let content: Map<String, Value> = content.collect();
        let mut headers = super::openapi::headers(true, false);
        if self.keeps_answers {
            headers["Idempotency-Replayed"] = json!({ "$ref": "#/components/headers/Replayed" });
        }
        let mut success = json!({ "description": self.summary, "headers": headers });
        if !content.is_empty() {
            success["content"] = Value::Object(content);
        }
        let mut responses = Map::new();
        responses.insert(self.success.to_string(), success);
        for (status, codes) in codes {
            let words: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
            let bodies: Vec<Value> = codes.iter().map(|code| build::refer(&errors::name_of(*code))).collect();
            let schema = match &bodies[..] {
                [one] => one.clone(),
                _ => json!({ "oneOf": bodies }),
            };
            let is_retryable = codes.iter().any(|code| code.is_retryable());
            let is_let_in = !codes.contains(&Code::Unauthorized);
            responses.insert(
                status.to_string(),
                json!({
                    "description": words.join(", "),
                    "headers": super::openapi::headers(is_let_in, is_retryable),
                    "content": { JSON: { "schema": schema } },
                }),
            );
        }
        Value::Object(responses)
    }
}
