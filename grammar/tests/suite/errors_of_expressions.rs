//! Mistakes in expressions.

use crate::refuse;

#[test]
fn a_value_is_missing() {
    refuse("SELECT id FROM tasks WHERE", "expected an expression after WHERE, found the end", "", "");
    refuse("SELECT id FROM tasks WHERE x =", "expected an expression after `=`, found the end", "", "");
    refuse(
        "SELECT id FROM tasks WHERE x = GROUP BY x",
        "expected an expression after `=`, found `GROUP`",
        "GROUP",
        "",
    );
    refuse("SELECT id FROM tasks WHERE AND x", "expected an expression after WHERE, found `AND`", "AND", "");
    refuse("SELECT a FROM t WHERE NOT", "expected an expression after NOT, found the end", "", "");
    refuse("SELECT a FROM t WHERE a AND", "expected an expression after AND, found the end", "", "");
    refuse("SELECT a FROM t WHERE a OR OR b", "expected an expression after OR, found `OR`", "OR", "");
    refuse("SELECT a FROM t WHERE a + = b", "expected an expression after `+`, found `=`", "=", "");
    refuse(
        "SELECT a FROM t WHERE a = +5",
        "expected an expression after `=`, found `+`",
        "+",
        "a number has no `+` before it",
    );
    refuse(
        "SELECT a FROM t WHERE a = NOT b",
        "expected an expression after `=`, found `NOT`",
        "NOT",
        "NOT stands before a whole comparison: NOT a = b",
    );
    refuse(
        "SELECT a FROM t WHERE a = * b",
        "expected an expression after `=`, found `*`",
        "*",
        "`*` stands alone in a select list and in count(*)",
    );
    refuse("SELECT a FROM t WHERE ()", "expected an expression in the parentheses, found `)`", ")", "");
    refuse(
        "SELECT a FROM t WHERE a = [\"x\"]",
        "expected an expression after `=`, found `[`",
        "[",
        "lists are no values: a set is {rust, sql}, and IN takes (1, 2)",
    );
    refuse("SELECT a FROM t GROUP BY", "expected an expression after GROUP BY, found the end", "", "");
    refuse("SELECT a FROM t GROUP BY a HAVING", "expected an expression after HAVING, found the end", "", "");
    refuse(
        "SELECT a FROM t GROUP BY a,",
        "expected an expression after `,`, found the end",
        "",
        "no comma stands at the end of a list",
    );
    refuse("SELECT a FROM t ORDER BY ,", "expected an expression after ORDER BY, found `,`", ",", "");
    refuse(
        "SELECT f(a,) FROM t",
        "expected an expression after `,`, found `)`",
        ")",
        "no comma stands before `)`",
    );
    refuse("SELECT f(,a) FROM t", "expected an expression in the parentheses, found `,`", ",", "");
    refuse("SELECT count(DISTINCT) FROM t", "expected an expression after DISTINCT, found `)`", ")", "");
    refuse(
        "SELECT count(DISTINCT *) FROM t",
        "expected an expression after DISTINCT, found `*`",
        "*",
        "`*` stands alone in a select list and in count(*)",
    );
    refuse(
        "SELECT (SELECT 1 FROM t) FROM a",
        "expected an expression in the parentheses, found `SELECT`",
        "SELECT",
        "a select stands in FROM, after IN and after EXISTS, nowhere else",
    );
    refuse(
        "SELECT f(SELECT 1 FROM t) FROM a",
        "expected an expression in the parentheses, found `SELECT`",
        "SELECT",
        "a select stands in FROM, after IN and after EXISTS, nowhere else",
    );
}

