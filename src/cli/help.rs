//! `visualize help`: a command's help, or how prompts are written.

use clap::CommandFactory;
use visualize::text_file::suggest;
use visualize::{Error, Result};

use super::args::{Cli, HelpArgs};
use super::outputs::Target;

/// How prompts are written.
const PROMPTS: &str = include_str!("prompts.txt");

/// Prints the help of a topic.
pub fn run(args: &HelpArgs) -> Result<()> {
    if args
        .topic
        .first()
        .is_some_and(|topic| ["prompts", "prompt"].contains(&topic.as_str()))
    {
        return Target::Stdout.write(PROMPTS.as_bytes());
    }
    let mut root = Cli::command();
    root.build();
    let mut command = &mut root;
    for topic in &args.topic {
        let mut known: Vec<String> = command
            .get_subcommands()
            .map(|below| below.get_name().to_owned())
            .collect();
        known.push("prompts".to_owned());
        command = match command.find_subcommand_mut(topic) {
            Some(below) => below,
            None => {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                return Err(Error::Limit {
                    reason: format!("there is no help on {topic}"),
                    hint: Some(suggest(topic, &known)),
                });
            }
        };
    }
    let text = command.render_long_help();
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let text = match is_terminal && std::env::var_os("NO_COLOR").is_none() {
        true => text.ansi().to_string(),
        false => text.to_string(),
    };
    Target::Stdout.write(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use visualize::prompts::Script;

    /// Blocks of indented lines, each without its indent.
    fn examples() -> Vec<String> {
        let lines: Vec<&str> = PROMPTS.lines().collect();
        let blocks = lines.chunk_by(|a, b| a.starts_with("    ") == b.starts_with("    "));
        blocks
            .filter(|block| block.first().is_some_and(|line| line.starts_with("    ")))
            .map(|block| {
                block
                    .iter()
                    .map(|line| line.trim())
                    .collect::<Vec<_>>()
                    .join("\n")
            })
            .collect()
    }

    #[test]
    fn every_example_is_understood() {
        let mut n_prompts = 0;
        let mut n_commands = 0;
        for example in examples() {
            if example.starts_with("visualize ") {
                for line in example.lines() {
                    let words = line.replace("\"violet smoke | teal ocean waves\"", "prompts");
                    let parsed = Cli::try_parse_from(words.split_whitespace());
                    assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
                    n_commands += 1;
                }
            } else {
                let script = Script::parse("help", example.as_bytes());
                assert!(script.is_ok(), "{example}: {}", script.unwrap_err());
                n_prompts += script.unwrap().prompts.len();
            }
        }
        assert!(
            n_prompts >= 10 && n_commands >= 2,
            "{n_prompts} {n_commands}"
        );
    }

    #[test]
    fn the_text_fits_a_terminal_and_says_all() {
        for line in PROMPTS.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        for word in [
            "[1:23.5]",
            "@bar",
            "@section",
            "style:",
            "--neg",
            "seed=",
            "guidance=",
            "map:",
            "downbeats",
            "stem",
            "\\{",
        ] {
            assert!(PROMPTS.contains(word), "{word}");
        }
    }
}
