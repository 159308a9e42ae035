"""Makes the small parity kit in `kit/`: tiny random pipelines, and what diffusers computes with them.

    python tests/parity/make_kit.py tests/parity/kit

Needs `torch diffusers transformers safetensors` (made with torch 2.15, diffusers 0.42.1, transformers 5.23).
The families differ in what the configuration files turn on: see FAMILIES. The layout is described in `kit.rs`.
"""

import json
import sys
from pathlib import Path

import torch
from diffusers import (AutoencoderKL, AutoencoderTiny, DDIMScheduler, DDPMScheduler, DEISMultistepScheduler,
                       DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler,
                       HeunDiscreteScheduler, LCMScheduler, PNDMScheduler, UNet2DConditionModel, UniPCMultistepScheduler)
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizerFast

PROMPTS = ["a red fox in the snow", "", "Wow!!! it's 2024's BEST\n café № 5, 日本", "the sea, " * 40]
SCHEDULERS = {
    "ddim": DDIMScheduler, "pndm": PNDMScheduler, "euler": EulerDiscreteScheduler,
    "euler_a": EulerAncestralDiscreteScheduler, "dpmpp_2m": DPMSolverMultistepScheduler,
    "unipc": UniPCMultistepScheduler, "lcm": LCMScheduler,
}
SD_SCHEDULE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000,
                   steps_offset=1, clip_sample=False, set_alpha_to_one=False, skip_prk_steps=True)
UNET = dict(sample_size=8, in_channels=4, out_channels=4, block_out_channels=(4, 8), layers_per_block=1,
            norm_num_groups=2, cross_attention_dim=8, attention_head_dim=2,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))
TEXT = dict(hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2, projection_dim=8,
            max_position_embeddings=77, hidden_act="quick_gelu", eos_token_id=2)
VAE = dict(block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2, latent_channels=4,
           down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2)

# pipeline class, changes of the networks, schedule, samplers (name: steps), guidance, pad token
FAMILIES = {
    "plain": dict(unet=dict(), text=dict(), schedule=SD_SCHEDULE, default="pndm", guidance=7.5,
                  samplers=dict(ddim=3, pndm=4, euler=3, euler_a=3, dpmpp_2m=4, unipc=4)),
    "velocity": dict(unet=dict(use_linear_projection=True, attention_head_dim=(1, 2)),
                     text=dict(hidden_act="gelu", num_hidden_layers=3), pad="!",
                     schedule=dict(SD_SCHEDULE, prediction_type="v_prediction", rescale_betas_zero_snr=True,
                                   timestep_spacing="trailing"),
                     default="ddim", guidance=3.0, samplers=dict(ddim=3, euler=3, dpmpp_2m=3)),
    "xl": dict(unet=dict(use_linear_projection=True, attention_head_dim=(1, 2), cross_attention_dim=20,
                         transformer_layers_per_block=(1, 2), addition_embed_type="text_time",
                         addition_time_embed_dim=4, projection_class_embeddings_input_dim=30,
                         down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                         up_block_types=("CrossAttnUpBlock2D", "UpBlock2D")),
               text=dict(), text_2=dict(hidden_size=12, projection_dim=6, hidden_act="gelu", num_hidden_layers=3), pad_2="!",
               schedule=dict(SD_SCHEDULE, timestep_spacing="leading"), default="euler", guidance=5.0,
               samplers=dict(euler=3, dpmpp_2m=3), pipeline="StableDiffusionXLPipeline", vae=dict(scaling_factor=0.13025)),
    "lcm": dict(unet=dict(time_cond_proj_dim=8), text=dict(), schedule=dict(SD_SCHEDULE, set_alpha_to_one=True),
                default="lcm", guidance=8.5, samplers=dict(lcm=4), pipeline="LatentConsistencyModelPipeline"),
    # SDXS, SSD-1B and their kin: no middle block, levels of different depth, no guidance
    "distilled": dict(unet=dict(block_out_channels=(4, 6, 8), layers_per_block=(1, 2, 1), mid_block_type=None,
                                attention_head_dim=(2, 3, 2), transformer_layers_per_block=[1, 1, [2]],
                                reverse_transformer_layers_per_block=[[2, 1], 1, 1],
                                down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * 2,
                                up_block_types=("CrossAttnUpBlock2D",) * 2 + ("UpBlock2D",)),
                      text=dict(), schedule=dict(SD_SCHEDULE, timestep_spacing="trailing"), default="euler",
                      guidance=0.0, samplers=dict(euler=1)),
}