#[test]
fn an_operator_is_missing_or_unknown() {
    refuse(
        "SELECT a FROM t WHERE x = 'a' 'b'",
        "expected an operator after `'a'`, found `'b'`",
        "'b'",
        "texts are joined by `||`; a `'` inside one is written twice",
    );
    refuse(
        "SELECT a FROM t WHERE x = \"open\" x",
        "expected an operator, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF, AND, OR or the end, found `x`",
        "x",
        "",
    );
    refuse(
        "SELECT a FROM t WHERE x ILIK 'a'",
        "expected an operator, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF, AND, OR or the end, found `ILIK`",
        "ILIK",
        "did you mean ILIKE?",
    );
    refuse(
        "SELECT a FROM t WHERE x MATCHS 'a'",
        "expected an operator, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF, AND, OR or the end, found `MATCHS`",
        "MATCHS",
        "did you mean MATCHES?",
    );
    refuse(
        "SELECT a FROM t WHERE x OVERLAP y",
        "expected an operator, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF, AND, OR or the end, found `OVERLAP`",
        "OVERLAP",
        "did you mean OVERLAPS?",
    );
    refuse(
        "SELECT a FROM t WHERE x SUBSETOF y",
        "expected an operator, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF, AND, OR or the end, found `SUBSETOF`",
        "SUBSETOF",
        "did you mean SUBSET OF?",
    );
    refuse(
        "SELECT a FROM t WHERE x BETWEN 1 AND 2",
        "expected an operator, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF, AND, OR or the end, found `BETWEN`",
        "BETWEN",
        "did you mean BETWEEN?",
    );
    refuse(
        "SELECT a FROM t WHERE x CONTAINS 'a'",
        "expected an operator after `x`, found `CONTAINS`",
        "CONTAINS",
        "write contains(text, part) for a text, a ⊇ b for sets",
    );
    refuse(
        "SELECT a FROM t WHERE x REGEXP 'a'",
        "expected an operator after `x`, found `REGEXP`",
        "REGEXP",
        "a pattern is tested with MATCHES",
    );
    refuse(
        "SELECT a FROM t WHERE x RLIKE 'a'",
        "expected an operator after `x`, found `RLIKE`",
        "RLIKE",
        "a pattern is tested with MATCHES",
    );
    refuse(
        "SELECT a FROM t WHERE x DIV 2",
        "expected an operator after `x`, found `DIV`",
        "DIV",
        "division is `/`",
    );
    refuse(
        "SELECT a FROM t WHERE x MOD 2",
        "expected an operator after `x`, found `MOD`",
        "MOD",
        "the remainder is `%`",
    );
    refuse(
        "SELECT a FROM t WHERE x ISNULL",
        "expected an operator after `x`, found `ISNULL`",
        "ISNULL",
        "write IS NULL",
    );
    refuse(
        "SELECT a FROM t WHERE x NOTNULL",
        "expected an operator after `x`, found `NOTNULL`",
        "NOTNULL",
        "write IS NOT NULL",
    );
    refuse(
        "SELECT a FROM t WHERE x EQUALS 2",
        "expected an operator after `x`, found `EQUALS`",
        "EQUALS",
        "equality is `=`",
    );
    refuse(
        "SELECT a FROM t WHERE time > timestamp '2026-01-01'",
        "expected an operator after `timestamp`, found `'2026-01-01'`",
        "'2026-01-01'",
        "a time is a text like '2026-01-19T14:25:00Z', a duration a word like 5d",
    );
    refuse("SELECT f(a b) FROM t", "expected an operator, `)`, `,`, AND or OR, found `b`", "b", "");
    refuse("SELECT a FROM t WHERE (a b)", "expected an operator, `)`, AND or OR, found `b`", "b", "");
    refuse(
        "SELECT a FROM t WHERE x 5",
        "expected an operator, GROUP BY, HAVING, ORDER BY, LIMIT, OFFSET, AS OF or the end, found `5`",
        "5",
        "",
    );
}

