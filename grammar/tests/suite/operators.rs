//! Every operator and every way to write it.

use crate::{check, check_predicate};

#[test]
fn signs_and_their_twins() {
    let twins: [(&str, &[&str]); 30] = [
        ("Multiply", &["*"]),
        ("Divide", &["/"]),
        ("Modulo", &["%"]),
        ("Add", &["+"]),
        ("Subtract", &["-", "−"]),
        ("Concat", &["||"]),
        ("Intersect", &["∩", "&"]),
        ("Union", &["∪", "|"]),
        ("Difference", &["∖", "\\"]),
        ("Equal", &["="]),
        ("NotEqual", &["!=", "<>", "≠"]),
        ("Less", &["<"]),
        ("LessOrEqual", &["<=", "≤"]),
        ("Greater", &[">"]),
        ("GreaterOrEqual", &[">=", "≥"]),
        ("Subset", &["⊆", "<@", "SUBSET OF", "subset\nof"]),
        ("Superset", &["⊇", "@>", "SUPERSET OF"]),
        ("ProperSubset", &["⊂", "PROPER SUBSET OF"]),
        ("ProperSuperset", &["⊃", "PROPER SUPERSET OF", "Proper -- and\n Superset Of"]),
        ("In", &["∈", "IN"]),
        ("NotIn", &["∉", "NOT IN"]),
        ("Overlaps", &["OVERLAPS", "&&"]),
        ("Like", &["LIKE"]),
        ("NotLike", &["NOT LIKE"]),
        ("ILike", &["ILIKE"]),
        ("NotILike", &["NOT ILIKE"]),
        ("Matches", &["MATCHES"]),
        ("NotMatches", &["NOT MATCHES"]),
        ("And", &["AND", "and"]),
        ("Or", &["OR", "or"]),
    ];
    for (op, signs) in twins {
        for sign in signs {
            check_predicate(&format!("a {sign} b"), &format!("({op} a b)"));
            check_predicate(&format!("$a {sign} {{x}}"), &format!("({op} Named(\"a\") {{\"x\"}})"));
            if sign.starts_with(|first: char| !first.is_ascii_alphabetic()) {
                check_predicate(&format!("a{sign}b"), &format!("({op} a b)"));
            }
        }
    }
}

#[test]
fn the_longest_sign_wins() {
    check_predicate("a<@b", "(Subset a b)");
    check_predicate("a<b", "(Less a b)");
    check_predicate("a<-b", "(Less a (Minus b))");
    check_predicate("a&&b", "(Overlaps a b)");
    check_predicate("a&b", "(Intersect a b)");
    check_predicate("a||b", "(Concat a b)");
    check_predicate("a|b", "(Union a b)");
    check_predicate("a<=b", "(LessOrEqual a b)");
    check_predicate("a<>b", "(NotEqual a b)");
    check_predicate("a@>b", "(Superset a b)");
    check_predicate("a>=-1", "(GreaterOrEqual a (Minus 1))");
}

#[test]
fn prefixes() {
    check_predicate("-a", "(Minus a)");
    check_predicate("−a", "(Minus a)");
    check_predicate("- - a", "(Minus (Minus a))");
    check_predicate("NOT a", "(Not a)");
    check_predicate("not NOT a", "(Not (Not a))");
    check_predicate("1 --2\n- 3", "(Subtract 1 3)");
}

#[test]
fn between() {
    check_predicate("a BETWEEN 1 AND 2", "(between a 1 2)");
    check_predicate("a NOT BETWEEN 1 AND 2", "(not_between a 1 2)");
    check_predicate("a BETWEEN 1 AND 2 AND b", "(And (between a 1 2) b)");
    check_predicate("a + 1 BETWEEN b - 1 AND b + 1", "(between (Add a 1) (Subtract b 1) (Add b 1))");
}

#[test]
fn membership() {
    check_predicate("a IN (1)", "(in a [1])");
    check_predicate("a IN (1, b, 'c')", "(in a [1, b, 'c'])");
    check_predicate("a NOT IN (1, 2)", "(not_in a [1, 2])");
    check_predicate("a IN (b)", "(in a [b])");
    check_predicate("a IN (b AND c, NOT d)", "(in a [(And b c), (Not d)])");
    check_predicate("a IN labels", "(In a labels)");
    check_predicate("a NOT IN labels ∪ {x}", r#"(NotIn a (Union labels {"x"}))"#);
    check_predicate("a IN {x, y}", r#"(In a {"x", "y"})"#);
    check_predicate("a IN $set", r#"(In a Named("set"))"#);
    check_predicate("a ∈ (b ∪ c)", "(In a (Union b c))");
    check_predicate("a IN (SELECT b FROM t)", "(in a (select [b] (from t)))");
    check_predicate("a NOT IN (SELECT b FROM t WHERE c)", "(not_in a (select [b] (from t) (where c)))");
}

#[test]
fn null_tests_and_exists() {
    check_predicate("a IS NULL", "(null a)");
    check_predicate("a IS NOT NULL", "(not_null a)");
    check_predicate("a + 1 IS NULL", "(null (Add a 1))");
    check_predicate("EXISTS (SELECT a FROM t)", "(exists (select [a] (from t)))");
    check_predicate("NOT EXISTS (SELECT a FROM t) AND b", "(And (Not (exists (select [a] (from t)))) b)");
}

#[test]
fn paths() {
    check_predicate("data.task.title", "(path data .task.title)");
    check_predicate("metadata.labels[0]", "(path metadata .labels[0])");
    check_predicate("data['odd key']", r#"(path data ["odd key"])"#);
    check_predicate("data['it''s'][2].x", r#"(path data ["it's"][2].x)"#);
    check_predicate("a . b [ 0 ]", "(path a .b[0])");
    check_predicate("f(x).y", "(path (f() [x]) .y)");
    check_predicate("$p.y", r#"(path Named("p") .y)"#);
    check_predicate("(a).b", "(path a .b)");
    check_predicate("(a.b).c", "(path (path a .b) .c)");
    check_predicate("(a || b)[0]", "(path (Concat a b) [0])");
    check_predicate("data.type.select", "(path data .type.select)");
}

#[test]
fn case_and_cast() {
    check_predicate("CASE WHEN a THEN 1 END", "(case (a => 1))");
    check_predicate("CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END", "(case (a => 1) (b => 2) (else 3))");
    check_predicate("CASE x WHEN 1 THEN 'one' ELSE 'other' END", "(case x (1 => 'one') (else 'other'))");
    check_predicate("CASE CASE WHEN a THEN b END WHEN c THEN d END", "(case (case (a => b)) (c => d))");
    check_predicate(
        "CASE WHEN a = 1 OR b THEN c AND d END = e",
        "(Equal (case ((Or (Equal a 1) b) => (And c d))) e)",
    );
    check_predicate("CAST(a + 1 AS text)", "(cast (Add a 1) text)");
    check_predicate("CAST(a AND b AS bool).x", "(path (cast (And a b) bool) .x)");
}

#[test]
fn they_stand_in_every_clause() {
    check(
        "SELECT a ∪ b AS u FROM t JOIN s ON a && b WHERE a <@ b GROUP BY a || b HAVING a IS NULL ORDER BY -a",
        "(select [(Union a b) as u] (from t (inner s (on (Overlaps a b)))) (where (Subset a b)) group_by [(Concat a b)] \
         (having (null a)) (order_by [(Minus a)]))",
    );
}
