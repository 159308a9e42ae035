//! Stage 3: an [`Analysis`](analysis::Analysis) and a [`Script`](crate::prompts::Script) become a [`Timeline`](timeline::Timeline): a position
//! in prompts and noise for every frame.
//!
//! Everything that moves is a function of the song's time in seconds, sampled at exact frame times, never summed up frame
//! by frame: a film at 12 and one at 60 frames per second agree where their frames coincide, and a film of a part of the
//! song (`--start`, `--duration`) is a window of the whole film.
//!
//! | file | task |
//! |---|---|
//! | [`prompts`] | the list of prompts: its grammar, and when each prompt arrives |
//! | [`calibration`] | how far the picture moves, measured on probe frames |
//! | `config.rs` | [`MappingConfig`] and its [`Knobs`] |
//! | `fps.rs` | [`Fps`]: frames per second or per beat |
//! | `conform.rs` | [`Conform`]: loops at a tempo that fits the grid of frames |
//! | `plan.rs` | [`timeline()`]: the stage itself; [`Plan`]: the same in two steps, with a calibration between them |
//! | `frames.rs` | the plan's frames: what each shows |
//! | `probes.rs` | what the plan has drawn to measure how far the picture moves |
//! | `excerpt.rs` | the part of the song that the film shows |
//! | `energy.rs` | loudness and onset strength to an energy, 0..=1 over the song |
//! | `integral.rs` | a rate on the hop grid and its exact integral |
//! | `prompt_path.rs` | arrivals to a prompt position |
//! | `channels.rs` | what sound can drive in the picture: the table |
//! | `events.rs` | onsets and beats with their strength |
//! | `pulse.rs` | events to hits that return |
//! | `camera.rs` | how the finished frame is looked at |
//! | `music.rs` | motion by energy, sections and onsets |
//! | `looping.rs` | motion that closes |
//! | `course.rs` | [`Segment`]s of a calibrated film, from prompt cue to prompt cue |
//! | `walk.rs` | how fast it walks them |
//! | `classic.rs` | the well-known walk, as a baseline |
//! | `motion.rs`, `moment.rs` | one of these three, and where it is at a time |
//! | `seeds.rs` | seeds of the noise path |
//! | `advice.rs` | what to know before rendering |
//! | `plot.rs` | a picture of a timeline |

mod advice;
pub mod calibration;
mod camera;
mod channels;
mod classic;
mod config;
mod conform;
mod course;
mod energy;
mod events;
mod excerpt;
mod fps;
mod frames;
mod integral;
mod looping;
mod moment;
mod motion;
mod music;
mod plan;
mod plot;
mod probes;
mod prompt_path;
pub mod prompts;
mod pulse;
mod seeds;
mod walk;

pub use advice::advice;
pub use config::{Knobs, Looping, Mapping, MappingConfig};
pub use conform::{Conform, Conformed};
pub use course::Segment;
pub use excerpt::samples_of;
pub use fps::{BeatLock, Fps, beat_lock};
pub use plan::{Plan, timeline};
pub use plot::plot;

#[cfg(test)]
mod calibrated_tests;
#[cfg(test)]
pub(crate) mod test_songs;
#[cfg(test)]
mod tests;
