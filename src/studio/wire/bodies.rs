//! What a page sends.

use serde::Deserialize;

#[cfg(test)]
use super::edits;
use super::{DocumentKind, JobKind};

/// Body of `POST /api/songs/{name}/beats`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChangeBeats {
    /// Hash of the text that the change starts from.
    pub base: String,
    /// The change.
    #[cfg_attr(test, ts(as = "edits::BeatsEdit"))]
    pub edit: analysis::BeatsEdit,
}

/// Body of `POST /api/songs/{name}/prompts`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChangePrompts {
    /// Hash of the text that the change starts from.
    pub base: String,
    /// The change.
    #[cfg_attr(test, ts(as = "edits::PromptsEdit"))]
    pub edit: mapping::prompts::PromptsEdit,
}

/// Body of `PUT /api/songs/{name}/settings`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChangeSettings {
    /// Hash of the text that the change starts from.
    pub base: String,
    /// Settings to change, as in [`Document::value`], objects inside it merged; `null` brings the default back.
    #[cfg_attr(test, ts(type = "Record<string, any>"))]
    pub settings: serde_json::Map<String, serde_json::Value>,
}

/// Body of `POST /api/songs/{name}/undo` and `redo`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Undo {
    /// Which text; the one that was changed last where it is absent.
    pub document: Option<DocumentKind>,
}

/// Body of `POST /api/jobs`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct NewJob {
    /// The song's file name.
    pub song: String,
    /// What to make.
    pub kind: JobKind,
}
