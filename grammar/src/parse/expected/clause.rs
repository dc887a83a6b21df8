//! Mistakes in clauses: their order, their names, what stands in them.

use super::{Kind, Refusal, Rule};
use crate::parse::cut;
use crate::parse::scan::UNITS;
use crate::{Code, Error, is_reserved};

/// The clauses of each statement, in their order: a word each begins with, and how it is called.
const SELECT: &[(&str, &str)] = &[
    ("from", "FROM"),
    ("join", "JOIN"),
    ("where", "WHERE"),
    ("group", "GROUP BY"),
    ("having", "HAVING"),
    ("order", "ORDER BY"),
    ("limit", "LIMIT"),
    ("offset", "OFFSET"),
    ("as", "AS OF"),
];
const NEXT_TASK: &[(&str, &str)] = &[("for", "FOR"), ("where", "WHERE"), ("limit", "LIMIT"), ("as", "AS OF")];
const CLAIM: &[(&str, &str)] = &[("for", "FOR"), ("where", "WHERE"), ("lease", "LEASE"), ("limit", "LIMIT")];

pub(super) fn explain(refusal: &Refusal<'_>) -> Option<Error> {
    misplaced_version(refusal)
        .or_else(|| agent(refusal))
        .or_else(|| lease(refusal))
        .or_else(|| count(refusal))
        .or_else(|| moment(refusal))
        .or_else(|| joins(refusal))
        .or_else(|| source(refusal))
        .or_else(|| as_of(refusal))
        .or_else(|| order(refusal))
        .or_else(|| foreign(refusal))
        .or_else(|| select_list(refusal))
        .or_else(|| misspelt_before(refusal))
}

/// AS OF or HISTORY after a table's alias.
fn misplaced_version(refusal: &Refusal<'_>) -> Option<Error> {
    let begins_as_of = |at: usize| refusal.is_word(at, "as") && refusal.is_word(at + 1, "of");
    let is_joined = refusal.expects(Rule::kw_on);
    if (is_joined || refusal.expects(Rule::join)) && refusal.found_word("history") {
        let is_alias = refusal.is_word(refusal.at.wrapping_sub(1), "as");
        let error = refusal.error("HISTORY of one table stands right after its name");
        return (!is_alias).then(|| error.hint("tasks HISTORY t"));
    }
    let misplaced = if is_joined && begins_as_of(refusal.at) {
        refusal.at
    } else if refusal.found_word("join") || refusal.is_word(refusal.at + 1, "join") {
        // A trailing AS OF was read after the alias of the first table, and then the statement goes on.
        let later = ["where", "group", "having", "order", "limit", "offset"];
        let has_later = refusal.level().any(|at| refusal.is_any_word(at, &later));
        let is_over = refusal.expects(Rule::EOI) && !refusal.expects(Rule::join);
        refusal.level().find(|&at| begins_as_of(at)).filter(|_| is_over && !has_later)?
    } else {
        return None;
    };
    let error = refusal.error_at(misplaced, "AS OF of one table stands right after its name");
    Some(error.hint("tasks AS OF 24h AGO t"))
}

/// FOR wants an agent.
fn agent(refusal: &Refusal<'_>) -> Option<Error> {
    if refusal.expected != [Rule::string, Rule::parameter] {
        return None;
    }
    let error = refusal.expected("the id of an agent after FOR");
    Some(match refusal.kind(refusal.at) {
        Some(Kind::Quoted) => {
            error.hint(format!("a text stands in single quotes: {}", single_quoted(refusal)))
        }
        Some(Kind::Word) => {
            error.hint(format!("a text stands in quotes: '{}'", cut(refusal.written(refusal.at))))
        }
        _ => error.hint("a text like 'agent-7', or a parameter"),
    })
}

/// LEASE wants a duration.
fn lease(refusal: &Refusal<'_>) -> Option<Error> {
    if refusal.expected != [Rule::duration] {
        return None;
    }
    let error = refusal.expected("a duration like 15m after LEASE");
    Some(match refusal.kind(refusal.at) {
        Some(Kind::Number) if refusal.is_any_word(refusal.at + 1, &UNITS) => joined_duration(error, refusal),
        Some(Kind::Number) => {
            error.hint(format!("add a unit: {}s or {0}m", cut(refusal.written(refusal.at))))
        }
        Some(Kind::Text) => error.hint("a duration stands without quotes"),
        Some(Kind::Parameter) => error.hint("the lease is written out, it is no parameter"),
        _ => error,
    })
}

