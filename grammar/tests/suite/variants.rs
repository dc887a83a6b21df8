//! Which kinds of nodes there are, and which a tree has: both by name, from the sources and from `Debug`, so that a
//! node that is added to the tree is missed where nothing makes it.

use std::collections::BTreeSet;
use std::fmt::Debug;

const SOURCES: [&str; 4] = [
    include_str!("../../src/ast/clause.rs"),
    include_str!("../../src/ast/expr.rs"),
    include_str!("../../src/ast/literal.rs"),
    include_str!("../../src/ast/statement.rs"),
];

/// The variants of every enum of the tree.
pub(crate) fn all() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for source in SOURCES {
        let mut is_enum = false;
        for line in source.lines() {
            match line {
                "}" => is_enum = false,
                line if line.starts_with("pub enum ") => is_enum = true,
                line if is_enum => {
                    // Variants are indented once, their fields twice.
                    let name = line.strip_prefix("    ").unwrap_or_default();
                    let end = name.find(|it: char| !it.is_ascii_alphanumeric()).unwrap_or(name.len());
                    if name.starts_with(|first: char| first.is_ascii_uppercase()) {
                        all.insert(name[..end].to_owned());
                    }
                }
                _ => {}
            }
        }
    }
    assert!(all.len() > 80, "{} variants are not all of them", all.len());
    all
}

/// Adds the names that stand in a tree's `Debug`, texts left out.
pub(crate) fn of(tree: &impl Debug, into: &mut BTreeSet<String>) {
    let shown = format!("{tree:?}");
    let mut word = String::new();
    let mut characters = shown.chars();
    while let Some(character) = characters.next() {
        if character == '"' {
            while let Some(inside) = characters.next() {
                match inside {
                    '\\' => drop(characters.next()),
                    '"' => break,
                    _ => {}
                }
            }
        }
        if character.is_ascii_alphanumeric() {
            word.push(character);
        } else if !word.is_empty() {
            into.insert(std::mem::take(&mut word));
        }
    }
}
