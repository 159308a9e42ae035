//! Turns a song and a list of prompts into a music video made by latent diffusion.
//!
//! ```text
//! song ─audio→ Track ─analysis→ Analysis ─┐
//!                                         ├─mapping→ Timeline ─diffusion→ frames ─video→ song.mp4
//! prompts.txt ─prompts→ Script ───────────┘      ↑
//!                                           Calibration
//! ```
//!
//! Each stage is a crate below `crates/`, and the compiler holds the order: a crate knows those before it only.
//!
//! | crate | what it does | its value |
//! |---|---|---|
//! | [`audio`] | decode a file, count its samples exactly | [`Track`] |
//! | [`analysis`] | beats, onsets, bands, loudness, sections | [`Analysis`] |
//! | [`mapping`] | read prompts; velocities, integrated to a position for every frame | [`Script`](prompts::Script), [`Calibration`] |
//! | [`timeline`] | the film on paper: the border between music and pictures | [`Timeline`] |
//! | [`diffusion`], on [`kernels`] | draw the timeline's frames | pictures |
//! | [`picture`] | the camera; how far two pictures lie apart for the eye | |
//! | [`video`] | encode, and mux with the untouched soundtrack | [`Video`] |
//! | [`plot`] | pictures of numbers | |
//!
//! This crate is where they meet: [`request`] decides every setting, [`pipeline`] makes the film, [`provenance`] gives the timeline of a finished film back,
//! [`farm`] shares a film among machines, and [`verify`] measures whether it moves with its music;
//! [`cues`] hands beats and sections to other programs; [`set`] makes clips for live sets; `studio` (a feature) shows all of it in
//! a local page.
//!
//! Each value is a plain serde type with a `schema_version`: save it, look at it, edit it, run it again. A frame's pixels
//! depend on its timeline entry, the weights and the [`RenderConfig`](timeline::RenderConfig), and on nothing else.

pub mod contact_sheet;
pub mod cues;
pub mod farm;
pub mod pictures;
pub mod pipeline;
pub mod provenance;
pub mod request;
pub mod set;
pub mod set_list;
#[cfg(feature = "studio")]
pub mod studio;
pub mod verify;

pub use common::{Error, Result, error, partial_file, statistics, text_file, units};
pub use mapping::{calibration, prompts};
pub use {analysis, audio, diffusion, kernels, mapping, picture, plot, timeline, video};

pub use analysis::Analysis;
pub use audio::Track;
pub use calibration::Calibration;
pub use timeline::Timeline;
pub use video::Video;
