//! Mistakes in expressions.

use super::{Kind, Refusal, Rule};
use crate::parse::cut;
use crate::parse::scan::UNITS;
use crate::{Error, is_reserved};

/// The signs whose right side is a set.
const SET_SIGNS: [&str; 14] = ["⊆", "⊇", "⊂", "⊃", "∈", "∉", "∩", "∪", "∖", "<@", "@>", "&&", "&", "|"];

/// Reserved words that someone may mean as a name. The others only ever join or begin expressions.
const NAMEABLE: [&str; 22] = [
    "select", "distinct", "from", "where", "group", "by", "having", "order", "limit", "offset", "join",
    "inner", "left", "on", "as", "of", "case", "end", "cast", "exists", "with", "like",
];

pub(super) fn explain(refusal: &Refusal<'_>) -> Option<Error> {
    reserved_name(refusal)
        .or_else(|| set(refusal))
        .or_else(|| step(refusal))
        .or_else(|| test(refusal))
        .or_else(|| case(refusal))
        .or_else(|| call(refusal))
        .or_else(|| before_operand(refusal))
        .or_else(|| unclosed(refusal))
        .or_else(|| after_operand(refusal))
}

/// Whether a reserved word stands where a name should, and what follows it follows names.
pub(super) fn is_name_meant(refusal: &Refusal<'_>) -> bool {
    let next = refusal.at + 1;
    let next_written = refusal.written(next);
    let is_end_of_case = refusal.found_word("end")
        && refusal.is_any_word(refusal.at.wrapping_sub(1), &["case", "when", "then", "else"]);
    refusal.is_any_word(refusal.at, &NAMEABLE)
        && !is_end_of_case
        && match refusal.kind(next) {
            None => true,
            Some(Kind::Sign) => !matches!(next_written, "(" | "*" | "-" | "−" | "{"),
            Some(Kind::Word) => refusal.is_any_word(
                next,
                &[
                    "from", "as", "is", "in", "and", "or", "not", "like", "ilike", "between", "asc", "desc",
                    "nulls", "where", "on",
                ],
            ),
            Some(_) => false,
        }
}

/// The error for a reserved word used as a name.
pub(super) fn reserved(refusal: &Refusal<'_>) -> Error {
    let word = refusal.written(refusal.at);
    refusal.error(format!("`{word}` is a reserved word")).hint(format!("as a name it is quoted: \"{word}\""))
}

fn reserved_name(refusal: &Refusal<'_>) -> Option<Error> {
    let wants_name = refusal.is_before_operand() || refusal.is_before_name();
    if wants_name && is_name_meant(refusal) {
        return Some(reserved(refusal));
    }
    let is_call =
        refusal.is_any_word(refusal.at, &["left", "join", "group"]) && refusal.written(refusal.at + 1) == "(";
    if refusal.is_before_operand() && is_call {
        let word = refusal.written(refusal.at);
        let error = refusal.error(format!("`{word}` is a reserved word, no function"));
        return Some(if refusal.found_word("left") {
            error.hint("substr(text, 1, n) gives the first n")
        } else {
            error
        });
    }
    if refusal.is_before_name() && !refusal.is_before_operand() {
        let after = refusal.before(1).to_ascii_uppercase();
        let error = refusal.expected(format_args!("a name after {after}"));
        return Some(match refusal.kind(refusal.at) {
            Some(Kind::Text) => error.hint("a name stands without quotes, or in double ones"),
            Some(Kind::Word) if is_reserved(refusal.written(refusal.at)) => reserved(refusal),
            _ => error,
        });
    }
    None
}

