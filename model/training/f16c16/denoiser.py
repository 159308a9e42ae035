"""The denoiser of f16c16 latents: a U-Net whose parameters lie where places are few, and the text encoder.

It is diffusers' UNet2DConditionModel with two changes. Convolutions reflect the picture at its borders instead of seeing
zeros there, which drew a line along all four edges; and since zeros also told the network where the picture ends, four
planes say where each place lies: across and upward from -1 to 1, and the same in halves of the shorter side, so that wide
and upright pictures are composed, not stretched.

`python -m f16c16.denoiser` prints parameters and multiply-adds.
"""

import torch
import torch.nn as nn

from f16c16.autoencoder import CONFIG, FACTOR
from nets import TEXT, UNet, pad

UNET = {
    "_class_name": "UNet2DConditionModel", "sample_size": 32, "in_channels": CONFIG["latent_channels"], "out_channels": CONFIG["latent_channels"],
    "block_out_channels": [48, 96, 192], "layers_per_block": 1, "norm_num_groups": 16, "norm_eps": 1e-5,
    "act_fn": "silu", "attention_head_dim": 6, "cross_attention_dim": TEXT["hidden_size"], "flip_sin_to_cos": True,
    "freq_shift": 0, "center_input_sample": False, "downsample_padding": 1, "mid_block_scale_factor": 1,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
    "padding_mode": "reflect", "position_planes": 4,
}


def planes(height, width, device=None):
    """(1, 4, h, w): where each place lies."""
    y = 1 - (torch.arange(height, device=device) + 0.5) * 2 / height
    x = (torch.arange(width, device=device) + 0.5) * 2 / width - 1
    short = min(height, width)
    whole = torch.stack((x.expand(height, width), y[:, None].expand(height, width)))
    return torch.cat((whole, whole * torch.tensor([width / short, height / short], device=device).view(2, 1, 1)))[None]


class Denoiser(UNet):
    def __init__(self, cfg=UNET):
        super().__init__(cfg)
        self.position = nn.Conv2d(cfg["position_planes"], cfg["block_out_channels"][0], 1, bias=False)
        pad(self, cfg["padding_mode"])
        self.to(memory_format=torch.channels_last)

    def begin(self, x):
        return self.conv_in(x.contiguous(memory_format=torch.channels_last)) + self.position(planes(*x.shape[2:], x.device))


def report(height=512, width=512):
    from nets import macs

    unet = Denoiser()
    z, words = torch.zeros(1, UNET["in_channels"], height // FACTOR, width // FACTOR), torch.zeros(1, 32, TEXT["hidden_size"])
    work = macs(lambda: unet(z, torch.zeros(1), words), unet)
    print(f"unet: {sum(p.numel() for p in unet.parameters()) / 1e6:.3f} M parameters, {work / 1e9:.3f} GMACs a step at {width}x{height}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    report()
    report(512, 896)
