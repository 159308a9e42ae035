"""Teach the one-step student the crispness of the generator's pictures: its own latents, sharpened by a filter.

    python sharpen.py --minutes 25 --muon                             # the shipped student; RUN/student.pt comes out
    python sharpen.py --student run/student.pt --minutes 25 --muon    # another one

The student's latents follow the plan of a picture, but a square error made them soft: their finer bands have 0.5 to 0.7 of the
energy that latents of the generator's pictures have. A linear filter brings each band to what is right, within a tenth, and so
details of 1 to 16 pixels to the energy that encoder and decoder keep. Nothing is drawn that wasn't there: what a blurred picture
shows faintly is shown at its true strength.

A filter is no part of a Stable Diffusion folder, so the U-Net learns to do it. Only the first step is sharpened; later ones keep
what it drew, and four steps come out right, too. No teacher is needed, and of pictures only some to measure by.
"""

import argparse
import copy
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from captions import write_caption
from export import read
from motifs import MOTIFS
from nets import autoencoder_of, latent_shape
from pictures import company, paint, scene
from schedule import STEPS, drawn, levels
from train_diffusion import tokens_of
from training import options, save, train

SIZES = ((256, 256), (256, 256), (256, 448), (448, 256))  # of the encoder's pictures, height and width; the last two are those of films
HELD_OUT = 32
MEASURED = 112  # pictures that the gain is measured by
BANDS = ((4.5, 8), (8, 12), (12, 24))  # cycles a picture of 32x32 latents


def blurred(z):
    """By 1-2-1 in both directions; the border is reflected."""
    row = torch.tensor([1.0, 2.0, 1.0], device=z.device) / 4
    kernel = torch.outer(row, row).expand(z.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(z, (1, 1, 1, 1), mode="reflect"), kernel, groups=z.shape[1])


def sharpened(z, gain):
    """Latents (n, c, h, w) whose two finest bands are raised by `gain` and half of it, (n, 1, 1, 1)."""
    low = blurred(z)
    lower = blurred(blurred(low))
    return z + gain * (z - low) + gain / 2 * (low - lower)


def energies(z):
    """Mean energy in each of BANDS of latents (n, c, 32, 32)."""
    power = torch.fft.rfft2(z.double()).abs().square().mean((0, 1))
    rows, columns = torch.fft.fftfreq(z.shape[2], 1 / z.shape[2]), torch.fft.rfftfreq(z.shape[3], 1 / z.shape[3])
    cycles = torch.hypot(rows[:, None], columns[None]).to(z.device)
    return torch.stack([power[(cycles >= low) & (cycles < high)].mean() for low, high in BANDS])


def fitting_gain(soft, true):
    """The gain with which the bands of soft latents have, on average, the energy of true ones."""
    wanted = energies(true)
    gains = [i / 100 for i in range(101)]
    gain = min(gains, key=lambda g: (energies(sharpened(soft, g)) / wanted).log().mean().abs())
    shares = lambda z: " / ".join(f"{e:.2f}" for e in energies(z) / wanted)
    print(f"energy of {BANDS} cycles beside pictures: {shares(soft)}; with a gain of {gain}: {shares(sharpened(soft, gain))}", flush=True)
    return gain


def arguments(parser, batch):
    parser.add_argument("--weights", default="..", help="exported folder: the student and its autoencoder")
    parser.add_argument("--student", help="checkpoint of another student, of the autoencoder RUN/vae.pt")
    parser.add_argument("--tokenizer", default="../tokenizer/tokenizer.json")
    parser.add_argument("--plain", type=float, default=0.6)
    return options(parser, minutes=25, batch=batch, rate=3e-4)


def networks(args):
    """(text encoder, student, autoencoder), none of which is trained."""
    text, student, vae = read(args.weights, args.device)
    if args.student:
        load = lambda path: torch.load(path, map_location=args.device, weights_only=True)
        old = load(args.student)
        student.load_state_dict(old["unet"]), text.load_state_dict(old["text"])
        vae = autoencoder_of(load(Path(args.run) / "vae.pt")).eval()
    for net in (text, student, vae):
        net.requires_grad_(False)
    return text, student, vae


