"""Folders with random weights in the shapes of published models: speed doesn't depend on what a network has learnt.

Weights are float16, as such models are published; both sides compute in what they are asked to."""

import json
import math
import struct
from pathlib import Path

import numpy as np

UNET = dict(
    _class_name="UNet2DConditionModel", act_fn="silu", center_input_sample=False, downsample_padding=1, flip_sin_to_cos=True,
    freq_shift=0, in_channels=4, layers_per_block=2, mid_block_scale_factor=1, norm_eps=1e-5, norm_num_groups=32, out_channels=4,
    sample_size=64, block_out_channels=[320, 640, 1280, 1280],
    down_block_types=["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    up_block_types=["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
)
CONFIGS = {
    # stabilityai/sd-turbo, unet/config.json
    "sd-turbo": dict(UNET, attention_head_dim=[5, 10, 20, 20], cross_attention_dim=1024, use_linear_projection=True),
    # stable-diffusion-v1-5, unet/config.json
    "sd15": dict(UNET, attention_head_dim=8, cross_attention_dim=768),
    # stabilityai/sdxl-turbo, unet/config.json
    "sdxl-turbo": dict(
        UNET, attention_head_dim=[5, 10, 20], cross_attention_dim=2048, use_linear_projection=True,
        block_out_channels=[320, 640, 1280], transformer_layers_per_block=[1, 2, 10], addition_embed_type="text_time",
        addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
        down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    ),
    # madebyollin/taesd, config.json
    "taesd": dict(
        _class_name="AutoencoderTiny", act_fn="relu", in_channels=3, out_channels=3, latent_channels=4, latent_magnitude=3,
        latent_shift=0.5, scaling_factor=1.0, upsampling_scaling_factor=2, block_out_channels=[64] * 4,
        encoder_block_out_channels=[64] * 4, decoder_block_out_channels=[64] * 4, num_encoder_blocks=[1, 3, 3, 3],
        num_decoder_blocks=[3, 3, 3, 1], upsample_fn="nearest",
    ),
    # The autoencoder of Stable Diffusion 1, 2 and Turbo, vae/config.json
    "kl-vae": dict(
        _class_name="AutoencoderKL", act_fn="silu", in_channels=3, out_channels=3, latent_channels=4, layers_per_block=2,
        norm_num_groups=32, scaling_factor=0.18215, sample_size=512, block_out_channels=[128, 256, 512, 512],
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
    ),
}


def empty(config):
    """diffusers' module of a configuration, without memory for its weights."""
    import diffusers
    import torch

    with torch.device("meta"):
        return getattr(diffusers, config["_class_name"]).from_config(config)


def folder(root, name):
    """The folder of a model, written if it isn't there."""
    path = Path(root) / name
    weights = path / "diffusion_pytorch_model.safetensors"
    if weights.exists():
        return path
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(CONFIGS[name], indent=1))
    tensors = {key: tuple(value.shape) for key, value in empty(CONFIGS[name]).state_dict().items()}
    header, offset = {}, 0
    for key, shape in tensors.items():
        end = offset + 2 * math.prod(shape)
        header[key] = {"dtype": "F16", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    rng = np.random.default_rng(0)
    # A stretch of noise, read from another place for every tensor: fresh noise would take minutes.
    noise = rng.standard_normal(1 << 24, dtype=np.float32)
    partial = weights.with_suffix(".partial")
    with open(partial, "wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        for key, shape in tensors.items():
            n = math.prod(shape)
            if len(shape) == 1:
                values = np.full(n, 1.0 if key.endswith("weight") else 0.0, np.float16)
            else:
                start = int(rng.integers(noise.size))
                fan_in = math.prod(shape[1:])
                values = (np.take(noise, np.arange(start, start + n), mode="wrap") / math.sqrt(fan_in)).astype(np.float16)
            file.write(values.tobytes())
    partial.rename(weights)
    return path
