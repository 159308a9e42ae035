//! Templates with places such as `@NAME@`.

use std::fmt::Display;

/// A word of a shell (POSIX.1-2017, 2.2.2).
pub(super) fn shell_word(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// A string of JSON, which YAML and JavaScript read as well.
pub(super) fn json_string(value: &str) -> String {
    // U+2028 and U+2029 end a line in older JavaScript and in YAML 1.1.
    let text = serde_json::Value::from(value).to_string();
    text.replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// Values of a template's places.
#[derive(Default)]
pub(super) struct Values {
    values: Vec<(&'static str, String)>,
}

impl Values {
    /// A value that is the same in every language: a number, or a word of letters, digits and hyphens.
    pub fn plain(mut self, name: &'static str, value: impl Display) -> Self {
        self.values.push((name, value.to_string()));
        self
    }

    /// A word of a shell.
    pub fn shell(self, name: &'static str, value: &str) -> Self {
        self.plain(name, shell_word(value))
    }

    /// A string of JSON.
    pub fn json(self, name: &'static str, value: &str) -> Self {
        self.plain(name, json_string(value))
    }

    /// The template with its places filled. A line that holds nothing but a place whose value is empty is left out.
    pub fn fill(&self, template: &str) -> String {
        let mut text = String::with_capacity(template.len());
        for line in template.lines() {
            let mut parts = line.split('@');
            let mut filled = parts.next().unwrap_or_default().to_owned();
            let mut is_left_out = false;
            while let Some(part) = parts.next() {
                let value = self.values.iter().find(|(name, _)| *name == part);
                match (value, parts.next()) {
                    (Some((_, value)), Some(rest)) => {
                        is_left_out = value.is_empty() && line.trim() == format!("@{part}@");
                        filled += value;
                        filled += rest;
                    }
                    (_, rest) => {
                        filled = format!("{filled}@{part}");
                        filled.extend(rest.map(|rest| format!("@{rest}")));
                    }
                }
            }
            if !is_left_out {
                text += &filled;
                text.push('\n');
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_and_empty_lines_left_out() {
        let values = Values::default()
            .plain("N", 7)
            .plain("LIMIT", "")
            .shell("SONG", "it's here.wav")
            .json("NAME", "a \"b\"\u{2028}");
        let text = values.fill("x @N@@N@\n@LIMIT@\nsong=@SONG@\n$@ @OTHER@ \"$@\"\nname: @NAME@\n");
        assert_eq!(
            text,
            "x 77\nsong='it'\\''s here.wav'\n$@ @OTHER@ \"$@\"\nname: \"a \\\"b\\\"\\u2028\"\n"
        );
    }
}
