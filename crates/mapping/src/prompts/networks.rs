//! Tags such as `<lora:name:0.8>` and `embedding:name`, with which other programs use a file inside a prompt. They are no words.

use super::text::enclosed;

/// A text without such tags; `note` gets a sentence for each.
pub(super) fn without_networks(text: &str, mut note: impl FnMut(String)) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((start, length, kind)) = next_tag(rest) {
        let (before, tag) = rest.split_at_checked(start).unwrap_or((rest, ""));
        let (tag, after) = tag.split_at_checked(length).unwrap_or((tag, ""));
        note(sentence(tag, kind));
        kept += before.trim_end();
        let is_between = kept.is_empty() || kept.ends_with(',');
        let after = after.trim_start();
        rest = after
            .strip_prefix(',')
            .filter(|_| is_between)
            .unwrap_or(after)
            .trim_start();
        if !kept.is_empty() && !rest.starts_with(',') && !rest.is_empty() {
            kept.push(' ');
        }
    }
    if kept.is_empty() && rest.len() == text.len() {
        return text.to_owned();
    }
    kept += rest;
    kept.trim_end_matches([',', ' ']).to_owned()
}

/// The kinds of tags, in small letters.
const KINDS: [&str; 3] = ["lora", "lyco", "hypernet"];

/// Start and length in bytes of the first tag, and its kind.
fn next_tag(text: &str) -> Option<(usize, usize, &'static str)> {
    text.match_indices('<').find_map(|(start, _)| {
        let tag = text.get(start..)?;
        let (name, _) = enclosed(tag, ':')?;
        let kind = KINDS
            .into_iter()
            .find(|kind| name.trim().eq_ignore_ascii_case(kind))?;
        let end = tag.find('>').map(|end| end + 1);
        let end = end.or_else(|| tag.find(char::is_whitespace));
        Some((start, end.unwrap_or(tag.len()), kind))
    })
}

/// How ComfyUI names a learned word.
const EMBEDDING: &str = "embedding:";

/// A text in which learned words stand alone, as the model takes them: without `embedding:` in front.
pub(super) fn with_plain_embeddings(text: &str, mut note: impl FnMut(String)) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(EMBEDDING) {
        let (before, tag) = rest.split_at_checked(at).unwrap_or((rest, ""));
        let (head, after) = tag.split_at_checked(EMBEDDING.len()).unwrap_or((tag, ""));
        let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | ':' | ')' | '(');
        let name = after.split(is_end).next().unwrap_or_default();
        kept += before;
        if name.is_empty() || before.ends_with(char::is_alphanumeric) {
            kept += head;
        } else {
            note(format!(
                "{EMBEDDING}{name} is read as {name}: give its file with `embedding NAME=FILE`"
            ));
        }
        rest = after;
    }
    kept + rest
}

fn sentence(tag: &str, kind: &str) -> String {
    if kind == "hypernet" {
        return format!("{tag} is left out: hypernetworks aren't supported");
    }
    let parts = tag.trim_end_matches('>').split(':');
    let weight = parts
        .skip(2)
        .find_map(|part| part.trim().parse::<f64>().ok());
    let weight = weight.filter(|weight| weight.is_finite());
    let weight = weight.map_or(String::new(), |weight| format!(":{weight}"));
    format!("{tag} is left out: give the file for the whole film with `lora FILE{weight}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_leave_the_text_and_are_named() {
        for (text, kept, n_notes) in [
            ("a cat", "a cat", 0),
            (
                "a <cat-toy> backpack, 3 < 4 : 5 > 2",
                "a <cat-toy> backpack, 3 < 4 : 5 > 2",
                0,
            ),
            ("<lora:x:0.8>", "", 1),
            ("a cat <lora:x:0.8>", "a cat", 1),
            ("a cat, <lora:x:0.8>, rain", "a cat, rain", 1),
            ("<LoRA:x:0.8> a cat", "a cat", 1),
            ("<lora:x:0.8>, a cat", "a cat", 1),
            ("a <lyco:y> cat<hypernet:z:1>, rain", "a cat, rain", 2),
            ("a cat <lora:x:0.8", "a cat", 1),
            ("a cat <lora:x and rain", "a cat and rain", 1),
            ("海 <lora:海:1> 波", "海 波", 1),
        ] {
            let mut notes = Vec::new();
            assert_eq!(
                without_networks(text, |note| notes.push(note)),
                kept,
                "{text}"
            );
            assert_eq!(notes.len(), n_notes, "{text}: {notes:?}");
        }
    }

    #[test]
    fn learned_words_stand_alone() {
        for (text, kept, n_notes) in [
            (
                "a sea, (embedding:bad-hands:1.2), rain",
                "a sea, (bad-hands:1.2), rain",
                1,
            ),
            ("embedding:x embedding:y", "x y", 2),
            (
                "an embedding: of light, reembedding:x",
                "an embedding: of light, reembedding:x",
                0,
            ),
        ] {
            let mut notes = Vec::new();
            assert_eq!(with_plain_embeddings(text, |note| notes.push(note)), kept);
            assert_eq!(notes.len(), n_notes, "{text}: {notes:?}");
        }
    }

    #[test]
    fn a_note_says_what_to_do() {
        let mut notes = Vec::new();
        without_networks("<lora:add detail:0.80> <lora:y> <lora:z:NaN>", |note| {
            notes.push(note);
        });
        assert!(notes[0].starts_with("<lora:add detail:0.80> is left out"));
        assert!(notes[0].ends_with("`lora FILE:0.8`"), "{}", notes[0]);
        assert!(notes[1].ends_with("`lora FILE`") && notes[2].ends_with("`lora FILE`"));
    }
}