/// Inside `{…}`.
fn set(refusal: &Refusal<'_>) -> Option<Error> {
    let wants_member = refusal.expects(Rule::set_member);
    let is_after_member = refusal.expects(Rule::close_brace);
    if !wants_member && !is_after_member {
        return None;
    }
    if refusal.is_at_end() {
        return Some(never_closed(refusal));
    }
    let quote = "members that are no plain words are quoted";
    Some(match refusal.kind(refusal.at) {
        Some(Kind::Quoted) => {
            let quoted = super::clause::single_quoted(refusal);
            refusal.expected("a member").hint(format!("a text stands in single quotes: {quoted}"))
        }
        Some(Kind::Number | Kind::Duration) if wants_member => {
            refusal.expected("a member").hint(format!("{quote}: '{}'", cut(refusal.written(refusal.at))))
        }
        Some(Kind::Parameter) if wants_member => {
            refusal.expected("a member").hint("a parameter can be a whole set: caps ⊆ $caps")
        }
        _ if wants_member => refusal.expected("a member").hint("a set is written like {rust, sql}"),
        Some(Kind::Sign) if matches!(refusal.written(refusal.at), "-" | "." | "/" | "+") => {
            let (start, mut end) = (refusal.at - 1, refusal.at);
            while !matches!(refusal.written(end), "," | "}" | "") {
                end += 1;
            }
            let span = refusal.span(start).to(refusal.span(end - 1));
            let meant = &refusal.text[span.start..span.end];
            let hint = match meant.contains('\'') {
                true => format!("{quote}, like 'c++'"),
                false => format!("{quote}: '{}'", cut(meant)),
            };
            refusal.expected("`,` or `}`").hint(hint)
        }
        _ => refusal.expected("`,` or `}`").hint("members are separated by commas: {rust, sql}"),
    })
}

/// After `.` and inside `[…]`.
fn step(refusal: &Refusal<'_>) -> Option<Error> {
    if refusal.expected == [Rule::word, Rule::quoted] && refusal.before(1) == "." {
        return Some(refusal.expected("a key after `.`").hint("an odd key is written ['odd key']"));
    }
    if refusal.expects(Rule::string) && refusal.expects(Rule::number) && refusal.before(1) == "[" {
        let error = refusal.expected("a place like [0] or a key like ['name']");
        return Some(match refusal.written(refusal.at) {
            "-" | "−" => error.hint("places are counted from the start, from 0"),
            _ if refusal.kind(refusal.at) == Some(Kind::Quoted) => error
                .hint(format!("a text stands in single quotes: {}", super::clause::single_quoted(refusal))),
            _ if refusal.kind(refusal.at) == Some(Kind::Word) => {
                error.hint(format!("a key is quoted: ['{}']", cut(refusal.written(refusal.at))))
            }
            _ => error,
        });
    }
    None
}

