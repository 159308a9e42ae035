//! The files of the bundled model: a diffusers folder that lives in the program. The README beside says how it was made.

macro_rules! embed {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!($path))),*]
    };
}

/// Each file of the model by its path in the folder, with `/` between the parts.
pub static FILES: &[(&str, &[u8])] = embed![
    "model_index.json",
    "scheduler/scheduler_config.json",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "tokenizer/tokenizer.json",
    "tokenizer/tokenizer_config.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
    "vocabulary.json",
];
