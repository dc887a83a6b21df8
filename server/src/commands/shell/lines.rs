//! Where statements come from: a terminal, with a line editor or as it is, or a pipe.

#[cfg(feature = "line-editor")]
use super::editor::Editor;
#[cfg(any(test, not(feature = "line-editor")))]
use super::statements::is_complete;
use super::statements::split;
use std::io;
#[cfg(not(feature = "line-editor"))]
use std::io::Write as _;
use std::path::Path;

/// Longest text that is gathered before it is given on, in bytes: beyond it no statement is taken anyway.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Statements, or a command; whole as far as one can tell.
    Typed(String),
    /// Ctrl-C: what was typed is not wanted.
    #[cfg_attr(not(feature = "line-editor"), allow(dead_code))]
    Cancelled,
    /// Ctrl-D, the end of the pipe.
    End,
}

/// A source of statements.
pub(super) enum Lines {
    /// A terminal with a line editor.
    #[cfg(feature = "line-editor")]
    Edited(Box<Editor>),
    /// A terminal that edits its lines itself.
    #[cfg(not(feature = "line-editor"))]
    Typed,
    /// A pipe or a file.
    Piped,
}

impl Lines {
    /// Standard input.
    ///
    /// # Errors
    /// When the history's file cannot be used.
    #[cfg_attr(not(feature = "line-editor"), allow(clippy::unnecessary_wraps))]
    pub(super) fn open(at_a_terminal: bool, history: &Path) -> Result<Self, crate::failure::Failure> {
        if !at_a_terminal {
            return Ok(Self::Piped);
        }
        #[cfg(feature = "line-editor")]
        return match Editor::new(history, super::words()) {
            Ok(editor) => Ok(Self::Edited(Box::new(editor))),
            Err(error) => Err(crate::failure::Failure::usage(format!("{}: {error}", history.display()))),
        };
        #[cfg(not(feature = "line-editor"))]
        {
            let _ = history;
            Ok(Self::Typed)
        }
    }

    /// What comes next.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Line> {
        match self {
            #[cfg(feature = "line-editor")]
            Self::Edited(editor) => editor.line(),
            #[cfg(not(feature = "line-editor"))]
            Self::Typed => gather(&mut io::stdin().lock(), is_complete, |text| {
                let mut stderr = io::stderr();
                write!(stderr, "{}", if text.is_empty() { "pql> " } else { "...> " })?;
                stderr.flush()
            }),
            // A pipe has no Enter that could mean the end: only `;` does, or the end of the pipe.
            Self::Piped => {
                let ends = |text: &str| text.trim_start().starts_with('\\') || split(text).rest.is_empty();
                gather(&mut io::stdin().lock(), ends, |_| Ok(()))
            }
        }
    }
}

/// Reads lines until they end something.
fn gather(
    lines: &mut impl io::BufRead,
    ends: impl Fn(&str) -> bool,
    mut before: impl FnMut(&str) -> io::Result<()>,
) -> io::Result<Line> {
    let mut text = String::new();
    loop {
        before(&text)?;
        let read = lines.read_line(&mut text)?;
        let typed = text.strip_suffix('\n').unwrap_or(&text);
        match read {
            0 if typed.trim().is_empty() => return Ok(Line::End),
            0 => return Ok(Line::Typed(text)),
            _ if typed.trim().is_empty() => text.clear(),
            _ if ends(typed) || text.len() > TEXT_BYTES_MAX => return Ok(Line::Typed(typed.to_owned())),
            _ => {}
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    fn gathered(mut input: &[u8], ends: impl Fn(&str) -> bool) -> Vec<String> {
        let mut all = Vec::new();
        while let Line::Typed(text) = gather(&mut input, &ends, |_| Ok(())).unwrap() {
            all.push(text);
        }
        all
    }

    #[test]
    fn a_pipe_is_read_by_semicolons() {
        let ends = |text: &str| split(text).rest.is_empty();
        let input = b"\nSELECT 1\n  AS one; SELECT 2;\n\nSELECT ';\n';\nSHOW TABLES";
        assert_eq!(gathered(input, ends), ["SELECT 1\n  AS one; SELECT 2;", "SELECT ';\n';", "SHOW TABLES"]);
    }

    #[test]
    fn a_terminal_by_what_is_whole() {
        let input = b"SELECT id\nFROM tasks\nSELECT\n\nSHOW TABLES\n";
        assert_eq!(gathered(input, is_complete), ["SELECT id\nFROM tasks", "SELECT\n", "SHOW TABLES"]);
    }
}
