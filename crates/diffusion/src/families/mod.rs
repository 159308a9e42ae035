//! Configurations of the families that come as single-file checkpoints, which hold weights alone. The values are those of
//! the families' own model folders.

use super::checkpoint::CheckpointKind;
use super::model::EmbeddedFolder;

const CLIP_MERGES: &[u8] = include_bytes!("clip_merges.txt");

/// Fills prompts up with the end token.
const CLIP_TOKENIZER: &[u8] =
    br#"{"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}"#;
/// Fills prompts up with "!", as OpenCLIP does with zeros.
const OPEN_CLIP_TOKENIZER: &[u8] =
    br#"{"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "!"}"#;

/// CLIP ViT-L/14.
const CLIP_L: &[u8] = br#"{
  "architectures": ["CLIPTextModel"], "vocab_size": 49408, "hidden_size": 768, "intermediate_size": 3072,
  "num_hidden_layers": 12, "num_attention_heads": 12, "projection_dim": 768, "max_position_embeddings": 77,
  "hidden_act": "quick_gelu", "layer_norm_eps": 1e-05, "eos_token_id": 2
}"#;
/// OpenCLIP ViT-H/14 without its last layer.
const OPEN_CLIP_H: &[u8] = br#"{
  "architectures": ["CLIPTextModel"], "vocab_size": 49408, "hidden_size": 1024, "intermediate_size": 4096,
  "num_hidden_layers": 23, "num_attention_heads": 16, "projection_dim": 512, "max_position_embeddings": 77,
  "hidden_act": "gelu", "layer_norm_eps": 1e-05, "eos_token_id": 2
}"#;
/// OpenCLIP ViT-bigG/14.
const OPEN_CLIP_BIG_G: &[u8] = br#"{
  "architectures": ["CLIPTextModelWithProjection"], "vocab_size": 49408, "hidden_size": 1280,
  "intermediate_size": 5120, "num_hidden_layers": 32, "num_attention_heads": 20, "projection_dim": 1280,
  "max_position_embeddings": 77, "hidden_act": "gelu", "layer_norm_eps": 1e-05, "eos_token_id": 2
}"#;

const VAE: &[u8] = br#"{
  "_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
  "latent_channels": 4, "norm_num_groups": 32, "scaling_factor": 0.18215
}"#;
const XL_VAE: &[u8] = br#"{
  "_class_name": "AutoencoderKL", "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
  "latent_channels": 4, "norm_num_groups": 32, "scaling_factor": 0.13025
}"#;

/// stable-diffusion-v1-5.
const STABLE_DIFFUSION_1: EmbeddedFolder = EmbeddedFolder {
    name: "Stable Diffusion 1",
    files: &[
        ("model_index.json", br#"{"_class_name": "StableDiffusionPipeline"}"#),
        (
            "scheduler/scheduler_config.json",
            br#"{
              "_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
              "num_train_timesteps": 1000, "skip_prk_steps": true, "set_alpha_to_one": false, "steps_offset": 1,
              "clip_sample": false
            }"#,
        ),
        ("tokenizer/merges.txt", CLIP_MERGES),
        ("tokenizer/tokenizer_config.json", CLIP_TOKENIZER),
        ("text_encoder/config.json", CLIP_L),
        (
            "unet/config.json",
            br#"{"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8}"#,
        ),
        ("vae/config.json", VAE),
    ],
};

/// stable-diffusion-2-1: 768 pixels, velocity.
const STABLE_DIFFUSION_2: EmbeddedFolder = EmbeddedFolder {
    name: "Stable Diffusion 2",
    files: &[
        ("model_index.json", br#"{"_class_name": "StableDiffusionPipeline"}"#),
        (
            "scheduler/scheduler_config.json",
            br#"{
              "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
              "num_train_timesteps": 1000, "prediction_type": "v_prediction", "set_alpha_to_one": false,
              "steps_offset": 1, "clip_sample": false, "skip_prk_steps": true
            }"#,
        ),
        ("tokenizer/merges.txt", CLIP_MERGES),
        ("tokenizer/tokenizer_config.json", OPEN_CLIP_TOKENIZER),
        ("text_encoder/config.json", OPEN_CLIP_H),
        (
            "unet/config.json",
            br#"{
              "sample_size": 96, "cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20],
              "use_linear_projection": true
            }"#,
        ),
        ("vae/config.json", VAE),
    ],
};