def missed(unet, x, t, words, wanted):
    """What the predicted velocity lacks (n, c, h, w) of that which leads to the `wanted` latents."""
    alpha, sigma = levels(t)
    return unet(x, t, words).float() - (alpha * x - wanted) / sigma.clamp(min=0.05)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gain", type=float, help="of the filter; measured if it isn't given")
    args = arguments(parser, batch=8)
    run, device = Path(args.run), args.device
    text, soft, vae = networks(args)
    student = copy.deepcopy(soft).train().requires_grad_(True)
    tokenizer, names, rng = Tokenizer.from_file(args.tokenizer), list(MOTIFS), random.Random(args.seed)

    def scenes(count):
        chosen = [rng.choice(names) for _ in range(count)]
        return [scene(rng, name, args.plain, company(rng, name)) for name in chosen]

    def prompts(shown):
        return text(tokens_of(tokenizer, [write_caption(rng, s) for s in shown]).to(device))

    def measured():
        """The gain for this student."""
        generator, parts = torch.Generator(device).manual_seed(args.seed), []
        for _ in range(MEASURED // 8):
            shown = scenes(8)
            pictures = torch.cat([paint([s], *SIZES[0], generator, device) for s in shown])
            true = vae.encode(pictures * 2 - 1)
            noise = torch.randn(true.shape, device=device)
            made = drawn(soft, noise, torch.full((8,), STEPS - 1, device=device), prompts(shown))
            parts.append((made, true))
        return fitting_gain(*map(torch.cat, zip(*parts)))

    gain = args.gain if args.gain is not None else measured()

    @torch.no_grad()
    def lesson(count, size, first):
        """Noisy latents, timesteps, words (a third between two prompts) and the sharp latents that the student should draw of them.
        `first` of them are pure noise; the others lie on the sharp student's way from noise to picture."""
        mix = (torch.rand(count, 1, 1) * (torch.rand(count, 1, 1) < 0.33)).to(device)
        words = torch.lerp(prompts(scenes(count)), prompts(scenes(count)), mix)
        x = torch.randn(count, *latent_shape(soft, *size), device=device)
        t = torch.randint(STEPS, (count,), device=device)
        t[:first] = STEPS - 1
        sharp = sharpened(drawn(soft, x, torch.full_like(t, STEPS - 1), words), gain)
        later = (t < STEPS - 1).nonzero().flatten()
        if len(later):
            a, s = levels(t[later])
            x[later] = a * sharp[later] + s * x[later]
            # Gone by the second of four steps, where sigma is 0.92.
            sharp[later] = sharpened(drawn(soft, x[later], t[later], words[later]), gain * s**16)
        return x, t, words, sharp

    def error(unet, *taught):
        return missed(unet, *taught).square().mean((1, 2, 3))

    def loss_of(step):
        first = args.batch // 2
        each = error(student, *lesson(args.batch, rng.choice(SIZES), first))
        return each.mean(), {"one_step": each.detach()[:first].mean(), "later": each.detach()[first:].mean()}

    known = lesson(HELD_OUT, SIZES[0], HELD_OUT // 2)

    @torch.no_grad()
    def check(averages):
        """Error beside that of the soft student: 0 is reached where the filter is learnt, 1 is the beginning."""
        each = lambda unet: error(unet, *known).unflatten(0, (2, -1)).mean(1)
        mine, before = each(averages["student"]), each(soft)
        return {"one_step": mine[0] / before[0], "later": mine[1] / before[1]}

    best = train(args, "sharpen", {"student": student}, loss_of, check=check, weight_decay=0.0)["student"]
    print("after: " + " ".join(f"{k} {v:.4f}" for k, v in check({"student": best}).items()), flush=True)
    save(run / "student.pt", {"unet": best.state_dict(), "text": text.state_dict()})


if __name__ == "__main__":
    main()
