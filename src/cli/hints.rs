//! Command lines that can't be read: what was probably meant.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};

use super::{Cli, terminal};

/// Flags of other programs, and what does the same here.
const FOREIGN: [(&[&str], &str); 13] = [
    (
        &["--width", "--height", "-W", "-H", "-w"],
        "--size gives both, such as --size 1024x576",
    ),
    (
        &["--crf", "--quality", "--bitrate", "--compression"],
        "--qp sets how strongly the picture is compressed, 12 (best) to 51",
    ),
    (
        &["--resume", "--continue"],
        "a film that was stopped goes on by itself: run the same command again",
    ),
    (
        &["--dry-run"],
        "visualize plan SONG writes the timeline without drawing a film",
    ),
    (
        &["--gpu", "--cuda"],
        "--device gpu draws on a GPU, where the program is built for it",
    ),
    (&["--cpu"], "--device cpu draws on the CPU"),
    (
        &["--style"],
        "a style is a line of the prompts, such as: style: oil painting (visualize help prompts)",
    ),
    (
        &["--map"],
        "a map is a line of the prompts, such as: map: zoom = downbeats (visualize help prompts)",
    ),
    (
        &["--song", "-i", "--input"],
        "the song is given without a flag: visualize song.flac",
    ),
    (
        &["--lora-scale", "--lora-weight", "--lora-strength"],
        "a LoRA's weight stands behind it: --lora FILE:0.8",
    ),
    (
        &["--end", "--to"],
        "--duration gives the film's length, --start where it begins",
    ),
    (
        &["--verbose", "-v"],
        "all that happens is said already, on stderr; --quiet turns it off",
    ),
    (&["-y", "--yes"], "--force replaces a film that exists"),
];

/// Reads the command line.
///
/// # Errors
/// The exit code of a command line that asks for help or that can't be read; what there is to say has been said.
pub fn read() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| {
        let is_asked = matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        );
        if is_asked {
            let _ = error.print(); // a reader who has gone doesn't mind
            return ExitCode::SUCCESS;
        }
        terminal::say(explain(&error).trim_end());
        ExitCode::from(2)
    })
}

/// What is wrong with a command line, and what was probably meant.
fn explain(error: &clap::Error) -> String {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument.as_str(),
        _ => "",
    };
    let is_unknown = error.kind() == ErrorKind::UnknownArgument;
    let name = argument.split('=').next().unwrap_or_default();
    let foreign = FOREIGN
        .iter()
        .find(|(names, _)| is_unknown && names.contains(&name));
    if let Some((_, hint)) = foreign {
        return format!("error: there is no {name}\nhint: {hint}");
    }
    let shown = error.render().to_string();
    if is_unknown && !argument.starts_with('-') && !argument.is_empty() {
        return format!(
            "error: there is no place for '{argument}' in this command\n{}",
            usage(&shown)
        );
    }
    let commands = owners(name);
    if is_unknown && !commands.is_empty() {
        return format!(
            "error: {name} isn't a flag of this command\nhint: it belongs to {}",
            commands.join(", ")
        );
    }
    shown
}

/// The usage lines of clap's message.
fn usage(shown: &str) -> &str {
    shown
        .find("Usage:")
        .and_then(|at| shown.get(at..))
        .unwrap_or_default()
}

/// Commands that know a flag.
fn owners(flag: &str) -> Vec<String> {
    let command = Cli::command();
    let knows = |command: &clap::Command| {
        command.get_arguments().any(|arg| {
            arg.get_long()
                .is_some_and(|long| flag.strip_prefix("--") == Some(long))
        })
    };
    let below = command.get_subcommands().filter(|command| knows(command));
    let mut names: Vec<_> = below
        .map(|command| format!("visualize {}", command.get_name()))
        .collect();
    if knows(&command) {
        names.insert(0, "visualize SONG".to_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hint_names_a_flag_that_is_known() {
        let command = Cli::command();
        for (names, hint) in FOREIGN {
            for name in names {
                let is_known = command.get_arguments().any(|arg| {
                    arg.get_long_and_visible_aliases()
                        .unwrap_or_default()
                        .iter()
                        .any(|long| name.strip_prefix("--") == Some(long))
                });
                assert!(!is_known, "{name}");
            }
            let flags = hint
                .split([' ', ':', ','])
                .filter_map(|word| word.strip_prefix("--"));
            for flag in flags {
                let is_known = command
                    .get_arguments()
                    .any(|arg| arg.get_long() == Some(flag));
                assert!(is_known, "--{flag} in {hint}");
            }
        }
    }

    #[test]
    fn what_was_meant_is_said() {
        for (line, word) in [
            ("visualize s.wav --width 640", "--size"),
            ("visualize s.wav --height=640", "--size"),
            ("visualize s.wav --sede 4", "--seed"),
            ("visualize s.wav --click c.wav", "visualize analyze"),
            ("visualize analyze a.wav b.wav", "no place for 'b.wav'"),
            ("visualize models lst", "list"),
            ("visualize s.wav --seed -1", "0 to"),
        ] {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
            let text = explain(&error);
            assert!(text.contains(word), "{line}: {text}");
        }
    }
}
