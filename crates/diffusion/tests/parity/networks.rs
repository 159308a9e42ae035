//! Single calls: tokens, text models, UNet, autoencoder.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use diffusion::model::ModelFolder;
use diffusion::text::{ClipConfig, ClipTextModel, HiddenState, TextEncoder, Tokenizer};
use diffusion::unet::{Conditioning, UNet, UNetConfig};
use diffusion::vae::{Decoder, Encoder, VaeConfig};
use diffusion::weights::Weights;
use diffusion::{ModelSource, Part};
use kernels::Method;

use crate::kit::{CALL_BOUND, Expected, Report, relative_error, to_f64};

/// All networks of a model folder, in f32.
pub struct Pipeline {
    pub text: Vec<TextEncoder>,
    pub unet: UNet,
    pub vae: Vae,
}

/// What brings weights to where they are computed with.
pub type Place<'a> = &'a dyn Fn(Weights) -> Weights;

pub struct Vae {
    pub decoder: Decoder,
    pub encoder: Encoder,
}

impl Pipeline {
    /// `place` says where the UNet and the autoencoder compute.
    pub fn load(folder: &Path, place: Place<'_>) -> Self {
        Self::of(
            &ModelSource::new(ModelFolder::Disk(folder.to_owned())),
            place,
        )
    }

    pub fn of(model: &ModelSource, place: Place<'_>) -> Self {
        Self {
            text: load_text(model),
            unet: UNet::load(
                &place(weights(model, Part::UNet)),
                UNetConfig::read(&model.config(Part::UNet).unwrap()).unwrap(),
            )
            .unwrap_or_else(|error| panic!("{error}")),
            vae: Vae::load(
                &place(weights(model, Part::Vae)),
                VaeConfig::read(&model.config(Part::Vae).unwrap()).unwrap(),
            ),
        }
    }
}

pub fn weights(model: &ModelSource, part: Part) -> Weights {
    let map = model
        .tensors(part)
        .unwrap_or_else(|error| panic!("{error}"));
    Weights::new(map, &Device::Cpu, DType::F32)
}

pub fn load_text(model: &ModelSource) -> Vec<TextEncoder> {
    [
        (Part::TextEncoder, "tokenizer"),
        (Part::TextEncoder2, "tokenizer_2"),
    ]
    .into_iter()
    .filter(|(part, _)| model.has(*part))
    .map(|(part, tokenizer)| TextEncoder {
        tokenizer: Tokenizer::load(&model.folder, tokenizer)
            .unwrap_or_else(|error| panic!("{error}")),
        model: ClipTextModel::load(
            &weights(model, part),
            ClipConfig::read(&model.config(part).unwrap()).unwrap(),
        )
        .unwrap_or_else(|error| panic!("{error}")),
    })
    .collect()
}

impl Vae {
    fn load(weights: &Weights, config: VaeConfig) -> Self {
        Self {
            encoder: Encoder::load(weights, &config).unwrap_or_else(|error| panic!("{error}")),
            decoder: Decoder::load(weights, config).unwrap_or_else(|error| panic!("{error}")),
        }
    }

    /// An autoencoder in a folder of its own.
    pub fn load_bare(folder: &Path, place: Place<'_>) -> Self {
        let folder = ModelFolder::Disk(folder.to_owned());
        let tensors = folder.tensors("", "diffusion_pytorch_model").unwrap();
        let weights = place(Weights::new(tensors, &Device::Cpu, DType::F32));
        Self::load(
            &weights,
            VaeConfig::read(&folder.config("config.json").unwrap()).unwrap(),
        )
    }
}

/// `text` and `input_ids`, then `text_2` and `input_ids_2`.
pub fn suffix(idx: usize) -> String {
    if idx == 0 {
        String::new()
    } else {
        format!("_{}", idx + 1)
    }
}

pub fn compare_text(pipeline: &Pipeline, expected: &mut Expected, report: &mut Report) {
    let mut penultimates = Vec::new();
    for (idx, encoder) in pipeline.text.iter().enumerate() {
        let suffix = suffix(idx);
        let len = encoder.model.config().max_position_embeddings;
        let tokenize = |prompts: &[String]| -> Vec<Vec<u32>> {
            prompts
                .iter()
                .map(|text| encoder.tokenizer.encode_padded(text, len).unwrap())
                .collect()
        };
        let ids = tokenize(&expected.strings("prompts"));
        report.compare_ids(expected, &format!("tokens/input_ids{suffix}"), &ids);
        let extra = format!("tokens/input_ids{suffix}_extra");
        if expected.has(&extra) {
            let ids = tokenize(&expected.strings("tokenizer_extra_prompts"));
            report.compare_ids(expected, &extra, &ids);
        }
        expected.skip(&format!("{extra}_slow")); // informative only: another tokenizer's behaviour

        let output = encoder.model.forward(&ids).unwrap();
        let select = |which| encoder.select(&output, which).unwrap();
        let text = format!("text{suffix}");
        let penultimate = select(HiddenState::Penultimate { clip_skip: 0 });
        let mut compare = |name: String, actual: &Tensor| {
            if expected.has(&name) {
                report.compare_within(expected, &name, actual, CALL_BOUND);
            }
        };
        compare(
            format!("{text}/last_hidden_state"),
            &output.last_hidden_state,
        );
        compare(format!("{text}/penultimate"), &penultimate);
        compare(format!("{text}/pooled"), &output.pooled);
        for clip_skip in 1..encoder.model.config().num_hidden_layers {
            compare(
                format!("{text}/clip_skip_{clip_skip}"),
                &select(HiddenState::Last { clip_skip }),
            );
        }
        penultimates.push(penultimate);
    }
    if expected.has("text/prompt_embeds") {
        let joined = Tensor::cat(&penultimates, 2).unwrap();
        report.compare_within(expected, "text/prompt_embeds", &joined, CALL_BOUND);
    }
}