/// LIMIT, OFFSET and AFTER POSITION want a number.
fn count(refusal: &Refusal<'_>) -> Option<Error> {
    if refusal.expected != [Rule::count] {
        return None;
    }
    let clause = refusal.before(1).to_ascii_uppercase();
    Some(if refusal.found_sign("-") || refusal.found_sign("−") {
        refusal.error(format!("{clause} is never negative"))
    } else {
        refusal.expected(format_args!("a whole number or a parameter after {clause}"))
    })
}

/// AS OF wants a moment.
fn moment(refusal: &Refusal<'_>) -> Option<Error> {
    let moments = "a moment is '2026-01-19T14:25:00Z', POSITION n, EVENT 'ulid', 24h AGO or now()";
    if refusal.expected == [Rule::kw_ago] {
        let duration = refusal.before(1);
        return Some(
            refusal.expected(format_args!("AGO after {duration}")).hint(format!("AS OF {duration} AGO")),
        );
    }
    if refusal.expected == [Rule::open] && refusal.is_word(refusal.at.wrapping_sub(1), "now") {
        return Some(refusal.expected("`()` after now").hint("AS OF now()"));
    }
    if refusal.expected == [Rule::number] && refusal.is_word(refusal.at.wrapping_sub(1), "position") {
        return Some(refusal.expected("a whole number after POSITION"));
    }
    if refusal.expected == [Rule::string] && refusal.is_word(refusal.at.wrapping_sub(1), "event") {
        let error = refusal.expected("the id of an event after EVENT");
        return Some(error.hint("a text in single quotes, like '01ARZ3NDEKTSV4RRFFQ69G5FAV'"));
    }
    if !refusal.expects(Rule::moment) {
        return None;
    }
    let error = refusal.expected("a moment after AS OF");
    Some(match refusal.kind(refusal.at) {
        Some(Kind::Number) if refusal.is_any_word(refusal.at + 1, &UNITS) => joined_duration(error, refusal),
        Some(Kind::Quoted) => {
            error.hint(format!("a time stands in single quotes: {}", single_quoted(refusal)))
        }
        Some(Kind::Parameter) => error.hint("a moment is written out, it is no parameter"),
        _ => error.hint(moments),
    })
}

fn joins(refusal: &Refusal<'_>) -> Option<Error> {
    let only = "only INNER JOIN and LEFT JOIN are known";
    let foreign = ["right", "full", "cross", "natural"];
    // The word was refused itself behind an alias, or read as one, and JOIN was refused.
    let is_of_join = |at: usize| {
        refusal.is_any_word(at, &foreign) && refusal.is_any_word(at + 1, &["join", "outer", "left", "right"])
    };
    if let Some(first) =
        [Some(refusal.at), refusal.at.checked_sub(1)].into_iter().flatten().find(|at| is_of_join(*at))
    {
        let span = refusal.span(first).to(refusal.span(first + 1));
        let kind = refusal.written(first).to_ascii_uppercase();
        let error = Error::new(Code::Syntax, span, format!("there is no {kind} JOIN"));
        return Some(error.hint(match kind.as_str() {
            "RIGHT" => format!("{only}: swap the two sides; a table is named so with AS"),
            "CROSS" => format!("{only}: JOIN b ON TRUE; a table is named so with AS"),
            _ => format!("{only}; a table is named so with AS"),
        }));
    }
    if refusal.expects(Rule::kw_join) && refusal.expected.len() == 1 {
        let kind = refusal.before(1).to_ascii_uppercase();
        let error = refusal.expected(format_args!("JOIN after {kind}"));
        return Some(if refusal.found_word("outer") { error.hint("write LEFT JOIN") } else { error });
    }
    if !refusal.expects(Rule::kw_on) {
        return None;
    }
    if refusal.is_any_word(refusal.at.wrapping_sub(1), &["using"]) || refusal.found_word("using") {
        let index = if refusal.found_word("using") { refusal.at } else { refusal.at - 1 };
        let error = refusal.error_at(index, "a join says its condition with ON");
        return Some(error.hint("JOIN b ON b.id = a.b_id"));
    }
    let is_reserved_alias = refusal.expects(Rule::alias)
        && is_reserved(refusal.written(refusal.at))
        && refusal.is_word(refusal.at + 1, "on");
    if is_reserved_alias {
        return Some(super::expr::reserved(refusal));
    }
    let error = refusal.expected("ON and a condition after the joined table");
    Some(match refusal.misspelt(refusal.at).or_else(|| refusal.misspelt(refusal.at.wrapping_sub(1))) {
        Some(keyword) => error.hint(format!("did you mean {keyword}?")),
        None => error.hint("JOIN b ON b.id = a.b_id"),
    })
}