/// stable-diffusion-xl-base-1.0.
const STABLE_DIFFUSION_XL: EmbeddedFolder = EmbeddedFolder {
    name: "Stable Diffusion XL",
    files: &[
        (
            "model_index.json",
            br#"{"_class_name": "StableDiffusionXLPipeline", "force_zeros_for_empty_prompt": true}"#,
        ),
        (
            "scheduler/scheduler_config.json",
            br#"{
              "_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012,
              "beta_schedule": "scaled_linear", "num_train_timesteps": 1000, "prediction_type": "epsilon",
              "timestep_spacing": "leading", "steps_offset": 1, "interpolation_type": "linear",
              "use_karras_sigmas": false, "skip_prk_steps": true, "set_alpha_to_one": false, "clip_sample": false
            }"#,
        ),
        ("tokenizer/merges.txt", CLIP_MERGES),
        ("tokenizer/tokenizer_config.json", CLIP_TOKENIZER),
        ("tokenizer_2/merges.txt", CLIP_MERGES),
        ("tokenizer_2/tokenizer_config.json", OPEN_CLIP_TOKENIZER),
        ("text_encoder/config.json", CLIP_L),
        ("text_encoder_2/config.json", OPEN_CLIP_BIG_G),
        (
            "unet/config.json",
            br#"{
              "sample_size": 128, "block_out_channels": [320, 640, 1280], "cross_attention_dim": 2048,
              "attention_head_dim": [5, 10, 20], "transformer_layers_per_block": [1, 2, 10],
              "use_linear_projection": true, "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
              "projection_class_embeddings_input_dim": 2816,
              "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
              "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"]
            }"#,
        ),
        ("vae/config.json", XL_VAE),
    ],
};

/// The configuration of a family's checkpoints.
pub fn folder(kind: CheckpointKind) -> EmbeddedFolder {
    match kind {
        CheckpointKind::StableDiffusion1 => STABLE_DIFFUSION_1,
        CheckpointKind::StableDiffusion2 => STABLE_DIFFUSION_2,
        CheckpointKind::StableDiffusionXl => STABLE_DIFFUSION_XL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelFolder;
    use crate::text::Tokenizer;
    use crate::{ModelDefaults, ModelSource};

    #[test]
    fn tokens_are_those_of_clip() {
        // Ids as CLIP's own tokenizer gives them.
        let folder = ModelFolder::Embedded(STABLE_DIFFUSION_1);
        let tokenizer = Tokenizer::load(&folder, "tokenizer").unwrap();
        assert_eq!(
            (tokenizer.bos, tokenizer.eos, tokenizer.pad),
            (49406, 49407, 49407)
        );
        let ids = tokenizer
            .encode("a photo of an astronaut riding a horse on mars")
            .unwrap();
        assert_eq!(
            ids,
            [320, 1125, 539, 550, 18376, 6765, 320, 4558, 525, 7496]
        );
        let folder = ModelFolder::Embedded(STABLE_DIFFUSION_2);
        assert_eq!(Tokenizer::load(&folder, "tokenizer").unwrap().pad, 0);
    }

    #[test]
    fn native_sizes_are_known() {
        for (folder, side) in [
            (STABLE_DIFFUSION_1, 512),
            (STABLE_DIFFUSION_2, 768),
            (STABLE_DIFFUSION_XL, 1024),
        ] {
            let model = ModelSource::new(ModelFolder::Embedded(folder));
            assert_eq!(ModelDefaults::of(&model).unwrap().native_side, side);
        }
    }
}