/// Inside a comparison.
fn test(refusal: &Refusal<'_>) -> Option<Error> {
    if refusal.expects(Rule::kw_null) && refusal.expects(Rule::kw_not) {
        let error = refusal.expected("NULL or NOT NULL after IS");
        let words = ["subset", "superset", "proper", "in", "like", "ilike", "matches", "between", "overlaps"];
        return Some(match refusal.is_any_word(refusal.at, &words) {
            true => {
                error.hint(format!("leave IS out: a {} …", refusal.written(refusal.at).to_ascii_uppercase()))
            }
            false => error.hint("other values are compared with = and !="),
        });
    }
    if refusal.expected == [Rule::kw_null] {
        return Some(refusal.expected("NULL after IS NOT").hint("other values are compared with = and !="));
    }
    if refusal.expects(Rule::kw_in) && refusal.expects(Rule::kw_between) && !refusal.is_after_operand() {
        let error = refusal.expected("IN, LIKE, ILIKE, MATCHES or BETWEEN after NOT");
        return Some(match refusal.written(refusal.at) {
            "=" => error.hint("write !="),
            null if null.eq_ignore_ascii_case("null") => error.hint("write IS NOT NULL"),
            _ => error.hint("NOT stands in front of any other comparison: NOT a = b"),
        });
    }
    let is_low_bound = refusal.expects(Rule::kw_and) && !refusal.expects(Rule::kw_or);
    if is_low_bound && refusal.is_after_operand() {
        return Some(refusal.expected("AND and the upper bound of BETWEEN").hint("x BETWEEN 1 AND 10"));
    }
    if refusal.expected == [Rule::kw_of] {
        let word = refusal.before(1).to_ascii_uppercase();
        return Some(refusal.expected(format_args!("OF after {word}")));
    }
    if refusal.expected == [Rule::kw_subset, Rule::kw_superset] {
        return Some(refusal.expected("SUBSET OF or SUPERSET OF after PROPER"));
    }
    if refusal.is_word(refusal.at.wrapping_sub(1), "in") && refusal.expects(Rule::operand) {
        let error = refusal.expected("a list in parentheses or a set after IN");
        return Some(error.hint("x IN ('a', 'b') or 'a' IN labels"));
    }
    // A list is no value to go on with.
    let is_value_sign =
        ["∪", "|", "∩", "&", "∖", "\\", "+", "-", "||"].contains(&refusal.written(refusal.at));
    if is_value_sign && !refusal.is_after_operand() && refusal.before(1) == ")" && refusal.expects(Rule::EOI)
    {
        let error = refusal.error(format!("IN (…) is a list, {} goes on with a value", refusal.found()));
        return Some(error.hint("a set in parentheses stands after ∈"));
    }
    let is_empty_list = refusal.found_sign(")")
        && refusal.before(1) == "("
        && refusal.is_word(refusal.at.wrapping_sub(2), "in");
    is_empty_list.then(|| refusal.error("the list after IN is empty").hint("it holds at least one value"))
}

fn case(refusal: &Refusal<'_>) -> Option<Error> {
    if !refusal.is_after_operand() {
        return (refusal.expected == [Rule::kw_end]).then(|| refusal.expected("END after the ELSE of CASE"));
    }
    let what = if refusal.expects(Rule::kw_then) {
        "THEN after the condition of WHEN"
    } else if refusal.expects(Rule::kw_end) && refusal.expects(Rule::kw_when) {
        "WHEN, ELSE or END in CASE"
    } else if refusal.expects(Rule::kw_end) {
        "END after the ELSE of CASE"
    } else if refusal.expects(Rule::kw_when) {
        "WHEN after CASE"
    } else {
        return None;
    };
    Some(refusal.expected(what).hint("CASE WHEN condition THEN value ELSE value END"))
}

fn call(refusal: &Refusal<'_>) -> Option<Error> {
    let opener = refusal.opened_by()?;
    let is_in = |word: &str| refusal.is_word(opener.wrapping_sub(1), word);
    if is_in("cast") && refusal.expects(Rule::kw_as) {
        return Some(refusal.expected("AS and a type in CAST").hint("CAST(data.count AS int)"));
    }
    if is_in("cast") && refusal.expected == [Rule::word] {
        return Some(refusal.expected("a type after AS").hint("CAST(data.count AS int)"));
    }
    if is_in("cast") && refusal.expected == [Rule::close] {
        return Some(
            refusal.expected("`)` after the type").hint("a type is one word: CAST(data.count AS int)"),
        );
    }
    if is_in("exists") && refusal.expected == [Rule::kw_select] {
        return Some(refusal.expected("SELECT after EXISTS (").hint("EXISTS (SELECT id FROM tasks WHERE …)"));
    }
    None
}

