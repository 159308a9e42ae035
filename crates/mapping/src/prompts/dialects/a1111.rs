//! The text that A1111 and its kin write under a picture: prompt, negative prompt, settings.

use common::text_file::{Line, Place, TextError};

use super::super::directive::{label, negative_prompt};
use super::super::shorten;
use super::super::text::clean_field;
use super::{Entry, Reading, Source, is_comment, whole};

/// A1111's names of settings, in small letters, and ours.
const FLAGS: [(&str, &str); 8] = [
    ("steps", "steps"),
    ("sampler", "scheduler"),
    ("schedule type", "scheduler"),
    ("cfg scale", "guidance"),
    ("size", "size"),
    ("model", "model"),
    ("vae", "vae"),
    ("lora hashes", "lora"),
];

/// Most settings in a note.
const MAX_NAMED: usize = 12;

/// Letters of a setting's value in a note.
const VALUE_LETTERS: usize = 24;

/// Reads blocks of a prompt, which may have several lines, `Negative prompt:` and `Steps: 20, Sampler: ...`. Recognised by such a
/// line of settings, or by several negative prompts: a single one holds for the whole film, as a line of ours.
pub(super) fn read(source: &Source<'_>) -> Option<Result<Reading, TextError>> {
    let texts = || source.lines.iter().map(|line| line.text.trim());
    let has_settings = texts().any(is_settings);
    let n_negative = texts()
        .filter(|text| negative_prompt(text).is_some())
        .count();
    (has_settings || n_negative > 1).then(|| blocks(source, has_settings))
}

/// Whether a line is one of settings.
fn is_settings(text: &str) -> bool {
    let steps = text
        .get(..6)
        .filter(|head| head.eq_ignore_ascii_case("steps:"));
    let value = text.get(6..).unwrap_or_default().trim_start();
    let end = value.trim_start_matches(|c: char| c.is_ascii_digit());
    steps.is_some() && end.len() < value.len() && (end.is_empty() || end.starts_with(','))
}

/// A block while it is read.
#[derive(Default)]
struct Block {
    place: Place,
    secs: Option<f64>,
    prompt: String,
    negative: Option<String>,
}

fn blocks(source: &Source<'_>, has_settings: bool) -> Result<Reading, TextError> {
    let mut reading = Reading {
        kind: "A1111's text",
        ..Reading::default()
    };
    let mut block = Block::default();
    let mut settings: Vec<(String, String)> = Vec::new();
    let mut is_behind_blank = false;
    let mut is_behind_settings = false;
    for line in &source.lines {
        let text = line.text.trim();
        let is_template = text.starts_with("Template:") || text.starts_with("Negative Template:");
        if text.is_empty() || is_comment(line) || (is_template && is_behind_settings) {
            is_behind_blank |= text.is_empty();
            continue;
        }
        if is_settings(text) {
            let pairs = pairs(text);
            let seed = pairs.iter().find(|(key, _)| key == "seed");
            let seed = seed.and_then(|(_, value)| value.parse().ok());
            close(&mut block, seed, &mut reading, line)?;
            settings.extend(pairs);
        } else if let Some(length) = negative_prompt(text) {
            if block.negative.is_some() || block.prompt.is_empty() {
                let hint = "a prompt stands in front of each negative prompt, on a line of its own";
                let reason = "this negative prompt belongs to no prompt";
                return Err(line.error(0..line.text.len(), reason).with_hint(hint));
            }
            block.negative = Some(text.get(length..).unwrap_or_default().trim().to_owned());
            // Without settings behind it, a negative prompt is one line.
            if !has_settings {
                close(&mut block, None, &mut reading, line)?;
            }
        } else {
            if block.negative.is_some() && is_behind_blank {
                close(&mut block, None, &mut reading, line)?;
            }
            block.add(line, text);
        }
        is_behind_settings = is_settings(text);
        is_behind_blank = false;
    }
    if !block.prompt.is_empty() {
        reading.entries.push(block.into_entry(None));
    }
    reading.notes = notes(&settings);
    Ok(reading)
}