def tokenizer_files(folder, pad):
    """A byte-level vocabulary with a few merges, in the slow class's files."""
    letters = [chr(c) for c in list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))]
    letters += [chr(256 + i) for i in range(68)]
    merges = ["t h", "th e</w>", "s e", "se a</w>", "f o", "fo x</w>", "r e", "re d</w>", "i n</w>", "s n"]
    words = letters + [letter + "</w>" for letter in letters] + [merge.replace(" ", "") for merge in merges]
    vocab = {word: i for i, word in enumerate(words + ["<|startoftext|>", "<|endoftext|>"])}
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(vocab))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    config = dict(tokenizer_class="CLIPTokenizer", model_max_length=77, bos_token="<|startoftext|>",
                  eos_token="<|endoftext|>", unk_token="<|endoftext|>", pad_token=pad)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return len(vocab)


class Kit:
    """Tensors and their descriptions."""

    def __init__(self):
        self.tensors, self.describe = {}, {}

    def add(self, name, tensor, description="", **more):
        if isinstance(tensor, list):
            tensor = torch.stack(tensor)
        self.tensors[name] = tensor.detach().clone().contiguous()
        self.describe[name] = dict(shape=list(tensor.shape), description=description, **more)
        return tensor

    def save(self, path, meta):
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(self.tensors, path)
        path.with_suffix(".json").write_text(json.dumps(dict(meta=meta, tensors=self.describe), indent=1, allow_nan=True))


