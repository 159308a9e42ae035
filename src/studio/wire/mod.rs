//! What crosses the wire between the studio's server and its page, as JSON.
//!
//! Times are seconds of the song unless a name says otherwise. What may be absent is left out. The page's types are generated from
//! this file: `page/wire.d.ts`, which a test compares; `VISUALIZE_ACCEPT=1 cargo test --lib studio::wire` writes it anew.

mod bodies;
#[cfg(test)]
mod edits;
mod jobs;
mod music;
#[cfg(test)]
mod tests;

pub use bodies::{ChangeBeats, ChangePrompts, ChangeSettings, NewJob, Undo};
pub use jobs::{Job, JobKind, JobPhase, Work};
pub use music::{Analysis, Plan, PlannedPrompt, Section};
use serde::{Deserialize, Serialize};

/// Everything that a page shows, sent when it connects.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct State {
    /// Version of the program.
    pub version: String,
    /// Name of the project folder.
    pub folder: String,
    /// Songs in the folder, by name.
    pub songs: Vec<SongEntry>,
    /// The model that draws.
    pub model: Model,
    /// What is drawn and what waits, oldest first.
    pub jobs: Vec<Job>,
    /// Songs that a page has opened.
    pub open: Vec<Song>,
    /// Whether the sample can be put into the folder (`POST /api/sample`).
    pub sample_available: bool,
}

/// A song in the folder.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct SongEntry {
    /// File name.
    pub name: String,
    /// Length of the file.
    pub bytes: u64,
    /// The finished film's file name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub film: Option<String>,
}

/// The model that draws.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Model {
    /// Its name, as in the settings.
    pub name: String,
    /// Whether it is the one in the program.
    pub is_bundled: bool,
    /// How long one picture took last, in milliseconds; absent before the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_ms: Option<f64>,
}

/// How far a song is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum SongPhase {
    /// It is listened to.
    Analyzing,
    /// Beats, documents and plan are there.
    Ready,
    /// It can't be used; see the error.
    Failed,
}

/// A song that a page has opened.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Song {
    /// File name.
    pub name: String,
    /// How far it is.
    pub phase: SongPhase,
    /// Share of the listening that is done, 0..=1; only while it is analyzed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<f64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Fault>,
    /// Length in seconds; 0 until it is known.
    pub duration_secs: f64,
    /// What a person should know of the file.
    pub notes: Vec<String>,
    /// Corrections of what was heard.
    pub beats: Document,
    /// The prompts.
    pub prompts: Document,
    /// Settings that differ from the defaults.
    pub settings: Document,
    /// What was heard, with the corrections in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis: Option<Analysis>,
    /// Revision of the plan that pictures are drawn from; 0 while there is none.
    pub plan_revision: u64,
    /// Why there is no plan of the newest texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_error: Option<Fault>,
    /// The finished film's file name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub film: Option<String>,
    /// The finished preview's file name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
}

/// Which of a song's texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum DocumentKind {
    /// `SONG.fix.txt`.
    Beats,
    /// `prompts.txt` or `STEM.prompts.txt`.
    Prompts,
    /// `STEM.settings.json`.
    Settings,
}

/// A text beside the song, as it is on disk.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Document {
    /// Which one.
    pub kind: DocumentKind,
    /// Its file name, also where the file isn't there yet.
    pub file: String,
    /// The text; empty where there is no file.
    pub text: String,
    /// SHA-256 of the text in lowercase hex, which every change must name as its `base`.
    pub hash: String,
    /// Whether a change can be taken back.
    pub can_undo: bool,
    /// Whether one that was taken back can be made again.
    pub can_redo: bool,
    /// What can't be understood in the text; the last good text is what plays then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Fault>,
    /// What a person should know of how the text was understood.
    pub notes: Vec<String>,
    /// Words that the model has never seen; of prompts only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<UnknownWord>>"))]
    pub unknown_words: Vec<UnknownWord>,
    /// The program that a prompts file is of, where it isn't ours: its prompts can't be edited one by one before the edit `convert`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<String>,
    /// All settings with their values, defaults included; of settings only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(type = "Record<string, any>"))]
    pub value: Option<serde_json::Value>,
}

/// A word that the model has never seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct UnknownWord {
    /// The word in lower case.
    pub word: String,
    /// Known words that are spelt alike.
    pub near: Vec<String>,
    /// Where it stands in the text: line and column from 1 and the length, in characters.
    pub spans: Vec<[u32; 3]>,
}

/// Something that went wrong, with its place where that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where in the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Place {
    /// Line number, from 1.
    pub line: usize,
    /// First character of the span, from 1.
    pub column: usize,
    /// Length of the span in characters.
    pub n_chars: usize,
    /// The line with a caret below the span, as the command line shows it.
    pub excerpt: String,
}

/// Body of every answer that isn't a success.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Refusal {
    /// What went wrong.
    pub error: Fault,
    /// The document as it is by now, where a change began from another one (status 409).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<Document>,
}

/// Answer of `GET /api/songs/{name}/command`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct CommandLine {
    /// What makes the same film in a shell, in the project folder.
    pub command: String,
}

/// What is told to every page.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum Event {
    /// Everything; the first event, and again where a page missed some.
    State { state: Box<State> },
    /// A song was opened, or is further.
    Song { song: Box<Song> },
    /// A text was changed.
    Document { song: String, document: Document },
    /// What is heard has changed.
    Analysis { song: String, analysis: Analysis },
    /// There is another plan.
    Plan {
        song: String,
        revision: u64,
        is_calibrated: bool,
    },
    /// A job is there, or is further.
    Job { job: Job },
    /// The songs in the folder have changed.
    Songs { songs: Vec<SongEntry> },
    /// Another model draws, or its speed is known.
    Model { model: Model },
}
