"""A small classifier of motif and style, trained on nothing but generator pictures: the judge of what a model draws.

    python -m evaluate.classifier --run run

Pictures are drawn once to RUN/judge (128x128, motifs one by one, no second motif) and RUN/classifier.pt is the result, with
the names of its classes. It sees blurred and shifted copies too, since a model's pictures are softer than the generator's.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from effects import STYLES
from motifs import MOTIFS
from pictures import batches

SIDE = 128
STYLED = 0.7  # each style needs as many pictures as "none" has, or a picture is taken to have none
NO_STYLE = "none"


class Classifier(nn.Module):
    def __init__(self, motifs, styles, widths=(32, 64, 96, 128)):
        super().__init__()
        self.motifs, self.styles, layers, inside = motifs, styles, [], 3
        for out in widths:
            for width, stride in ((inside, 2), (out, 1)):
                layers += [nn.Conv2d(width, out, 3, stride, padding=1), nn.GroupNorm(8, out), nn.SiLU()]
            inside = out
        self.body = nn.Sequential(*layers)
        self.motif, self.style = nn.Linear(2 * inside, len(motifs)), nn.Linear(2 * inside, len(styles))

    def features(self, pictures):
        """(n, 256): mean and deviation of each last channel; pictures (n, 3, h, w) in 0..1 of any size."""
        if pictures.shape[-1] != SIDE or pictures.shape[-2] != SIDE:
            pictures = F.interpolate(pictures, (SIDE, SIDE), mode="area")
        x = self.body(pictures * 2 - 1).float().flatten(2)
        return torch.cat((x.mean(2), x.std(2)), 1)

    def forward(self, pictures):
        f = self.features(pictures)
        return self.motif(f), self.style(f)


def load(path):
    saved = torch.load(path, map_location="cpu", weights_only=True)
    judge = Classifier(saved["motifs"], saved["styles"]).eval().requires_grad_(False)
    judge.load_state_dict(saved["weights"])
    return judge


def draw(folder, count, seed, device):
    """FOLDER/pictures.npy and FOLDER/labels.json, unless they are there."""
    if (folder / "labels.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    store, labels, start = np.lib.format.open_memmap(folder / "pictures.npy", "w+", np.uint8, (count, 3, SIDE, SIDE)), [], time.time()
    for scenes, pictures in batches(count, 8, SIDE, SIDE, seed, device, None, 0.5, labels=True, paired=0, styled=STYLED):
        store[len(labels) : len(labels) + len(scenes)] = (pictures * 255).round().byte().cpu().numpy()
        labels += [[s["motif"], s["style"] or NO_STYLE] for s in scenes]
    (folder / "labels.json").write_text(json.dumps(labels))
    print(f"{count} pictures in {time.time() - start:.0f} s", flush=True)


def soften(pictures):
    """Each batch shifted, perhaps mirrored, perhaps blurred by up to a factor of three."""
    if torch.rand(()) < 0.5:
        pictures = pictures.flip(-1)
    shift = torch.randint(-12, 13, (2,)).tolist()
    pictures = F.pad(pictures, (12, 12, 12, 12), mode="reflect")[..., 12 + shift[0] : 12 + shift[0] + SIDE, 12 + shift[1] : 12 + shift[1] + SIDE]
    if torch.rand(()) < 0.5:
        small = int(SIDE / (1 + 2 * torch.rand(()).item()))
        pictures = F.interpolate(F.interpolate(pictures, (small, small), mode="area"), (SIDE, SIDE), mode="bicubic", align_corners=False).clamp(0, 1)
    return pictures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--run", type=Path, default=Path("run"))
    parser.add_argument("--pictures", type=int, default=28_000)
    parser.add_argument("--epochs", type=float, default=7)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--bf16", action="store_true", help="mixed precision")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    draw(args.run / "judge", args.pictures, 77_000 + args.seed, args.device)
    pictures = np.load(args.run / "judge/pictures.npy", mmap_mode="r")
    labels = json.loads((args.run / "judge/labels.json").read_text())
    motifs, styles = list(MOTIFS), [NO_STYLE, *STYLES]
    target = torch.tensor([[motifs.index(m), styles.index(s)] for m, s in labels], device=args.device)
    order = np.random.default_rng(0).permutation(len(pictures))
    held, known = order[: len(order) // 10], order[len(order) // 10 :]
    judge = Classifier(motifs, styles).to(args.device)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=args.rate, weight_decay=0.02)
    total = int(args.epochs * len(known) / args.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, args.rate, total + 1, pct_start=0.1)
    look = lambda rows: torch.from_numpy(pictures[np.sort(rows)].copy()).to(args.device).float() / 255
    for step in range(total):
        rows = np.random.default_rng(step).choice(known, args.batch)
        with torch.autocast(args.device.split(":")[0], torch.bfloat16, enabled=args.bf16):
            motif, style = judge(soften(look(rows)))
        want = target[np.sort(rows)]
        loss = F.cross_entropy(motif.float(), want[:, 0], label_smoothing=0.05) + 0.7 * F.cross_entropy(style.float(), want[:, 1], label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            print(f"step {step + 1}/{total} loss {loss.item():.3f}", flush=True)
    judge.eval()
    with torch.no_grad():
        right = sum((torch.stack([head.argmax(1) for head in judge(look(part))], 1) == target[np.sort(part)]).float().sum(0)
                    for part in np.array_split(held, -(-len(held) // 64)))
    print(f"held-out generator pictures: motif {right[0] / len(held):.3f}, style {right[1] / len(held):.3f}")
    torch.save({"weights": judge.state_dict(), "motifs": motifs, "styles": styles}, args.run / "classifier.pt")


if __name__ == "__main__":
    main()
