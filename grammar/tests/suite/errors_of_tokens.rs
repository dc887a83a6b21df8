//! Mistakes within one token: texts that never end, signs of other languages, odd numbers.

use crate::refuse;
use agentpm_grammar::parse;

#[test]
fn texts_and_names_that_never_end() {
    refuse(
        "SELECT a FROM t WHERE x =\n  'never ends\n AND b",
        "the text that begins here never ends",
        "'never ends",
        "close it with `'`; a `'` inside is written twice",
    );
    refuse(
        "SELECT a FROM t WHERE x = 'it''s",
        "the text that begins here never ends",
        "'it''s",
        "close it with `'`; a `'` inside is written twice",
    );
    refuse(
        "SELECT a FROM t WHERE x = '",
        "the text that begins here never ends",
        "'",
        "close it with `'`; a `'` inside is written twice",
    );
    refuse(
        "SELECT \"a FROM t",
        "the name that begins here never ends",
        "\"a FROM t",
        "close it with `\"`; a `\"` inside is written twice",
    );
    refuse(
        "SELECT \"a\"\" FROM t",
        "the name that begins here never ends",
        "\"a\"\" FROM t",
        "close it with `\"`; a `\"` inside is written twice",
    );
    refuse(
        "SELECT \"\" FROM t",
        "a name has at least one character",
        "\"\"",
        "an empty text stands in single quotes: ''",
    );
}

#[test]
fn signs_of_other_languages() {
    refuse("SELECT a FROM t WHERE x == 1", "`==` is no operator", "==", "equality is a single `=`");
    refuse("SELECT a FROM t WHERE x === 1", "`===` is no operator", "===", "equality is a single `=`");
    refuse("SELECT a FROM t WHERE x !== 1", "`!==` is no operator", "!==", "inequality is `!=`");
    refuse(
        "SELECT a FROM t WHERE x = = 1",
        "expected an expression after `=`, found `=`",
        "=",
        "equality is a single `=`",
    );
    refuse("SELECT a FROM t WHERE x =< 1", "`=<` is no operator", "=<", "write `<=`");
    refuse("SELECT a FROM t WHERE x => 1", "`=>` is no operator", "=>", "write `>=`");
    refuse(
        "SELECT a FROM t WHERE x < = 1",
        "expected an expression after `<`, found `=`",
        "=",
        "`<=` is written without a blank",
    );
    refuse(
        "SELECT a FROM t WHERE x > = 1",
        "expected an expression after `>`, found `=`",
        "=",
        "`>=` is written without a blank",
    );
    refuse(
        "SELECT a FROM t WHERE x <=> 1",
        "`<=>` is no operator",
        "<=>",
        "a comparison that treats null as a value is written with IS NULL",
    );
    refuse("SELECT a FROM t WHERE x := 1", "`:=` is no operator", ":=", "equality is a single `=`");
    refuse("SELECT a FROM t WHERE x ~ 'a'", "`~` is no operator", "~", "a pattern is tested with MATCHES");
    refuse("SELECT a FROM t WHERE x =~ 'a'", "`=~` is no operator", "=~", "a pattern is tested with MATCHES");
    refuse(
        "SELECT a FROM t WHERE x !~ 'a'",
        "`!~` is no operator",
        "!~",
        "a pattern is tested with NOT MATCHES",
    );
    refuse("SELECT a FROM t WHERE !x", "`!` is no operator", "!", "write NOT");
    refuse("SELECT a FROM t WHERE a &&& b", "`&&&` is no operator", "&&&", "`&&` is OVERLAPS, `&` is ∩");
    refuse("SELECT a FROM t WHERE a ||| b", "`|||` is no operator", "|||", "`||` joins texts, `|` is ∪");
    refuse("SELECT a ^ 2 FROM t", "`^` is no operator", "^", "powers are not part of PQL");
    refuse("SELECT data->'a' FROM t", "`->` is no operator", "->", "a path into JSON is written `data.key`");
    refuse(
        "SELECT data->>'a' FROM t",
        "`->>` is no operator",
        "->>",
        "a path into JSON is written `data.key`",
    );
    refuse("SELECT a::int FROM t", "`::` is no operator", "::", "write CAST(e AS type)");
    refuse("SELECT a FROM t WHERE x = ?", "`?` is no parameter", "?", "parameters are written $1 or $name");
    refuse(
        "SELECT a FROM t WHERE x = :name",
        "`:` means nothing here",
        ":",
        "parameters are written $1 or $name; there are no JSON literals",
    );
    refuse(
        "SELECT a FROM t WHERE x = @name",
        "`@` is no operator",
        "@",
        "subset is `<@`, superset is `@>`; parameters are written $1 or $name",
    );
    refuse(
        "SELECT a FROM t WHERE a = {'x': 1}",
        "`:` means nothing here",
        ":",
        "parameters are written $1 or $name; there are no JSON literals",
    );
    refuse(
        "SELECT a /* why */ FROM t",
        "`/*` does not start a comment",
        "/*",
        "a comment runs from `--` to the end of its line",
    );
    refuse(
        "SELECT a # why",
        "`#` does not start a comment",
        "#",
        "a comment runs from `--` to the end of its line",
    );
}

