//! What keeps the house in order and no compiler checks.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file with more lines has more than one subject.
const LINES_MAX: usize = 700;

/// Crate, and the crates of ours that it may import. `tests` starts the server, and sees nothing else but the parser.
const ARROWS: &[(&str, &[&str])] = &[
    ("agentpm-grammar", &[]),
    ("agentpm-store", &[]),
    ("agentpm-domain", &["agentpm-store"]),
    ("agentpm-query", &["agentpm-grammar", "agentpm-store", "agentpm-domain"]),
    ("agentpm", &["agentpm-query", "agentpm-domain", "agentpm-store", "agentpm-grammar"]),
    ("agentpm-tests", &["agentpm", "agentpm-grammar"]),
    ("agentpm-benches", &["agentpm", "agentpm-query", "agentpm-domain", "agentpm-store", "agentpm-grammar"]),
];

/// Crates that live in one place only (benches may measure them by themselves).
const HOMES: &[(&str, &str)] = &[
    ("pest", "agentpm-grammar"),
    ("pest_derive", "agentpm-grammar"),
    ("fjall", "agentpm-store"),
    ("datafusion", "agentpm-query"),
    ("axum", "agentpm"),
    ("hyper", "agentpm"),
    ("clap", "agentpm"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file of ours with one of these extensions.
fn files(extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if name != "target" && name != ".git" {
                    folders.push(path);
                }
            } else if path
                .extension()
                .is_some_and(|extension| extensions.iter().any(|known| extension == *known))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[track_caller]
fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} found:\n{}", wrong.len(), wrong.join("\n"));
}

fn packages() -> Vec<Value> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn dependencies(package: &Value) -> Vec<&str> {
    package["dependencies"].as_array().unwrap().iter().map(|dep| dep["name"].as_str().unwrap()).collect()
}

fn only_for_tests(package: &Value, dependency: &str) -> bool {
    let dependencies = package["dependencies"].as_array().unwrap();
    dependencies.iter().filter(|dep| dep["name"] == dependency).all(|dep| dep["kind"] == "dev")
}

#[test]
fn arrows_between_crates_point_one_way() {
    let packages = packages();
    let mut wrong = Vec::new();
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!("{name}: a crate without a place in the layering"));
            continue;
        };
        for dependency in dependencies(package) {
            let ours = ARROWS.iter().any(|(known, _)| *known == dependency);
            if ours && !allowed.contains(&dependency) {
                wrong.push(format!("{name} imports {dependency}"));
            }
        }
    }
    assert_eq!(packages.len(), ARROWS.len());
    none(&wrong);
}

#[test]
fn each_engine_lives_in_one_crate() {
    let mut wrong = Vec::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        for (engine, home) in HOMES {
            // A suite damages what fjall has written, by hand.
            let by_hand = (name, *engine) == ("agentpm-tests", "fjall") && only_for_tests(&package, engine);
            let elsewhere = name != *home && name != "agentpm-benches" && !by_hand;
            if elsewhere && dependencies(&package).contains(engine) {
                wrong.push(format!("{name} depends on {engine}, which lives in {home}"));
            }
        }
    }
    none(&wrong);
}

/// The domain is a pure function: its events hold every time, id and random number.
#[test]
fn the_domain_reads_no_clock_and_does_no_io() {
    let forbidden = [
        "SystemTime",
        "Instant::now",
        "Utc::now",
        "rand::",
        "std::fs",
        "std::net",
        "tokio::",
        "async fn",
        "std::env",
    ];
    let mut wrong = Vec::new();
    for path in files(&["rs"]) {
        let name = shown(&path);
        if name.starts_with("domain/src") && !name.contains("test") {
            let text = fs::read_to_string(&path).unwrap();
            for word in forbidden.iter().filter(|word| text.contains(**word)) {
                wrong.push(format!("{}: {word}", shown(&path)));
            }
        }
    }
    none(&wrong);
}

#[test]
fn a_file_has_one_subject() {
    let mut wrong = Vec::new();
    for path in files(&["rs", "pest"]) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{}: {lines} lines", shown(&path)));
        }
    }
    none(&wrong);
}

#[test]
fn no_module_is_a_drawer() {
    let drawers = ["utils", "util", "common", "helpers", "helper", "manager", "misc"];
    let mut wrong = Vec::new();
    for path in files(&["rs"]) {
        let names = path.iter().filter_map(|part| Path::new(part).file_stem()?.to_str());
        wrong.extend(names.filter(|name| drawers.contains(name)).map(|_| shown(&path)));
    }
    none(&wrong);
}

/// A test waits for a condition. The word is put together here, or this file would find itself.
#[test]
fn no_test_sleeps() {
    let word = ["sle", "ep("].concat();
    let mut wrong = Vec::new();
    for path in files(&["rs"]) {
        let name = shown(&path);
        let is_test = name.starts_with("tests/") || name.contains("/tests/") || name.ends_with("test.rs");
        let text = fs::read_to_string(&path).unwrap();
        for (index, line) in text.lines().enumerate() {
            if is_test && line.contains(&word) {
                wrong.push(format!("{name}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    none(&wrong);
}

#[test]
fn nothing_is_left_for_later() {
    let words: Vec<String> = ["to", "unimpl", "d"]
        .iter()
        .zip(["do!(", "emented!(", "bg!("])
        .map(|(a, b)| [*a, b].concat())
        .collect();
    let mut wrong = Vec::new();
    for path in files(&["rs"]) {
        let text = fs::read_to_string(&path).unwrap();
        for (index, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word.as_str())) {
                wrong.push(format!("{}:{}: {}", shown(&path), index + 1, line.trim()));
            }
        }
    }
    none(&wrong);
}

/// Links of the documents to files and headings here; others are not looked at.
#[test]
fn links_lead_somewhere() {
    let mut wrong = Vec::new();
    for path in files(&["md"]) {
        let text = fs::read_to_string(&path).unwrap();
        for target in links(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            if !file.exists() {
                wrong.push(format!("{}: {target}", shown(&path)));
            } else if !anchor.is_empty() && file.extension().is_some_and(|extension| extension == "md") {
                let anchors = anchors(&fs::read_to_string(&file).unwrap());
                if !anchors.contains(anchor) {
                    wrong.push(format!("{}: {target}: no such heading", shown(&path)));
                }
            }
        }
    }
    none(&wrong);
}

/// Targets of `[text](target)` outside code.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // Every other part stands between back ticks.
        for part in line.split('`').step_by(2) {
            let targets = part.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            found.extend(targets.map(|target| target.split(' ').next().unwrap_or(target)));
        }
    }
    found
}

/// What a heading is called in a link.
fn anchors(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let plain = line.trim_start_matches('#').trim().to_lowercase();
            plain
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

#[test]
fn the_link_checker_sees_links() {
    let text = "see [a](b.md#c) and `[not](this)`\n```\n[nor](that)\n```\n[d](e)";
    assert_eq!(links(text), ["b.md#c", "e"]);
    assert!(anchors("## The `AS OF` clause\n").contains("the-as-of-clause"));
}
