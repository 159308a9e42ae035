//! Stage 4: timeline entries become pictures. No audio type is known here.

pub mod kernels;
mod renderer;

pub use renderer::Renderer;