#[test]
fn characters_that_mean_nothing() {
    refuse(
        "SELECT a FROM t WHERE x = ‘open’",
        "the character `‘` means nothing here",
        "‘",
        "a text stands in straight quotes: 'text'",
    );
    refuse(
        "SELECT a FROM t WHERE x = “open”",
        "the character `“` means nothing here",
        "“",
        "a text stands in straight single quotes: 'text'; a name in double ones: \"name\"",
    );
    refuse(
        "SELECT `a` FROM t",
        "a backtick means nothing here",
        "`",
        "an odd name stands in double quotes: \"name\"",
    );
    refuse(
        "SELECT naïve FROM t",
        "the character `ï` means nothing here",
        "ï",
        "names and members outside ASCII are quoted: \"name\", {'member'}",
    );
    refuse(
        "SELECT a FROM t WHERE caps ⊆ {日本}",
        "the character `日` means nothing here",
        "日",
        "names and members outside ASCII are quoted: \"name\", {'member'}",
    );
    refuse("SELECT a × b FROM t", "the character `×` means nothing here", "×", "multiplication is `*`");
    refuse("SELECT a ÷ b FROM t", "the character `÷` means nothing here", "÷", "division is `/`");
    refuse("SELECT a – b FROM t", "the character `–` means nothing here", "–", "minus is `-`");
    refuse("SELECT a FROM t WHERE ¬a", "the character `¬` means nothing here", "¬", "write NOT");
    refuse("SELECT a FROM t WHERE a ∧ b", "the character `∧` means nothing here", "∧", "write AND");
    refuse("SELECT a FROM t WHERE a ∨ b", "the character `∨` means nothing here", "∨", "write OR");
    refuse("SELECT a FROM t WHERE a ⊄ b", "the character `⊄` means nothing here", "⊄", "write NOT a ⊆ b");
    refuse("SELECT a FROM t WHERE a ⊉ b", "the character `⊉` means nothing here", "⊉", "write NOT a ⊇ b");
    refuse("SELECT a FROM t WHERE a = ∅", "the character `∅` means nothing here", "∅", "the empty set is {}");
    refuse("SELECT a FROM t WHERE a = 🦀", "the character `🦀` means nothing here", "🦀", "");
}