/// FROM wants tables.
fn source(refusal: &Refusal<'_>) -> Option<Error> {
    if refusal.expected == [Rule::alias] {
        let error = refusal.expected("a name after a select in FROM");
        return Some(error.hint("(SELECT …) AS s"));
    }
    if refusal.expects(Rule::source) {
        if super::expr::is_name_meant(refusal) {
            return Some(super::expr::reserved(refusal));
        }
        let clause = refusal.before(1).to_ascii_uppercase();
        let error = refusal.expected(format_args!("a table or a select in parentheses after {clause}"));
        return Some(match refusal.kind(refusal.at) {
            Some(Kind::Text) => error.hint("a table's name stands without quotes, or in double ones"),
            _ => error,
        });
    }
    let is_after_source = refusal.expects(Rule::join);
    if is_after_source && refusal.found_sign(",") {
        return Some(refusal.error("tables are joined with JOIN").hint("FROM a JOIN b ON b.id = a.b_id"));
    }
    if is_after_source && refusal.found_sign(".") {
        let error = refusal.error("a table's name has one part");
        return Some(error.hint("SHOW TABLES lists the tables"));
    }
    let is_named_so = refusal.found_word("history") && refusal.is_word(refusal.at.wrapping_sub(1), "as");
    is_named_so.then(|| {
        refusal.error("a table is never named history").hint("HISTORY stands before AS: tasks HISTORY AS h")
    })
}

/// A clause after one that it belongs before, or twice.
fn order(refusal: &Refusal<'_>) -> Option<Error> {
    let is_claim = refusal.is_word(0, "claim");
    let is_next_task = refusal.opened_by().is_none()
        && (refusal.is_word(0, "select") || refusal.is_word(0, "explain"))
        && (refusal.is_word(1, "next_task"))
        && !refusal.level().any(|index| refusal.is_word(index, "from"));
    let clauses = match () {
        () if is_claim => CLAIM,
        () if is_next_task => NEXT_TASK,
        () => SELECT,
    };
    if !refusal.expects(Rule::EOI) && !refusal.expects(Rule::close) {
        return None;
    }
    let begins = |index: usize, word: &str| {
        refusal.is_word(index, word)
            && (word != "as" || refusal.is_word(index + 1, "of"))
            && refusal.written(index.wrapping_sub(1)) != "."
    };
    let found = match refusal.at {
        // LEFT JOIN and INNER JOIN are joins too.
        at if refusal.is_any_word(at, &["left", "inner"]) && refusal.is_word(at + 1, "join") => at + 1,
        at => at,
    };
    let rank = clauses.iter().position(|(word, _)| begins(found, word))?;
    // The clause that was being read.
    let current =
        refusal.level().find_map(|index| clauses.iter().position(|(word, _)| begins(index, word)))?;
    let name = clauses[rank].1;
    if current > rank {
        let error = refusal.error(format!("{name} comes before {}", clauses[current].1));
        let names: Vec<&str> = clauses.iter().map(|(_, name)| *name).collect();
        return Some(error.hint(format!("the order is {}", names.join(", "))));
    }
    if current < rank {
        return None;
    }
    let error = refusal.error(format!("{name} stands here a second time"));
    Some(match name {
        "WHERE" | "HAVING" => error.hint("join conditions with AND"),
        "GROUP BY" | "ORDER BY" => error.hint("separate several keys with commas"),
        _ => error,
    })
}

/// AS OF where there is none.
fn as_of(refusal: &Refusal<'_>) -> Option<Error> {
    let has_as_of = refusal.found_word("as") && refusal.is_word(refusal.at + 1, "of");
    if !has_as_of {
        return None;
    }
    if refusal.expects(Rule::close) {
        let error = refusal.error("AS OF for the whole statement stands at its end, outside of sub-selects");
        return Some(error.hint("AS OF right after a table's name is for that table alone"));
    }
    refusal.is_word(0, "claim").then(|| refusal.error("CLAIM has no AS OF: what it takes, it takes now"))
}

