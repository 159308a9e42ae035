use super::EmbeddedFolder;

/// Name under which users ask for [`BUNDLED`].
pub const BUNDLED_NAME: &str = "bundled";

macro_rules! embed {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/model/", $path)))),*]
    };
}

/// The model that is part of the program: the folder `model/` of the repository, whose README says how it was made.
pub static BUNDLED: EmbeddedFolder = EmbeddedFolder {
    name: BUNDLED_NAME,
    files: embed![
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
    ],
};
