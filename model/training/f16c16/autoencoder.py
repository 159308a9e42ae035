"""The autoencoder: a sixteenth of the picture's sides, sixteen channels (f16c16), 1 number for 48 of the picture.

It is a linear code of patches plus a network of residual blocks that begins silent, so training starts where the best
linear code is (`linear_code.py`). The idea of shortcuts around each change of resolution is DC-AE's (Chen et al. 2024,
arXiv 2410.10733); a linear code from end to end is the same for two networks as shallow as these.

No norms and no attention: each pixel depends on the 11 latents around it only, so crops train what whole pictures use,
and a decoder can draw any size or tile. Borders are reflected, so no convolution sees an edge of zeros.

`python -m f16c16.autoencoder` prints parameters and multiply-adds.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

CONFIG = {
    "_class_name": "PatchAutoencoder", "in_channels": 3, "out_channels": 3, "latent_channels": 16, "patch": 4,
    "widths": [160, 64], "layers": [2, 1], "refine": 40, "padding_mode": "reflect", "act_fn": "relu",
}
FACTOR = 16  # pixels a latent is wide


def config_of(state):
    """The config of a state dict: what is shipped has fewer channels of latents than CONFIG."""
    return CONFIG | {"latent_channels": state["linear.decode.weight"].shape[1]}


def conv(inside, out, loud=1.0):
    """3x3 with reflected borders; `loud` scales the weights it starts with."""
    made = nn.Conv2d(inside, out, 3, padding=1, padding_mode="reflect")
    nn.init.kaiming_normal_(made.weight, nonlinearity="relu"), nn.init.zeros_(made.bias)
    with torch.no_grad():
        made.weight.mul_(loud)
    return made


def mix(inside, out, loud=1.0):
    """1x1."""
    made = nn.Conv2d(inside, out, 1)
    nn.init.normal_(made.weight, std=loud * inside**-0.5), nn.init.zeros_(made.bias)
    return made


class Residual(nn.Module):
    """x + conv(relu(conv(relu(x)))), nearly silent at first. `first` leaves out the outer relu where x is a picture."""

    def __init__(self, dim, hidden=None, first=False, loud=0.1):
        super().__init__()
        self.first, self.conv1, self.conv2 = first, conv(dim, hidden or dim), conv(hidden or dim, dim, loud)

    def forward(self, x):
        return x + self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))


class Encoder(nn.Module):
    """Picture -> latents: squares of 4x4 pixels as channels, then twice a quarter of the places."""

    def __init__(self, cfg):
        super().__init__()
        (deep, middle), (many, few), self.patch = cfg["widths"], cfg["layers"], cfg["patch"]
        flat = cfg["in_channels"] * self.patch**2
        self.refine = Residual(flat, cfg["refine"], first=True, loud=0.01)
        self.down1, self.middle = mix(4 * flat, middle), nn.Sequential(*(Residual(middle) for _ in range(few)))
        self.down2, self.deep = mix(4 * middle, deep), nn.Sequential(*(Residual(deep) for _ in range(many)))
        self.out = conv(deep, cfg["latent_channels"], 0.01)

    def forward(self, picture):
        x = self.refine(F.pixel_unshuffle(picture, self.patch))
        x = self.middle(self.down1(F.pixel_unshuffle(x, 2)))
        x = self.deep(self.down2(F.pixel_unshuffle(x, 2)))
        return self.out(F.relu(x))


class Decoder(nn.Module):
    """Latents -> picture. Most of the work is done at the latents' own size, the rest at 2 and 4 times that, and the last
    48 channels there are squares of 4x4 pixels: the linear code's picture enters as such, and a last block refines both."""

    def __init__(self, cfg):
        super().__init__()
        (deep, middle), (many, few), self.patch = cfg["widths"], cfg["layers"], cfg["patch"]
        flat = cfg["out_channels"] * self.patch**2
        self.conv_in, self.deep = conv(cfg["latent_channels"], deep), nn.Sequential(*(Residual(deep) for _ in range(many)))
        self.up1, self.middle = mix(deep, 4 * middle), nn.Sequential(*(Residual(middle) for _ in range(few)))
        self.up2, self.refine = mix(middle, 4 * flat, 0.01), Residual(flat, cfg["refine"], first=True, loud=0.01)

    def forward(self, latents, linear):
        x = self.deep(self.conv_in(latents))
        x = self.middle(F.pixel_shuffle(self.up1(F.relu(x)), 2))
        x = F.pixel_shuffle(self.up2(F.relu(x)), 2) + F.pixel_shuffle(linear, 4)
        return F.pixel_shuffle(self.refine(x), self.patch)


class LinearCode(nn.Module):
    """The best 16 numbers for a patch of 16x16 pixels, and the best patch for the 3x3 latents around it."""

    def __init__(self, cfg):
        super().__init__()
        flat = cfg["in_channels"] * FACTOR**2
        self.encode = nn.Conv2d(flat, cfg["latent_channels"], 1)
        self.decode = nn.Conv2d(cfg["latent_channels"], flat, 3, padding=1, padding_mode="reflect")

    def forward(self, picture):
        return self.encode(F.pixel_unshuffle(picture, FACTOR))


class Autoencoder(nn.Module):
    """Both halves, or the decoder alone, for latents that another network makes."""

    def __init__(self, cfg=CONFIG, encodes=True):
        super().__init__()
        self.cfg, self.shuffle = cfg, 1
        self.linear, self.encoder, self.decoder = LinearCode(cfg), Encoder(cfg), Decoder(cfg)
        if not encodes:
            del self.linear.encode, self.encoder
        self.to(memory_format=torch.channels_last)

    def encode(self, picture):
        """Latents of a picture in -1..1 whose sides are multiples of 16."""
        picture = picture.contiguous(memory_format=torch.channels_last)
        return self.linear(picture) + self.encoder(picture)

    def decode(self, latents):
        """Picture in about -1..1."""
        latents = latents.contiguous(memory_format=torch.channels_last)
        return self.decoder(latents, self.linear.decode(latents))


def report(height=512, width=512):
    from nets import macs

    model = Autoencoder()
    size = lambda *parts: sum(p.numel() for part in parts for p in part.parameters())
    z = torch.zeros(1, CONFIG["latent_channels"], height // FACTOR, width // FACTOR)
    for name, run, parts in (("encoder", lambda: model.encode(torch.zeros(1, 3, height, width)), (model.encoder, model.linear.encode)),
                             ("decoder", lambda: model.decode(z), (model.decoder, model.linear.decode))):
        print(f"{name}: {size(*parts) / 1e6:.3f} M parameters, {macs(run, model) / 1e9:.3f} GMACs at {width}x{height}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    report()
    report(512, 896)
