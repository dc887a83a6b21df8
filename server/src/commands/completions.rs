//! `agentpm completions`: what makes a shell complete commands and flags.

use super::output::print_bytes;
use crate::cli;
use crate::failure::Failure;
use clap::Args;
use clap_complete::{Shell, generate};

/// Print what makes a shell complete commands and flags; load it where the shell starts
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(completions: &Completions) -> Result<(), Failure> {
    let mut definition = cli::definition();
    let name = definition.get_name().to_owned();
    let mut script = Vec::new();
    generate(completions.shell, &mut definition, name, &mut script);
    print_bytes(&script)
}
