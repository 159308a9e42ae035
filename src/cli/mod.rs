//! The command line's commands: each reads its flags, calls the library, and prints one result.

mod analyze;
mod args;
mod bench;
mod devices;
mod farm;
mod farm_status;
mod film;
mod help;
mod hints;
mod inputs;
mod models;
mod mux;
mod outputs;
mod packagers;
mod pictures;
mod plan;
mod progress;
mod progress_lines;
mod prompts;
mod render;
mod request;
mod set;
mod signals;
mod songs;
#[cfg(feature = "studio")]
mod studio;
mod terminal;
mod typed;
mod verify;
mod wording;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

pub use args::Cli;
use args::Command;
pub use hints::read;
use signals::stop_on_signal;
pub use terminal::say;
use visualize::{Error, Result, pipeline};

/// Runs the command that the flags ask for.
pub fn run(args: &Cli) -> Result<()> {
    let output = args.output;
    signals::set_last_words(explain(&Error::Interrupted, args));
    match &args.command {
        None => film::run(&args.film, output),
        Some(Command::Analyze(args)) => analyze::run(args, output),
        Some(Command::Plan(args)) => plan::run(args, output),
        Some(Command::Render(args)) => render::run(args, output),
        Some(Command::Farm(args)) => farm::run(args, output),
        Some(Command::Set(args)) => set::run(args, output),
        Some(Command::Mux(args)) => mux::run(args, output),
        Some(Command::Models(args)) => models::run(&args.command, output),
        Some(Command::Bench(args)) => bench::run(args, output),
        Some(Command::Verify(args)) => verify::run(args, output),
        #[cfg(feature = "studio")]
        Some(Command::Studio(args)) => studio::run(args, output),
        Some(Command::Help(args)) => help::run(args),
        Some(Command::Completions(args)) => packagers::completions(args),
        Some(Command::Man(args)) => packagers::man(args),
    }
}

/// Whether frames are drawn, so that memory is wanted again and again. What is heard in a long song leaves more behind than its
/// analysis takes.
pub fn draws(args: &Cli) -> bool {
    !matches!(args.command, Some(Command::Analyze(_)))
}

/// The error with its causes on one line, and what to do next on a second: for an interrupt, the command to go on with.
pub fn explain(error: &Error, args: &Cli) -> String {
    let is_kept = !matches!(args.command, Some(Command::Analyze(_) | Command::Verify(_)));
    if matches!(error, Error::Interrupted) && is_kept {
        let command = typed::command_line(seed_of(args));
        return format!(
            "error: interrupted; finished frames are kept\nhint: continue with\n  {command}"
        );
    }
    let text = message(error);
    match &args.command {
        // One of many machines may have failed: its log is read far from it.
        Some(Command::Render(_)) => {
            let reason = text.strip_prefix("error: ").unwrap_or(&text);
            format!("error: {}: {reason}", pipeline::host_name())
        }
        _ => text,
    }
}

/// The error with its causes on one line, and what to do next on a second.
fn message(error: &Error) -> String {
    let mut reason = without_backtrace(&error.to_string()).to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        reason += &format!(": {}", without_backtrace(&inner.to_string()));
        cause = inner.source();
    }
    // An error in a text file shows a line of it, which is the writer's own.
    let mut text = match error {
        Error::Text(_) => format!("error: {reason}"),
        _ => format!("error: {}", wording::with_flags(&reason)),
    };
    if let Some(hint) = error.hint() {
        text += &format!("\nhint: {}", wording::with_flags(hint));
    }
    text
}

/// Exit status for an error.
pub fn exit_code(error: &Error) -> u8 {
    error.exit_code()
}

/// The text of an error without the backtrace that candle puts behind it where `RUST_BACKTRACE` is set.
fn without_backtrace(text: &str) -> &str {
    let end = text.find("\n   0: ").unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// The seed that a command was given.
fn seed_of(args: &Cli) -> args::Seed {
    match &args.command {
        Some(Command::Plan(plan)) => plan.plan.draw.seed,
        Some(Command::Set(set)) => set.seed,
        _ => args.film.plan.draw.seed,
    }
}

/// A file named after the song, in the current folder. The standard input and a shell's `<(…)` have no name of their own.
fn beside_here(song: &Path, extension: &str) -> PathBuf {
    let is_nameless =
        song == Path::new("-") || song.starts_with("/dev") || song.starts_with("/proc");
    let name = song.file_name().filter(|_| !is_nameless);
    Path::new(name.unwrap_or(OsStr::new("song"))).with_extension(extension)
}

/// Prints the result on stdout: `text`, or `value` as JSON on one line where `--json` asks for it.
fn print_result(output: args::OutputArgs, text: &str, value: &impl serde::Serialize) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let written = if output.json {
        serde_json::to_writer(&mut out, value)
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        writeln!(out, "{}", terminal::printable(text))
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if terminal::has_no_reader(&error) => Ok(()),
        written => written.map_err(Error::io("write", "the standard output")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn songs_without_a_name_get_one() {
        for (song, film) in [
            ("music/a.b.wav", "a.b.mp4"),
            ("-", "song.mp4"),
            ("/dev/fd/63", "song.mp4"),
            ("/proc/self/fd/0", "song.mp4"),
            ("pipe", "pipe.mp4"),
        ] {
            assert_eq!(beside_here(Path::new(song), "mp4"), Path::new(film));
        }
    }

    #[test]
    fn a_backtrace_is_no_part_of_a_message() {
        let text = "shape mismatch\nin conv2d\n   0: candle_core::error::Error::bt\n   1: main";
        assert_eq!(without_backtrace(text), "shape mismatch\nin conv2d");
        assert_eq!(without_backtrace("plain"), "plain");
    }
}
