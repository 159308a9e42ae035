//! Stage 3: an [`Analysis`](crate::Analysis) and a [`Script`](crate::prompts::Script) become a [`Timeline`]: a position
//! in prompts and noise for every frame.

mod timeline;

pub use timeline::{
    Frame, FrameInputs, NoiseKind, NoiseMix, NoisePath, Prompt, PromptText, Song, Timeline,
};