def randomise(model):
    """Weights far enough from zero that every part of the network matters."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            fan_in = parameter[0].numel()
            torch.nn.init.normal_(parameter, std=1.2 / fan_in ** 0.5)
        else:
            parameter.data += 0.1 * torch.randn_like(parameter)
    return model.eval()


def timestep_cond(scales, width):
    w = (torch.tensor(scales) - 1) * 1000.0
    half = width // 2
    emb = torch.exp(torch.arange(half, dtype=torch.float32) * -(torch.log(torch.tensor(10000.0)) / (half - 1)))
    emb = w[:, None] * emb[None]
    return torch.cat([emb.sin(), emb.cos()], dim=1)


def save_model(model, folder):
    """Half precision keeps the kit small; the reference computes with the rounded weights in single precision."""
    model.half().save_pretrained(folder, safe_serialization=True)
    return model.float()


@torch.no_grad()
def family(name, spec, out):
    torch.manual_seed(hash_seed(name))
    kit, folder = Kit(), out / "models" / name
    pipeline = spec.get("pipeline", "StableDiffusionPipeline")
    parts = {"scheduler": ["diffusers", SCHEDULERS[spec["default"]].__name__], "unet": ["diffusers", "UNet2DConditionModel"],
             "vae": ["diffusers", "AutoencoderKL"]}
    encoders = []
    for i, key in enumerate(k for k in ("text", "text_2") if k in spec):
        suffix = "" if i == 0 else "_2"
        pad = spec.get("pad" + suffix, "<|endoftext|>")
        size = tokenizer_files(folder / f"tokenizer{suffix}", pad)
        cls = CLIPTextModel if i == 0 else CLIPTextModelWithProjection
        config = CLIPTextConfig(vocab_size=size, **(TEXT | spec[key]))
        # plainly stated pooling: the largest id is the end token here, as the old value 2 means
        encoder = save_model(randomise(cls(config)), folder / f"text_encoder{suffix}")
        tokenizer = CLIPTokenizerFast.from_pretrained(folder / f"tokenizer{suffix}")
        if name == "velocity":
            tokenizer.save_pretrained(folder / "tokenizer")
        encoders.append((suffix, tokenizer, encoder))
        parts[f"text_encoder{suffix}"] = ["transformers", cls.__name__]
        parts[f"tokenizer{suffix}"] = ["transformers", "CLIPTokenizer"]
    unet = save_model(randomise(UNet2DConditionModel(**(UNET | spec["unet"]))), folder / "unet")
    vae = save_model(randomise(AutoencoderKL(**(VAE | spec.get("vae", {})))), folder / "vae")
    (folder / "scheduler").mkdir()
    (folder / "scheduler/scheduler_config.json").write_text(
        json.dumps(dict(spec["schedule"], _class_name=SCHEDULERS[spec["default"]].__name__)))
    (folder / "model_index.json").write_text(json.dumps(dict(_class_name=pipeline, **parts)))
    is_xl = len(encoders) == 2

    penultimate = []
    for suffix, tokenizer, encoder in encoders:
        ids = tokenizer(PROMPTS, padding="max_length", max_length=77, truncation=True, return_tensors="pt").input_ids
        kit.add(f"tokens/input_ids{suffix}", ids)
        output = encoder(ids, output_hidden_states=True)
        norm = getattr(encoder, "text_model", encoder).final_layer_norm
        kit.add(f"text{suffix}/last_hidden_state", output.last_hidden_state)
        kit.add(f"text{suffix}/pooled", output.text_embeds if suffix else output.pooler_output)
        kit.add(f"text{suffix}/clip_skip_1", norm(output.hidden_states[-2]))
        penultimate.append(output.hidden_states[-2])
        if is_xl:
            kit.add(f"text{suffix}/penultimate", output.hidden_states[-2])
    if is_xl:
        context = kit.add("text/prompt_embeds", torch.cat(penultimate, -1))
        pooled = kit.tensors["text_2/pooled"]
    else:
        context, pooled = kit.tensors["text/last_hidden_state"], None
    micro = dict(original_size=[24, 32], crops_coords_top_left=[2, 4], target_size=[16, 16]) if is_xl else None
    time_ids = torch.tensor([sum(micro.values(), [])], dtype=torch.float32) if is_xl else None

    def run_unet(latents, t, context, pooled, scales):
        added = dict(text_embeds=pooled, time_ids=time_ids.repeat(len(latents), 1)) if is_xl else None
        width = unet.config.time_cond_proj_dim
        cond = timestep_cond(scales, width) if width else None
        return unet(latents, t, encoder_hidden_states=context, added_cond_kwargs=added, timestep_cond=cond).sample

    kit.add("unet/context", context[[0, 2]])
    for case, (h, w), t in [("square", (8, 8), [981.0, 521.0]), ("fractional_t", (8, 8), [832.5, 0.25]),
                            ("odd", (7, 9), [261.0, 1.0])]:
        latents = kit.add(f"unet/{case}/latent", torch.randn(2, 4, h, w))
        t = kit.add(f"unet/{case}/timestep", torch.tensor(t))
        scales = [8.5, 3.0]
        if is_xl:
            kit.add(f"unet/{case}/text_embeds", pooled[[0, 2]])
            kit.add(f"unet/{case}/time_ids", time_ids.repeat(2, 1))
        if unet.config.time_cond_proj_dim:
            kit.add(f"unet/{case}/timestep_cond", timestep_cond(scales, unet.config.time_cond_proj_dim),
                    "guidance embedding (guidance_scale 8.5, 3.0)")
        kit.add(f"unet/{case}/out", run_unet(latents, t, context[[0, 2]], pooled[[0, 2]] if is_xl else None, scales))

    factor = vae.config.scaling_factor
    decode = lambda latents: vae.decode(latents / factor).sample
    kit.add("vae/rect/image", decode(kit.add("vae/rect/latent", torch.randn(1, 4, 8, 6))))
    image = kit.add("vae/encode/image", torch.rand(1, 3, 12, 16) * 2 - 1)
    moments = vae.encode(image).latent_dist
    kit.add("vae/encode/mean", moments.mean)
    kit.add("vae/encode/logvar", moments.logvar)

    noise = kit.add("traj/init_noise", torch.randn(1, 4, 8, 8))
    trajectories, guidance = {}, spec["guidance"]
    negative = ("none" if guidance <= 1 or unet.config.time_cond_proj_dim else
                "zeros (force_zeros_for_empty_prompt)" if is_xl else "prompts[1]")

    def sample(scheduler, steps, noise, context, pooled, step_noise, record=None):
        scheduler.set_timesteps(steps)
        latents = noise * scheduler.init_noise_sigma
        n = len(latents)
        states, preds, x0 = [latents], [], []
        for i, t in enumerate(scheduler.timesteps):
            x = scheduler.scale_model_input(latents, t)
            if negative == "none":
                pred = run_unet(x, t, context, pooled, [guidance] * n)
            else:
                un = torch.zeros_like(context) if is_xl else neg_context.repeat(n, 1, 1)
                un_pooled = torch.zeros_like(pooled) if is_xl else None
                both = torch.cat([un, context]), torch.cat([un_pooled, pooled]) if is_xl else None
                u, c = (run_unet(torch.cat([x, x]), t, *both, None) if not is_xl else
                        xl_twice(x, t, *both)).chunk(2)
                pred = u + guidance * (c - u)
            step = fed_step(scheduler, pred, t, latents, step_noise[i] if step_noise is not None and i < len(step_noise) else None)
            latents = step.prev_sample
            states.append(latents)
            preds.append(pred)
            guess = getattr(step, "pred_original_sample", getattr(step, "denoised", None))
            x0.append(guess)
        if record is not None:
            record.update(states=states, preds=preds, x0=x0)
        return latents

    def xl_twice(x, t, context, pooled):
        added = dict(text_embeds=pooled, time_ids=time_ids.repeat(2 * len(x), 1))
        return unet(torch.cat([x, x]), t, encoder_hidden_states=context, added_cond_kwargs=added).sample

    neg_context = context[1:2]
    for sampler, steps in spec["samplers"].items():
        scheduler = SCHEDULERS[sampler].from_config(spec["schedule"])
        scheduler.set_timesteps(steps)
        calls = len(scheduler.timesteps)
        needs_noise = sampler in ("euler_a", "lcm")
        step_noise = None
        if needs_noise:
            step_noise = kit.add(f"traj/{sampler}/step_noise", torch.randn(calls - (sampler == "lcm"), 1, 4, 8, 8))
        kit.add(f"traj/{sampler}/timesteps", scheduler.timesteps.float())
        if hasattr(scheduler, "sigmas"):
            kit.add(f"traj/{sampler}/sigmas", scheduler.sigmas.float())
        trajectories[sampler] = dict(scheduler=type(scheduler).__name__, config=dict(spec["schedule"]), steps=steps,
                                     guidance_scale=guidance, init_noise_sigma=float(scheduler.init_noise_sigma),
                                     prompt_index=0, negative=negative)
        record = {}
        latents = sample(scheduler, steps, noise, context[:1], pooled[:1] if is_xl else None, step_noise, record)
        kit.add(f"traj/{sampler}/latents", record["states"])
        kit.add(f"traj/{sampler}/preds", record["preds"])
        if all(guess is not None for guess in record["x0"]):
            kit.add(f"traj/{sampler}/x0", record["x0"])
        kit.add(f"traj/{sampler}/image", decode(latents))
    kit.save(out / "expected" / f"{name}.safetensors", dict(
        family=name, prompts=PROMPTS, trajectories=trajectories, micro_conditioning=micro,
        context="text/prompt_embeds" if is_xl else "text/last_hidden_state"))


def fed_step(scheduler, pred, t, latents, noise):
    """One step with the given noise in place of the generator's."""
    if noise is None:
        return scheduler.step(pred, t, latents)
    module = sys.modules[type(scheduler).__module__]
    original, module.randn_tensor = module.randn_tensor, lambda shape, **_: noise.expand(shape)
    try:
        return scheduler.step(pred, t, latents)
    finally:
        module.randn_tensor = original


