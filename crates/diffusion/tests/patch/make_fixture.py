"""Writes what `../patch.rs` compares with: tiny networks of `model/training/f16c16` with random weights, and what torch makes of them.

    pip install torch numpy safetensors
    python crates/diffusion/tests/patch/make_fixture.py
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "model/training"))

from f16c16.autoencoder import CONFIG, Autoencoder
from f16c16.denoiser import UNET, Denoiser

VAE = CONFIG | {"latent_channels": 4, "widths": [12, 9], "layers": [2, 1], "refine": 7}
SMALL_UNET = UNET | {"in_channels": 4, "out_channels": 4, "block_out_channels": [8, 12, 16], "norm_num_groups": 4, "attention_head_dim": 2,
                     "cross_attention_dim": 10, "sample_size": 8}


def randomise(net, seed):
    """Weights that let every layer be heard, as float16 keeps them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in net.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            inside = p[0].numel() if p.dim() > 1 else 16
            scaled = 1 + 0.2 * noise if "norm" in name and name.endswith("weight") else noise * inside**-0.5
            p.copy_(scaled.half().float())
    return net.eval()


def write(folder, net, config):
    (HERE / folder).mkdir(exist_ok=True)
    (HERE / folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    save_file({k: v.half().contiguous() for k, v in net.state_dict().items()}, HERE / folder / "diffusion_pytorch_model.safetensors")


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    vae, unet = randomise(Autoencoder(VAE), 1), randomise(Denoiser(SMALL_UNET), 2)
    write("vae", vae, VAE), write("unet", unet, SMALL_UNET)
    generator = torch.Generator().manual_seed(3)
    noise = lambda *shape: torch.randn(shape, generator=generator)
    made = {}
    for name, (height, width) in (("small", (2, 5)), ("large", (4, 6))):
        made[f"decode/{name}/latents"] = noise(2, 4, height, width)
        made[f"decode/{name}/picture"] = vae.decode(made[f"decode/{name}/latents"])
    made["encode/picture"] = noise(1, 3, 64, 48).tanh()
    made["encode/latents"] = vae.encode(made["encode/picture"])
    for name, (height, width) in (("square", (8, 8)), ("wide", (16, 24))):
        x, words = noise(2, 4, height, width), noise(2, 6, 10)
        made |= {f"unet/{name}/latents": x, f"unet/{name}/words": words, f"unet/{name}/out": unet(x, torch.tensor([999, 120]), words)}
    save_file({k: v.contiguous() for k, v in made.items()}, HERE / "expected.safetensors")


if __name__ == "__main__":
    main()