#[test]
fn comparisons() {
    refuse(
        "SELECT a FROM t WHERE x < 1 < 2",
        "comparisons do not chain",
        "<",
        "write `a < b AND b < c`, or put one comparison in parentheses",
    );
    refuse(
        "SELECT a FROM t WHERE 1 < x <= 2 AND y",
        "comparisons do not chain",
        "<=",
        "write `a < b AND b < c`, or put one comparison in parentheses",
    );
    refuse(
        "SELECT a FROM t WHERE x IS 5",
        "expected NULL or NOT NULL after IS, found `5`",
        "5",
        "other values are compared with = and !=",
    );
    refuse(
        "SELECT a FROM t WHERE x IS TRUE",
        "expected NULL or NOT NULL after IS, found `TRUE`",
        "TRUE",
        "other values are compared with = and !=",
    );
    refuse(
        "SELECT a FROM t WHERE x IS NOT 5",
        "expected NULL after IS NOT, found `5`",
        "5",
        "other values are compared with = and !=",
    );
    refuse(
        "SELECT a FROM t WHERE x NOT = 5",
        "expected IN, LIKE, ILIKE, MATCHES or BETWEEN after NOT, found `=`",
        "=",
        "write !=",
    );
    refuse(
        "SELECT a FROM t WHERE x NOT 5",
        "expected IN, LIKE, ILIKE, MATCHES or BETWEEN after NOT, found `5`",
        "5",
        "NOT stands in front of any other comparison: NOT a = b",
    );
    refuse(
        "SELECT a FROM t WHERE x NOT OVERLAPS y",
        "expected IN, LIKE, ILIKE, MATCHES or BETWEEN after NOT, found `OVERLAPS`",
        "OVERLAPS",
        "NOT stands in front of any other comparison: NOT a = b",
    );
    refuse(
        "SELECT a FROM t WHERE x NOT NULL",
        "expected IN, LIKE, ILIKE, MATCHES or BETWEEN after NOT, found `NULL`",
        "NULL",
        "write IS NOT NULL",
    );
    refuse(
        "SELECT a FROM t WHERE x LIKE",
        "expected a pattern like '%text%' after LIKE, found the end",
        "",
        "",
    );
    refuse(
        "SELECT a FROM t WHERE x ILIKE AND y",
        "expected a pattern like '%text%' after ILIKE, found `AND`",
        "AND",
        "",
    );
    refuse(
        "SELECT a FROM t WHERE x MATCHES",
        "expected a pattern like '^fix' after MATCHES, found the end",
        "",
        "",
    );
    refuse(
        "SELECT a FROM t WHERE x BETWEEN 1",
        "expected AND and the upper bound of BETWEEN, found the end",
        "",
        "x BETWEEN 1 AND 10",
    );
    refuse(
        "SELECT a FROM t WHERE x BETWEEN 1, 2",
        "expected AND and the upper bound of BETWEEN, found `,`",
        ",",
        "x BETWEEN 1 AND 10",
    );
    refuse(
        "SELECT a FROM t WHERE x BETWEEN 1 OR 2",
        "expected AND and the upper bound of BETWEEN, found `OR`",
        "OR",
        "x BETWEEN 1 AND 10",
    );
    refuse(
        "SELECT a FROM t WHERE x BETWEEN 1 AND",
        "expected an expression after AND, found the end",
        "",
        "",
    );
    refuse(
        "SELECT a FROM t WHERE x IN",
        "expected a list in parentheses or a set after IN, found the end",
        "",
        "x IN ('a', 'b') or 'a' IN labels",
    );
    refuse("SELECT a FROM t WHERE x IN ()", "the list after IN is empty", ")", "it holds at least one value");
    refuse(
        "SELECT a FROM t WHERE x IN (1,)",
        "expected an expression after `,`, found `)`",
        ")",
        "no comma stands before `)`",
    );
    refuse("SELECT a FROM t WHERE x IN (1", "this `(` is never closed", "(", "expected `)` before the end");
    refuse(
        "SELECT a FROM t WHERE x IN [1, 2]",
        "expected a list in parentheses or a set after IN, found `[`",
        "[",
        "x IN ('a', 'b') or 'a' IN labels",
    );
    refuse(
        "SELECT a FROM t WHERE x IN (a) ∪ b",
        "IN (…) is a list, `∪` goes on with a value",
        "∪",
        "a set in parentheses stands after ∈",
    );
    refuse(
        "SELECT a FROM t WHERE x ∈ (1, 2)",
        "∈ takes a set, this is a list",
        ",",
        "write IN (…), or a set like {rust, sql}",
    );
    refuse(
        "SELECT a FROM t WHERE x ∉ ('a', 'b')",
        "∉ takes a set, this is a list",
        ",",
        "write NOT IN (…), or a set like {rust, sql}",
    );
    refuse(
        "SELECT a FROM t WHERE x ∈ (SELECT a FROM t)",
        "expected an expression in the parentheses, found `SELECT`",
        "SELECT",
        "a select stands after IN: x IN (SELECT …)",
    );
    refuse("SELECT a FROM t WHERE a SUBSET b", "expected OF after SUBSET, found `b`", "b", "");
    refuse(
        "SELECT a FROM t WHERE a PROPER b",
        "expected SUBSET OF or SUPERSET OF after PROPER, found `b`",
        "b",
        "",
    );
    refuse("SELECT a FROM t WHERE a PROPER SUBSET b", "expected OF after SUBSET, found `b`", "b", "");
}