/// Ends a block, which has to have a prompt.
fn close(
    block: &mut Block,
    seed: Option<u64>,
    reading: &mut Reading,
    line: &Line<'_>,
) -> Result<(), TextError> {
    let block = std::mem::take(block);
    if block.prompt.is_empty() {
        return Err(line
            .error(0..line.text.len(), "there is no prompt in front of this")
            .with_hint("write what to show on the line before"));
    }
    reading.entries.push(block.into_entry(seed));
    Ok(())
}

impl Block {
    /// Adds a line of the prompt, or of the negative prompt where that has begun.
    fn add(&mut self, line: &Line<'_>, text: &str) {
        if let Some(negative) = &mut self.negative {
            *negative += " ";
            *negative += text;
            return;
        }
        let mut words = text;
        if self.prompt.is_empty() {
            self.place = whole(line);
            if let Some((secs, rest)) = time_mark(text) {
                (self.secs, words) = (Some(secs), rest);
            }
            words = words.get(label(words).unwrap_or(0)..).unwrap_or_default();
        } else {
            self.prompt += " ";
        }
        self.prompt += words.trim();
    }

    fn into_entry(self, seed: Option<u64>) -> Entry {
        Entry {
            place: self.place,
            secs: self.secs,
            text: clean_field(&self.prompt),
            negative: clean_field(&self.negative.unwrap_or_default()),
            seed,
            guidance_scale: None,
        }
    }
}

/// The time that stands in brackets in front of a prompt, and the prompt; other brackets are weights.
fn time_mark(text: &str) -> Option<(f64, &str)> {
    let (time, rest) = text.strip_prefix('[')?.split_once(']')?;
    Some((common::units::parse_secs(time).ok()?, rest.trim()))
}

/// The settings of a line, names in small letters; values in quotes may hold commas.
fn pairs(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some((key, behind)) = rest.split_once(':') {
        let behind = behind.trim_start();
        let quoted = behind
            .strip_prefix('"')
            .and_then(|inner| inner.split_once('"'));
        let (value, after) = match quoted {
            Some((value, after)) => (value, after.split_once(',').map_or("", |(_, after)| after)),
            None => behind.split_once(',').unwrap_or((behind, "")),
        };
        pairs.push((key.trim().to_lowercase(), value.trim().to_owned()));
        rest = after;
    }
    pairs
}