/// The inputs of a UNet case, by their names in the kit.
pub fn unet_inputs(
    expected: &mut Expected,
    case: &str,
    context: &str,
) -> (Tensor, Vec<f64>, Conditioning) {
    let name = |field: &str| format!("{case}/{field}");
    let conditioning = Conditioning {
        context: expected.get(context),
        pooled: expected.try_get(&name("text_embeds")),
        time_ids: expected
            .try_get(&name("time_ids"))
            .map(|ids| to_f64(&ids))
            .unwrap_or_default(),
        guidance: expected.try_get(&name("timestep_cond")),
    };
    (
        expected.get(&name("latent")),
        to_f64(&expected.get(&name("timestep"))),
        conditioning,
    )
}

pub fn compare_unet(pipeline: &Pipeline, expected: &mut Expected, report: &mut Report) {
    for case in expected.cases("unet/", "/out") {
        let case = format!("unet/{case}");
        let (latents, timesteps, conditioning) = unet_inputs(expected, &case, "unet/context");
        let mut probed = Vec::new();
        let out = pipeline
            .unet
            .forward_probed(
                &latents,
                &timesteps,
                &conditioning,
                &mut |name, activation| {
                    probed.push((
                        format!("unet/debug/{name}"),
                        activation.to_tensor().unwrap().narrow(0, 0, 1).unwrap(),
                    ));
                },
            )
            .unwrap();
        report.compare_within(expected, &format!("{case}/out"), &out, CALL_BOUND);
        if case == "unet/square" {
            for (name, tensor) in probed
                .iter()
                .filter(|(name, _)| expected.has(name))
                .collect::<Vec<_>>()
            {
                report.compare_within(expected, name, tensor, CALL_BOUND);
            }
        }
        // The guidance embedding is an input of the case; it must be ours too.
        if let Some(width) = pipeline.unet.config.time_cond_proj_dim {
            let text = expected.describe[&format!("{case}/timestep_cond")]["description"]
                .as_str()
                .unwrap_or_default();
            let scales = text
                .split("guidance_scale ")
                .nth(1)
                .expect("guidance scales")
                .trim_end_matches(')');
            let scales: Vec<f64> = scales
                .split(", ")
                .map(|scale| scale.parse().unwrap())
                .collect();
            let ours = diffusion::unet::guidance_embedding(&scales, width, &Device::Cpu).unwrap();
            report.compare_within(expected, &format!("{case}/timestep_cond"), &ours, 1e-4);
        }
    }
}

/// The UNet with the convolutions that films are drawn with, whose rounding is looser.
pub fn compare_rounding(folder: &Path, expected: &mut Expected, report: &mut Report) {
    let model = ModelSource::new(ModelFolder::Disk(folder.to_owned()));
    let weights = weights(&model, Part::UNet).with_method(Method::Fast);
    let config = UNetConfig::read(&model.config(Part::UNet).unwrap()).unwrap();
    let unet = UNet::load(&weights, config).unwrap();
    let (latents, timesteps, conditioning) = unet_inputs(expected, "unet/square", "unet/context");
    let out = unet.forward(&latents, &timesteps, &conditioning).unwrap();
    let error = relative_error(&expected.get("unet/square/out"), &out);
    report.add(&expected.family.clone(), "unet/fast/out", error, 1e-4);
}

pub fn compare_vae(vae: &Vae, expected: &mut Expected, report: &mut Report) {
    for group in ["vae", "taesd"] {
        let prefix = format!("{group}/");
        for case in expected.cases(&prefix, "/latent") {
            if case == "encode" {
                continue;
            }
            let latents = expected.get(&format!("{group}/{case}/latent"));
            let image = vae.decoder.decode(&latents).unwrap();
            report.compare_within(
                expected,
                &format!("{group}/{case}/image"),
                &image,
                CALL_BOUND,
            );
        }
        if !expected.has(&format!("{group}/encode/image")) {
            continue;
        }
        let moments = vae
            .encoder
            .encode(&expected.get(&format!("{group}/encode/image")))
            .unwrap();
        let mut compare = |field: &str, actual: &Tensor| {
            let name = format!("{group}/encode/{field}");
            if expected.has(&name) {
                report.compare_within(expected, &name, actual, CALL_BOUND);
            }
        };
        compare("mean", &moments.mean);
        compare("latent", &moments.mean);
        if let Some(log_variance) = &moments.log_variance {
            compare("logvar", log_variance);
        }
    }
}
