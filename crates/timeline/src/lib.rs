//! The film on paper: a [`Timeline`] holds what every frame shows, how it is drawn and how it is encoded.
//!
//! It is the border between music and pictures: the crates before it know no tensor, those behind it no beat. A frame's
//! pixels depend on its [`FrameInputs`], the weights and the [`RenderConfig`], and on nothing else.
//!
//! | file | task |
//! |---|---|
//! | `timeline.rs`, `check.rs`, `file.rs` | [`Timeline`], its validity, its file |
//! | `settings.rs` | [`RenderConfig`], [`Encoding`]: how frames are drawn and compressed |
//! | `noise.rs` | a noise position and a pulse to weights of seeds |
//! | `steps.rs` | how far a timeline moves from frame to frame |
//! | `still.rs` | frames that repeat the one before |
//! | `view.rs` | [`View`]: how a finished frame is looked at |
//! | `run_folder.rs` | where a film's finished chunks lie |

mod check;
mod file;
mod noise;
mod run_folder;
mod settings;
mod steps;
mod still;
mod timeline;
mod view;

pub use run_folder::RunFolder;
pub use settings::{
    DiffusionConfig, EmbeddingConfig, Encoding, Kernels, LoraConfig, RenderConfig, Size, VideoCodec,
};
pub use steps::step;
pub use timeline::{
    Frame, FrameInputs, MAX_GUIDANCE_SCALE, NoiseKind, NoiseMix, NoisePath, Prompt, PromptText,
    SCHEMA_VERSION, Song, SongStem, Timeline,
};
pub use view::{MAX_PAN, MAX_ZOOM, View, overscan};
