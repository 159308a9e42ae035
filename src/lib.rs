//! Turns a song and a list of prompts into a music video made by latent diffusion.
//!
//! ```text
//! song ─audio→ Track ─analysis→ Analysis ─┐
//!                                         ├─mapping→ Timeline ─diffusion→ frames ─video→ song.mp4
//! prompts.txt ─prompts→ Script ───────────┘      ↑
//!                                           Calibration
//! ```
//!
//! | stage | function | its value |
//! |---|---|---|
//! | [`audio`] | decode a file, count its samples exactly | [`Track`] |
//! | [`analysis`] | beats, onsets, bands, loudness | [`Analysis`] |
//! | [`mapping`] | velocities, integrated to a position for every frame | [`Timeline`] |
//! | [`calibration`] | measure on probe frames how far the picture moves | [`Calibration`] |
//! | [`diffusion`] | draw the timeline's frames | pictures |
//! | [`video`] | encode, and mux with the untouched soundtrack | [`Video`] |
//!
//! [`perception`] measures how far two pictures lie apart, [`camera`] looks at a finished one from elsewhere, [`provenance`]
//! gives the timeline of a finished film back, and [`verify`] measures whether it moves with its music.
//!
//! Each value is a plain serde type with a `schema_version`: save it, look at it, edit it, run it again. [`pipeline`] is
//! the only place where the stages meet. A frame's pixels depend on its timeline entry, the weights and the
//! [`config::RenderConfig`], and on nothing else.

pub mod analysis;
pub mod audio;
pub mod calibration;
pub mod camera;
pub mod config;
pub mod contact_sheet;
pub mod diffusion;
pub mod error;
mod hex;
pub mod manifest;
pub mod mapping;
pub mod partial_file;
pub mod perception;
pub mod pipeline;
pub mod plot;
pub mod prompts;
pub mod provenance;
pub mod statistics;
pub mod text_file;
pub mod units;
pub mod verify;
pub mod video;

pub use analysis::Analysis;
pub use audio::Track;
pub use calibration::Calibration;
pub use error::{Error, Result};
pub use mapping::Timeline;
pub use video::Video;
