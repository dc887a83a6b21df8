//! Where statements end: what is typed may be several, or not yet one.

/// What stands in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split<'t> {
    /// Statements that a `;` ended, without it.
    pub(super) ended: Vec<&'t str>,
    /// What comes after the last of them; empty when that is blanks and comments only.
    pub(super) rest: &'t str,
    /// Whether a text, a quoted name or a bracket is still open at the end.
    open: bool,
}

/// Parts a text at each `;` that is in no text, no quoted name and no comment.
pub(super) fn split(text: &str) -> Split<'_> {
    let (mut ended, mut begins, mut last) = (Vec::new(), 0, 0);
    let (mut quote, mut brackets) = (None, 0_usize);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            // A quote that is written twice closes and opens again.
            (Some(open), c) => quote = (c != open).then_some(open),
            (None, '\'' | '"') => quote = Some(c),
            (None, '-') if chars.peek().is_some_and(|(_, next)| *next == '-') => {
                while chars.next_if(|(_, c)| *c != '\n').is_some() {}
                continue;
            }
            (None, ';') => {
                let statement = text[begins..at].trim();
                if last > begins {
                    ended.push(statement);
                }
                begins = at + 1;
                last = begins;
                brackets = 0;
                continue;
            }
            (None, c) if c.is_whitespace() => continue,
            (None, '(' | '[' | '{') => brackets += 1,
            (None, ')' | ']' | '}') => brackets = brackets.saturating_sub(1),
            (None, _) => {}
        }
        last = at + c.len_utf8();
    }
    Split { ended, rest: text[begins..last.max(begins)].trim_start(), open: quote.is_some() || brackets > 0 }
}

/// Whether Enter sends what was typed: commands, statements that a `;` ends, one that is whole, and one that is wrong
/// already; not one that may go on. An empty line sends whatever there is.
pub(super) fn is_complete(text: &str) -> bool {
    let Split { rest, open, .. } = split(text);
    let on_an_empty_line = text.rsplit_once('\n').is_some_and(|(_, line)| line.trim().is_empty());
    if text.trim_start().starts_with('\\') || rest.is_empty() || on_an_empty_line {
        return true;
    }
    match grammar::parse(rest) {
        _ if open => false,
        Ok(_) => true,
        // What is missing is missing at the end; anything else will not become right by going on.
        Err(error) => error.span.start < rest.len(),
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn statements_are_parted() {
        let parted = |text| {
            let Split { ended, rest, .. } = split(text);
            (ended, rest)
        };
        assert_eq!(parted("SELECT 1; SELECT ';' ;\n SELECT"), (vec!["SELECT 1", "SELECT ';'"], "SELECT"));
        assert_eq!(parted("SELECT 1 -- a; b\n + 1;"), (vec!["SELECT 1 -- a; b\n + 1"], ""));
        assert_eq!(parted("SELECT \"a;b\" FROM t"), (vec![], "SELECT \"a;b\" FROM t"));
        assert_eq!(parted(";; -- nothing"), (vec![], ""));
        assert_eq!(parted("SELECT 'it''s';"), (vec!["SELECT 'it''s'"], ""));
        assert_eq!(parted("SHOW TABLES -- all\n"), (vec![], "SHOW TABLES"));
    }

    #[test]
    fn what_may_go_on_waits() {
        for text in [
            "SELECT",
            "SELECT id FROM",
            "SELECT id FROM tasks WHERE",
            "SELECT id FROM tasks WHERE caps <@ {rust,",
            "SELECT id FROM tasks WHERE (status = 'open'",
            "SELECT id FROM tasks GROUP",
            "SELECT 'a\nb",
            "SELECT \"a",
            "SELECT id FROM tasks ORDER BY -- by what?",
            "CLAIM next_task FOR",
            "WITH a AS (SELECT id FROM tasks)",
            "SELECT 1; SELECT",
        ] {
            assert!(!is_complete(text), "{text}");
        }
    }

    #[test]
    fn what_is_whole_or_wrong_is_sent() {
        for text in [
            "",
            "\\?",
            "SHOW TABLES",
            "SELECT id FROM tasks",
            "SELECT id FROM tasks;",
            "SELECT id FROM;",
            "SELEC id",
            "SELECT id FROM tasks WHRE x = 1",
            "SELECT id FROM tasks GROUP BY id WHERE id = 'a'",
            "SELECT id FROM\n",
            "SELECT id FROM tasks\n  WHERE status = 'open'",
        ] {
            assert!(is_complete(text), "{text}");
        }
    }
}