/// Clauses of other dialects.
fn foreign(refusal: &Refusal<'_>) -> Option<Error> {
    let is_after_clause = refusal.expects(Rule::EOI) || refusal.expects(Rule::close);
    let last = refusal.at.wrapping_sub(1);
    for index in [refusal.at, last] {
        let is_alias_like = index == refusal.at || refusal.expects(Rule::kw_where);
        if !is_after_clause || !is_alias_like || refusal.kind(index) != Some(Kind::Word) {
            continue;
        }
        let word = refusal.written(index).to_ascii_uppercase();
        let hint = match word.as_str() {
            "UNION" | "INTERSECT" | "EXCEPT" | "MINUS" => "the rows of two selects are not joined; ask twice",
            "FETCH" | "TOP" => "write LIMIT n",
            "WINDOW" | "QUALIFY" | "OVER" => "windows are left to plain SQL",
            _ => continue,
        };
        return Some(refusal.error_at(index, format!("there is no {word} in PQL")).hint(hint));
    }
    if is_after_clause
        && refusal.found_sign(",")
        && refusal.is_any_word(refusal.at.wrapping_sub(2), &["limit"])
    {
        return Some(refusal.expected("the end of LIMIT").hint("write LIMIT n OFFSET m"));
    }
    None
}

/// The select list goes on without a comma, or into FROM.
fn select_list(refusal: &Refusal<'_>) -> Option<Error> {
    if !refusal.expects(Rule::kw_from) {
        return None;
    }
    let error = refusal.expected("FROM after the select list");
    let next = refusal.at + 1;
    let is_name = match refusal.kind(refusal.at) {
        Some(Kind::Word) => !is_reserved(refusal.written(refusal.at)),
        Some(Kind::Quoted) => true,
        _ => false,
    };
    let number_before = refusal.at.checked_sub(1).and_then(|last| refusal.kind(last)) == Some(Kind::Number);
    Some(if refusal.found_word("over") {
        error.hint("windows are left to plain SQL")
    } else if number_before && refusal.is_any_word(refusal.at, &UNITS) {
        let (count, unit) = (refusal.before(1), refusal.written(refusal.at));
        error.hint(format!("a duration is one word: {count}{unit}"))
    } else if refusal.is_word(refusal.at.wrapping_sub(1), "interval") {
        error.hint("a duration is written like 5d")
    } else if refusal.is_word(refusal.at.wrapping_sub(1), "top") {
        error.hint("write LIMIT n at the end")
    } else if refusal.is_word(refusal.at.wrapping_sub(1), "all") {
        error.hint("leave ALL out: every row is given unless DISTINCT says otherwise")
    } else if refusal.before(1) == "*" && !refusal.expects(Rule::kw_as) {
        error.hint("`*` has no name of its own")
    } else if refusal.is_word(refusal.at.wrapping_sub(2), "as") && is_reserved(refusal.before(1)) {
        error.hint(format!("`{}` was read as the name after AS", refusal.before(1)))
    } else if refusal.is_any_word(refusal.at, &["where", "group", "having", "order", "limit", "join", "left"])
    {
        error.hint(format!("FROM comes before {}", refusal.written(refusal.at).to_ascii_uppercase()))
    } else if is_name && (refusal.written(next) == "," || refusal.is_word(next, "from")) {
        error.hint(format!("a column is named with AS: AS {}", cut(refusal.written(refusal.at))))
    } else if let Some(keyword) = refusal.misspelt(refusal.at) {
        error.hint(format!("did you mean {keyword}?"))
    } else if refusal.is_at_end() {
        error.hint("every select reads a table: SELECT id FROM tasks")
    } else {
        error
    })
}

/// A misspelt keyword was read as a table's alias, and what follows it was refused.
fn misspelt_before(refusal: &Refusal<'_>) -> Option<Error> {
    let last = refusal.at.checked_sub(1)?;
    let keyword = if refusal.expects(Rule::kw_where) { refusal.misspelt(last)? } else { return None };
    let error = refusal.error_at(last, format!("`{}` is no clause", cut(refusal.written(last))));
    Some(error.hint(format!("did you mean {keyword}?")))
}

/// `15 m` for `15m`.
fn joined_duration(error: Error, refusal: &Refusal<'_>) -> Error {
    let (count, unit) = (refusal.written(refusal.at), refusal.written(refusal.at + 1));
    error.hint(format!("a duration is one word: {count}{}", unit.to_ascii_lowercase()))
}

/// A double-quoted token in single quotes.
pub(super) fn single_quoted(refusal: &Refusal<'_>) -> String {
    let written = refusal.written(refusal.at);
    let inside = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
    format!("'{}'", cut(&inside.replace("\"\"", "\"").replace('\'', "''")))
}