/// A value should have begun.
fn before_operand(refusal: &Refusal<'_>) -> Option<Error> {
    if refusal.expected == [Rule::open] {
        let word = refusal.before(1).to_ascii_uppercase();
        return Some(refusal.expected(format_args!("`(` after {word}")));
    }
    if !refusal.is_before_operand() {
        return None;
    }
    let before = refusal.before(1);
    if SET_SIGNS.contains(&before) || before == "\\" || is_set_word(refusal) {
        let sign = sign_before(refusal);
        let error = refusal.expected(format_args!("a set like {{rust, sql}} after {sign}"));
        return Some(match refusal.written(refusal.at) {
            "[" => error.hint("a set stands in braces: {rust, sql}"),
            _ => error,
        });
    }
    if refusal.is_any_word(refusal.at.wrapping_sub(1), &["like", "ilike", "matches"]) {
        let example = if before.eq_ignore_ascii_case("matches") { "'^fix'" } else { "'%text%'" };
        let word = before.to_ascii_uppercase();
        return Some(refusal.expected(format_args!("a pattern like {example} after {word}")));
    }
    let what = match before {
        "" => "an expression".to_owned(),
        "(" => "an expression in the parentheses".to_owned(),
        sign if refusal.at.checked_sub(1).and_then(|last| refusal.kind(last)) == Some(Kind::Sign) => {
            format!("an expression after `{sign}`")
        }
        word if word.eq_ignore_ascii_case("by") => {
            format!("an expression after {} BY", refusal.before(2).to_ascii_uppercase())
        }
        word => format!("an expression after {}", word.to_ascii_uppercase()),
    };
    let error = refusal.expected(what);
    let is_number_next = refusal.kind(refusal.at + 1) == Some(Kind::Number);
    Some(match refusal.written(refusal.at) {
        "=" if before == "=" => error.hint("equality is a single `=`"),
        "=" if matches!(before, "<" | ">") => error.hint(format!("`{before}=` is written without a blank")),
        "+" => error.hint("a number has no `+` before it"),
        "." if is_number_next => error.hint(format!("write 0.{}", refusal.written(refusal.at + 1))),
        "[" => error.hint("lists are no values: a set is {rust, sql}, and IN takes (1, 2)"),
        ")" if before == "," => error.hint("no comma stands before `)`"),
        "*" => error.hint("`*` stands alone in a select list and in count(*)"),
        word if word.eq_ignore_ascii_case("from")
            && refusal.is_word(refusal.at.wrapping_sub(1), "select") =>
        {
            error.hint("`*` gives every column: SELECT * FROM …")
        }
        word if word.eq_ignore_ascii_case("select") && matches!(refusal.before(2), "∈" | "∉") => {
            error.hint("a select stands after IN: x IN (SELECT …)")
        }
        word if word.eq_ignore_ascii_case("select") => {
            error.hint("a select stands in FROM, after IN and after EXISTS, nowhere else")
        }
        word if word.eq_ignore_ascii_case("not") => {
            error.hint("NOT stands before a whole comparison: NOT a = b")
        }
        _ if before == "," => error.hint("no comma stands at the end of a list"),
        _ => error,
    })
}

/// Whether the words before are SUBSET OF and their like.
fn is_set_word(refusal: &Refusal<'_>) -> bool {
    let last = refusal.at.wrapping_sub(1);
    refusal.is_word(last, "overlaps")
        || refusal.is_word(last, "of") && refusal.is_any_word(last.wrapping_sub(1), &["subset", "superset"])
}

/// The sign just before, words included.
fn sign_before(refusal: &Refusal<'_>) -> String {
    let last = refusal.before(1);
    match refusal.is_word(refusal.at.wrapping_sub(1), "of") {
        true => format!("{} OF", refusal.before(2).to_ascii_uppercase()),
        false => last.to_ascii_uppercase(),
    }
}

/// The text ended inside brackets.
fn unclosed(refusal: &Refusal<'_>) -> Option<Error> {
    let closers = [Rule::close, Rule::close_bracket];
    let wants_closer = closers.iter().any(|closer| refusal.expects(*closer));
    (wants_closer && refusal.is_at_end()).then(|| never_closed(refusal))
}

