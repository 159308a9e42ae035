"""Procedural pictures with captions: the whole training set, made from nothing but a seed.

    python pictures.py --sheet sheet.png            # look at it: one picture a motif, plus styles
    python pictures.py --count 12000 --out data     # a cached set: pictures.npy + captions.txt
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
import torch

from canvas import PALETTES, Canvas
from captions import write_caption
from effects import LIGHTS, STYLES, TIMES, WEATHERS
from motifs import BACKS, CENTRED, COUNTED, FRONTS, MOTIFS, ZOOMED

EFFECTS = {"light": LIGHTS, "weather": WEATHERS, "time": TIMES, "style": STYLES}
FACTORS = {None: 1.0, "large": 0.6, "fine": 1.6, "sparse": 0.35, "dense": 1.6}
PAIRED = 0.35  # how often a motif that can stand before another does


def scene(rng, motif, plain=0.55, behind=None, styled=None):
    """What one picture shows: a motif, perhaps before another (`behind`: its name and the kind of pair), a palette, and
    perhaps a scale, a density, a light, a weather, a time of day and a style. `plain` is the chance of no light; a style is a
    little rarer, unless `styled` is its chance; weather and time of day are half as frequent.
    """
    free = rng.random() < 0.5
    maybe = lambda table, chance: rng.choice(list(table)) if rng.random() < chance else None
    often = 1 - plain
    drawn = {
        "motif": motif, "behind": behind and behind[0], "join": behind and behind[1],
        "palette": rng.choice(list(PALETTES)) if free else rng.choice(MOTIFS[motif][1].split()),
        "named": free or rng.random() < 0.75,
        "scale": maybe(("large", "fine"), 0.3 if motif in ZOOMED else 0),
        "density": maybe(("sparse", "dense"), 0.3 if motif in COUNTED else 0),
        "light": maybe(LIGHTS, often), "weather": maybe(WEATHERS, often / 3), "time": maybe(TIMES, often / 3),
        "style": maybe(STYLES, max(0.0, often - 0.1) if styled is None else styled),
    }
    if drawn["light"]:  # one grading of brightness is enough
        drawn["time"] = None
    return drawn


def company(rng, motif, paired=PAIRED):
    """(motif behind, kind of pair) for a motif that can stand before others, else None."""
    kinds = [kind for kind, names in FRONTS.items() if motif in names]
    if not kinds or rng.random() >= paired:
        return None
    return rng.choice([name for name in BACKS[kinds[0]] if name != motif]), kinds[0]


def paint(scenes, height, width, gen, device):
    """Pictures (n, 3, h, w) in 0..1 of scenes that share a motif and what is behind it."""
    factor = lambda kind: torch.tensor([FACTORS[s[kind]] for s in scenes], device=device).view(-1, 1, 1)
    palettes, motif, back = [s["palette"] for s in scenes], scenes[0]["motif"], scenes[0]["behind"]
    zoom, density = factor("scale"), factor("density")

    def draw(name, behind=None):
        c = Canvas(palettes, height, width, gen, device, zoom, density, name in CENTRED, behind)
        return c, MOTIFS[name][0](c).nan_to_num().clamp(0, 1)

    c, picture = draw(motif, draw(back)[1] if back else None)
    for kind, effects in EFFECTS.items():
        for name, (effect, _) in effects.items():
            mask = torch.tensor([s[kind] == name for s in scenes], device=device)
            if mask.any():
                done = effect(c, picture).nan_to_num().clamp(0, 1)
                picture = torch.where(mask.view(-1, 1, 1, 1), done, picture)
    return picture


def batches(count, group, height, width, seed, device, motifs=None, plain=0.55, labels=False, paired=PAIRED, styled=None):
    """Yield (captions, pictures) of `group` pictures that share a motif, motifs in shuffled rounds.

    With `labels` the scenes come instead of the captions.
    """
    rng = random.Random(seed)
    gen = torch.Generator(device).manual_seed(seed)
    names, drawn = [], 0
    while drawn < count:
        if not names:
            names = list(motifs or MOTIFS)
            rng.shuffle(names)
        name = names.pop()
        behind = company(rng, name, paired)
        scenes = [scene(rng, name, plain, behind, styled) for _ in range(min(group, count - drawn))]
        with torch.no_grad():
            words = scenes if labels else [write_caption(rng, s) for s in scenes]
            made = paint(scenes, height, width, gen, device)
        yield words, made  # outside of no_grad, which would otherwise hold in the caller until it asks for more
        drawn += len(scenes)


def sheet(pictures, captions, columns, path, width=200):
    """A contact sheet (in 256 colours where it would pass 1 MB) with captions below the pictures."""
    import textwrap

    from PIL import Image, ImageDraw

    shape = pictures[0].shape
    height = round(width * shape[1] / shape[2])
    rows = (len(pictures) + columns - 1) // columns
    page = Image.new("RGB", (columns * (width + 4), rows * (height + 30)), "black")
    draw = ImageDraw.Draw(page)
    for i, (picture, caption) in enumerate(zip(pictures, captions)):
        x, y = i % columns * (width + 4), i // columns * (height + 30)
        array = (picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
        page.paste(Image.fromarray(array).resize((width, height), Image.LANCZOS), (x, y))
        draw.text((x + 2, y + height + 2), "\n".join(textwrap.wrap(caption, width // 6)[:2]), fill="white")
    page.save(path, optimize=True, quality=82)
    if str(path).endswith(".png") and Path(path).stat().st_size > 1_000_000:
        page.quantize(palette=page.quantize(256), dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--sheet")
    args.add_argument("--count", type=int, default=0)
    args.add_argument("--out", default="data")
    args.add_argument("--size", type=int, default=256, help="height, and width without --width")
    args.add_argument("--width", type=int)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--group", type=int, default=8, help="pictures drawn at once, all of one motif; 32 or more on a GPU")
    args.add_argument("--motifs", default="", help="comma-separated subset")
    args.add_argument("--plain", type=float, default=0.55, help="share of pictures without a light (style: 0.1 more)")
    args.add_argument("--threads", type=int, default=1, help="more than 1 is slower when the machine is shared")
    args.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    motifs = args.motifs.split(",") if args.motifs else None

    if args.sheet:
        total = 2 * len(motifs or MOTIFS)
        found = [(p, c) for cs, ps in batches(total, 2, 256, 256, args.seed, args.device, motifs, args.plain) for p, c in zip(ps, cs)]
        sheet([p for p, _ in found], [c for _, c in found], 14, args.sheet, 120)
    if args.count:
        out = Path(args.out)
        out.mkdir(exist_ok=True)
        width = args.width or args.size
        store = np.lib.format.open_memmap(out / "pictures.npy", "w+", np.uint8, (args.count, 3, args.size, width))
        captions, start = [], time.time()
        for words, pictures in batches(args.count, args.group, args.size, width, args.seed, args.device, motifs, args.plain):
            at = len(captions)
            store[at : at + len(words)] = (pictures * 255).round().byte().cpu().numpy()
            captions += words
        (out / "captions.txt").write_text("\n".join(captions) + "\n")
        print(f"{args.count} pictures, {args.count / (time.time() - start):.1f} a second")


if __name__ == "__main__":
    main()
