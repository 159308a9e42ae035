"""Teach the one-step student the colours of the generator's pictures, caption by caption: how light they are on average, and of which hue.

    python tones.py --minutes 30 --muon                             # the shipped student; RUN/student.pt comes out
    python tones.py --student run/student.pt --minutes 30 --muon    # another one

The means of a picture's latents are its mean colour, nearly. Those of the student's missed the generator's by far for some pairs
of motif and colour (dark red planets were black), and otherwise hardly. So it learns to draw what it draws, moved to the mean of a picture of
the same caption. Over many pictures that is the caption's own mean; what it drew apart from that stays.

Half of the captions name a colour and a motif and nothing else: so people ask.
"""

import argparse
import copy
import random
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

import vocabulary
from captions import write_caption
from motifs import MOTIFS
from nets import latent_shape
from pictures import company, paint, scene
from schedule import STEPS, drawn, levels
from sharpen import SIZES, arguments, missed, networks
from train_diffusion import tokens_of
from training import save, train

SIDE = 96  # of the pictures whose means are taken
HELD_OUT = 256
MIXED = 0.25  # share of captions between two prompts


def captioned(rng, words, plain, short):
    """A scene and its caption."""
    name = rng.choice(list(MOTIFS))
    if not short:
        shown = scene(rng, name, plain, company(rng, name))
        return shown, write_caption(rng, shown)
    shown = scene(rng, name, 1.0) | {"named": True, "light": None, "weather": None, "time": None, "style": None}
    colour, motif = words["colours"].get(shown["palette"]), words["motifs"][name]
    return shown, f"{rng.choice(colour)} {rng.choice(motif)}" if colour else write_caption(rng, shown)


@torch.no_grad()
def means_of(path, vae, count, plain, device):
    """Captions and the means (n, c) of the latents of a picture of each; kept in `path`."""
    if path.exists():
        return torch.load(path, weights_only=True)
    rng, gen, words, start = random.Random(77), torch.Generator(device).manual_seed(77), vocabulary.vocabulary(), time.time()
    captions, means = [], []
    for i in range(count):
        shown, caption = captioned(rng, words, plain, short=i % 2 == 0)
        captions.append(caption)
        means.append(vae.encode(paint([shown], SIDE, SIDE, gen, device) * 2 - 1).mean((2, 3)))
        if i % 500 == 499:
            print(f"{i + 1} means, {(i + 1) / (time.time() - start):.0f} a second", flush=True)
    made = captions, torch.cat(means)
    save(path, made)
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=12_000)
    args = arguments(parser, batch=16)
    run, device = Path(args.run), args.device
    text, before, vae = networks(args)
    student = copy.deepcopy(before).train().requires_grad_(True)
    captions, means = means_of(run / "means.pt", vae, args.captions, args.plain, device)
    tokens, shapes, rows = tokens_of(Tokenizer.from_file(args.tokenizer), captions), random.Random(args.seed), np.random.default_rng(args.seed)

    @torch.no_grad()
    def lesson(chosen, size, first):
        """Noisy latents, timesteps, words and the latents that the student should draw of them, whose means are right. `first` of them
        are pure noise; the others lie on the way from there."""
        count = len(chosen)
        words, wanted = text(tokens[chosen].to(device)), means[chosen].to(device)
        mix = (torch.rand(count, 1, 1) * (torch.rand(count, 1, 1) < MIXED)).to(device)
        words, wanted = torch.lerp(words, words.roll(1, 0), mix), torch.lerp(wanted, wanted.roll(1, 0), mix[:, 0])
        moved = lambda z, share=1.0: z + share * (wanted[-len(z):] - z.mean((2, 3)))[:, :, None, None]
        x, t = torch.randn(count, *latent_shape(before, *size), device=device), torch.randint(STEPS, (count,), device=device)
        t[:first] = STEPS - 1
        z = moved(drawn(before, x, torch.full_like(t, STEPS - 1), words))
        if first < count:
            a, s = levels(t[first:])
            x[first:] = a * z[first:] + s * x[first:]
            z[first:] = moved(drawn(before, x[first:], t[first:], words[first:]), s**4)  # gone where little noise is left
        return x, t, words, z

    def errors(unet, *taught):
        """(of the shape, of the means), a number for each picture."""
        off = missed(unet, *taught)
        mean = off.mean((2, 3), keepdim=True)
        return (off - mean).square().mean((1, 2, 3)), mean.square().mean((1, 2, 3))

    def loss_of(step):
        chosen = torch.from_numpy(rows.integers(HELD_OUT, len(captions), args.batch))
        shape, tone = errors(student, *lesson(chosen, shapes.choice(SIZES), args.batch * 3 // 4))
        return (shape + tone).mean(), {"shape": shape.detach().mean(), "tone": tone.detach().mean()}

    known = [lesson(part, SIZES[0], len(part)) for part in torch.arange(HELD_OUT).split(32)]

    @torch.no_grad()
    def check(averages):
        shape, tone = torch.stack([torch.stack([e.mean() for e in errors(averages["student"], *part)]) for part in known]).mean(0)
        return {"shape": shape, "tone": tone}

    print(f"before: tone {check({'student': before})['tone']:.4f}", flush=True)
    best = train(args, "tones", {"student": student}, loss_of, check=check, save_every=240, weight_decay=0.0)["student"]
    save(run / "student.pt", {"unet": best.state_dict(), "text": text.state_dict()})


if __name__ == "__main__":
    main()
