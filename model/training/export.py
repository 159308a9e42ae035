"""Write the trained networks as a diffusers folder in float16: weights/{tokenizer,text_encoder,unet,vae,scheduler},
and vocabulary.json, the words of this recipe.

    python export.py --run run --model student.pt --out weights
    python export.py --check --out weights      # load it with diffusers and transformers, compare outputs
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

import vocabulary
from nets import TEXT, Mixed, TextEncoder, autoencoder_of, new_unet, pad, unet_of
from schedule import SCHEDULER

INDEX = {
    "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30.0", "requires_safety_checker": False,
    "feature_extractor": [None, None], "safety_checker": [None, None], "image_encoder": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "PreTrainedTokenizerFast"], "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
MAX_BYTES = 27 << 20
F8C4 = Path(__file__).parent / "milestones/f8c4/diffusion_pytorch_model.safetensors"  # the autoencoder whose latents the shipped U-Net learnt
PARTS = {"unet": "diffusion_pytorch_model.safetensors", "vae": "diffusion_pytorch_model.safetensors", "text_encoder": "model.safetensors"}


def write(out, weights):
    configs = {"unet": new_unet(weights["unet"]["conv_in.weight"].shape[1]).cfg, "vae": autoencoder_of(weights["vae"]).cfg, "text_encoder": TEXT}
    for name, file in PARTS.items():
        config = configs[name]
        (out / name).mkdir(parents=True, exist_ok=True)
        (out / name / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        half = {k: v.half().contiguous() for k, v in weights[name].items()}
        save_file(half, out / name / file, metadata={"format": "pt"})
        print(f"{name}: {(out / name / file).stat().st_size / 1e6:.2f} MB")
    (out / "scheduler").mkdir(exist_ok=True)
    (out / "scheduler/scheduler_config.json").write_text(json.dumps(SCHEDULER, indent=1) + "\n")
    index = INDEX | {"vae": ["diffusers" if configs["vae"]["_class_name"] == "AutoencoderKL" else "f16c16", configs["vae"]["_class_name"]]}
    (out / "model_index.json").write_text(json.dumps(index, indent=1) + "\n")
    size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    print(f"all: {size / 1e6:.2f} MB")
    assert size < MAX_BYTES, "larger than the program may carry"


def full(path):
    """A file's tensors in float32."""
    return {k: v.float() for k, v in load_file(path).items()}


def read(out, device="cpu"):
    """(text encoder, unet, autoencoder) in float32 from an exported folder. A decoder alone is lent f8c4's encoder."""
    out = Path(out)
    states = {name: full(out / name / file) for name, file in PARTS.items()}
    text, unet = TextEncoder(TEXT), unet_of(json.loads((out / "unet/config.json").read_text()))
    text.load_state_dict(states["text_encoder"]), unet.load_state_dict(states["unet"])
    vae = autoencoder_of(states["vae"])
    if not hasattr(vae, "encoder"):
        vae = Mixed(autoencoder_of(full(F8C4)), vae)
    return [net.to(device).eval() for net in (text, unet, vae)]


@torch.no_grad()
def check(out):
    """Largest difference between our networks and diffusers' on the same exported weights, and on f8c4's: it doesn't know the
    decoder that is shipped."""
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel

    from schedule import denoise

    text, unet, _ = read(out)
    theirs = CLIPTextModel.from_pretrained(out / "text_encoder", torch_dtype=torch.float32)
    tokens = torch.randint(0, 2000, (2, TEXT["max_position_embeddings"]))
    tokens[:, 20:] = TEXT["eos_token_id"]
    words = text(tokens)
    print("text encoder", (words - theirs(tokens).last_hidden_state).abs().max().item())
    their_unet = UNet2DConditionModel.from_pretrained(out / "unet", torch_dtype=torch.float32)
    x = torch.randn(2, 4, 32, 56)
    t = torch.tensor([999, 249])
    print("unet", (unet(x, t, words) - their_unet(x, t, words).sample).abs().max().item())
    vae, their_vae = autoencoder_of(full(F8C4)).eval(), AutoencoderKL.from_pretrained(F8C4.parent, torch_dtype=torch.float32)
    pad(their_vae.decoder, vae.cfg["padding_mode"])  # ours, too
    z = torch.randn(1, 4, 32, 56)
    theirs = F.pixel_shuffle(their_vae.decode(z).sample, vae.shuffle)  # the shuffle is ours, and the border; the rest is diffusers'
    print("decoder", (vae.decode(z) - theirs).abs().max().item())
    picture = torch.rand(1, 3, 128, 128) * 2 - 1
    print("encoder", (vae.encode(picture) - their_vae.encode(picture).latent_dist.mode()).abs().max().item())
    scheduler = DDIMScheduler.from_pretrained(out / "scheduler")
    for count in (1, 2, 4):
        scheduler.set_timesteps(count)
        y = x.clone()
        for step in scheduler.timesteps:
            y = scheduler.step(their_unet(y, step, words).sample, step, y).prev_sample
        ours = denoise(lambda x, t: unet(x, t, words), x, count)
        print(f"{count} DDIM steps", scheduler.timesteps.tolist(), (ours - y).abs().max().item())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", default="run")
    parser.add_argument("--model", default="student.pt", help="student.pt (few steps) or model.pt (teacher)")
    parser.add_argument("--out", type=Path, default=Path("weights"))
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json to copy, with the tokenizer_config.json beside it")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    if args.check:
        return check(args.out)
    model = torch.load(Path(args.run) / args.model, map_location="cpu", weights_only=True)
    vae = next(path for path in (Path(args.run) / "vae_large.pt", Path(args.run) / "vae.pt") if path.exists())
    vae = torch.load(vae, map_location="cpu", weights_only=True)
    if args.tokenizer:
        (args.out / "tokenizer").mkdir(parents=True, exist_ok=True)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(args.tokenizer.parent / name, args.out / "tokenizer" / name)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "vocabulary.json").write_text(vocabulary.text())
    write(args.out, {"unet": model["unet"], "text_encoder": model["text"], "vae": vae})


if __name__ == "__main__":
    main()
