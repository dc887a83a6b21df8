//! A line from a terminal: reedline with our completion, our idea of a whole statement, and a history in a file.

use super::complete::{Offer, Words, complete};
use super::lines::Line;
use super::statements::is_complete;
use reedline::{
    ColumnarMenu, Completer, CompletionResult, Emacs, FileBackedHistory, KeyCode, KeyModifiers,
    MenuBuilder as _, Prompt, PromptEditMode, PromptHistorySearch, Reedline, ReedlineEvent, ReedlineMenu,
    Signal, Span, Suggestion, ValidationResult, Validator, default_emacs_keybindings,
};
use std::borrow::Cow;
use std::io;
use std::path::Path;

/// Statements that the history keeps.
const HISTORY_MAX: usize = 1_000;

/// The name of the menu that Tab opens.
const MENU: &str = "completion";

/// A terminal.
pub(super) struct Editor {
    reedline: Reedline,
}

impl Editor {
    /// A terminal with the history of that file, which is made when it is not there.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub(super) fn new(history: &Path, words: Words) -> io::Result<Self> {
        keep_to_oneself(history)?;
        let history =
            FileBackedHistory::with_file(HISTORY_MAX, history.to_owned()).map_err(io::Error::other)?;
        let mut keys = default_emacs_keybindings();
        let menu =
            ReedlineEvent::UntilFound(vec![ReedlineEvent::Menu(MENU.to_owned()), ReedlineEvent::MenuNext]);
        keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, menu);
        let reedline = Reedline::create()
            .with_history(Box::new(history))
            .with_validator(Box::new(Whole))
            .with_completer(Box::new(Tab(words)))
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(ColumnarMenu::default().with_name(MENU))))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_edit_mode(Box::new(Emacs::new(keys)));
        Ok(Self { reedline })
    }

    /// What is typed next.
    ///
    /// # Errors
    /// When the terminal cannot be read.
    pub(super) fn line(&mut self) -> io::Result<Line> {
        Ok(match self.reedline.read_line(&Dots)? {
            Signal::Success(text) => {
                // At once: whoever kills the shell has typed it all the same.
                self.reedline.sync_history()?;
                Line::Typed(text)
            }
            Signal::CtrlD => Line::End,
            _ => Line::Cancelled,
        })
    }
}

/// Makes the file, for its owner's eyes only: statements may hold what is nobody else's business.
fn keep_to_oneself(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

/// Tells reedline when Enter sends.
struct Whole;

impl Validator for Whole {
    fn validate(&self, line: &str) -> ValidationResult {
        match is_complete(line) {
            true => ValidationResult::Complete,
            false => ValidationResult::Incomplete,
        }
    }
}

/// Tells reedline what Tab offers.
struct Tab(Words);

impl Completer for Tab {
    fn complete(&mut self, line: &str, pos: usize) -> CompletionResult {
        let (start, offers) = complete(line, pos, &self.0);
        let suggestion = |offer: Offer| Suggestion {
            append_whitespace: !offer.text.ends_with('('),
            value: offer.text,
            description: Some(offer.what.to_owned()),
            span: Span { start, end: pos },
            ..Suggestion::default()
        };
        CompletionResult::fresh(offers.into_iter().map(suggestion).collect::<Vec<_>>())
    }
}

/// `pql> `, and dots before the lines that go on.
struct Dots;

impl Prompt for Dots {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        "pql".into()
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        "".into()
    }

    fn render_prompt_indicator(&self, _: PromptEditMode) -> Cow<'_, str> {
        "> ".into()
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        "...> ".into()
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        format!("(sought: {}) ", search.term).into()
    }
}
