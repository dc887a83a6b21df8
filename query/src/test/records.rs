//! What the language has, and whether an answer to it is on record: the files of `tests/pql`, which are asked of a
//! real server.

#[path = "../../../tests/src/slt/expand.rs"]
mod expand;
#[path = "../../../tests/src/slt/read.rs"]
pub(super) mod read;

use crate::resolve::functions;
use crate::tables;
use crate::types::Type;
use grammar::{Code, parse};

/// Codes that nothing gives yet.
const NOT_BUILT: [Code; 1] = [Code::ProjectionBuilding];

/// The trees of all statements that are answered, drawn.
fn answered() -> Vec<String> {
    let records = read::records();
    let answered = records.iter().filter(|record| record.error.is_none());
    answered.filter_map(|record| parse(&record.pql).ok()).map(|tree| format!("{tree:?}")).collect()
}

#[test]
fn every_function_has_a_record() {
    let answered = answered();
    let is_called = |name: &str| {
        let call = format!("FunctionCall {{ name: Ident {{ name: {name:?}");
        answered.iter().any(|tree| tree.contains(&call))
    };
    let missing: Vec<&str> = functions().map(|(name, _)| name).filter(|name| !is_called(name)).collect();
    assert!(missing.is_empty(), "no file of tests/pql has an answer of {missing:?}");
}

#[test]
fn every_type_has_a_record() {
    let answered = answered();
    let is_cast_to = |ty: Type| {
        let target = format!("target: Ident {{ name: {:?}", ty.as_str());
        answered.iter().any(|tree| tree.contains(&target))
    };
    let missing: Vec<&str> =
        Type::ALL.into_iter().filter(|ty| *ty != Type::Null && !is_cast_to(*ty)).map(Type::as_str).collect();
    assert!(missing.is_empty(), "no file of tests/pql casts to {missing:?}");
}

#[test]
fn every_table_has_a_record() {
    let answered = answered();
    let is_read = |name: &str| {
        let source = format!("Table {{ name: Ident {{ name: {name:?}");
        answered.iter().any(|tree| tree.contains(&source))
    };
    let missing: Vec<&str> = tables::NAMES.iter().copied().filter(|name| !is_read(name)).collect();
    assert!(missing.is_empty(), "no file of tests/pql reads {missing:?}");
}

#[test]
fn every_code_has_a_record() {
    let refusals: Vec<String> = read::records().into_iter().filter_map(|record| record.error).collect();
    for code in Code::ALL {
        let said = format!("error[{}]: ", code.as_str());
        let is_recorded = refusals.iter().any(|error| error.contains(&said));
        let is_exempt = NOT_BUILT.contains(&code);
        assert!(is_recorded || is_exempt, "no file of tests/pql is refused as {}", code.as_str());
        assert!(!(is_recorded && is_exempt), "{} has a record now: it is no exemption", code.as_str());
    }
}
