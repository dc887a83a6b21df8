//! `agentpm shell`: one statement after another, from a terminal or a pipe.

mod complete;
#[cfg(feature = "line-editor")]
mod editor;
mod lines;
mod statements;

use super::output::{Form, print_bytes};
use super::{Connected, query};
use crate::failure::Failure;
use clap::ValueEnum as _;
use lines::{Line, Lines};
use std::io::{self, IsTerminal as _};
use std::path::Path;

/// The name of the history's file, beside the data directory.
const HISTORY: &str = "shell_history";

const HELP: &str = "\
A statement of PQL ends with `;`, or with Enter once it is whole; an empty line sends it as it is.
Ctrl-C drops what was typed, or the question that runs; Ctrl-D leaves; Tab completes.

  \\d           the tables
  \\d TABLE     the columns of a table
  \\o FORM      how to print: table, json, ndjson, csv
  \\?           this
  \\q           leaves
";

/// What to do after a command.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    Leave,
}

/// Asks what is typed, or what comes through a pipe, until it ends. From a pipe, the first error ends it.
pub(super) async fn run(mut to: Connected, data: &Path) -> Result<(), Failure> {
    let at_a_terminal = io::stdin().is_terminal();
    let mut lines = Lines::open(at_a_terminal, &data.with_file_name(HISTORY))?;
    if at_a_terminal {
        eprintln!("PQL, as of now or any moment; \\? for help, \\q to leave");
    }
    loop {
        let typed = match lines.next().map_err(|error| Failure::internal(format!("stdin: {error}")))? {
            Line::Typed(typed) => typed,
            Line::Cancelled => continue,
            Line::End => return Ok(()),
        };
        let done = match typed.trim().strip_prefix('\\') {
            Some(command) => self::command(command, &mut to).await,
            None => ask_each(&typed, &to, at_a_terminal).await.map(|()| Next::GoOn),
        };
        match done {
            Ok(Next::GoOn) => {}
            Ok(Next::Leave) => return Ok(()),
            Err(failure) if at_a_terminal => eprintln!("{failure}"),
            Err(failure) => return Err(failure),
        }
    }
}

async fn ask_each(typed: &str, to: &Connected, at_a_terminal: bool) -> Result<(), Failure> {
    let split = statements::split(typed);
    let rest = Some(split.rest).filter(|rest| !rest.is_empty());
    for statement in split.ended.into_iter().chain(rest) {
        tokio::select! {
            done = ask(statement, to) => done?,
            _ = tokio::signal::ctrl_c(), if at_a_terminal => {
                eprintln!("dropped");
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn ask(statement: &str, to: &Connected) -> Result<(), Failure> {
    let word = statement.split_whitespace().next().unwrap_or_default();
    if word.eq_ignore_ascii_case("subscribe") {
        return Err(Failure::usage("a subscription goes on for ever: `agentpm watch` prints what comes"));
    }
    query::run(query::Query::of(statement), to.clone()).await
}

/// What begins with `\`.
async fn command(command: &str, to: &mut Connected) -> Result<Next, Failure> {
    let mut words = command.split_whitespace();
    match (words.next().unwrap_or_default(), words.next()) {
        ("q", None) => return Ok(Next::Leave),
        ("?" | "h", None) => print_bytes(HELP.as_bytes())?,
        ("d", None) => ask("SHOW TABLES", to).await?,
        ("d", Some(table)) => ask(&format!("DESCRIBE {}", table.trim_end_matches(';')), to).await?,
        ("o", Some(form)) => {
            to.form = Form::from_str(form, true)
                .map_err(|_| Failure::usage(format!("\\o {form}: expected table, json, ndjson or csv")))?;
        }
        _ => return Err(Failure::usage(format!("no command `\\{command}`; \\? tells which there are"))),
    }
    Ok(Next::GoOn)
}

/// Everything that Tab can offer, from the lists that the language itself is made of.
#[cfg(any(test, feature = "line-editor"))]
fn words() -> complete::Words {
    let columns =
        |table: &query_tables::TableSchema| table.columns.iter().map(|column| column.name).collect();
    complete::Words {
        tables: query_tables::ALL.iter().map(|table| (table.name, columns(table))).collect(),
        functions: ::query::functions().map(|(name, _)| name).collect(),
        keywords: grammar::KEYWORDS.to_vec(),
    }
}

#[cfg(any(test, feature = "line-editor"))]
use ::query::tables as query_tables;

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_language() {
        let offers = |text: &str| complete::complete(text, text.len(), &words()).1;
        let has = |text: &str, wanted: &str| offers(text).iter().any(|offer| offer.text == wanted);
        assert!(has("SELECT id FROM progr", "progress_items"));
        assert!(has("SELECT id FROM tasks WHERE owner_", "owner_agent_id"));
        assert!(has("SELECT quan", "quantile("));
        assert!(has("SELECT id FROM tasks AS OF 1h ag", "ago"));
    }
}
