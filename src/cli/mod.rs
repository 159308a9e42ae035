//! The command line's commands: each reads its flags, calls the library, and prints one result.

mod analyze;
mod args;
mod film;
mod models;
mod mux;
mod plan;
mod progress;
mod render;
mod request;
mod verify;
mod wording;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use args::Cli;
use args::Command;
use visualize::{Error, Result};

/// Runs the command that the flags ask for.
pub fn run(args: &Cli) -> Result<()> {
    let output = args.output;
    match &args.command {
        None => film::run(&args.film, output),
        Some(Command::Analyze(args)) => analyze::run(args, output),
        Some(Command::Plan(args)) => plan::run(args, output),
        Some(Command::Render(args)) => render::run(args, output),
        Some(Command::Mux(args)) => mux::run(args, output),
        Some(Command::Models(args)) => models::run(&args.command, output),
        Some(Command::Verify(args)) => verify::run(args, output),
    }
}

/// The error with its causes on one line, and what to do next on a second.
pub fn explain(error: &Error) -> String {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        reason += &format!(": {inner}");
        cause = inner.source();
    }
    // An error in a text file shows a line of it, which is the writer's own.
    let mut text = match error {
        Error::Text(_) => format!("error: {reason}"),
        _ => format!("error: {}", wording::with_flags(&reason)),
    };
    if matches!(error, Error::Interrupted) {
        text += &format!(
            "; finished frames are kept\nhint: continue with\n  {}",
            command_line()
        );
    } else if let Some(hint) = error.hint() {
        text += &format!("\nhint: {}", wording::with_flags(hint));
    }
    text
}

/// Exit status for an error.
pub fn exit_code(error: &Error) -> u8 {
    error.exit_code()
}

/// The command that was typed, quoted for a shell.
fn command_line() -> String {
    let quote = |word: String| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
        if !word.is_empty() && word.chars().all(is_plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    std::env::args().map(quote).collect::<Vec<_>>().join(" ")
}

/// A file named after the song, in the current folder.
fn beside_here(song: &Path, extension: &str) -> PathBuf {
    Path::new(song.file_name().unwrap_or_default()).with_extension(extension)
}

/// A flag that Ctrl-C, a hang-up or a termination request raises; a second one ends the program at once.
fn stop_on_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    let handler = move || {
        if raised.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        eprintln!("\nstopping after the frames in flight; press Ctrl-C again to stop at once");
    };
    ctrlc::set_handler(handler).map_err(|error| Error::Limit {
        reason: format!("can't listen for Ctrl-C: {error}"),
        hint: None,
    })?;
    Ok(stop)
}

/// Prints the result on stdout: `text`, or `value` as JSON where `--json` asks for it.
fn print_result(output: args::OutputArgs, text: &str, value: &impl serde::Serialize) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let written = if output.json {
        serde_json::to_writer(&mut out, value)
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        writeln!(out, "{text}")
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Error::io("write", "the standard output")),
    }
}