@torch.no_grad()
def taesd(out):
    torch.manual_seed(5)
    kit, folder = Kit(), out / "models" / "taesd"
    vae = AutoencoderTiny(encoder_block_out_channels=(4, 4), decoder_block_out_channels=(4, 4), num_encoder_blocks=(1, 1),
                          num_decoder_blocks=(1, 1), latent_channels=4)
    vae = save_model(randomise(vae), folder)
    kit.add("taesd/rect/image", vae.decode(kit.add("taesd/rect/latent", torch.randn(2, 4, 8, 6) * 2)).sample)
    kit.add("taesd/encode/latent", vae.encode(kit.add("taesd/encode/image", torch.rand(1, 3, 12, 16) * 2 - 1)).latents)
    kit.save(out / "expected/taesd.safetensors", dict(family="taesd"))


def schedules(out):
    """Every scheduler without a network, in all spacings and predictions."""
    spellings = {name: (cls, {}) for name, cls in SCHEDULERS.items() if name != "pndm"}
    spellings |= {"dpmpp_2m_karras": (DPMSolverMultistepScheduler, dict(use_karras_sigmas=True)),
                  "euler_karras": (EulerDiscreteScheduler, dict(use_karras_sigmas=True)),
                  "unipc_karras": (UniPCMultistepScheduler, dict(use_karras_sigmas=True)),
                  "dpmpp_heun": (DPMSolverMultistepScheduler, dict(solver_type="heun", final_sigmas_type="sigma_min")),
                  "dpmpp_cosine": (DPMSolverMultistepScheduler, dict(beta_schedule="squaredcos_cap_v2", lambda_min_clipped=-5.1)),
                  "ddim_clipped": (DDIMScheduler, dict(clip_sample=True, clip_sample_range=1.5, set_alpha_to_one=True)),
                  "ddim_zero_snr": (DDIMScheduler, dict(rescale_betas_zero_snr=True)),
                  "ddim_linear": (DDIMScheduler, dict(beta_schedule="linear")),
                  "euler_zero_snr": (EulerDiscreteScheduler, dict(rescale_betas_zero_snr=True)),
                  "unipc_bh1": (UniPCMultistepScheduler, dict(solver_type="bh1", final_sigmas_type="sigma_min")),
                  "unipc_no_corrector": (UniPCMultistepScheduler, dict(disable_corrector=[0, 2]))}
    schedule_units(out / "expected/schedulers.safetensors", spellings, [("leading", 7), ("linspace", 16), ("trailing", 4)])


