use std::path::{Path, PathBuf};

use common::text_file::{self, Place};
use common::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Route, parser};

/// What a prompts file says, before it meets a song.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Script {
    /// Its file, for messages.
    pub path: PathBuf,
    /// The prompts in the order in which they arrive; at least one.
    pub prompts: Vec<ScriptPrompt>,
    /// Words added to every prompt, after a comma; empty = none.
    pub style: String,
    /// Words added to every negative prompt, after a comma; empty = none.
    pub negative: String,
    /// What drives the picture; see [`Route`].
    pub routes: Vec<Route>,
    /// What a person should know of how the file was understood, a sentence each; often nothing.
    pub notes: Vec<String>,
    /// What the file was taken for, if it is another program's; `None` = lines in our grammar.
    pub foreign: Option<&'static str>,
}

/// A prompt as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptPrompt {
    /// Its words, without the script's style.
    pub text: String,
    /// What it should not show, without the script's negative; empty = nothing.
    pub negative: String,
    /// When it arrives.
    pub arrival: Arrival,
    /// Seed that the noise passes when the prompt arrives.
    pub seed: Option<u64>,
    /// Guidance scale while the prompt is shown, 0..=100.
    pub guidance_scale: Option<f64>,
    /// Where its mark (or else the whole prompt) stands, for errors found later.
    pub(super) place: Place,
}

impl ScriptPrompt {
    /// The line of its file on which it begins, from 1.
    pub fn line(&self) -> usize {
        self.place.line
    }

    /// What kind of mark stands in front of it.
    pub fn mark(&self) -> MarkKind {
        match self.arrival {
            Arrival::Auto => MarkKind::None,
            Arrival::Time(_) => MarkKind::Time,
            Arrival::Bar(_) => MarkKind::Bar,
            Arrival::Section { .. } => MarkKind::Section,
        }
    }
}

/// A kind of mark in front of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// None: it arrives between its neighbours.
    None,
    /// `[1:23.5]`
    Time,
    /// `@bar 9`
    Bar,
    /// `@section chorus:2`
    Section,
}

/// When a prompt arrives.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrival {
    /// Somewhere between its neighbours.
    Auto,
    /// At a time in seconds of the song.
    Time(f64),
    /// On the downbeat of a bar, counted from 1.
    Bar(u32),
    /// On the start of a section.
    Section {
        /// The section's label; case doesn't matter.
        label: String,
        /// Which of the sections with that label, from 1; `None` = the next one after the prompt before.
        nth: Option<u32>,
    },
}

impl Script {
    /// Reads the text of a prompts file; `path` serves in messages only.
    ///
    /// # Errors
    /// [`Error::Text`] with the place of the first thing that can't be understood.
    pub fn parse(path: impl AsRef<Path>, bytes: &[u8]) -> Result<Self> {
        parser::parse(path.as_ref(), bytes).map_err(|error| Error::Text(Box::new(error)))
    }

    /// Reads a prompts file, at most [`MAX_FILE_BYTES`](text_file::MAX_FILE_BYTES) of it.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that can't be read, and as [`parse`](Self::parse).
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::parse(path, &text_file::read(path)?)
    }

    /// The text of the list that is used when no prompts file is given, in words that the bundled model knows.
    pub const BUILT_IN: &'static str = include_str!("built_in.txt");

    /// That list.
    ///
    /// # Errors
    /// None in practice: a test parses the list.
    pub fn built_in() -> Result<Self> {
        Self::parse("built-in prompts", Self::BUILT_IN.as_bytes())
    }
}
