//! The prompts file: text in, [`Script`] out, errors with file, line, column and caret. Files of other programs become the same
//! `Script`.
//!
//! One prompt a line, in the order in which they are shown, is a whole prompts file. Everything else is optional:
//!
//! ```text
//! # A comment; blank lines are skipped too.
//! style: oil painting, soft light                 a suffix for all prompts
//! --neg text, watermark                           what no picture should show
//!
//! a quiet harbour at dawn                         the first prompt is there from the start
//! [0:42.5] fishing boats leaving                  arrives at 42.5 seconds of the song
//! @bar 33 a storm rises {seed=42 guidance=3}      arrives on bar 33 (bars are counted from 1)
//! @section chorus lightning over the sea          arrives on the next section called "chorus"
//! @section "guitar solo":2 the eye of the storm   the second of that name
//! stars over calm water --neg clouds              not clouds, here only
//! ```
//!
//! A prompt has *arrived* when it is shown alone. Prompts without a mark in front arrive between their neighbours, evenly
//! but on section starts or bars ([`Arrive`]). Times are seconds of the song, also where only a part of it is rendered.
//!
//! Words pass to the model untouched, with weights and brackets such as `(glow:1.3)` or `[haze]`. A backslash takes the
//! meaning from what follows: `\[`, `\@`, `\#`, `\//`, `\\` and names with a colon (`\style:`) where a prompt begins, `\--neg` where a
//! word begins, `\{` and `\}` anywhere. Every other backslash stays.
//!
//! What moves with what can be set too, a line for each route from the sound to the picture:
//!
//! ```text
//! map: noise = energy                        the default: the speed of the noise follows energy
//! map: noise = low {gain=0.5 release=0.3}    and the bass, half as much, falling off within 0.3 seconds
//! map: pulse = downbeats {gain=2}            hits on downbeats alone instead of onsets
//! map: guidance = high {gain=1.5}            up to 1.5 more guidance where there are cymbals
//! map: zoom = downbeats                      the camera jumps closer on each bar and falls back
//! map: rotate = low {gain=2}                 and sways twice as fast where there is bass
//! ```
//!
//! | channel | features |
//! |---|---|
//! | `noise`, `guidance` | `energy`, `loudness` (0.4 s), `short_term` (loudness over 3 s), `onsets`, `low`, `mid`, `high`, `harmonic`, `percussive`, `brightness`, `width`, `stem NAME` |
//! | `pulse` | `onsets`, `low`, `mid`, `high`, `beats`, `downbeats`, `stem NAME` |
//! | `zoom`, `rotate`, `pan` | all of them: `onsets`, `beats` and `downbeats` as hits, the others as the speed of swaying |
//!
//! A stem is a file of the user's own, given with `--stem NAME=FILE`. Routes of a channel add up and replace its default. `attack` and `release` are time constants in seconds.
//!
//! | file | task |
//! |---|---|
//! | `text.rs` | bytes to text, without invisible characters |
//! | `dialects/` | files of other programs |
//! | `parser.rs` | lines to a [`Script`] |
//! | `directive.rs` | lines for the whole film, and what people write instead |
//! | `lexer.rs` | a line to tokens |
//! | `networks.rs` | tags such as `<lora:name:1>` |
//! | `notes.rs` | what a person should know of how a file was understood |
//! | `mark.rs` | what stands in front of a prompt |
//! | `settings.rs` | what stands in braces behind it |
//! | `route.rs` | what stands behind `map:` |
//! | `edit` | edits: a text becomes another, which keeps comments and order |
//! | `resolve.rs` | a [`Script`] and an [`Analysis`](analysis::Analysis) to arrivals in seconds |

mod dialects;
mod directive;
mod edit;
mod lexer;
mod mark;
mod networks;
mod notes;
mod parser;
mod resolve;
mod route;
mod script;
mod settings;
mod text;

pub use crate::channels::Channel;
pub use edit::{
    FilmLine, FilmLineKind, Placing, PromptsEdit, WordPlace, edit_prompts, film_lines,
    places_of_words,
};
pub use resolve::Arrive;
pub use route::{Feature, Route};
pub use script::{Arrival, MarkKind, Script, ScriptPrompt};

/// Most prompts that a file may have.
pub const MAX_PROMPTS: usize = 10_000;

/// The first `n_letters` of a text, with an ellipsis where something is left out.
pub fn shorten(text: &str, n_letters: usize) -> String {
    if text.chars().count() <= n_letters {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(n_letters.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod meaning_tests;
#[cfg(test)]
mod resolve_tests;
#[cfg(test)]
mod tests;