fn never_closed(refusal: &Refusal<'_>) -> Error {
    let Some(open) = refusal.opened_by() else { return refusal.plain() };
    let sign = refusal.written(open);
    let closer = match sign {
        "(" => ")",
        "[" => "]",
        _ => "}",
    };
    refusal
        .error_at(open, format!("this `{sign}` is never closed"))
        .hint(format!("expected `{closer}` before the end"))
}

/// A value ended, and what follows goes on with nothing.
fn after_operand(refusal: &Refusal<'_>) -> Option<Error> {
    if !refusal.is_after_operand() {
        return None;
    }
    let open = refusal.opened_by();
    if refusal.found_sign(")") && open.is_none() {
        return Some(refusal.error("this `)` closes nothing"));
    }
    if refusal.found_sign(",") {
        return comma(refusal);
    }
    let last = refusal.at.checked_sub(1)?;
    let error = || refusal.expected(format_args!("an operator after `{}`", cut(refusal.written(last))));
    match (refusal.kind(last), refusal.kind(refusal.at)) {
        (Some(Kind::Number), Some(Kind::Word)) if refusal.is_any_word(refusal.at, &UNITS) => {
            let (count, unit) = (refusal.before(1), refusal.written(refusal.at).to_ascii_lowercase());
            return Some(error().hint(format!("a duration is one word: {count}{unit}")));
        }
        (Some(Kind::Text), Some(Kind::Text)) => {
            return Some(error().hint("texts are joined by `||`; a `'` inside one is written twice"));
        }
        (Some(Kind::Word), Some(Kind::Text))
            if refusal.is_any_word(last, &["timestamp", "date", "time", "interval"]) =>
        {
            return Some(
                error().hint("a time is a text like '2026-01-19T14:25:00Z', a duration a word like 5d"),
            );
        }
        (_, Some(Kind::Word)) => {}
        _ => return None,
    }
    let hint = match refusal.written(refusal.at).to_ascii_lowercase().as_str() {
        "contains" | "has" => "write contains(text, part) for a text, a ⊇ b for sets",
        "regexp" | "rlike" | "similar" | "glob" => "a pattern is tested with MATCHES",
        "div" => "division is `/`",
        "mod" => "the remainder is `%`",
        "isnull" => "write IS NULL",
        "notnull" => "write IS NOT NULL",
        "eq" | "equals" => "equality is `=`",
        "over" => "windows are left to plain SQL",
        "descending" => "write DESC",
        "ascending" => "write ASC",
        "union" => "the union of sets is ∪ or `|`",
        "intersect" => "the intersection of sets is ∩ or `&`",
        word @ ("escape" | "collate" | "at") => {
            let error = refusal.error(format!("there is no {} in PQL", word.to_ascii_uppercase()));
            return Some(error.hint(match word {
                "escape" => "in a pattern `\\` takes the character after it as it is",
                "collate" => "texts are compared by their bytes; ILIKE does not look at the case",
                _ => "times are UTC; a time constant may have any offset",
            }));
        }
        _ => return None,
    };
    Some(error().hint(hint))
}

/// A list where there is none.
fn comma(refusal: &Refusal<'_>) -> Option<Error> {
    let open = refusal.opened_by().filter(|open| refusal.written(*open) == "(");
    let sign = match open {
        Some(open) => refusal.written(open.wrapping_sub(1)),
        None => refusal.level().map(|index| refusal.written(index)).find(|sign| SET_SIGNS.contains(sign))?,
    };
    Some(match sign {
        "∈" | "∉" if open.is_some() => {
            let word = if sign == "∈" { "IN" } else { "NOT IN" };
            let error = refusal.error(format!("{sign} takes a set, this is a list"));
            error.hint(format!("write {word} (…), or a set like {{rust, sql}}"))
        }
        sign if SET_SIGNS.contains(&sign) => {
            let error = refusal.expected(format_args!("a set like {{rust, sql}} after {sign}"));
            error.hint("a set stands in braces: {rust, sql}")
        }
        _ => return None,
    })
}
