//! The command line: what is common to all commands.

use crate::client::Caller;
use crate::commands::Command;
use crate::commands::output::Form;
use crate::config::{ClientFlags, Settings};
use crate::failure::{Failure, exit};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser};
use std::path::PathBuf;
use std::process::ExitCode;

/// An event store for teams of software agents.
#[derive(Debug, Parser)]
#[command(name = "agentpm", version, about, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
struct Global {
    /// Read settings from this file [env: AGENTPM_CONFIG] [default: ~/.agentpm/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: ClientFlags,
    /// How to print answers; a table on a terminal, JSON otherwise
    #[arg(long, global = true, value_enum, value_name = "FORM")]
    output: Option<Form>,
    /// The same as --output json
    #[arg(long, global = true, conflicts_with = "output")]
    json: bool,
    /// Who asks: goes on record with what the command does. The lease says it where there is one
    #[arg(long = "as", global = true, value_name = "AGENT")]
    agent: Option<String>,
    /// What belongs together: goes on record with what the command does
    #[arg(long, global = true, value_name = "ID")]
    correlation_id: Option<String>,
    /// The plan it is part of: goes on record with what the command does
    #[arg(long, global = true, value_name = "ID")]
    plan_id: Option<String>,
    /// A name for this very request: sent again with the same name it is done once, and answered the same
    #[arg(long, global = true, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// The commands and flags there are.
pub(crate) fn definition() -> clap::Command {
    Cli::command()
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors.
            let code = if error.use_stderr() { exit::USAGE } else { 0 };
            let _ = error.print();
            if asks_for_a_result(&error) {
                eprintln!("\n  tip: what came of a task is told with `task complete --result JSON`");
            }
            return ExitCode::from(code);
        }
    };
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit)
        }
    }
}

/// Whether somebody gave the field `output` of a completed task to the flag that says how to print.
fn asks_for_a_result(error: &clap::Error) -> bool {
    let is_output = matches!(
        error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(arg)) if arg.starts_with("--output")
    );
    error.kind() == ErrorKind::InvalidValue && is_output && std::env::args().any(|word| word == "complete")
}

fn run(Cli { global, command }: Cli) -> Result<(), Failure> {
    let flags = global.settings.0.and(command.layer());
    let form = if global.json { Some(Form::Json) } else { global.output };
    let mut settings = Settings::load(flags, global.config.as_deref())?;
    settings.caller = Caller {
        agent: global.agent,
        correlation_id: global.correlation_id,
        plan_id: global.plan_id,
        idempotency_key: global.idempotency_key,
    };
    command.run(settings, form)
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::config::{Layer, Value};

    #[test]
    fn the_definition_holds() {
        definition().debug_assert();
    }

    #[test]
    fn flags_stand_anywhere() {
        let cli =
            Cli::try_parse_from(["agentpm", "query", "SHOW TABLES", "--socket", "/s", "--json"]).unwrap();
        let socket = Layer::flags().with("socket", Some(Value::Text("/s".into())));
        assert_eq!(cli.global.settings.0, socket);
        assert!(cli.global.json);
    }
}
