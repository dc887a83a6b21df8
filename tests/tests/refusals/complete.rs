//! The table is held to what the product says of itself: its pages, its sources, its own answers. Whatever of it
//! has no row fails here.

use crate::every::Route;
use crate::query::BESIDE;
use crate::row::{Ask, Body, Row};
use agentpm_tests::{Server, client::escape};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

type Words = BTreeSet<String>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[track_caller]
fn all_have_rows(what: &str, known: &Words, rows: &Words) {
    assert!(known.len() > 2, "{what}: where they are listed could not be read: {known:?}");
    let missing: Vec<_> = known.difference(rows).collect();
    assert!(missing.is_empty(), "{what} without a row in the table of refusals: {missing:?}");
    let unknown: Vec<_> = rows.difference(known).collect();
    assert!(unknown.is_empty(), "{what} in the table of refusals that nobody lists: {unknown:?}");
}

/// What a row says is the code of the file beside the code, which must be about it.
fn beside() -> impl Iterator<Item = &'static str> {
    BESIDE.iter().map(|(code, path)| {
        let camel: String = code
            .trim_start_matches("ERR_")
            .split('_')
            .map(|word| word[..1].to_uppercase() + &word[1..].to_lowercase())
            .collect();
        assert!(page(path).contains(&format!("Code::{camel}")), "{path} is not about {code}");
        *code
    })
}

#[test]
fn every_code_has_a_row() {
    let page = page("docs/errors/README.md");
    let known = page.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    let rows = crate::table();
    let mut coded: Words =
        rows.iter().map(|row| row.code.to_owned()).filter(|code| !code.is_empty()).collect();
    coded.extend(beside().filter(|code| code.starts_with("ERR_")).map(str::to_owned));
    // Of a whole connection, in `frames`.
    coded.insert("ERR_RATE_LIMIT".to_owned());
    all_have_rows("codes", &known, &coded);
}

#[test]
fn every_code_of_the_language_has_a_row() {
    let page = page("docs/pql/grammar.md");
    let table = page.split("| code | means |").nth(1).expect("the table of codes");
    let known: Words = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(1))
        .flat_map(quoted)
        .map(str::to_owned)
        .collect();
    let mut coded: Words = beside().filter(|code| !code.starts_with("ERR_")).map(str::to_owned).collect();
    for row in crate::table() {
        coded.extend(row.pql.map(|(code, ..)| code.to_owned()));
        coded.extend(
            row.words.iter().chain(&row.later).map(|word| (*word).to_owned()).filter(|w| known.contains(w)),
        );
    }
    all_have_rows("codes of PQL", &known, &coded);
}

/// `METHOD /path`, what varies written `{}`.
fn shape(method: &str, path: &str) -> String {
    let steps = path.split('/').map(|step| if step.starts_with('{') { "{}" } else { step });
    format!("{method} {}", steps.collect::<Vec<_>>().join("/"))
}

fn shapes(routes: &[Route]) -> Words {
    routes.iter().map(|route| shape(route.method, route.template)).collect()
}

/// Every `.route("…", get(…).post(…))` of the server's sources.
fn routes_of_the_sources() -> Words {
    let mut found = Words::new();
    let mut folders = vec![root().join("server/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            for call in text.split(".route(").skip(1) {
                let mut depth = 1;
                let end = call.find(|c| {
                    depth += i32::from(c == '(') - i32::from(c == ')');
                    depth == 0
                });
                let (template, methods) =
                    call[..end.unwrap()].split_once(',').expect("a path and its methods");
                let template = match template.trim() {
                    "SOCKET" => "/ws",
                    literal => literal.trim_matches('"'),
                };
                for method in ["get", "post", "put", "patch", "delete"] {
                    if methods.split(|c: char| !c.is_alphanumeric()).any(|word| word == method) {
                        found.insert(shape(&method.to_uppercase(), template));
                    }
                }
            }
        }
    }
    found
}

/// Every `METHOD /path` of the pages about the API.
fn routes_of_the_pages() -> Words {
    let mut found = Words::new();
    for entry in fs::read_dir(root().join("docs/api")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            for (at, _) in text.match_indices(&format!("{method} /")) {
                let path = text[at + method.len() + 1..].split(|c: char| " `?\n|])".contains(c)).next();
                found.insert(shape(method, path.unwrap()));
            }
        }
    }
    found
}

