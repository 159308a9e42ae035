//! Live sets: songs become clips that close seamlessly, have whole beats, and all play at one tempo.
//!
//! A set is planned first: every song is heard, its clips are chosen, and what they take is foretold. Then each clip gets a
//! timeline, is drawn, made and measured. Clips lie in one folder, with what other programs want to know of them beside them:
//!
//! | in the folder | what it is |
//! |---|---|
//! | `03_Artist-Title_drop_16beats_120bpm.mov` | a clip |
//! | `set.json` | [`SetRecord`]: every clip with its section, tempo, cues and measures |
//! | `set.png` | a sheet with a picture of each clip |
//! | `cues.csv` | the beats of all clips |
//! | `cues/03_Artist-Title.mid`, `.txt` | where a song's beats and clips lie, for audio programs |
//! | `set.visualize` | the clips' timelines, calibration, and chunks that aren't clips yet |
//!
//! | file | task |
//! |---|---|
//! | `songs.rs` | a folder, a list or a collection to songs |
//! | `choice.rs` | which parts of a song become clips |
//! | `prompts.rs` | what the clips of each song show |
//! | `names.rs` | names of files |
//! | `plan.rs` | songs to clips |
//! | `foretell.rs` | what they take |
//! | `make.rs` | clips to files |
//! | `shared.rs` | a set that several machines draw |
//! | `record.rs` | `set.json` |
//! | `extras.rs` | the sheet, cues and labels |

mod choice;
mod extras;
mod foretell;
mod make;
mod names;
mod plan;
mod prompts;
mod record;
mod shared;
mod songs;

use std::str::FromStr;

use common::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::request::Settings;

pub use choice::{Part, parts};
pub use foretell::Foretold;
pub(crate) use make::{Place, place_of, run_folder};
pub use make::{finish, make, save_plan};
pub use names::ascii;
pub use plan::{PlannedClip, PlannedSong, SetPlan, plan};
pub use prompts::SetPrompts;
pub use record::{ClipRecord, Cue, Measured, SetRecord, SongRecord};
pub use shared::{copy_plan, folder_of_set, render_chunks};
pub use songs::{SetSong, SetSongs, find_songs};

/// Lengths of clips in beats, unless they are given.
pub const BEATS: [u32; 4] = [4, 8, 16, 32];

/// Most beats of a clip.
pub const MAX_BEATS: u32 = 1024;

/// What a set's clips are made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetSettings {
    /// What is the same for all clips. Its tempo, start, length and loop are each clip's own.
    pub film: Settings,
    /// Lengths of clips in beats, 1 to [`MAX_BEATS`].
    pub beats: Vec<u32>,
    /// Where clips come from.
    pub per: Per,
}

/// Where in a song clips come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Per {
    /// Every section has a clip of each length.
    #[default]
    Section,
    /// A song has one clip of each length, from its most energetic section.
    Track,
    /// So many places, evenly spread, have a clip of each length.
    Places(u32),
}

impl std::fmt::Display for Per {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Section => f.write_str("section"),
            Self::Track => f.write_str("track"),
            Self::Places(n) => write!(f, "{n}"),
        }
    }
}

impl From<Per> for String {
    fn from(per: Per) -> Self {
        per.to_string()
    }
}

impl TryFrom<String> for Per {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl FromStr for Per {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "section" => return Ok(Self::Section),
            "track" => return Ok(Self::Track),
            _ => {}
        }
        let n = text.parse().ok().filter(|n| (1..=100).contains(n));
        n.map(Self::Places).ok_or_else(|| Error::Config {
            name: "per",
            value: text.to_owned(),
            allowed: "give section, track, or a number of places from 1 to 100".to_owned(),
        })
    }
}
