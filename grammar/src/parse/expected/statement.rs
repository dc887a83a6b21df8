//! Mistakes in what a statement is.

use super::{Refusal, Rule};
use crate::Error;
use crate::nearest::nearest;

/// What statements begin with.
const FIRST_WORDS: [&str; 9] =
    ["SELECT", "WITH", "CLAIM", "SUBSCRIBE", "CREATE", "DROP", "EXPLAIN", "SHOW", "DESCRIBE"];

pub(super) fn explain(refusal: &Refusal<'_>) -> Option<Error> {
    if refusal.entry == Rule::statement_text && refusal.at == 0 {
        return Some(no_statement(refusal));
    }
    second_statement(refusal)
        .or_else(|| predicate(refusal))
        .or_else(|| next_task(refusal))
        .or_else(|| projection(refusal))
        .or_else(|| with(refusal))
        .or_else(|| subscribe(refusal))
}

/// The very first token is wrong.
fn no_statement(refusal: &Refusal<'_>) -> Error {
    if refusal.is_at_end() {
        return refusal
            .error("expected a statement, found nothing")
            .hint("for example SELECT id, title FROM tasks WHERE status = 'open'");
    }
    let error = refusal.expected("a statement");
    let first = refusal.written(refusal.at);
    let foreign = ["INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "TRUNCATE", "UPSERT"];
    if refusal.is_any_word(refusal.at, &foreign) {
        return error.hint("tables are views of the log: they change when events are appended");
    }
    let known = match first.to_ascii_uppercase().as_str() {
        "DESC" => Some("write DESCRIBE and the name of a table"),
        "BEGIN" | "START" | "COMMIT" | "ROLLBACK" => {
            Some("there are no transactions: a statement sees one position, and a claim is one step")
        }
        "ALTER" | "USE" | "GRANT" => {
            Some("tables are views of the log, and there is one set of them: SHOW TABLES lists it")
        }
        "NEXT_TASK" => Some("write SELECT next_task, which takes nothing, or CLAIM next_task FOR 'agent-7'"),
        "HELP" => Some("SHOW TABLES lists the tables, DESCRIBE tasks the columns of one"),
        _ => None,
    };
    if let Some(hint) = known {
        return error.hint(hint);
    }
    match nearest(first, FIRST_WORDS) {
        Some(word) => error.hint(format!("did you mean {word}?")),
        None => error.hint("statements begin with SELECT, WITH, CLAIM, SUBSCRIBE, CREATE PROJECTION, DROP PROJECTION, EXPLAIN, SHOW or DESCRIBE"),
    }
}

fn second_statement(refusal: &Refusal<'_>) -> Option<Error> {
    let is_after_end = refusal.before(1) == ";" && refusal.expected == [Rule::EOI];
    is_after_end.then(|| {
        refusal
            .error(format!("expected the end after `;`, found {}", refusal.found()))
            .hint("one statement per request")
    })
}

/// A clause in what should be a bare predicate.
fn predicate(refusal: &Refusal<'_>) -> Option<Error> {
    if refusal.entry != Rule::predicate_text {
        return None;
    }
    if refusal.tokens.is_empty() {
        return Some(
            refusal.error("expected an expression, found nothing").hint("for example status = 'open'"),
        );
    }
    if refusal.at == 0 && refusal.is_any_word(0, &["where", "select"]) {
        return Some(refusal.expected("an expression").hint("the predicate stands alone: status = 'open'"));
    }
    if refusal.expects(Rule::EOI) && refusal.found_sign(";") {
        return Some(refusal.expected("the end").hint("a predicate ends without `;`"));
    }
    let clauses = ["where", "group", "having", "order", "limit", "offset", "as", "from", "join"];
    let is_clause = refusal.expects(Rule::EOI) && refusal.is_any_word(refusal.at, &clauses);
    is_clause.then(|| {
        refusal.expected("an operator or the end").hint("a predicate is one expression, without clauses")
    })
}

fn next_task(refusal: &Refusal<'_>) -> Option<Error> {
    let starts_claim = refusal.is_word(0, "claim");
    if refusal.expects(Rule::kw_next_task) && starts_claim && refusal.at == 1 {
        let error = refusal.expected("next_task after CLAIM");
        return Some(error.hint("CLAIM next_task FOR 'agent-7' WHERE …"));
    }
    if refusal.expects(Rule::kw_for) && starts_claim {
        return Some(refusal.expected("FOR after CLAIM next_task").hint("CLAIM next_task FOR 'agent-7'"));
    }
    if refusal.found_word("next_task") && refusal.is_word(refusal.at.wrapping_sub(1), "analyze") {
        let error = refusal.error("the offer is explained without ANALYZE");
        return Some(error.hint("EXPLAIN next_task FOR 'agent-7'"));
    }
    // SELECT next_task, and then neither what its shorthand takes nor what makes it a column.
    let is_bare = refusal.is_word(refusal.at.wrapping_sub(1), "next_task")
        && refusal.is_word(refusal.at.wrapping_sub(2), "select");
    if is_bare && refusal.is_word(refusal.at.wrapping_sub(3), "explain") && refusal.found_word("for") {
        let error = refusal.error_at(refusal.at - 2, "the offer is explained without SELECT");
        return Some(error.hint("EXPLAIN next_task FOR 'agent-7'"));
    }
    if is_bare && refusal.expects(Rule::kw_for) {
        let error = refusal.expected("FOR, WHERE, LIMIT, AS OF or the end after SELECT next_task");
        return Some(if refusal.found_word("order") {
            error
                .hint("the best task comes first; for another order write SELECT * FROM next_task ORDER BY …")
        } else {
            match refusal.misspelt(refusal.at) {
                Some(keyword) => error.hint(format!("did you mean {keyword}?")),
                None => error,
            }
        });
    }
    None
}

fn projection(refusal: &Refusal<'_>) -> Option<Error> {
    if refusal.expects(Rule::kw_projection) {
        let verb = refusal.before(1).to_ascii_uppercase();
        return Some(refusal.expected(format_args!("PROJECTION after {verb}")).hint(if verb == "DROP" {
            "only projections can be dropped: DROP PROJECTION name"
        } else {
            "only projections can be created: CREATE PROJECTION name AS SELECT …"
        }));
    }
    if !refusal.is_word(0, "create") {
        return None;
    }
    if refusal.expected == [Rule::kw_select] {
        let error = refusal.expected("SELECT after AS");
        return Some(match refusal.written(refusal.at) {
            "(" => error.hint("the select of a projection stands without parentheses"),
            word if word.eq_ignore_ascii_case("with") => error.hint("the select of a projection has no WITH"),
            _ => error,
        });
    }
    let has_as_of = refusal.found_word("as") && refusal.is_word(refusal.at + 1, "of");
    (has_as_of && refusal.expects(Rule::EOI)).then(|| {
        let error = refusal.error("a projection has no AS OF: it is kept up to date");
        error.hint("write AS OF in the query that reads it")
    })
}

fn with(refusal: &Refusal<'_>) -> Option<Error> {
    if !refusal.is_word(0, "with") && !refusal.is_word(0, "explain") {
        return None;
    }
    if refusal.expected == [Rule::open] && refusal.is_word(refusal.at.wrapping_sub(1), "as") {
        return Some(refusal.expected("`(` after AS").hint("WITH name AS (SELECT …) SELECT …"));
    }
    if refusal.is_before_name() && refusal.before(1) == "," && refusal.found_word("select") {
        return Some(refusal.expected("a name after `,`").hint("no comma stands before the last SELECT"));
    }
    let is_after_list = refusal.expects(Rule::comma) && refusal.expects(Rule::kw_select);
    is_after_list.then(|| refusal.expected("`,` or the SELECT that reads what WITH names"))
}

fn subscribe(refusal: &Refusal<'_>) -> Option<Error> {
    if !refusal.is_word(0, "subscribe") {
        return None;
    }
    let starts = "FROM START, FROM NOW or AFTER POSITION n";
    if refusal.at == 1 {
        let error = refusal.expected("events, a table or a select in parentheses after SUBSCRIBE");
        return Some(if refusal.found_word("select") { error.hint("SUBSCRIBE (SELECT …)") } else { error });
    }
    if refusal.expects(Rule::kw_start) && refusal.expects(Rule::kw_now) {
        return Some(
            refusal.expected("START or NOW after FROM").hint(format!("a subscription begins {starts}")),
        );
    }
    if refusal.expects(Rule::kw_position) {
        return Some(refusal.expected("POSITION after AFTER").hint("AFTER POSITION 1200"));
    }
    let is_past_where = refusal.found_word("where") && refusal.expects(Rule::EOI);
    is_past_where.then(|| {
        refusal
            .error("WHERE comes before FROM and AFTER")
            .hint(format!("SUBSCRIBE table [WHERE …] [{starts}]"))
    })
}