#[test]
fn sets() {
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆",
        "expected a set like {rust, sql} after ⊆, found the end",
        "",
        "",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps <@",
        "expected a set like {rust, sql} after <@, found the end",
        "",
        "",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps SUPERSET OF",
        "expected a set like {rust, sql} after SUPERSET OF, found the end",
        "",
        "",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps OVERLAPS",
        "expected a set like {rust, sql} after OVERLAPS, found the end",
        "",
        "",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps && AND x",
        "expected a set like {rust, sql} after &&, found `AND`",
        "AND",
        "",
    );
    refuse("SELECT a ∪ FROM t", "expected a set like {rust, sql} after ∪, found `FROM`", "FROM", "");
    refuse("SELECT a FROM t WHERE a ∩ = b", "expected a set like {rust, sql} after ∩, found `=`", "=", "");
    refuse("SELECT a FROM t WHERE a \\ )", "expected a set like {rust, sql} after \\, found `)`", ")", "");
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ [rust]",
        "expected a set like {rust, sql} after ⊆, found `[`",
        "[",
        "a set stands in braces: {rust, sql}",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ rust, sql",
        "expected a set like {rust, sql} after ⊆, found `,`",
        ",",
        "a set stands in braces: {rust, sql}",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ ('rust', 'sql')",
        "expected a set like {rust, sql} after ⊆, found `,`",
        ",",
        "a set stands in braces: {rust, sql}",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {rust, 5}",
        "expected a member, found `5`",
        "5",
        "members that are no plain words are quoted: '5'",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {5m}",
        "expected a member, found `5m`",
        "5m",
        "members that are no plain words are quoted: '5m'",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {rust, }",
        "expected a member, found `}`",
        "}",
        "a set is written like {rust, sql}",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {,}",
        "expected a member, found `,`",
        ",",
        "a set is written like {rust, sql}",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {rust sql}",
        "expected `,` or `}`, found `sql`",
        "sql",
        "members are separated by commas: {rust, sql}",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {rust; sql}",
        "expected `,` or `}`, found `;`",
        ";",
        "members are separated by commas: {rust, sql}",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {type-check}",
        "expected `,` or `}`, found `-`",
        "-",
        "members that are no plain words are quoted: 'type-check'",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {rust, node.js, sql}",
        "expected `,` or `}`, found `.`",
        ".",
        "members that are no plain words are quoted: 'node.js'",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {c++}",
        "expected `,` or `}`, found `+`",
        "+",
        "members that are no plain words are quoted: 'c++'",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {'a'-b}",
        "expected `,` or `}`, found `-`",
        "-",
        "members that are no plain words are quoted, like 'c++'",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {\"c++\"}",
        "expected a member, found `\"c++\"`",
        "\"c++\"",
        "a text stands in single quotes: 'c++'",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {rust \"c\"}",
        "expected a member, found `\"c\"`",
        "\"c\"",
        "a text stands in single quotes: 'c'",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {$a}",
        "expected a member, found `$a`",
        "$a",
        "a parameter can be a whole set: caps ⊆ $caps",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {rust",
        "this `{` is never closed",
        "{",
        "expected `}` before the end",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {",
        "this `{` is never closed",
        "{",
        "expected `}` before the end",
    );
    refuse(
        "SELECT id FROM tasks WHERE caps ⊆ {rust, {sql}}",
        "expected a member, found `{`",
        "{",
        "a set is written like {rust, sql}",
    );
}

#[test]
fn paths() {
    refuse(
        "SELECT a FROM t WHERE a.",
        "expected a key after `.`, found the end",
        "",
        "an odd key is written ['odd key']",
    );
    refuse(
        "SELECT a FROM t WHERE a.'b' = 1",
        "expected a key after `.`, found `'b'`",
        "'b'",
        "an odd key is written ['odd key']",
    );
    refuse(
        "SELECT a FROM t WHERE a.1 = 1",
        "expected a key after `.`, found `1`",
        "1",
        "an odd key is written ['odd key']",
    );
    refuse(
        "SELECT a FROM t WHERE a[-1] = 2",
        "expected a place like [0] or a key like ['name'], found `-`",
        "-",
        "places are counted from the start, from 0",
    );
    refuse(
        "SELECT a FROM t WHERE a[x] = 2",
        "expected a place like [0] or a key like ['name'], found `x`",
        "x",
        "a key is quoted: ['x']",
    );
    refuse(
        "SELECT a FROM t WHERE a[\"x\"] = 2",
        "expected a place like [0] or a key like ['name'], found `\"x\"`",
        "\"x\"",
        "a text stands in single quotes: 'x'",
    );
    refuse(
        "SELECT a FROM t WHERE a[] = 2",
        "expected a place like [0] or a key like ['name'], found `]`",
        "]",
        "",
    );
    refuse("SELECT a FROM t WHERE a[1 = 2", "expected `]` after `1`, found `=`", "=", "");
    refuse("SELECT a FROM t WHERE a[1", "this `[` is never closed", "[", "expected `]` before the end");
    refuse(
        "SELECT a FROM t WHERE a[0:2] = 2",
        "`:` means nothing here",
        ":",
        "parameters are written $1 or $name; there are no JSON literals",
    );
}

#[test]
fn brackets() {
    refuse(
        "SELECT id FROM tasks WHERE (a = 1",
        "this `(` is never closed",
        "(",
        "expected `)` before the end",
    );
    refuse(
        "SELECT id FROM tasks WHERE ((a = 1) AND b",
        "this `(` is never closed",
        "(",
        "expected `)` before the end",
    );
    refuse("SELECT id FROM tasks WHERE a = 1)", "this `)` closes nothing", ")", "");
    refuse("SELECT count(* FROM t", "expected `)` after `*`, found `FROM`", "FROM", "");
    refuse("SELECT count(a FROM t", "expected an operator, `)`, `,`, AND or OR, found `FROM`", "FROM", "");
    refuse("SELECT a FROM t WHERE f(", "expected an expression in the parentheses, found the end", "", "");
    refuse("SELECT a FROM t WHERE (a]", "expected an operator or `)`, found `]`", "]", "");
}

#[test]
fn case_cast_exists() {
    refuse("SELECT CASE FROM t", "expected an expression after CASE, found `FROM`", "FROM", "");
    refuse(
        "SELECT CASE WHEN a THEN b FROM t",
        "expected WHEN, ELSE or END in CASE, found `FROM`",
        "FROM",
        "CASE WHEN condition THEN value ELSE value END",
    );
    refuse(
        "SELECT CASE a ELSE 1 END FROM t",
        "expected WHEN after CASE, found `ELSE`",
        "ELSE",
        "CASE WHEN condition THEN value ELSE value END",
    );
    refuse(
        "SELECT CASE WHEN a ELSE 1 END FROM t",
        "expected THEN after the condition of WHEN, found `ELSE`",
        "ELSE",
        "CASE WHEN condition THEN value ELSE value END",
    );
    refuse(
        "SELECT CASE WHEN a THEN 1 ELSE 2 FROM t",
        "expected END after the ELSE of CASE, found `FROM`",
        "FROM",
        "CASE WHEN condition THEN value ELSE value END",
    );
    refuse("SELECT CASE WHEN a THEN END FROM t", "expected an expression after THEN, found `END`", "END", "");
    refuse("SELECT CASE END FROM t", "expected an expression after CASE, found `END`", "END", "");
    refuse(
        "SELECT CAST(a, int) FROM t",
        "expected AS and a type in CAST, found `,`",
        ",",
        "CAST(data.count AS int)",
    );
    refuse("SELECT CAST(a AS) FROM t", "expected a type after AS, found `)`", ")", "CAST(data.count AS int)");
    refuse(
        "SELECT CAST(a AS 'int') FROM t",
        "expected a type after AS, found `'int'`",
        "'int'",
        "CAST(data.count AS int)",
    );
    refuse("SELECT CAST a AS int FROM t", "expected `(` after CAST, found `a`", "a", "");
    refuse(
        "SELECT CAST(a AS decimal(5, 2)) FROM t",
        "expected `)` after the type, found `(`",
        "(",
        "a type is one word: CAST(data.count AS int)",
    );
    refuse(
        "SELECT a FROM t WHERE EXISTS SELECT 1 FROM t",
        "expected `(` after EXISTS, found `SELECT`",
        "SELECT",
        "",
    );
    refuse(
        "SELECT a FROM t WHERE EXISTS (t)",
        "expected SELECT after EXISTS (, found `t`",
        "t",
        "EXISTS (SELECT id FROM tasks WHERE …)",
    );
    refuse("SELECT a FROM t WHERE EXISTS", "expected `(` after EXISTS, found the end", "", "");
}

#[test]
fn reserved_words_as_names() {
    refuse(
        "SELECT order FROM tasks",
        "`order` is a reserved word",
        "order",
        "as a name it is quoted: \"order\"",
    );
    refuse("SELECT id, end FROM tasks", "`end` is a reserved word", "end", "as a name it is quoted: \"end\"");
    refuse(
        "SELECT a FROM t WHERE order = 1",
        "`order` is a reserved word",
        "order",
        "as a name it is quoted: \"order\"",
    );
    refuse(
        "SELECT a FROM t WHERE x = from",
        "`from` is a reserved word",
        "from",
        "as a name it is quoted: \"from\"",
    );
    refuse(
        "SELECT a FROM t WHERE group.id = 1",
        "`group` is a reserved word",
        "group",
        "as a name it is quoted: \"group\"",
    );
    refuse(
        "SELECT a FROM t ORDER BY order DESC",
        "`order` is a reserved word",
        "order",
        "as a name it is quoted: \"order\"",
    );
    refuse(
        "SELECT a FROM t GROUP BY group",
        "`group` is a reserved word",
        "group",
        "as a name it is quoted: \"group\"",
    );
    refuse(
        "SELECT f(left, b) FROM t",
        "`left` is a reserved word",
        "left",
        "as a name it is quoted: \"left\"",
    );
    refuse(
        "SELECT a FROM t WHERE left(a, 2) = 'x'",
        "`left` is a reserved word, no function",
        "left",
        "substr(text, 1, n) gives the first n",
    );
    refuse("SELECT a FROM t WHERE join(a, 2) = 'x'", "`join` is a reserved word, no function", "join", "");
    refuse(
        "SELECT a FROM t WHERE limit IS NULL",
        "`limit` is a reserved word",
        "limit",
        "as a name it is quoted: \"limit\"",
    );
    refuse(
        "SELECT with + 1 AS x FROM t",
        "`with` is a reserved word",
        "with",
        "as a name it is quoted: \"with\"",
    );
}
