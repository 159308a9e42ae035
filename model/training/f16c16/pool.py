"""A pool of drawn pictures on disk that grows and renews itself while a training runs, so that neither waits for the other."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from pictures import batches

PLAIN = 0.6  # share of pictures without a light


def painted(count, height, width, seed, device="cpu", group=1, plain=PLAIN):
    """Yield (caption, uint8 picture (3, h, w)) one by one."""
    for captions, pictures in batches(count, group, height, width, seed, device, None, plain):
        yield from zip(captions, (pictures * 255).round().byte().cpu().numpy())


def held_out(folder, height, width, count=None):
    """The first pictures that are never trained on, all of two of each motif where `count` is left out, drawn once: (n, 3, h, w) uint8."""
    from motifs import MOTIFS

    path, everything = Path(folder) / f"held_out_{height}x{width}.npy", 2 * len(MOTIFS)
    count = min(count or everything, everything)
    if not path.exists() or len(np.load(path, mmap_mode="r")) < count:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.stack([p for _, p in islice(painted(everything, height, width, 7_000_001), count)]))
    return np.load(path, mmap_mode="r")[:count]


class Pool:
    """Up to `size` pictures; the oldest makes room for a new one. Resumes where it stopped."""

    def __init__(self, folder, size, height=512, width=512, device="cpu", group=1, seed=1):
        self.folder, self.size, self.device, self.group = Path(folder), size, device, group
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state = self.folder / "pool.json"
        self.made, self.seed, path = 0, seed, self.folder / "pictures.npy"
        if self.state.exists():
            self.made = json.loads(self.state.read_text())["made"]
        mode = "r+" if path.exists() else "w+"
        self.pictures = np.lib.format.open_memmap(path, mode, np.uint8, (size, 3, height, width))
        self.source = None

    def __len__(self):
        return min(self.made, self.size)

    def paint(self, count=1):
        """Draw `count` more pictures."""
        for _ in range(count):
            if self.source is None:
                height, width = self.pictures.shape[2:]
                self.source = painted(1 << 40, height, width, self.seed + self.made, self.device, self.group)
            self.pictures[self.made % self.size] = next(self.source)[1]
            self.made += 1
        self.state.write_text(json.dumps({"made": self.made}))

    def crops(self, rng, count, side):
        """(count, 3, side, side) in -1..1, mirrored half of the time."""
        _, _, height, width = self.pictures.shape
        made = []
        for row in rng.integers(len(self), size=count):
            y, x = rng.integers(height - side + 1), rng.integers(width - side + 1)
            crop = self.pictures[row, :, y : y + side, x : x + side]
            made.append(crop[..., ::-1] if rng.random() < 0.5 else crop)
        return torch.from_numpy(np.stack(made)).to(self.device).float() / 127.5 - 1
