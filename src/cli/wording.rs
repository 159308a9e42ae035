//! The library speaks of settings, the command line of flags.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use clap::{Command, CommandFactory};

use super::Cli;

/// Long flags of all commands.
static FLAGS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut flags = BTreeSet::new();
    add_flags(&Cli::command(), &mut flags);
    flags
});

fn add_flags(command: &Command, flags: &mut BTreeSet<String>) {
    let names = command.get_arguments().filter_map(clap::Arg::get_long);
    flags.extend(names.map(str::to_owned));
    for command in command.get_subcommands() {
        add_flags(command, flags);
    }
}

/// A text of the library in which each setting in backticks becomes its flag: `` `draw_size` can't be 0 `` is shown as
/// `--draw-size can't be 0`. Other words in backticks stay.
pub fn with_flags(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut parts = text.split('`');
    shown += parts.next().unwrap_or_default();
    let mut is_quoted = true;
    let mut rest = parts.peekable();
    while let Some(part) = rest.next() {
        let word = part.split(' ').next().unwrap_or_default();
        let flag = word.replace('_', "-");
        let is_closed = rest.peek().is_some();
        if is_quoted && is_closed && FLAGS.contains(&flag) {
            shown += &format!("--{flag}{}", &part[word.len()..]);
            shown += rest.next().unwrap_or_default();
            continue;
        }
        shown.push('`');
        shown += part;
        is_quoted = !is_quoted;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_flags_and_nothing_else_does() {
        for (text, shown) in [
            ("`draw_size` can't be 0", "--draw-size can't be 0"),
            (
                "give it with `vae FILE` or `lora`",
                "give it with --vae FILE or --lora",
            ),
            (
                "`visualize plan` makes timelines",
                "`visualize plan` makes timelines",
            ),
            ("`bundled`, or `model NAME`", "`bundled`, or --model NAME"),
            ("an odd ` and `size", "an odd ` and `size"),
            ("plain", "plain"),
            ("", ""),
        ] {
            assert_eq!(with_flags(text), shown, "{text}");
        }
    }
}
