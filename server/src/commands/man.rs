//! `agentpm man`: the manual's pages, from what the program knows of itself.

use super::output::print_bytes;
use crate::cli;
use crate::failure::Failure;
use clap::Args;
use std::path::PathBuf;

/// Print the manual page of the program or of a command, or write all of them into a directory
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// A command, like `task claim`; the program itself when there is none
    command: Vec<String>,
    /// Write every page into this directory, for `man -M` or a package
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

pub(super) fn run(man: &Man) -> Result<(), Failure> {
    // Help is a page of its own in `man`, not one more for each command.
    let mut definition = cli::definition().disable_help_subcommand(true);
    definition.build();
    if let Some(dir) = &man.dir {
        let failed = |error: std::io::Error| Failure::usage(format!("{}: {error}", dir.display()));
        std::fs::create_dir_all(dir).map_err(failed)?;
        return clap_mangen::generate_to(definition, dir).map_err(failed);
    }
    let mut page = &definition;
    for word in &man.command {
        page = page.find_subcommand(word).ok_or_else(|| {
            let known: Vec<_> = page.get_subcommands().map(clap::Command::get_name).collect();
            Failure::usage(format!(
                "no command `{word}` in `{}`; expected {}",
                page.get_name(),
                known.join(", ")
            ))
        })?;
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(page.clone())
        .render(&mut text)
        .map_err(|error| Failure::internal(error.to_string()))?;
    print_bytes(&text)
}
