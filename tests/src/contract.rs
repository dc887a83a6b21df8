//! What the product publishes of its API, held against every answer that a suite sees.

use crate::schema::violations;
use crate::server;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::sync::LazyLock;

/// Where a colleague mends what is found here.
const WHERE: &str = "(described by operations() in the file of server/src/http that has the route, and by \
                     server/src/schema)";

/// The description of the API, as the program under test prints it without a server.
///
/// # Panics
/// When it prints none.
#[must_use]
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let output = server::command().args(["schema", "openapi"]).output().expect("the program can be run");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("schema openapi: {error}: {}", String::from_utf8_lossy(&output.stderr))
        })
    });
    &DOCUMENT
}

/// A described call.
#[derive(Debug, Clone)]
pub struct Operation {
    /// `POST`
    pub method: String,
    /// Its path, with the names of what varies in braces.
    pub template: String,
    /// What the document says of it.
    pub says: Value,
}

/// Every call that is described.
///
/// # Panics
/// When the document has no paths.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let paths = document()["paths"].as_object().expect("the document has paths");
    let operations = paths.iter().flat_map(|(template, item)| {
        let methods = item.as_object().expect("a path has methods");
        methods.iter().map(|(method, says)| Operation {
            method: method.to_uppercase(),
            template: template.clone(),
            says: says.clone(),
        })
    });
    operations.collect()
}

/// The template of a path: what is written out goes before what varies.
fn template(path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or_default();
    let steps: Vec<&str> = path.split('/').collect();
    let fits = |template: &&str| {
        let known: Vec<&str> = template.split('/').collect();
        known.len() == steps.len()
            && known.iter().zip(&steps).all(|(known, given)| known.starts_with('{') || known == given)
    };
    let templates = document()["paths"].as_object()?.keys().map(String::as_str);
    templates.filter(fits).min_by_key(|template| template.matches('{').count())
}

/// What an answer has that is not described. `body` is what came as JSON, if it did.
#[must_use]
pub fn undescribed(
    method: &str,
    path: &str,
    status: u16,
    headers: Option<&HeaderMap>,
    body: Option<&Value>,
) -> Vec<String> {
    // A page's question what it may send; what HTTP itself knows of any GET.
    if ["OPTIONS", "HEAD"].contains(&method) {
        return Vec::new();
    }
    let document = document();
    let path_item = template(path).map(|template| &document["paths"][template]);
    let operation = path_item.and_then(|item| item.get(method.to_lowercase()));
    let schemas = &document["components"]["schemas"];
    let Some(operation) = operation else {
        let is_refusal = matches!(status, 400 | 401 | 404 | 405 | 429 | 503);
        let mut wrong = match is_refusal {
            true => Vec::new(),
            false => vec![format!("{method} {path} is not described at all, and answers {status} {WHERE}")],
        };
        wrong.extend(body.into_iter().flat_map(|body| violations(document, &schemas["Error"], body)));
        return wrong;
    };
    let Some(response) = operation["responses"].get(status.to_string()) else {
        let code = body.and_then(|body| body["error"]["code"].as_str()).unwrap_or_default();
        return vec![format!("the status {status} {code} is not described {WHERE}")];
    };
    let mut wrong = Vec::new();
    if let Some(headers) = headers {
        let described = response["headers"].as_object();
        for (name, header) in described.into_iter().flatten() {
            let target =
                header["$ref"].as_str().and_then(|target| document.pointer(target.trim_start_matches('#')));
            let is_due = target.unwrap_or(header)["required"] == true;
            if is_due && !headers.contains_key(name.to_lowercase()) {
                wrong.push(format!("the header {name} is missing"));
            }
        }
        let media = headers.get("content-type").and_then(|value| value.to_str().ok());
        let media = media.and_then(|media| media.split(';').next());
        match (media, response.get("content")) {
            (Some(media), Some(content)) if content.get(media).is_none() => {
                wrong.push(format!("the content type {media} is not described {WHERE}"));
            }
            _ => {}
        }
    }
    let schema = response.pointer("/content/application~1json/schema");
    if let (Some(schema), Some(body)) = (schema, body) {
        let found = violations(document, schema, body);
        wrong.extend(found.into_iter().map(|found| format!("{found} {WHERE}")));
    }
    wrong
}

/// Fails when an answer has anything that is not described.
///
/// # Panics
/// When it has.
pub fn check(method: &str, path: &str, status: u16, headers: &HeaderMap, bytes: &[u8]) {
    let media = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body: Option<Value> = match media.starts_with("application/json") {
        true => serde_json::from_slice(bytes).ok(),
        false => None,
    };
    let wrong = undescribed(method, path, status, Some(headers), body.as_ref());
    assert!(
        wrong.is_empty(),
        "{method} {path} answered {status}, and that is not what the published contract says:\n{}\n{}",
        wrong.join("\n"),
        String::from_utf8_lossy(&bytes[..bytes.len().min(2_000)])
    );
}