def more_schedules(out):
    """DDPM, Heun and DEIS; made with diffusers 0.35.2 and torch 2.15."""
    spellings = {"ddpm": (DDPMScheduler, {}),
                 "ddpm_large": (DDPMScheduler, dict(variance_type="fixed_large", clip_sample=True, clip_sample_range=1.5)),
                 "ddpm_zero_snr": (DDPMScheduler, dict(rescale_betas_zero_snr=True)),
                 "heun": (HeunDiscreteScheduler, {}),
                 "heun_karras": (HeunDiscreteScheduler, dict(use_karras_sigmas=True)),
                 "deis": (DEISMultistepScheduler, {}),
                 "deis_3": (DEISMultistepScheduler, dict(solver_order=3)),
                 "deis_karras": (DEISMultistepScheduler, dict(use_karras_sigmas=True))}
    spacings = [("leading", 7), ("linspace", 12), ("trailing", 4)]
    schedule_units(out / "expected/more_schedulers.safetensors", spellings, spacings)
    spellings = {"deis": (DEISMultistepScheduler, {}), "deis_3": (DEISMultistepScheduler, dict(solver_order=3))}
    schedule_units(out / "expected/long_schedulers.safetensors", spellings, [("linspace", 20)])


def schedule_units(path, spellings, spacings):
    torch.manual_seed(9)
    kit, units = Kit(), {}
    base = dict(SD_SCHEDULE)
    kit.add("alphas_cumprod", DDIMScheduler.from_config(base).alphas_cumprod)
    noise, fresh = kit.add("unit/init_noise", torch.randn(1, 4, 4, 4)), kit.add("unit/step_noise", torch.randn(24, 1, 4, 4, 4))
    for name, (cls, more) in spellings.items():
        for prediction in ("epsilon", "v_prediction"):
            if "zero_snr" in name and prediction == "epsilon":
                continue  # nothing of the picture is left at the first step
            for spacing, steps in spacings:
                if cls is LCMScheduler and spacing != "leading":
                    continue
                config = dict(base, prediction_type=prediction, timestep_spacing=spacing, **more)
                scheduler = cls.from_config(config)
                scheduler.set_timesteps(steps)
                key = f"unit/{name}/{prediction}/{spacing}/{steps}"
                latents = noise * scheduler.init_noise_sigma
                sigma = float(scheduler.init_noise_sigma)
                states = [latents]
                for i, t in enumerate(scheduler.timesteps):
                    x = scheduler.scale_model_input(latents, t)
                    pred = torch.tanh(0.7 * x) * (0.5 + t / 2000) + 0.1 * torch.sin(3 * x)
                    latents = fed_step(scheduler, pred, t, latents, fresh[i] if cls in
                                       (LCMScheduler, EulerAncestralDiscreteScheduler, DDPMScheduler) else None).prev_sample
                    states.append(latents)
                n = len(scheduler.timesteps)
                kit.add(key + "/latents", [states[j].float() for j in (1, 2, 3, n - 1, n)], init_noise_sigma=sigma)
                units[key] = dict(scheduler=cls.__name__, config=config)
                if prediction == "v_prediction":
                    kit.add(f"table/{name}/{spacing}/{steps}/timesteps", scheduler.timesteps.float())
    kit.save(path, dict(units=units))


def hash_seed(name):
    return sum(ord(c) * 31 ** i for i, c in enumerate(name)) % 2 ** 31


def main():
    out = Path(sys.argv[1])
    torch.set_num_threads(1)
    for name, spec in FAMILIES.items():
        family(name, spec, out)
    taesd(out)
    schedules(out)
    more_schedules(out)
    names = list(FAMILIES) + ["taesd"]
    manifest = dict(families={n: dict(model=f"models/{n}", expected=f"expected/{n}.safetensors") for n in names},
                    unit=[f"expected/{name}.safetensors" for name in ("schedulers", "more_schedulers", "long_schedulers")])
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1))


if __name__ == "__main__":
    main()