#[test]
fn every_route_has_a_row_and_a_place_in_the_documentation() {
    let built = shapes(&Route::built());
    all_have_rows("routes of the sources", &routes_of_the_sources(), &built);
    all_have_rows("routes of the pages", &routes_of_the_pages(), &built);
    // A row of its own, besides what is asked of all alike.
    let own = [crate::work::rows(), crate::batch::rows(), crate::log::rows(), crate::query::rows()].concat();
    let own = [own, crate::durable::rows(), crate::frames::rows(), crate::later::rows()].concat();
    let own: Vec<Route> = own.iter().filter_map(route).collect();
    all_have_rows("routes of the contract", &shapes(&Route::contract()), &shapes(&own));
}

/// Each area of `server/src/http` describes its calls in `operations()`, beside its routes.
#[test]
fn every_route_is_described_in_the_published_contract() {
    let operations = agentpm_tests::contract::operations();
    let described: Words =
        operations.iter().map(|operation| shape(&operation.method, &operation.template)).collect();
    let built = routes_of_the_sources();
    let missing: Vec<_> = built.difference(&described).collect();
    assert!(missing.is_empty(), "routes that no operations() in server/src/http describes: {missing:?}");
    let unknown: Vec<_> = described.difference(&built).collect();
    assert!(unknown.is_empty(), "described in operations() of server/src/http, and not there: {unknown:?}");
}

fn route(row: &Row) -> Option<Route> {
    match &row.ask {
        Ask::Call { method, path, .. } => Route::of(method, path),
        Ask::Frame(_) | Ask::Cli(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_frame_has_a_row() {
    let page = page("docs/api/subscribe.md");
    let sent =
        page.split("| you send").nth(1).and_then(|rest| rest.split("| the server sends").next()).unwrap();
    let of_the_page: Words = sent
        .split("{\"op\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect();
    // The server's own list, from its answer to a frame that it does not know.
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let mut socket = server.connect().await;
    socket.send_text(r#"{"op":"zzzzzzzz"}"#).await;
    let refused = socket.expect("error").await["error"]["message"].as_str().unwrap().to_owned();
    let list = refused
        .split_once("one of ")
        .and_then(|(_, rest)| rest.split_once(';'))
        .expect("the list of frames")
        .0;
    let of_the_server: Words = list.split(", ").map(str::to_owned).collect();
    assert_eq!(of_the_page, of_the_server, "the page and the server have the same frames");
    let rows: Words = crate::table()
        .iter()
        .filter_map(|row| match &row.ask {
            Ask::Frame(text) => serde_json::from_str::<Value>(text).ok()?["op"].as_str().map(str::to_owned),
            Ask::Call { .. } | Ask::Cli(_) => None,
        })
        .filter(|op| of_the_server.contains(op))
        .collect();
    all_have_rows("frames", &of_the_server, &rows);
}

/// The kind of a statement, by its first words: `SELECT`, `SELECT next_task`, `CREATE PROJECTION` …
fn kind(text: &str) -> String {
    let words: Vec<&str> = text.split([' ', '\n', ';']).filter(|word| !word.starts_with('[')).collect();
    match words[..] {
        ["SELECT" | "CLAIM" | "EXPLAIN", "next_task", ..]
        | ["CREATE" | "DROP", "PROJECTION", ..]
        | ["SHOW", "TABLES", ..] => words[..2].join(" "),
        [first, ..] => first.to_owned(),
        [] => String::new(),
    }
}

#[test]
fn every_statement_has_a_row() {
    let page = page("docs/pql/grammar.md");
    let block = page.split("## Statements").nth(1).and_then(|rest| rest.split("```").nth(1)).unwrap();
    let lines =
        block.trim_start_matches("text").lines().filter(|line| !line.is_empty() && !line.starts_with(' '));
    let known: Words =
        lines.map(|line| kind(line.split_once(", …] ").map_or(line, |(_, rest)| rest))).collect();
    let mut rows = Words::new();
    for row in crate::table() {
        let text = match &row.ask {
            Ask::Call { body: Body::Json(body), .. } => body["pql"].as_str().map(str::to_owned),
            Ask::Frame(text) => serde_json::from_str::<Value>(text)
                .ok()
                .and_then(|frame| frame["pql"].as_str().map(str::to_owned)),
            Ask::Call { .. } | Ask::Cli(_) => None,
        };
        rows.extend(text.map(|text| kind(&text)).filter(|kind| known.contains(kind)));
    }
    all_have_rows("statements", &known, &rows);
    // Each statement that goes over SSE goes over a socket's frame too, and the other way round.
    let subscribed: Vec<String> = crate::table().iter().map(Row::name).collect();
    let sse = subscribed.iter().filter(|name| name.contains(&format!("pql={}", escape("SUBSCRIBE")))).count();
    assert!(sse > 5, "subscriptions over SSE have rows too");
}
