//! Textual inversion (Gal et al. 2022, arXiv 2208.01618): words whose token embeddings were trained, each of one or several
//! vectors.
//!
//! | file | tensors |
//! |---|---|
//! | of web UIs | `emb_params`, or `string_to_param.*` |
//! | of diffusers | one tensor, called like the word |
//! | for SDXL | `clip_l` and `clip_g`, or `text_encoders_0` and `text_encoders_1` |
//! | bundled in a LoRA | `bundle_emb.NAME.` before one of these |

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use common::{Error, Result};

use super::file_kind::FileKind;
use super::part::Part;
use super::weights::{Located, SafetensorsFile};

/// How the names of embeddings that a LoRA file brings along begin.
pub const BUNDLED: &str = "bundle_emb.";

/// Most vectors of one word; a text model reads 75 at once.
const MAX_VECTORS: usize = 75;

/// A word and its vectors.
#[derive(Clone, Debug)]
pub struct Embedding {
    /// The word, as it stands in prompts.
    pub name: String,
    /// The file.
    pub file: Arc<SafetensorsFile>,
    /// For each text model `[n, width]`, or `[width]`.
    vectors: BTreeMap<Part, Located>,
}

impl Embedding {
    /// The embedding of a file, for the word `name`.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Weights`] if it can't be read or holds none, [`Error::Config`] for a word that can't be told from
    /// others.
    pub fn open(name: &str, path: &Path) -> Result<Self> {
        let is_word = !name.is_empty()
            && !name
                .chars()
                .any(|c| c.is_whitespace() || "()[]\\:,".contains(c));
        if !is_word {
            return Err(Error::Config {
                name: "embedding",
                value: format!("\"{name}\""),
                allowed: "name it by one word without blanks, commas, colons and brackets, such as my-cat=cat.safetensors"
                    .to_owned(),
            });
        }
        Self::of_file(name, Arc::new(SafetensorsFile::open(path)?))
    }

    /// The same of a file that is open.
    ///
    /// # Errors
    /// As [`Embedding::open`].
    pub fn of_file(name: &str, file: Arc<SafetensorsFile>) -> Result<Self> {
        FileKind::of(&file).expect(FileKind::Embedding, &file.path)?;
        let names: Vec<(&str, &str)> = file
            .entries()
            .keys()
            .map(|n| (n.as_str(), n.as_str()))
            .collect();
        Self::from_tensors(name, &file, &names)
    }

    /// The embeddings that a LoRA file brings along.
    ///
    /// # Errors
    /// [`Error::Weights`] for a tensor that isn't one.
    pub fn bundled(file: &Arc<SafetensorsFile>) -> Result<Vec<Self>> {
        let mut words: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for stored in file.entries().keys() {
            let Some(rest) = stored.strip_prefix(BUNDLED) else {
                continue;
            };
            let (word, tensor) = rest.split_once('.').unwrap_or((rest, ""));
            words.entry(word).or_default().push((tensor, stored));
        }
        let words = words.into_iter();
        words
            .map(|(word, tensors)| Self::from_tensors(word, file, &tensors))
            .collect()
    }

    /// `tensors` are names without what is bundled before them, and as they are stored.
    fn from_tensors(
        name: &str,
        file: &Arc<SafetensorsFile>,
        tensors: &[(&str, &str)],
    ) -> Result<Self> {
        let mut vectors = BTreeMap::new();
        for (tensor, stored) in tensors {
            let part = match *tensor {
                "clip_g" | "text_encoders_1" => Part::TextEncoder2,
                _ => Part::TextEncoder,
            };
            let located = Located::as_stored(file, stored);
            let wrong = |reason: String| Err(Error::weights(&file.path, reason));
            match located.shape().as_slice() {
                [_] => {}
                [n, _] if (1..=MAX_VECTORS).contains(n) => {}
                shape => {
                    return wrong(format!(
                        "tensor `{stored}` of shape {shape:?} is no embedding of 1 to {MAX_VECTORS} vectors"
                    ));
                }
            }
            if vectors.insert(part, located).is_some() {
                return wrong(format!("has several embeddings for the word {name}"));
            }
        }
        Ok(Self {
            name: name.to_owned(),
            file: Arc::clone(file),
            vectors,
        })
    }

    /// Number of vectors for a text model.
    pub fn n_vectors(&self, part: Part) -> usize {
        match self.vectors.get(&part).map(|v| v.shape()).as_deref() {
            None | Some([]) => 0,
            Some([_]) => 1,
            Some([n, ..]) => *n,
        }
    }

    /// The text models that it has vectors for.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        self.vectors.keys().copied()
    }

    /// Its vectors for a text model whose token embeddings have `width` numbers.
    ///
    /// # Errors
    /// [`Error::Weights`] if it has none for it, or they are of another width.
    pub fn vectors(&self, part: Part, width: usize) -> Result<&Located> {
        let wrong = |reason: String| {
            Error::weights(
                &self.file.path,
                format!("the embedding {} {reason}", self.name),
            )
            .with_hint("it may be made for another family of models")
        };
        let vectors = self
            .vectors
            .get(&part)
            .ok_or_else(|| wrong(format!("has no vectors for the model's {}", part.folder())))?;
        match vectors.shape().last() {
            Some(found) if *found == width => Ok(vectors),
            Some(found) => Err(wrong(format!(
                "has vectors of {found} numbers, and the model's {} takes {width}",
                part.folder()
            ))),
            None => Err(wrong("is empty".to_owned())),
        }
    }
}
