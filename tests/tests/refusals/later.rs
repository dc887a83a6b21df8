//! What the contract has and this version has not: today's honest answer, so that each row fails, and is replaced,
//! when the thing itself is there.

use crate::row::Row;
use serde_json::{Value, json};

/// Calls that are not built: the call, a path of it, and what brings it.
const CALLS: &[(&str, &str, &str)] = &[("POST", "/sql", "plain SQL"), ("POST", "/backup", "backups")];

pub(crate) fn rows() -> Vec<Row> {
    let calls = CALLS.iter().map(|(method, path, brings)| {
        let body = if *method == "GET" || *method == "DELETE" { Value::Null } else { json!({}) };
        Row::call(method, *path, body).is(404, "ERR_NOT_FOUND").says("no path").later(brings)
    });
    let others = [
        Row::statement("CREATE PROJECTION p AS SELECT agent_id AS a, count(*) AS n FROM events GROUP BY a")
            .is(400, "ERR_PQL")
            .says("not_allowed")
            .later("projections"),
        Row::statement("DROP PROJECTION p").is(400, "ERR_PQL").says("not_allowed").later("projections"),
        Row::statement("SELECT a FROM p").pql("unknown_table", 1, 15).later("projection_building"),
    ];
    calls.chain(others).collect()
}
