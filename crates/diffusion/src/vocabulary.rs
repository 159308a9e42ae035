//! The words that a model was trained on, where its folder says so in `vocabulary.json`, as the bundled model's does.

use std::collections::{BTreeMap, BTreeSet};

use common::{Error, Result};
use serde::{Deserialize, Serialize};

use super::model::ModelFolder;

/// File of a model folder that lists its words: kinds, names of each, phrases that mean each.
const FILE: &str = "vocabulary.json";
/// Words at least this alike (Jaro-Winkler, 0..=1) are named as near.
const NEAR: f64 = 0.84;
/// Most near words that are named for one unknown word.
const MAX_NEAR: usize = 2;
/// Words that carry no picture: known to every model.
const STOP_WORDS: &str = "\
    a about above across after again all along also always am among an and any are around as at away be because been before \
    behind being below beneath beside between beyond both but by can could did do does down during each every few for from \
    further had has have he her here him his how i if in inside into is it its just like made many me more most my near no not \
    of off on once one only onto or other our out outside over own picture image photo scene same she so some style such than \
    that the their them then there these they this those through to together too toward towards under until up upon us very \
    was we were what when where which while who will with within without you your";

/// Names of one kind, such as `aurora` among the motifs, and the phrases that mean each.
pub type Names = BTreeMap<String, Vec<String>>;

/// What a model knows, by kind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Vocabulary {
    /// Subjects.
    pub motifs: Names,
    /// Palettes.
    pub colours: Names,
    /// Lights.
    pub lights: Names,
    /// Weathers.
    pub weathers: Names,
    /// Times of day.
    pub times: Names,
    /// Styles.
    pub styles: Names,
    /// Sizes of a pattern's parts.
    pub scales: Names,
    /// How many things there are.
    pub densities: Names,
    /// Words that go with every picture and change little.
    pub moods: Names,
}

impl Vocabulary {
    /// The vocabulary of a model folder; none if it has no `vocabulary.json`.
    ///
    /// # Errors
    /// [`Error::Weights`] if the file is malformed.
    pub fn read(folder: &ModelFolder) -> Result<Option<Self>> {
        if !folder.has(FILE) {
            return Ok(None);
        }
        let path = folder.path_of(FILE);
        serde_json::from_str(&folder.text(FILE)?)
            .map(Some)
            .map_err(|error| Error::weights(path, format!("is not a vocabulary: {error}")))
    }

    /// Title and names of each kind that isn't empty.
    pub fn kinds(&self) -> impl Iterator<Item = (&'static str, &Names)> {
        [
            ("motifs", &self.motifs),
            ("colours", &self.colours),
            ("lights", &self.lights),
            ("weathers", &self.weathers),
            ("times of day", &self.times),
            ("styles", &self.styles),
            ("scales", &self.scales),
            ("densities", &self.densities),
            ("moods", &self.moods),
        ]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
    }

    /// Words of `prompts` that the model hasn't seen, in lower case and in their order, each once.
    ///
    /// Numbers and words without a picture of their own (`the`, `with`) aren't among them, nor are known words with an `s`.
    pub fn unknown_words<'a>(&self, prompts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let known = self.words();
        let mut seen = BTreeSet::new();
        prompts
            .into_iter()
            .flat_map(words_of)
            .filter(|word| word.chars().any(char::is_alphabetic) && !is_known(word, &known))
            .filter(|word| seen.insert(word.clone()))
            .collect()
    }

    /// At most two known words that are spelt like `word`, the most alike first; often none.
    pub fn near(&self, word: &str) -> Vec<String> {
        let mut alike: Vec<(f64, String)> = self
            .words()
            .into_iter()
            .map(|other| (strsim::jaro_winkler(word, &other), other))
            .filter(|(likeness, _)| *likeness >= NEAR)
            .collect();
        alike.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let nearest = alike.into_iter().take(MAX_NEAR);
        nearest.map(|(_, other)| other).collect()
    }

    /// Every single word of the phrases, without the stop words.
    fn words(&self) -> BTreeSet<String> {
        self.kinds()
            .flat_map(|(_, names)| names.values().flatten())
            .flat_map(|phrase| words_of(phrase))
            .filter(|word| !is_stop_word(word))
            .collect()
    }
}

/// Words in lower case, split at everything that isn't a letter or a digit.
fn words_of(text: &str) -> impl Iterator<Item = String> {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .map(|word| word.trim_matches('\'').to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    words.into_iter()
}

fn is_stop_word(word: &str) -> bool {
    word.chars().count() == 1 || STOP_WORDS.split_whitespace().any(|stop| stop == word)
}

fn is_known(word: &str, known: &BTreeSet<String>) -> bool {
    let singular = |ending: &str| {
        word.strip_suffix(ending)
            .is_some_and(|stem| known.contains(stem))
    };
    is_stop_word(word)
        || known.contains(word)
        || known.contains(&format!("{word}s"))
        || ["s", "es", "'s"].into_iter().any(singular)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::BUNDLED;

    fn bundled() -> Vocabulary {
        Vocabulary::read(&ModelFolder::Embedded(BUNDLED))
            .unwrap()
            .unwrap()
    }

    fn unknown(prompt: &str) -> Vec<String> {
        bundled().unknown_words([prompt])
    }

    #[test]
    fn the_bundled_model_says_what_it_knows() {
        let vocabulary = bundled();
        assert!(vocabulary.motifs.len() >= 40, "{}", vocabulary.motifs.len());
        for (kind, names) in vocabulary.kinds() {
            for (name, phrases) in names {
                assert!(!phrases.is_empty(), "{kind}: {name}");
                let phrases = phrases.iter().map(String::as_str);
                assert_eq!(vocabulary.unknown_words(phrases), [""; 0], "{kind}: {name}");
            }
        }
    }

    #[test]
    fn only_unseen_words_are_unknown() {
        assert!(unknown("A sunset over the oceans, in gold; watercolor 4!").is_empty());
        assert!(unknown("🔥 ❤️").is_empty());
        assert_eq!(
            unknown("Tokyo tower under an aurora, tokyo"),
            ["tokyo", "tower"]
        );
        assert_eq!(unknown("夜の街 sunset"), ["夜の街"]);
    }

    #[test]
    fn misspelt_words_have_near_ones() {
        assert!(
            bundled()
                .near("mountians")
                .contains(&"mountains".to_owned())
        );
        assert_eq!(bundled().near("xyzzy"), [""; 0]);
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "\\PC{0,60}") {
            let vocabulary = bundled();
            for unknown in vocabulary.unknown_words([text.as_str()]) {
                prop_assert!(text.to_lowercase().contains(&unknown));
            }
        }
    }
}
