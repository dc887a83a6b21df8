use super::*;

fn path(steps: &[Step]) -> Path {
    Path(steps.iter().cloned().collect())
}

fn key(name: &str) -> Step {
    Step::Key(name.to_owned())
}

fn found<'j>(json: &'j str, steps: &[Step]) -> Option<&'j str> {
    path(steps).find(json)
}

#[test]
fn paths_give_slices_of_the_text() {
    let json = r#" { "a" : {"b":[1, "x]\"}", {"c":null}, [2,3]] }, "é\n": true, "a2" : -1.5e3 , "a":7} "#;
    assert_eq!(found(json, &[key("a"), key("b"), Step::Index(0)]), Some("1"));
    assert_eq!(found(json, &[key("a"), key("b"), Step::Index(1)]), Some(r#""x]\"}""#));
    assert_eq!(found(json, &[key("a"), key("b"), Step::Index(2)]), Some(r#"{"c":null}"#));
    assert_eq!(found(json, &[key("a"), key("b"), Step::Index(2), key("c")]), None);
    assert_eq!(found(json, &[key("a"), key("b"), Step::Index(3), Step::Index(1)]), Some("3"));
    assert_eq!(found(json, &[key("a"), key("b"), Step::Index(4)]), None);
    assert_eq!(found(json, &[key("é\n")]), Some("true"));
    assert_eq!(found(json, &[key("a2")]), Some("-1.5e3"));
    assert_eq!(found(json, &[key("none")]), None);
    assert_eq!(found(json, &[Step::Index(0)]), None);
    assert_eq!(found("[]", &[Step::Index(0)]), None);
    assert_eq!(found("{}", &[key("a")]), None);
    assert_eq!(found("[1]", &[Step::Index(u64::MAX)]), None);
}

#[test]
fn what_is_no_json_gives_nothing_and_does_not_end() {
    let torn = r#"{"a":{"b":[1,"x\u00e9"],"c":tru},"d":"#;
    for end in 0..torn.len() {
        let Some(part) = torn.get(..end) else { continue };
        for steps in [&[key("a"), key("b"), Step::Index(1)][..], &[key("d")], &[key("a"), key("c"), key("x")]]
        {
            let _ = found(part, steps);
        }
        let _ = (text(part), number(part), set(part), order_key(part), normal(Cow::Borrowed(part)));
        let _ = compare(part, torn, Comparison::Equal);
    }
    for odd in ["}", "]]", "{:}", "{,,}", "[,]", "\"", "\\", "{\"a\"}", "{\"a\":}", "{1:2}"] {
        let _ = (found(odd, &[key("a")]), found(odd, &[Step::Index(0)]), set(odd));
    }
}

#[test]
fn reads() {
    let read = |json: &'static str, ty| read(Datum::Json(Cow::Borrowed(json)), ty);
    assert_eq!(read("4", Type::Int), Datum::Int(4));
    assert_eq!(read("4.0", Type::Int), Datum::Int(4));
    assert_eq!(read("4e2", Type::Int), Datum::Int(400));
    assert_eq!(read("4.5", Type::Int), Datum::Null);
    assert_eq!(read("9223372036854775808", Type::Int), Datum::Null);
    assert_eq!(read("-9223372036854775808", Type::Int), Datum::Int(i64::MIN));
    assert_eq!(read("\"4\"", Type::Int), Datum::Null);
    assert_eq!(read("-0.0", Type::Float), Datum::Float(0.0));
    assert_eq!(read("1e999", Type::Float), Datum::Null);
    assert_eq!(read(r#""a\u0062\\""#, Type::Text), Datum::text("ab\\"));
    assert_eq!(read("true", Type::Bool), Datum::Bool(true));
    assert_eq!(read("1", Type::Bool), Datum::Null);
    assert_eq!(read("\"1970-01-01T00:00:01Z\"", Type::Time), Datum::Time(1_000_000));
    assert_eq!(read(r#"["b","a","b"]"#, Type::Set), Datum::Set(Members::of(vec!["a".into(), "b".into()])));
    assert_eq!(read(r#"["b",1]"#, Type::Set), Datum::Null);
    assert_eq!(read("[]", Type::Set), Datum::Set(Members::of(Vec::new())));
}

#[test]
fn numbers_are_ordered_exactly() {
    let numbers = [
        "-1e300",
        "-9223372036854775808",
        "-9007199254740993",
        "-9007199254740992",
        "-1.5",
        "-1",
        "0",
        "0.5",
        "1",
        "1.5",
        "9007199254740992",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "1e300",
    ];
    for (i, a) in numbers.iter().enumerate() {
        for (j, b) in numbers.iter().enumerate() {
            assert_eq!(number(a).unwrap().order(number(b).unwrap()), i.cmp(&j), "{a} {b}");
            assert_eq!(order(a, b), i.cmp(&j), "keys of {a} {b}");
        }
    }
    assert_eq!(order("4", "4.0"), Ordering::Equal);
    assert_eq!(order("-0.0", "0"), Ordering::Equal);
}

#[test]
fn kinds_are_ordered() {
    let values =
        ["false", "true", "-5", "3", "\"\"", "\"10\"", "\"9\"", "[1]", "[2]", "{\"a\":1}", "{\"b\":1}"];
    for (i, a) in values.iter().enumerate() {
        for (j, b) in values.iter().enumerate() {
            assert_eq!(order(a, b), i.cmp(&j), "{a} {b}");
        }
    }
}

#[test]
fn equal_values_have_one_normal_form() {
    let same = [
        (r#"{"b":1.0, "a":[ 1e1,"\u0061" ]}"#, r#"{"a":[10,"a"],"b":1}"#),
        (r#""\u0061""#, r#""a""#),
        ("-0", "0"),
        ("1.50", "1.5"),
        ("[ ]", "[]"),
    ];
    for (a, b) in same {
        assert_eq!(normal(Cow::Borrowed(a)), b);
        assert_eq!(normal(Cow::Borrowed(b)), b);
        assert_eq!(compare(a, b, Comparison::Equal), Some(true), "{a} {b}");
    }
    assert_eq!(compare("{}", "{\"a\":1}", Comparison::NotEqual), Some(true));
    assert_eq!(compare("{}", "{}", Comparison::Less), None);
    assert_eq!(compare("1", "\"1\"", Comparison::Equal), None);
}