/// What becomes of settings: those that flags give, and those that nothing gives.
fn notes(settings: &[(String, String)]) -> Vec<String> {
    let mut given: Vec<String> = Vec::new();
    let mut unknown: Vec<String> = Vec::new();
    for (key, value) in settings.iter().filter(|(key, _)| key != "seed") {
        let value = shorten(&value.replace('`', "'"), VALUE_LETTERS);
        let flag = FLAGS.iter().find(|(name, _)| name == key);
        let (list, item) = match flag {
            Some((_, flag @ ("steps" | "guidance" | "size"))) => {
                (&mut given, format!("`{flag} {value}`"))
            }
            Some((_, flag)) => (&mut given, format!("`{flag}` for {key} {value}")),
            None => (&mut unknown, shorten(&key.replace('`', "'"), VALUE_LETTERS)),
        };
        if list.len() <= MAX_NAMED && !list.contains(&item) {
            list.push(item);
        }
    }
    let listed = |mut items: Vec<String>| {
        let n_more = items.len().saturating_sub(MAX_NAMED);
        items.truncate(MAX_NAMED);
        let more = if n_more > 0 { ", …" } else { "" };
        format!("{}{more}", items.join(", "))
    };
    let mut notes = Vec::new();
    if !given.is_empty() {
        notes.push(format!("its settings are flags here: {}", listed(given)));
    }
    if !unknown.is_empty() {
        notes.push(format!("these aren't used: {}", listed(unknown)));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::tests::{error, none, read_as, times};

    const KIND: &str = "A1111's text";

    #[test]
    fn a_block_is_read() {
        let script = read_as(
            KIND,
            "a red sunset,\n(glow:1.3) BREAK [haze]\nNegative prompt: text,\nwatermark\n\
             Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 123, Size: 512x768, Model hash: 45dee52b, Model: v1-5, \
             Lora hashes: \"a: 1, b: 2\", Clip skip: 2, Version: v1.9\n",
        );
        let prompt = &script.prompts[0];
        assert_eq!(script.prompts.len(), 1);
        assert_eq!(prompt.text, "a red sunset, (glow:1.3) BREAK [haze]");
        assert_eq!(prompt.negative, "text, watermark");
        assert_eq!((prompt.seed, prompt.guidance_scale), (Some(123), None));
        for word in [
            "`steps 20`",
            "`scheduler` for sampler Euler a",
            "`guidance 7`",
            "`size 512x768`",
            "`lora` for lora hashes a: 1, b: 2",
            "aren't used: model hash, clip skip, version",
        ] {
            assert!(script.notes[0].contains(word), "{word}: {:?}", script.notes);
        }
    }

    #[test]
    fn several_blocks_are_several_prompts() {
        let steps = "Steps: 20, Seed: 1, Size: 512x512";
        let text = format!(
            "[0:10] Prompt: a sea\nNegative prompt: n1\n{steps}\nTemplate: a {{x|y}}\n\n[haze] a city\n{steps}\n\nstyle: oil\na moor\nNegative prompt: n3\n\na moon\n"
        );
        let script = read_as(KIND, &text);
        let texts: Vec<_> = script
            .prompts
            .iter()
            .map(|p| (p.text.as_str(), p.negative.as_str()))
            .collect();
        assert_eq!(
            texts,
            [
                ("a sea", "n1"),
                ("[haze] a city", ""),
                ("a moor", "n3"),
                ("a moon", "")
            ]
        );
        assert_eq!(
            script.prompts[0].arrival,
            crate::prompts::Arrival::Time(10.0)
        );
        assert_eq!(script.style, "oil");
    }

    #[test]
    fn negative_prompts_alone_belong_to_the_prompt_before() {
        let script = read_as(
            KIND,
            "a sea\nnegative prompt: n1\na city\nNegative prompt: n2\n",
        );
        let texts: Vec<_> = script
            .prompts
            .iter()
            .map(|p| (p.text.as_str(), p.negative.as_str()))
            .collect();
        assert_eq!(texts, [("a sea", "n1"), ("a city", "n2")]);
        let _ = times(&script);
    }

    #[test]
    fn tags_of_loras_are_named() {
        let script = read_as(
            KIND,
            "a sea <lora:add_detail:0.8>\nNegative prompt: bad\nSteps: 20, Seed: 1",
        );
        assert_eq!(script.prompts[0].text, "a sea");
        assert!(
            script.notes[1].contains("`lora FILE:0.8`"),
            "{:?}",
            script.notes
        );
    }

    #[test]
    fn broken_text_is_named() {
        for (text, line, word) in [
            (
                "Negative prompt: a\nSteps: 20, Seed: 1",
                1,
                "belongs to no prompt",
            ),
            (
                "a\nNegative prompt: b\nNegative prompt: c\n",
                3,
                "belongs to no prompt",
            ),
            ("Steps: 20, Seed: 1\na", 1, "no prompt in front"),
            ("a {b}\nSteps: 20", 1, "key=value"),
        ] {
            let found = error(text);
            assert!(found.reason.contains(word), "{text}: {found}");
            assert_eq!(found.place.unwrap().line, line, "{text}");
        }
    }

    #[test]
    fn near_misses_are_ours() {
        for text in [
            "steps: of stone in the rain",
            "a sea\na city\nNegative prompt: text",
            "Steps: 20 of them, going up",
        ] {
            none(text);
        }
    }
}
