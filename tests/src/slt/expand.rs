//! What cannot stand in a file of statements, or would fill it.

/// A statement with its marks carried out:
///
/// | mark | is |
/// |---|---|
/// | `«tab»` `«cr»` `«lf»` `«nul»` `«nbsp»` | that character |
/// | `«3×ab»` | `ababab` |
/// | `«fill 65536»` | as many `x` as make the statement so many bytes long |
///
/// # Panics
/// When a mark is none of these.
#[must_use]
pub(crate) fn expand(statement: &str) -> String {
    let mut out = String::new();
    let mut fill = None;
    let mut rest = statement;
    while let Some((before, after)) = rest.split_once('«') {
        out.push_str(before);
        let (mark, after) = after.split_once('»').expect("a mark ends with »");
        rest = after;
        match (mark, mark.split_once('×')) {
            ("tab", _) => out.push('\t'),
            ("cr", _) => out.push('\r'),
            ("lf", _) => out.push('\n'),
            ("nul", _) => out.push('\0'),
            ("nbsp", _) => out.push('\u{a0}'),
            (_, Some((times, unit))) => out.push_str(&unit.repeat(number(times))),
            _ => {
                let bytes = mark.strip_prefix("fill ").unwrap_or_else(|| panic!("«{mark}» is no mark"));
                fill = Some((out.len(), number(bytes)));
            }
        }
    }
    out.push_str(rest);
    if let Some((at, bytes)) = fill {
        let missing = bytes.checked_sub(out.len()).expect("there is something to fill");
        out.insert_str(at, &"x".repeat(missing));
    }
    out
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

#[test]
fn marks_are_carried_out() {
    assert_eq!(expand("a«tab»b«3×(»c"), "a\tb(((c");
    assert_eq!(expand("'«fill 10»' 1"), "'xxxxxx' 1");
    assert_eq!(expand("⊆ «2×é»"), "⊆ éé");
}
