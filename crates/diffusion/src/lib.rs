//! Stage 4: timeline entries become pictures. No audio type is known here.
//!
//! | file | what |
//! |---|---|
//! | [`model`], [`ModelSource`], [`weights`] | the files of a model, and tensors by name |
//! | [`hub`], [`ModelStore`], `layout` | models from the Hugging Face hub and its cache; which files are used |
//! | [`text`] | prompts to embeddings |
//! | [`noise`], [`interpolate`] | seeds to noise; interpolation between two embeddings or noises |
//! | [`unet`], [`schedulers`], [`sampler`] | noise to latents |
//! | `lora`, `embedding` | what is put on top of a model: changed weights, words of its own |
//! | `file_kind` | what a safetensors file holds |
//! | `vocabulary` | the words that a model knows |
//! | [`vae`], `postprocess` | latents to pictures of the film's size |
//! | `layers`, `device` | layers with weights, on the CPU or a GPU; which of them a model is drawn on |
//! | `choice` | which device a film is drawn on |
//! | `room`, `self_test`, `speed` | whether a model fits onto a GPU, whether that computes rightly, and faster than the CPU |
//! | `findings` | what of it is kept |
//! | `bench` | how long operations and networks take |
//! | `pipeline`, `sizes` | all of it: [`StableDiffusion`], a [`Renderer`] |

mod bench;
mod bundled;
mod checkpoint;
mod choice;
mod defaults;
mod describe;
mod device;
mod digests;
mod embedding;
mod families;
mod family;
mod file_kind;
mod findings;
pub mod hub;
pub mod interpolate;
mod layers;
mod layout;
mod ldm;
mod lora;
mod memory;
pub mod model;
pub mod noise;
mod not_finite;
mod ops;
mod part;
mod pipeline;
mod postprocess;
mod renderer;
mod required;
mod room;
pub mod sampler;
pub mod schedulers;
mod self_test;
mod sizes;
mod source;
mod speed;
mod store;
pub mod text;
pub mod unet;
pub mod vae;
mod vocabulary;
pub mod weights;

pub use bench::{Timing, time_networks, time_operations};
pub use bundled::{BUNDLED, BUNDLED_NAME};
pub use choice::{Choice, Task, choose};
pub use defaults::ModelDefaults;
pub use describe::{
    Description, EmbeddingDescription, LoraDescription, ModelDescription, PartDescription,
    VaeDescription, describe_file, describe_model, describe_path,
};
pub use device::{
    Device, DeviceDescription, HAS_GPUS, choose_dtype, compute_dtype, devices, open_device,
};
pub use digests::DigestCache;
pub use family::Family;
pub use findings::GpuFindings;
pub use layers::Activation;
pub use memory::MemoryNeed;
pub use model::{EmbeddedFolder, HeadersOnly, ModelFolder};
pub use not_finite::NotFinite;
pub use part::Part;
pub use pipeline::StableDiffusion;
pub use renderer::Renderer;
pub use required::required_tensors;
pub use room::GpuRoom;
pub use schedulers::{MAX_STEPS, SCHEDULERS};
pub use sizes::ModelSizes;
pub use source::ModelSource;
pub use store::{HubName, ModelStore, hub_name};
pub use vocabulary::{Names, Vocabulary};
