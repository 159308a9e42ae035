"""Trains the network of `network.rs`: python3 train.py FOLDER OUT.weights [--minutes 30]

FOLDER holds pieces by generate.py (.json) with their inputs by the ignored test `training_inputs` (.input). Needs torch.
Every fifteenth piece is held out; its loss is printed. OUT is written every few minutes: f16 numbers in the order of `Network`'s
parameters, which `network.rs` reads in the same order.
"""
import argparse
import json
import math
import random
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

HOP_SECS, HOPS_PER_FRAME = 0.01, 2
RANGE_DB, LAG_HOPS = 45.0, 2
N_HARMONY = 4
WIDTH = 24
NEAR_DILATIONS = [2, 4, 8]
FAR_DILATIONS = [1, 2, 4, 8, 16, 32, 64, 128, 256]
EXCERPT_HOPS = 2400
DROPOUT = 0.2


class Network(nn.Module):
    """See network.rs for the same in Rust."""

    def __init__(self, n_bands):
        super().__init__()
        conv = lambda i, o, k, d=1: nn.Conv1d(i, o, k, dilation=d, padding=d * (k // 2))
        blocks = lambda dilations: nn.ModuleList([nn.ModuleList([conv(WIDTH, WIDTH, 5, d), conv(WIDTH, WIDTH, 1)]) for d in dilations])
        self.mean = nn.Parameter(torch.zeros(2 * n_bands), requires_grad=False)
        self.scale = nn.Parameter(torch.ones(2 * n_bands), requires_grad=False)
        self.first = nn.ModuleList([conv(2 * n_bands, WIDTH, 3), conv(WIDTH, WIDTH, 5)])
        self.near = blocks(NEAR_DILATIONS)
        self.onset = conv(WIDTH, 1, 3)
        self.joint = conv(WIDTH + N_HARMONY, WIDTH, 1)
        self.far = blocks(FAR_DILATIONS)
        self.beat = conv(WIDTH, 2, 1)

    def forward(self, levels, harmony, dropout=0.0):
        """levels: [piece][2 * band][hop], harmony: [piece][N_HARMONY][frame] -> logits of onsets [piece][hop], and of beats and
        of downbeats among beats [piece][frame]."""
        x = (levels - self.mean[:, None]) * self.scale[:, None]
        for layer in self.first:
            x = F.relu(layer(x))
        for dilated, mix in self.near:
            x = x + mix(F.relu(dilated(x)))
        x = F.relu(x)
        onset = self.onset(x)[:, 0]
        x = F.max_pool1d(x, HOPS_PER_FRAME, ceil_mode=True)
        x = F.relu(self.joint(torch.cat([x, harmony], 1)))
        for dilated, mix in self.far:
            y = F.relu(dilated(x))
            if dropout:
                y = F.dropout(y, dropout, self.training)
            x = x + mix(y)
        beat = self.beat(F.relu(x))
        return onset, beat[:, 0], beat[:, 1]


def load(path):
    """(relative dB [band][hop] as i16 / 64, harmony [N_HARMONY][frame], truth)"""
    data = path.read_bytes()
    n_hops, n_bands = np.frombuffer(data, "<u4", 2)
    steps = np.frombuffer(data, "<i2", n_hops * n_bands, 8).reshape(n_hops, n_bands)
    harmony = np.frombuffer(data, "<f4", -1, 8 + 2 * n_hops * n_bands).reshape(-1, N_HARMONY)
    return steps.T.copy(), harmony.T.copy(), json.loads(path.with_suffix(".json").read_text())


def compressed(relative_db):
    return torch.log1p(torch.exp((relative_db + RANGE_DB) * (math.log(10) / 20)))


def with_rises(levels):
    """Levels and how far they rise over the loudest neighbouring band LAG_HOPS earlier: [2 * band][hop]"""
    loudest = F.max_pool1d(levels.T[None], 3, 1, 1)[0].T
    before = F.pad(loudest, (LAG_HOPS, 0))[:, :-LAG_HOPS]
    rises = F.relu(levels - before)
    rises[:, :LAG_HOPS] = 0
    return torch.cat([levels, rises])


def marked(times, n, step, width, offset=0.0):
    """1 at each time, falling to 0 over `width` steps to both sides: [n]"""
    target = np.zeros(n, np.float32)
    for t in times:
        at = (t - offset) / step
        for k in range(math.floor(at) - width, math.floor(at) + width + 2):
            if 0 <= k < n:
                target[k] = max(target[k], 1 - abs(k - at) / (width + 0.5))
    return target


def example(piece, rng, is_training):
    """Inputs and targets of an excerpt; in training at another speed, through another equaliser, somewhat quieter."""
    steps, harmony, truth = piece
    n_hops = steps.shape[1]
    speed = math.exp(rng.uniform(-0.2, 0.2)) if is_training and rng.random() < 0.7 else 1.0
    length = min(int(EXCERPT_HOPS * speed), n_hops) if is_training else n_hops
    first = rng.randrange(0, max(1, (n_hops - length) // 2)) * 2 if is_training else 0
    db = torch.from_numpy(steps[:, first:first + length].astype(np.float32) / 64)
    change = torch.from_numpy(harmony[:, first // 2:(first + length + 1) // 2])
    n = int(length / speed)
    if speed != 1.0:
        db = F.interpolate(db[None], n, mode="linear", align_corners=False)[0]
        change = F.interpolate(change[None], (n + 1) // 2, mode="linear", align_corners=False)[0]
    if is_training:
        bands = np.arange(db.shape[0])
        points = np.linspace(0, db.shape[0] - 1, 6)
        curve = np.interp(bands, points, [rng.gauss(0, 3) for _ in points]) + rng.gauss(0, 2)
        db = db + torch.from_numpy(curve.astype(np.float32))[:, None]
        if rng.random() < 0.4:  # part of the spectrum is missing
            first_band = rng.randrange(db.shape[0])
            db[first_band:first_band + rng.randint(2, 12)] = -80.0
    secs = lambda items: [(t - first * HOP_SECS) / speed for t in items]
    beats = secs(b["time_secs"] for b in truth["beats"])
    n_frames = (n + 1) // 2
    frame_secs = HOP_SECS * HOPS_PER_FRAME
    soft = marked(secs(truth["soft_onsets"]), n, HOP_SECS, 5) if truth["soft_onsets"] else np.zeros(n, np.float32)
    onset = marked(secs(o["time_secs"] for o in truth["onsets"]), n, HOP_SECS, 1)
    weight = np.where((soft > 0) & (onset == 0), 0, 1).astype(np.float32)
    return {
        "levels": with_rises(compressed(db)), "harmony": change[:, :n_frames], "onset": torch.from_numpy(onset), "weight": torch.from_numpy(weight),
        "beat": torch.from_numpy(marked(beats, n_frames, frame_secs, 1)), "downbeat": torch.from_numpy(marked(secs(truth["downbeats"]), n_frames, frame_secs, 1)),
    }


def batch_of(examples):
    """Padded to the longest; `frames` and `weight` are 0 in the padding."""
    n = max(e["levels"].shape[1] for e in examples)
    pad = lambda x, m: F.pad(x, (0, m - x.shape[-1]))
    out = {k: torch.stack([pad(e[k], n) for e in examples]) for k in ("levels", "onset", "weight")}
    out |= {k: torch.stack([pad(e[k], (n + 1) // 2) for e in examples]) for k in ("harmony", "beat", "downbeat")}
    out["frames"] = torch.stack([pad(torch.ones(e["beat"].shape), (n + 1) // 2) for e in examples])
    return out


def losses(network, batch, dropout):
    onset, beat, downbeat = network(batch["levels"], batch["harmony"], dropout)
    bce = F.binary_cross_entropy_with_logits
    of_onset = (bce(onset, batch["onset"], reduction="none") * batch["weight"]).sum() / batch["weight"].sum()
    weight = batch["frames"] * (1 + 2 * batch["beat"])
    of_beat = (bce(beat, batch["beat"], reduction="none") * weight).sum() / weight.sum()
    # Among beats only: which of them are downbeats.
    share = (batch["downbeat"] / batch["beat"].clamp(min=1e-3)).clamp(max=1)
    of_downbeat = (bce(downbeat, share, reduction="none") * batch["beat"]).sum() / (batch["beat"].sum() + 1)
    return of_onset, of_beat, of_downbeat


def save(network, path):
    numbers = np.concatenate([p.detach().numpy().ravel() for p in network.parameters()])
    path.write_bytes(numbers.astype("<f2").tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=30, help="of processor time")
    parser.add_argument("--rate", type=float, default=3e-3, help="of learning, at its highest")
    parser.add_argument("--resume", type=Path, help="a checkpoint written beside OUT by an earlier run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = random.Random(0)
    pieces = [load(p) for p in sorted(arguments.folder.glob("*.input"))]
    held_out = batch_of([example(p, rng, False) for p in pieces[::15]])
    pieces = [p for i, p in enumerate(pieces) if i % 15]
    network = Network(pieces[0][0].shape[0])
    some = torch.cat([example(p, rng, False)["levels"] for p in pieces[::5]], 1)
    network.mean.data, network.scale.data = some.mean(1), 1 / (some.std(1) + 0.05)
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], arguments.rate, weight_decay=1e-2)
    before = 0.0
    if arguments.resume:
        state = torch.load(arguments.resume)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
    start, step, told, running = time.process_time(), 0, 0.0, np.zeros(3)
    while (spent := (time.process_time() - start) / 60) < arguments.minutes:
        progress = spent / arguments.minutes
        warm = min(1, (step + 1) / 100)
        for group in optimiser.param_groups:
            group["lr"] = arguments.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        network.train()
        batch = batch_of([example(rng.choice(pieces), rng, True) for _ in range(8)])
        parts = losses(network, batch, DROPOUT)
        optimiser.zero_grad()
        (parts[0] + 2 * parts[1] + 0.4 * parts[2]).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        running = 0.98 * running + 0.02 * np.array([float(p.detach()) for p in parts])
        if spent - told > 1.0 or step == 20:
            told = spent
            network.eval()
            with torch.no_grad():
                held = [float(p) for p in losses(network, held_out, 0)]
            print(f"{spent:.1f} min, step {step}: training", *(f"{p / (1 - 0.98 ** step):.4f}" for p in running), "held out", *(f"{p:.4f}" for p in held), flush=True)
            save(network, arguments.out)
            torch.save({"network": network.state_dict(), "optimiser": optimiser.state_dict()}, arguments.out.with_suffix(".checkpoint"))
    save(network, arguments.out)
    torch.save({"network": network.state_dict(), "optimiser": optimiser.state_dict()}, arguments.out.with_suffix(".checkpoint"))


if __name__ == "__main__":
    main()
