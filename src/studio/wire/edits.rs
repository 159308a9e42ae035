//! Edits as a page writes them, for its types: `analysis::BeatsEdit` and `mapping::prompts::PromptsEdit`, in which a test reads each.

use serde::Serialize;
use ts_rs::TS;

/// A change of what is heard. Beats and sections count from 0.
#[derive(Serialize, TS)]
#[serde(tag = "edit", rename_all = "snake_case")]
#[ts(optional_fields)]
pub enum BeatsEdit {
    /// Puts a beat at another time, between its neighbours.
    MoveBeat { index: usize, secs: f64 },
    /// Moves a beat and all behind it, up to the next locked part.
    MoveFrom { index: usize, by_secs: f64 },
    /// Puts a beat between each two.
    Double,
    /// Leaves out every other beat.
    Halve,
    /// Moves all beats later by half a beat.
    ShiftHalf,
    /// Even beats at a tempo, one of them at `anchor_secs`; from `from_secs` on.
    SetTempo {
        bpm: f64,
        from_secs: Option<f64>,
        anchor_secs: f64,
    },
    /// Has the beats found anew near a tempo, or in a meter such as `3/4`.
    HearAnew {
        bpm: Option<f64>,
        meter: Option<String>,
    },
    /// Makes a beat a downbeat; bars are counted on from there.
    SetDownbeat { index: usize },
    /// Bars of so many beats, from a beat's bar on.
    SetMeter {
        beats_per_bar: u32,
        from_index: Option<usize>,
    },
    /// Takes a beat out.
    DeleteBeat { index: usize },
    /// Adds a beat.
    AddBeat { secs: f64 },
    /// Keeps a part from other edits, or frees it.
    Lock {
        start: f64,
        end: f64,
        is_locked: bool,
    },
    /// Moves the start of a section; not of the first.
    MoveBorder { index: usize, secs: f64 },
    /// Names a section.
    RenameSection { index: usize, label: String },
    /// Cuts a section in two.
    SplitSection { secs: f64 },
    /// Joins a section to the one before.
    JoinSection { index: usize },
    /// Takes a part out of the file, so that it is heard anew.
    Forget { part: Part },
    /// The whole text.
    Text { text: String },
}

/// A part of the corrections.
#[derive(Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Beats, with tempo, meter and locked parts.
    Beats,
    /// Sections.
    Sections,
}

/// A change of the prompts. A line is that of a prompt in the text, from 1.
#[derive(Serialize, TS)]
#[serde(tag = "edit", rename_all = "snake_case")]
#[ts(optional_fields)]
pub enum PromptsEdit {
    /// Adds a prompt; behind all others where `secs` is absent.
    Add {
        secs: Option<f64>,
        mark: Mark,
        text: String,
    },
    /// Changes a prompt's words.
    SetText { line: usize, text: String },
    /// Has a prompt arrive at another time.
    Move { line: usize, secs: f64, mark: Mark },
    /// Adds the same prompt at another time.
    Duplicate {
        line: usize,
        secs: f64,
        mark: Option<Mark>,
    },
    /// Takes a prompt out; not the last one.
    Remove { line: usize },
    /// Changes what stands behind a prompt: what is absent stays, `null` takes it out.
    Set {
        line: usize,
        #[ts(type = "number | null", optional)]
        seed: Option<u64>,
        #[ts(type = "string | null", optional)]
        negative: Option<String>,
        #[ts(type = "number | null", optional)]
        guidance: Option<f64>,
    },
    /// Words for every prompt; empty = none.
    Style { text: String },
    /// What no picture should show; empty = nothing.
    Negative { text: String },
    /// Sets a `map:` line, or adds one where `line` is absent; an empty text takes it out.
    Map { line: Option<usize>, text: String },
    /// Turns a file of another program into lines of ours.
    Convert,
    /// The whole text.
    Text { text: String },
}

/// What stands in front of a prompt.
#[derive(Clone, Copy, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Nothing: it arrives between its neighbours.
    None,
    /// `[0:42.5]`
    Time,
    /// `@bar 33`
    Bar,
    /// `@section chorus`
    Section,
}
