//! The API as one OpenAPI 3.1 document.

use super::types;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// The version of the specification of OpenAPI.
const OPENAPI: &str = "3.1.0";

/// The parameters, by their names among the components, of calls that may change something.
pub(super) const OF_WRITES: &[&str] =
    &["MinPosition", "TraceParent", "Agent", "Session", "CorrelationId", "PlanId"];

/// The same of calls that change nothing.
pub(super) const OF_READS: &[&str] = &["MinPosition", "TraceParent"];

/// The document. The routes that it describes are held equal to those of the sources by a test.
pub(crate) fn openapi() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(assemble);
    &DOCUMENT
}

fn assemble() -> Value {
    let operations = crate::http::operations();
    let mut paths = Map::new();
    for operation in &operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method] = operation.openapi();
    }
    let schemas: Map<String, Value> =
        types().iter().map(|known| (known.name.clone(), known.schema.clone())).collect();
    let mut document = json!({
        "openapi": OPENAPI,
        "info": {
            "title": "agentpm",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "An event store for teams of software agents.",
            "description": "JSON answers come in an envelope: `ok`, `data`, `error`. Answers that stream have none. \
                            A later version may give members that this one does not: pass over what you do not know.",
        },
        "jsonSchemaDialect": super::document::DIALECT,
        "servers": [{ "url": "/", "description": "The server that gave this document." }],
        // Over the Unix socket, and over TCP when the server has no token, nothing is asked for.
        "security": [{}, { "bearer": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": parameters(),
            "headers": header_components(),
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
        },
    });
    relocate(&mut document);
    document
}

/// Headers of requests that more than one call heeds.
fn parameters() -> Value {
    let header = |name: &str, description: &str, schema: Value| json!({ "name": name, "in": "header", "description": description, "schema": schema });
    let text = || json!({ "type": "string", "minLength": 1, "maxLength": crate::context::VALUE_BYTES_MAX });
    json!({
        "MinPosition": header(
            "Agentpm-Min-Position",
            "Wait, up to 5 s, until the answer reflects this position.",
            json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }),
        ),
        "TraceParent": header(
            "traceparent",
            "The trace that it is a part of, as the W3C has it; goes to the metadata of events. One that does not hold is \
             passed over.",
            json!({ "type": "string" }),
        ),
        "IdempotencyKey": header(
            "Idempotency-Key",
            "A name of this very request: sent again with it, within 24 h, it has its first answer and changes nothing.",
            json!({ "type": "string", "minLength": 1, "maxLength": crate::once::KEY_BYTES_MAX }),
        ),
        "Agent": header("Agentpm-Agent", "Who asks; goes to the metadata of events.", text()),
        "Session": header("Agentpm-Session", "In which session of its own, which must be there; goes to the metadata of events.", text()),
        "CorrelationId": header("Agentpm-Correlation-Id", "Goes to the metadata of events.", text()),
        "PlanId": header("Agentpm-Plan-Id", "Goes to the metadata of events.", text()),
    })
}

fn header_components() -> Value {
    json!({
        "Position": {
            "description": "The head that the answer reflects.",
            "required": true,
            "schema": { "type": "integer", "minimum": 0 },
        },
        "RequestId": {
            "description": "The request's name in the server's log.",
            "required": true,
            "schema": { "type": "string", "minLength": 1 },
        },
        "Replayed": {
            "description": "Set when the answer is that of an earlier request with the same Idempotency-Key.",
            "schema": { "const": "true" },
        },
        "RetryAfter": {
            "description": "Seconds to wait before the same is sent again.",
            "required": true,
            "schema": { "type": "integer", "minimum": 1 },
        },
    })
}

/// The headers of an answer; a stranger is not told the head.
pub(super) fn headers(is_let_in: bool, is_retryable: bool) -> Value {
    let component = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    let mut headers = json!({ "X-Request-Id": component("RequestId") });
    if is_let_in {
        headers["Agentpm-Position"] = component("Position");
    }
    if is_retryable {
        headers["Retry-After"] = component("RetryAfter");
    }
    headers
}

/// Types are among the components here.
fn relocate(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(target) if name == "$ref" => {
                        *target = target.replace("#/$defs/", "#/components/schemas/");
                    }
                    member => relocate(member),
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(relocate),
        _ => {}
    }
}
