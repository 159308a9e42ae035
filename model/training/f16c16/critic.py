"""A critic of latents that looks through the teacher's eyes.

The teacher already knows what latents of pictures look like at every noise level, and what their words ask for. Small heads on
what its lower half sees tell true from made; its own weights never change, so the critic can't be spoilt by what the student
does (Sauer et al. 2024, "Fast High-Resolution Image Synthesis with Latent Adversarial Diffusion Distillation", arXiv 2403.12015).
"""

import torch
import torch.nn as nn

from schedule import signal_and_noise

LEVELS = (20, 650)  # timesteps that latents are noised to: at little noise detail is judged, at much composition


def seen(unet, x, t, words):
    """What a U-Net sees on its way down, by level, and in the middle."""
    time, x, found = unet.time_embedding(t), unet.begin(x), []
    for block in unet.down_blocks:
        for j, resnet in enumerate(block.resnets):
            x = resnet(x, time)
            if hasattr(block, "attentions"):
                x = block.attentions[j](x, words)
        found.append(x)
        for change in getattr(block, "downsamplers", ()):
            x = change(x)
    x = unet.mid_block.resnets[0](x, time)
    found.append(unet.mid_block.resnets[1](unet.mid_block.attentions[0](x, words), time))
    return found


class Head(nn.Module):
    """Features and words -> how real each place looks, and how much like its words (a projection, Miyato & Koyama 2018)."""

    def __init__(self, inside, words, dim=64):
        super().__init__()
        self.body = nn.Sequential(nn.GroupNorm(1, inside), nn.Conv2d(inside, dim, 1), nn.LeakyReLU(0.2), nn.Conv2d(dim, dim, 3, padding=1),
                                  nn.GroupNorm(8, dim), nn.LeakyReLU(0.2))
        self.look, self.say = nn.Conv2d(dim, 1, 1), nn.Linear(words, dim)

    def forward(self, x, words):
        x = self.body(x)
        return (self.look(x) + (x * self.say(words)[:, :, None, None]).mean(1, keepdim=True)).flatten(1)


class Features(nn.Module):
    """(n, c, h, w) latents and their words (n, 32, 128) -> (n, places of all levels)."""

    def __init__(self, teacher, widths, words):
        super().__init__()
        self.heads = nn.ModuleList(Head(width, words) for width in (*widths, widths[-1]))
        self.teacher = (teacher,)  # in a tuple: its weights are not the critic's
        self.alpha, self.sigma = signal_and_noise(next(teacher.parameters()).device)

    def forward(self, latents, words):
        t = torch.randint(*LEVELS, (len(latents),), device=latents.device)
        a, s = self.alpha[t].view(-1, 1, 1, 1), self.sigma[t].view(-1, 1, 1, 1)
        levels = seen(self.teacher[0], a * latents + s * torch.randn_like(latents), t, words)
        said = words.mean(1)
        return torch.cat([head(x.float(), said) for head, x in zip(self.heads, levels)], 1)
