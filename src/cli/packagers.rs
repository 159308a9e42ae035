//! Completions and manual pages, generated from the command line.

use clap::{Command, CommandFactory};
use visualize::{Error, Result};

use super::args::{Cli, CompletionsArgs, ManArgs};
use super::outputs::Target;

/// `visualize completions SHELL`.
pub fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "visualize", &mut script);
    Target::Stdout.write(&script)
}

/// `visualize man [FOLDER]`.
pub fn man(args: &ManArgs) -> Result<()> {
    let Some(folder) = &args.folder else {
        return Target::Stdout.write(&page(Cli::command())?);
    };
    std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(Error::io("write to", folder))
}

fn page(command: Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(Error::io("write", "the manual page"))?;
    Ok(page)
}
