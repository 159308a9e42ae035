//! Stage 4: timeline entries become pictures. No audio type is known here.
//!
//! | file | what |
//! |---|---|
//! | [`model`], [`source`], [`weights`] | the files of a model, and tensors by name |
//! | [`text`] | prompts to embeddings |
//! | [`noise`], [`interpolate`] | seeds to noise, ways between two embeddings or noises |
//! | [`unet`], [`schedulers`], [`sampler`] | noise to latents |
//! | [`vae`], `finish` | latents to pictures of the film's size |
//! | `pipeline` | all of it: [`StableDiffusion`], a [`Renderer`] |

mod bundled;
mod checkpoint;
mod defaults;
mod device;
mod families;
mod finish;
pub mod interpolate;
pub mod kernels;
mod layers;
mod ldm;
mod lora;
pub mod model;
pub mod noise;
mod ops;
mod pipeline;
mod renderer;
mod required;
pub mod sampler;
pub mod schedulers;
pub mod source;
pub mod text;
pub mod unet;
pub mod vae;
pub mod weights;

pub use bundled::{BUNDLED, BUNDLED_NAME};
pub use defaults::ModelDefaults;
pub use device::{choose_device, default_dtype};
pub use model::{EmbeddedFolder, ModelFolder};
pub use pipeline::{ModelSizes, StableDiffusion};
pub use renderer::Renderer;
pub use required::required_tensors;
pub use source::ModelSource;
