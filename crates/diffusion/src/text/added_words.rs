//! Words that were added to a vocabulary, each with one or several tokens of its own.

use std::collections::BTreeMap;

use common::{Error, Result};

use crate::model::ModelFolder;

/// Words with ids of their own. They are found whatever their case, as tokenizers that write all in lower case do.
#[derive(Debug, Default)]
pub struct AddedWords {
    /// In ASCII lower case, longest first.
    words: Vec<(String, Vec<u32>)>,
    /// The lowest id that isn't of the plain vocabulary.
    pub first_id: Option<u32>,
}

/// A word in a text.
pub struct Found<'a> {
    /// First byte.
    pub begin: usize,
    /// Byte after the last.
    pub end: usize,
    pub ids: &'a [u32],
}

impl AddedWords {
    /// The words of a tokenizer's folder: those of `added_tokens.json`, and those of `tokenizer.json` that have several tokens.
    ///
    /// diffusers names the tokens of one word `WORD`, `WORD_1`, `WORD_2`; a prompt holds the first alone.
    ///
    /// # Errors
    /// [`Error::Weights`] for a file that isn't ids by words.
    pub fn read(folder: &ModelFolder, part: &str, inner: &tokenizers::Tokenizer) -> Result<Self> {
        let decoder = inner.get_added_tokens_decoder();
        let plain = decoder.into_iter().filter(|(_, token)| !token.special);
        let in_tokenizer: BTreeMap<String, u32> =
            plain.map(|(id, token)| (token.content, id)).collect();
        let name = format!("{part}/added_tokens.json");
        let in_file: BTreeMap<String, u32> = match folder.has(&name) {
            false => BTreeMap::new(),
            true => serde_json::from_str(&folder.text(&name)?).map_err(|error| {
                let reason = format!("doesn't list tokens with their numbers: {error}");
                Error::weights(folder.path_of(&name), reason)
            })?,
        };
        let known = |word: &String| inner.token_to_id(word).is_some();
        let mut found = Self {
            words: Vec::new(),
            first_id: in_tokenizer.values().min().copied(),
        };
        let all: BTreeMap<&String, u32> = in_tokenizer
            .iter()
            .chain(&in_file)
            .map(|(word, id)| (word, *id))
            .collect();
        for (word, id) in &all {
            let more = (1..).map_while(|n| all.get(&format!("{word}_{n}")).copied());
            let ids: Vec<u32> = [*id].into_iter().chain(more).collect();
            // What the tokenizer knows by itself stays its own matter; its begin and end stand in old files, too.
            if ids.len() > 1 || !known(word) {
                found.add(word, ids);
            }
        }
        Ok(found)
    }

    /// Adds a word, unless it is there.
    pub fn add(&mut self, word: &str, ids: Vec<u32>) {
        let word = word.to_ascii_lowercase();
        if word.is_empty() || self.words.iter().any(|(other, _)| *other == word) {
            return;
        }
        let lowest = ids.iter().min().copied();
        self.first_id = self.first_id.into_iter().chain(lowest).min();
        self.words.push((word, ids));
        self.words
            .sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
    }

    /// Number of ids of the word that begins with this one; 1 if none does.
    pub fn n_of_word(&self, first_id: u32) -> usize {
        let mut words = self.words.iter();
        let found = words.find(|(_, ids)| ids.first() == Some(&first_id));
        found.map_or(1, |(_, ids)| ids.len())
    }

    /// The first word in a text; of several at one place the longest. Words that begin or end in a letter or digit aren't found
    /// inside of others.
    pub fn first(&self, text: &str) -> Option<Found<'_>> {
        if self.words.is_empty() {
            return None;
        }
        let lower = text.to_ascii_lowercase(); // of equal length
        let places = self.words.iter().filter_map(|(word, ids)| {
            let begin = lower
                .match_indices(word.as_str())
                .map(|(begin, _)| begin)
                .find(|begin| stands_alone(&lower, *begin, word))?;
            Some(Found {
                begin,
                end: begin + word.len(),
                ids,
            })
        });
        places.min_by_key(|found| found.begin) // the first of equals, which is the longest
    }
}

fn stands_alone(text: &str, begin: usize, word: &str) -> bool {
    let before = text.get(..begin).and_then(|text| text.chars().next_back());
    let after = text
        .get(begin + word.len()..)
        .and_then(|text| text.chars().next());
    let is_joined = |a: Option<char>, b: Option<char>| match (a, b) {
        (Some(a), Some(b)) => a.is_alphanumeric() && b.is_alphanumeric(),
        _ => false,
    };
    !is_joined(before, word.chars().next()) && !is_joined(word.chars().next_back(), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_where_they_stand_alone() {
        let mut words = AddedWords::default();
        words.add("<cat>", vec![7]);
        words.add("<cat>_1", vec![8]);
        words.add("Sks", vec![9, 10]);
        words.add("sks", vec![11]);
        for (text, wanted) in [
            ("a <cat> here", Some((2, 7, vec![7]))),
            ("a<CAT>b", Some((1, 6, vec![7]))),
            ("<cat>_1", Some((0, 7, vec![8]))),
            ("asks, sks", Some((6, 9, vec![9, 10]))),
            ("tasks sksy 2sks", None),
            ("ähsks <cat>", Some((7, 12, vec![7]))),
            ("", None),
        ] {
            let found = words.first(text);
            let found = found.map(|found| (found.begin, found.end, found.ids.to_vec()));
            assert_eq!(found, wanted, "{text}");
        }
        assert_eq!(words.first_id, Some(7));
    }
}
