//! `tidings completions SHELL` and `tidings man [DIR]`: made from the same description as `--help`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::terminal::print_bytes;
use crate::{Error, UsageError};

#[derive(Debug, clap::Args)]
#[command(after_help = "For example:
  tidings completions bash > ~/.local/share/bash-completion/completions/tidings
  tidings completions zsh > ~/.zfunc/_tidings
  tidings completions fish > ~/.config/fish/completions/tidings.fish")]
pub(crate) struct CompletionsArguments {
    /// The shell.
    shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ManArguments {
    /// Write tidings.1, tidings-ws.1 and so on into this directory; without it, tidings.1 goes to
    /// stdout.
    directory: Option<PathBuf>,
}

pub(crate) fn completions(arguments: &CompletionsArguments) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut crate::Arguments::command(),
        "tidings",
        &mut script,
    );
    print(&script)
}

pub(crate) fn man(arguments: &ManArguments) -> Result<ExitCode, Error> {
    let command = crate::Arguments::command();
    match &arguments.directory {
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            print(&page)
        }
        Some(directory) => {
            write_pages(&command, directory).map_err(|error| {
                let directory = directory.display();
                let hint = match error.kind() {
                    io::ErrorKind::NotFound => {
                        format!("\nhint: make the directory first: mkdir -p {directory}")
                    }
                    _ => String::new(),
                };
                UsageError(format!("writing into {directory}: {error}{hint}"))
            })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Writes a page for the command and each of its subcommands, whose footers name the program.
fn write_pages(command: &clap::Command, directory: &Path) -> io::Result<()> {
    let version = command.get_version().unwrap_or_default();
    let source = format!("tidings {version}");
    let mut all = command.clone().disable_help_subcommand(true);
    all.build();
    let pages = std::iter::once(&all).chain(all.get_subcommands());
    for page in pages {
        let man = clap_mangen::Man::new(page.clone()).source(&*source);
        man.generate_to(directory)?;
    }
    Ok(())
}

fn print(text: &[u8]) -> Result<ExitCode, Error> {
    match print_bytes(text) {
        // The reader has enough of it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        printed => {
            printed?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
