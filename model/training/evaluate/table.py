"""Measure an exported model against the generator's pictures and print one table.

    python -m evaluate.classifier --run run                   # once: the judge, RUN/classifier.pt
    python -m evaluate.table --weights .. --run run --out run/table.md

Only what the model's own vocabulary.json names is asked of it. Everything is drawn at 512x512 (32x32 latents) by the plain
torch networks unless a row says otherwise, with fixed seeds; reference pictures come from the generator at the sizes that the
rows name.
"""

import argparse
import json
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from canvas import PALETTES
from captions import colour_words, write_caption
from evaluate.classifier import load
from evaluate.measures import DETAILS, borders, contrast, detail, frechet, psnr, steps_of, tone
from export import read
from nets import latent_shape
from pictures import paint, scene, sheet
from sample import slerp
from schedule import denoise
from train_diffusion import tokens_of

HERE = Path(__file__).resolve().parent
AIMS = {"encoder and decoder": ">= - / 0.6 / 0.8 / 0.95", "4 steps": "stated", "1 step": ">= - / - / 0.6 / 0.8 / 0.85"}  # of each row of details
WIDE, TALL = (512, 896), (896, 512)  # film formats: height, width


class Model:
    """An exported folder, ready to draw."""

    def __init__(self, folder):
        self.text, self.unet, self.vae = read(folder)
        self.tokenizer = Tokenizer.from_file(f"{folder}/tokenizer/tokenizer.json")
        self.vocabulary = json.loads((Path(folder) / "vocabulary.json").read_text())

    def knows(self, kind):
        return list(self.vocabulary.get(kind, ()))

    def words(self, prompts):
        return self.text(tokens_of(self.tokenizer, prompts))

    def noise(self, seed, height=512, width=512):
        shape = latent_shape(self.unet, height // self.vae.shuffle, width // self.vae.shuffle)
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def draw(self, words, noise, steps):
        """Pictures (n, 3, h, w) in 0..1, four at a time."""
        made = [self.vae.decode(denoise(lambda x, t: self.unet(x, t, w), x, steps)) for w, x in zip(words.split(4), noise.split(4))]
        return (torch.cat(made) / 2 + 0.5).clamp(0, 1)

    @torch.no_grad()
    def draw_again(self, pictures):
        """Through encoder and decoder."""
        return (self.vae.decode(self.vae.encode(shrink(pictures, pictures.shape[-1] // self.vae.shuffle) * 2 - 1)) / 2 + 0.5).clamp(0, 1)

    def prompts(self, prompts, steps, seed=0, size=(512, 512)):
        with torch.no_grad():
            return self.draw(self.words(prompts), torch.stack([self.noise(seed + i, *size) for i in range(len(prompts))]), steps)


def shrink(pictures, side=256):
    return pictures if pictures.shape[-1] == side else F.interpolate(pictures, (side, side), mode="area")


def plain_scene(rng, model, **fixed):
    """A scene with nothing that the model's vocabulary lacks."""
    while True:
        s = scene(rng, fixed.get("motif") or rng.choice(model.knows("motifs")), fixed.pop("plain", 0.72)) | fixed
        if s["palette"] in model.knows("colours") and all(not s[k] or s[k] in model.knows(k + "s") for k in ("light", "weather", "time", "style")) \
                and (not s["density"] or "densities" in model.vocabulary):
            return s


def generated(scenes, side, seed, width=None):
    gen = torch.Generator().manual_seed(seed)
    return torch.cat([paint([s], side, width or side, gen, "cpu") for s in scenes])


def formats(model, judge, rng, count, size):
    """Accuracy of the motifs in one step at `size` (height, width), and that of generator pictures of the same scenes."""
    names = model.knows("motifs")
    scenes = [plain_scene(rng, model, motif=names[i % len(names)]) for i in range(count)]
    true = torch.tensor([judge.motifs.index(s["motif"]) for s in scenes])
    right = lambda pictures: (judge(pictures)[0].argmax(1) == true).float().mean().item()
    return right(model.prompts([write_caption(rng, s) for s in scenes], 1, 300, size)), right(generated(scenes, size[0], 12, size[1]))


def motifs(model, judge, rng, count):
    """Scenes, accuracy by steps, pictures by steps beside generator pictures of the same scenes in two halves."""
    names = model.knows("motifs")
    scenes = [plain_scene(rng, model, motif=names[i % len(names)]) for i in range(count)]
    captions = [write_caption(rng, s) for s in scenes]
    true = torch.tensor([judge.motifs.index(s["motif"]) for s in scenes])
    rows, by_motif, pictures = {}, {}, {}
    for steps in (4, 1):
        pictures[steps] = model.prompts(captions, steps)
        right = judge(shrink(pictures[steps], 128))[0].argmax(1) == true
        rows[steps] = right.float().mean().item()
        for name in names:
            by_motif.setdefault(name, []).append(right[[s["motif"] == name for s in scenes]].float().mean().item())
    halves = [generated(scenes, 256, seed) for seed in (1, 2)]
    ceiling = (judge(shrink(halves[0], 128))[0].argmax(1) == true).float().mean().item()
    return scenes, rows, by_motif, pictures, halves, ceiling


def colours(model, rng, each, steps=4):
    """By colour, share of pictures whose mean hue and lightness lie within the generator's 2nd to 98th percentile (hue: 15 degrees
    wider); and the same of other generator pictures of the same scenes, the most that can be expected."""
    hits, ceiling = {}, {}
    for palette in model.knows("colours"):
        fixed = {"palette": palette, "named": True, "light": None, "weather": None, "time": None, "style": None}
        scenes = [plain_scene(rng, model, **fixed) for _ in range(64)]
        known = tone(generated(scenes, 96, 3))
        asked = [f"{rng.choice([w for w in colour_words(palette) if w in model.vocabulary['colours'][palette]])} {rng.choice(model.vocabulary['motifs'][s['motif']])}" for s in scenes[:each]]
        made = tone(shrink(model.prompts(asked, steps, 500), 96))
        middle = torch.atan2(known[:, 2].sum(), known[:, 1].sum())
        turn = lambda t: torch.atan2((torch.atan2(t[:, 2], t[:, 1]) - middle).sin(), (torch.atan2(t[:, 2], t[:, 1]) - middle).cos())
        low, high = turn(known).quantile(0.02) - 0.26, turn(known).quantile(0.98) + 0.26
        grey = known[:, 3].median() < 0.02  # grey has no hue: it must be grey

        def inside(found):
            hue = found[:, 3] < 0.04 if grey else (turn(found) >= low) & (turn(found) <= high)
            light = (found[:, 0] >= known[:, 0].quantile(0.02)) & (found[:, 0] <= known[:, 0].quantile(0.98))
            return [part.float().mean().item() for part in (hue & light, hue, light)]

        hits[palette], ceiling[palette] = inside(made), inside(tone(generated(scenes[:each], 96, 4)))
    return hits, ceiling


def styles(model, judge, rng, each, steps=4):
    """Accuracy by style, and that of generator pictures of the same scenes."""
    found, ceiling = {}, {}
    for name in model.knows("styles"):
        scenes = [plain_scene(rng, model, style=name, light=None) for _ in range(each)]
        made = model.prompts([f"{rng.choice(model.vocabulary['motifs'][s['motif']])}, {rng.choice(model.vocabulary['styles'][name])}" for s in scenes], steps, 900)
        right = lambda pictures: (judge(shrink(pictures, 128))[1].argmax(1) == judge.styles.index(name)).float().mean().item()
        found[name], ceiling[name] = right(made), right(generated(scenes, 256, 5))
    return found, ceiling


def autoencoder(model, rng):
    """PSNR (n,) at 256x256 on new generator pictures, two of each of the generator's motifs; and at the decoder's own size."""
    from motifs import MOTIFS

    small, large, own = [], [], 512
    for i, name in enumerate([*MOTIFS, *MOTIFS]):
        true = generated([scene(rng, name, 0.7)], own, 40 + i)
        made = model.draw_again(true)
        small.append(psnr(shrink(made), shrink(true)))
        large.append(psnr(made, true))
    return torch.cat(small), torch.cat(large)


def diversity(model, judge, rng, count, steps=4):
    """Distance in features of two seeds of a prompt, and of two generator pictures of the prompt's scene."""
    scenes = [plain_scene(rng, model) for _ in range(count)]
    captions = [write_caption(rng, s) for s in scenes]
    apart = lambda a, b: (judge.features(shrink(a, 128)) - judge.features(shrink(b, 128))).norm(dim=1).mean().item()
    made = apart(model.prompts(captions, steps, 1000), model.prompts(captions, steps, 2000))
    return made, apart(generated(scenes, 128, 8), generated(scenes, 128, 9))


@torch.no_grad()
def walks(model, rng, count, steps, frames=16):
    """(mean of largest over median step, ISTD: mean deviation of the steps; Guo et al. 2024, "Smooth Diffusion")."""
    ratios, deviations = [], []
    for i in range(count):
        ends = model.words([write_caption(rng, plain_scene(rng, model)) for _ in range(2)])
        noise, mix = (model.noise(3000 + i), model.noise(4000 + i)), torch.linspace(0, 1, frames)
        made = model.draw(torch.cat([torch.lerp(ends[:1], ends[1:], m) for m in mix]), torch.stack([slerp(*noise, m.item()) for m in mix]), steps)
        change = steps_of(shrink(made))
        ratios.append((change.max() / change.median()).item())
        deviations.append(change.std().item())
    return torch.tensor(ratios), torch.tensor(deviations)


def free(model, reference, others, steps, path):
    """Share of the free prompts whose contrast and chroma lie within the 2nd to 98th percentile of the generator's `reference`,
    the same of its `others`, and the prompts outside."""
    prompts = (HERE / "free_prompts.txt").read_text().splitlines()
    made = shrink(model.prompts(prompts, steps, 7000))

    def inside(pictures):
        good = torch.ones(len(pictures), dtype=torch.bool)
        for figure in (contrast, lambda p: tone(p)[:, 3]):
            known, found = figure(reference), figure(pictures)
            good &= (found >= known.quantile(0.02)) & (found <= known.quantile(0.98))
        return good

    if path:
        sheet(list(made), prompts, 13, path, 110)
    good = inside(made)
    return good.float().mean().item(), inside(others).float().mean().item(), [p for p, fine in zip(prompts, good) if not fine]


def speed(model, steps, count=8):
    noise, words = model.noise(1)[None], model.words(["a sunset"]).detach()
    model.draw(words, noise, steps)
    times = []
    for _ in range(count):
        start = time.time()
        model.draw(words, noise, steps)
        times.append(time.time() - start)
    return 1 / sorted(times)[count // 2]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", default="..")
    parser.add_argument("--run", type=Path, default=Path("run"))
    parser.add_argument("--out", type=Path, help="also write the table (Markdown) here")
    parser.add_argument("--sheet", help="contact sheet of the free prompts")
    parser.add_argument("--pictures", type=int, default=240, help="for the motifs and the Fréchet distance")
    parser.add_argument("--each", type=int, default=8, help="pictures a colour and a style")
    parser.add_argument("--walks", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)
    model, judge, rows = Model(args.weights), load(args.run / "classifier.pt"), []
    rng = lambda name: random.Random(f"evaluate {name}")

    def row(what, value, goal=""):
        rows.append((what, value, goal))
        print(f"{what:58} {value:38} {goal}", flush=True)

    scenes, accuracy, by_motif, made, halves, ceiling = motifs(model, judge, rng("motifs"), args.pictures)
    row("motif named by the classifier, 4 steps / 1 step", f"{accuracy[4]:.1%} / {accuracy[1]:.1%}", f">= 94 % in one step (generator pictures: {ceiling:.1%})")
    far, near = frechet(judge.features(shrink(made[4], 128)), judge.features(shrink(halves[0], 128))), frechet(*(judge.features(shrink(h, 128)) for h in halves))
    row("Fréchet distance, 4 steps / two generator halves", f"{far:.2f} / {near:.2f} = {far / near:.1f} times", "<= 1.6 times")
    truth = generated(scenes, 512, 11)
    wholes = {"encoder and decoder": torch.cat([model.draw_again(part) for part in truth.split(4)]), "4 steps": made[4], "1 step": made[1]}
    for name, pictures in wholes.items():
        shares = " / ".join(f"{a / b:.2f}" for a, b in zip(detail(pictures), detail(truth)))
        row(f"detail of {DETAILS} pixels against the generator, {name}", shares, AIMS[name])
    row("borders: outermost row or column from the fourth over fourth from eighth, 1 step", f"{borders(made[1]):.2f}", f"<= 1.3 (generator pictures: {borders(truth):.2f})")
    for size in (WIDE, TALL):
        ours, theirs = formats(model, judge, rng("formats"), args.pictures // 2, size)
        row(f"motif named at {size[1]}x{size[0]}, 1 step", f"{ours:.1%}", f"as at 512x512 (generator pictures: {theirs:.1%})")
    hits, most = colours(model, rng("colours"), args.each)
    shares = lambda by_colour: " / ".join(f"{m:.1%}" for m in torch.tensor(list(by_colour.values())).mean(0))
    row("colour words: hue and lightness / hue / lightness", shares(hits), f"within 3 points (generator pictures: {shares(most)})")
    found, most = styles(model, judge, rng("styles"), args.each)
    mean = lambda by_style: f"{sum(by_style.values()) / len(by_style):.1%}"
    row("style named by the classifier", mean(found), f"within 3 points (generator pictures: {mean(most)})")
    small, large = autoencoder(model, rng("autoencoder"))
    row("autoencoder PSNR at 256, mean / 10th percentile", f"{small.mean():.1f} / {small.quantile(0.1):.1f} dB", "stated")
    row("autoencoder PSNR at 512, mean / 10th percentile", f"{large.mean():.1f} / {large.quantile(0.1):.1f} dB", ">= 32 / >= 26 dB")
    ours, theirs = diversity(model, judge, rng("diversity"), 48)
    row("two seeds of a prompt against two generator pictures", f"{ours / theirs:.2f}", "0.75..1.25")
    for steps in (4, 1):
        ratios, deviations = walks(model, rng("walks"), args.walks if steps == 1 else args.walks // 2, steps)
        row(f"walks, {steps} steps: largest over median step, mean / worst", f"{ratios.mean():.2f} / {ratios.max():.2f}", "<= 2")
        row(f"walks, {steps} steps: ISTD", f"{deviations.mean():.4f}", "stated")
    share, most, grey = free(model, *halves, 4, args.sheet)
    row("free prompts within the generator's contrast and chroma", f"{share:.0%}", f"all (generator pictures: {most:.0%})")
    row("pictures a second in torch, 1 thread, 1 / 4 steps", f"{speed(model, 1):.1f} / {speed(model, 4):.1f}", "stated")
    print("colours:", " ".join(f"{k} {v[0]:.2f}" for k, v in hits.items()))
    print("styles:", " ".join(f"{k} {v:.2f}" for k, v in found.items()))
    print("motifs (4 steps, 1 step):", " ".join(f"{k} {a:.2f} {b:.2f}," for k, (a, b) in by_motif.items()))
    print("outside the range:", "; ".join(grey))
    if args.out:
        args.out.write_text("| what | value | goal |\n|---|---|---|\n" + "".join(f"| {a} | {b} | {c} |\n" for a, b, c in rows))


if __name__ == "__main__":
    main()
