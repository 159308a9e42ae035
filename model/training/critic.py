"""Critics of small patches: the part of a loss that asks for detail as crisp as the generator's.

Differences of pixels, however they are weighted, are least for the mean of all textures that a latent may stand for, and that
mean is blurred. A critic who has to tell patches of drawn pictures from decoded ones isn't pleased by a mean (Isola et al.
2017, "Image-to-Image Translation with Conditional Adversarial Networks"; Rombach et al. 2022 train their decoder like that).
The same holds of a student's latents (Sauer et al. 2024, "Fast High-Resolution Image Synthesis with Latent Adversarial
Diffusion Distillation").
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

WARMUP = 300  # steps in which the critic only watches
AMISS = 0.3  # what a true picture under the words of another counts beside a made one
RECHECK = 8  # steps between two looks at how strong its word is


def finest(pictures):
    """What differs from pixel to pixel: pictures less their means over 3x3."""
    return pictures - F.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)


class Patches(nn.Module):
    """(n, 3, h, w) pictures in -1..1 -> (n, 1, h / 8, w / 8): how real each patch of about 40 pixels looks.

    It is also shown what differs from pixel to pixel, enlarged: with that it tells 97 % of the patches after 120 steps, without
    70 %, and with spectral norms instead of group norms none after 400.
    """

    def __init__(self, widths=(32, 64, 96)):
        super().__init__()
        layers, inside = [nn.Conv2d(24, widths[0], 3, 1, 1), nn.LeakyReLU(0.2)], widths[0]
        for out, stride in ((widths[1], 2), (widths[2], 2), (widths[2], 1)):
            layers += [nn.Conv2d(inside, out, 3, stride, 1), nn.GroupNorm(8, out), nn.LeakyReLU(0.2)]
            inside = out
        self.body = nn.Sequential(*layers, nn.Conv2d(inside, 1, 3, 1, 1))

    def forward(self, pictures):
        return self.body(F.pixel_unshuffle(torch.cat((pictures, 4 * finest(pictures)), 1), 2))


class Latents(nn.Module):
    """(n, 4, h, w) latents and their words (n, 32, 128) -> (n, patches), h / 2 by w / 2 of them and h / 4 by w / 4: how real each
    patch of about 7 and of 15 latent pixels looks, and how much like its words (a projection, Miyato & Koyama 2018, "cGANs
    with Projection Discriminator").

    After 600 steps of 32 it tells 99 % of a student's latents, without what differs from pixel to pixel 91 %, without group norms
    91 %. After 100 steps it knows little: what it says then is noise.
    """

    def __init__(self, channels, words, widths=(64, 96, 128)):
        super().__init__()
        self.near = nn.Sequential(nn.Conv2d(2 * channels, widths[0], 3, 1, 1), nn.LeakyReLU(0.2), nn.Conv2d(widths[0], widths[1], 3, 2, 1),
                                  nn.GroupNorm(8, widths[1]), nn.LeakyReLU(0.2))
        self.far = nn.Sequential(nn.Conv2d(widths[1], widths[2], 3, 2, 1), nn.GroupNorm(8, widths[2]), nn.LeakyReLU(0.2),
                                 nn.Conv2d(widths[2], widths[2], 3, 1, 1), nn.GroupNorm(8, widths[2]), nn.LeakyReLU(0.2))
        self.looks = nn.ModuleList(nn.Conv2d(width, 1, 3, 1, 1) for width in widths[1:])
        self.says = nn.ModuleList(nn.Linear(words, width) for width in widths[1:])

    def forward(self, latents, words):
        near = self.near(torch.cat((latents, 2 * finest(latents)), 1))
        seen, said = (near, self.far(near)), words.mean(1)
        return torch.cat([(look(x) + (x * say(said)[:, :, None, None]).mean(1, keepdim=True)).flatten(1)
                          for x, look, say in zip(seen, self.looks, self.says)], 1)


class Critic:
    """Learns beside a network and weighs its own word: `share` of the pull that the other losses have on its `last` weight."""

    def __init__(self, judge, last, share, rate, device):
        self.patches, self.last, self.share = judge.to(device), last, share
        self.optimiser = torch.optim.AdamW(self.patches.parameters(), lr=rate, betas=(0.5, 0.99), weight_decay=1e-3)
        self.steps, self.weight = 0, torch.zeros((), device=device)

    def learn(self, made, true, *words):
        """One step of telling `true` from `made` (hinge loss), which may come with the words of each, those of `made` first.
        With words, true ones under the words of others are wrong, too. Returns the share of patches it tells right."""
        if words:
            said, named = words
            batch = torch.cat((true, made.detach(), true)), torch.cat((named, said, named.roll(1, 0)))
            real, fake, amiss = self.patches(*batch).float().split((len(true), len(made), len(true)))
        else:
            (real, fake), amiss = self.patches(torch.cat((true, made.detach()))).float().chunk(2), None
        loss = F.relu(1 - real).mean() + F.relu(1 + fake).mean() + (AMISS * F.relu(1 + amiss).mean() if words else 0)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.steps += 1
        return ((real > 0).float().mean() + (fake < 0).float().mean()).detach() / 2

    def complaint(self, made, likeness, *words, weigh=True):
        """What to add to the loss `likeness` of what is `made` (of `words`); its pull sets the critic's share if it may `weigh`."""
        if self.steps < WARMUP or not (weigh or self.weight > 0):
            return torch.zeros_like(likeness)
        self.patches.requires_grad_(False)
        word = -self.patches(made, *words).float().mean()
        self.patches.requires_grad_(True)
        if weigh and (self.weight == 0 or self.steps % RECHECK == 0):
            pull = [torch.autograd.grad(part, self.last, retain_graph=True)[0].norm() for part in (likeness, word)]
            weight = (self.share * pull[0] / (pull[1] + 1e-6)).clamp(max=1000)
            self.weight = weight if self.weight == 0 else torch.lerp(self.weight, weight, 0.2)
        return self.weight * word
