//! The command that was typed, for "continue with".

use std::ffi::OsStr;
use std::fmt::Write as _;

use super::args::Seed;

/// The command line, quoted for a shell; `random` is replaced by the seed that was drawn, so that the same film goes on.
pub fn command_line(seed: Seed) -> String {
    quoted(
        std::env::args_os().map(|word| word.as_encoded_bytes().to_vec()),
        seed,
    )
}

fn quoted(words: impl Iterator<Item = Vec<u8>>, seed: Seed) -> String {
    let mut is_seed = false;
    let mut line = Vec::new();
    for word in words {
        let drawn = seed.is_drawn.then(|| seed.value.to_string());
        let replaced = match (drawn, word.as_slice()) {
            (Some(drawn), text) if is_seed && text.eq_ignore_ascii_case(b"random") => drawn,
            (Some(drawn), text) if text.eq_ignore_ascii_case(b"--seed=random") => {
                format!("--seed={drawn}")
            }
            (_, text) => quote(text),
        };
        is_seed = word == b"--seed";
        line.push(replaced);
    }
    line.join(" ")
}

/// A path, quoted for a shell.
pub fn quote_path(path: impl AsRef<OsStr>) -> String {
    quote(path.as_ref().as_encoded_bytes())
}

/// A word as a shell reads it back: bare, in single quotes, or, where it has control characters or bytes that aren't UTF-8,
/// in the form `$'…'` of bash, zsh and ksh.
fn quote(word: &[u8]) -> String {
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_./=:,+@%".contains(b);
    match std::str::from_utf8(word) {
        Ok(text) if !word.is_empty() && word.iter().all(is_plain) => text.to_owned(),
        Ok(text) if !text.chars().any(char::is_control) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            let mut shown = String::from("$'");
            for byte in word {
                match byte {
                    b'\'' | b'\\' => {
                        shown.push('\\');
                        shown.push(char::from(*byte));
                    }
                    b' '..=b'~' => shown.push(char::from(*byte)),
                    _ => {
                        let _ = write!(shown, "\\x{byte:02x}"); // writing to a string can't fail
                    }
                }
            }
            shown + "'"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_again() {
        let seed = |text: &str| text.parse::<Seed>().unwrap();
        let line = |words: &[&[u8]], seed| quoted(words.iter().map(|word| word.to_vec()), seed);
        assert_eq!(
            line(&[b"visualize", b"my song.wav", b"", b"it's"], seed("1")),
            r"visualize 'my song.wav' '' 'it'\''s'"
        );
        assert_eq!(line(&[b"caf\xe9.wav"], seed("1")), r"$'caf\xe9.wav'");
        assert_eq!(line(&[b"a\nb'c"], seed("1")), r"$'a\x0ab\'c'");
        let drawn = seed("random");
        assert_eq!(
            line(
                &[b"v", b"random", b"--seed", b"random", b"--seed=Random"],
                drawn
            ),
            format!("v random --seed {0} --seed={0}", drawn.value)
        );
        assert_eq!(line(&[b"--seed", b"7"], seed("7")), "--seed 7");
    }
}