#[test]
fn numbers_and_durations() {
    refuse("SELECT 5min FROM t", "unknown duration unit `min`", "min", "did you mean `5m`?");
    refuse("SELECT 2hours FROM t", "unknown duration unit `hours`", "hours", "did you mean `2h`?");
    refuse("SELECT 3days FROM t", "unknown duration unit `days`", "days", "did you mean `3d`?");
    refuse("SELECT 10msec FROM t", "unknown duration unit `msec`", "msec", "did you mean `10ms`?");
    refuse("SELECT 1week FROM t", "unknown duration unit `week`", "week", "did you mean `1w`?");
    refuse("SELECT 5sec FROM t", "unknown duration unit `sec`", "sec", "did you mean `5s`?");
    refuse("SELECT 5y FROM t", "unknown duration unit `y`", "y", "the units are ms, s, m, h, d and w");
    refuse("SELECT 5x1 FROM t", "unknown duration unit `x1`", "x1", "the units are ms, s, m, h, d and w");
    refuse("SELECT 0x10 FROM t", "`0x10` is no number", "0x10", "numbers are written in decimal");
    refuse("SELECT 5. FROM t", "`5.` is no number", "5.", "write 5.0");
    refuse("SELECT 15M FROM t", "unknown duration unit `M`", "15M", "units are lower case: `m`");
    refuse("SELECT 5MS FROM t", "unknown duration unit `MS`", "5MS", "units are lower case: `ms`");
    refuse(
        "SELECT 1.5s FROM t",
        "`1.5s` is no number",
        "1.5s",
        "a duration is whole: write 1500ms, not 1.5s",
    );
    refuse("SELECT 1_000 FROM t", "`1_000` is no number", "1_000", "digits are written without `_`");
    refuse(
        "SELECT 1e5x FROM t",
        "`1e5x` is no number",
        "1e5x",
        "a duration is whole: write 1500ms, not 1.5s",
    );
    refuse(
        "SELECT 2abc.d FROM t",
        "unknown duration unit `abc`",
        "abc",
        "the units are ms, s, m, h, d and w",
    );
    refuse("SELECT .5 FROM t", "expected an expression after SELECT, found `.`", ".", "write 0.5");
    refuse(
        "SELECT 15 m FROM t",
        "expected FROM after the select list, found `m`",
        "m",
        "a duration is one word: 15m",
    );
    refuse(
        "SELECT a FROM t WHERE age > 15 m",
        "expected an operator after `15`, found `m`",
        "m",
        "a duration is one word: 15m",
    );
}

#[test]
fn parameters() {
    refuse("SELECT $ FROM t", "`$` is no parameter", "$", "parameters are written $1 or $name");
    refuse("SELECT $1a FROM t", "`$1a` is no parameter", "$1a", "parameters are written $1 or $name");
    refuse("SELECT $-1 FROM t", "`$` is no parameter", "$", "parameters are written $1 or $name");
    refuse("SELECT ${a} FROM t", "`$` is no parameter", "$", "parameters are written $1 or $name");
    refuse("SELECT $\"a\" FROM t", "`$` is no parameter", "$", "parameters are written $1 or $name");
}

/// An error repeats a little of what is wrong, however long that is.
#[test]
fn long_tokens_are_cut() {
    let long = "x".repeat(10_000);
    for text in [
        format!("SELECT next_task AS OF '{long}'"),
        format!("CLAIM next_task FOR {long}"),
        format!("CLAIM next_task FOR \"{long}\""),
        format!("SELECT a FROM t WHERE {long} 'a'"),
        format!("SELECT a FROM t WHERE a.b '{long}'"),
        format!("SELECT 1{long} FROM t"),
        format!("SELECT 1.5{long} FROM t"),
        format!("SELECT $1{long} FROM t"),
        format!("SELECT a[{long}] FROM t"),
        format!("SELECT a {long}, b FROM t"),
        format!("SELECT a FROM t WHERE a <@ {{{long}-{long}}}"),
        format!("SELECT a FROM t {long} {long}"),
        format!("SHOW {long}"),
        format!("DESCRIBE {long} {long}"),
        long.clone(),
    ] {
        let error = parse(&text).expect_err("an error");
        let said = error.message.len() + error.hint.as_deref().unwrap_or_default().len();
        assert!(said < 400, "{said} bytes: {error}");
    }
}

/// Words that go on with an expression in other languages.
#[test]
fn foreign_words() {
    refuse(
        "SELECT a FROM t WHERE x LIKE 'a' ESCAPE '!'",
        "there is no ESCAPE in PQL",
        "ESCAPE",
        "in a pattern `\\` takes the character after it as it is",
    );
    refuse(
        "SELECT a FROM t WHERE x COLLATE y",
        "there is no COLLATE in PQL",
        "COLLATE",
        "texts are compared by their bytes; ILIKE does not look at the case",
    );
}
