"""Trains one of the networks of `network/`: python3 train.py onset|beat FOLDER... OUT.weights [--minutes 30]

Each FOLDER holds pieces by generate.py (.json) with their inputs by the ignored test `training_inputs` (.input). Needs torch.
Every fifteenth piece is held out; its loss is printed. OUT is written every few minutes: f16 numbers in the order of the network's
parameters, which `near.rs`, `onset.rs` and `beat.rs` read in the same order.
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
N_ATTACKS, N_HARMONY = 4, 4
NEAR_DILATIONS = [2, 4, 8]
FAR_DILATIONS = [1, 2, 4, 8, 16, 32, 64, 128, 256]
DROPOUT = 0.2
LEVEL_SHARPNESS = 4.0  # what a metrical level gains by log-odds of one more at each of its beats
BEAT_BIAS = 1.0        # log-odds by which beats are overrated, since the loss weighs them more
MAX_BAR = 7


def conv(n_in, n_out, n_taps, dilation=1):
    return nn.Conv1d(n_in, n_out, n_taps, dilation=dilation, padding=dilation * (n_taps // 2))


def blocks(width, dilations):
    return nn.ModuleList([nn.ModuleList([conv(width, width, 5, d), conv(width, width, 1)]) for d in dilations])


class Near(nn.Module):
    """See near.rs for the same in Rust. [piece][n_in][hop] -> [piece][width][hop]"""

    def __init__(self, n_in, width):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(n_in), requires_grad=False)
        self.scale = nn.Parameter(torch.ones(n_in), requires_grad=False)
        self.first = nn.ModuleList([conv(n_in, width, 3), conv(width, width, 5)])
        self.blocks = blocks(width, NEAR_DILATIONS)

    def forward(self, x):
        x = (x - self.mean[:, None]) * self.scale[:, None]
        for layer in self.first:
            x = F.relu(layer(x))
        for dilated, mix in self.blocks:
            x = x + mix(F.relu(dilated(x)))
        return F.relu(x)


class OnsetNetwork(nn.Module):
    EXCERPT_HOPS = 1200
    READS = ["bands", "semitones", "attacks", "harmony"]

    def __init__(self, n_bands, n_semitones):
        super().__init__()
        self.near = Near(2 * (n_bands + n_semitones) + N_ATTACKS, 32)
        self.onset = conv(32, 1, 3)

    @staticmethod
    def inputs(piece):
        return torch.cat([with_rises(piece["bands"]), with_rises(piece["semitones"]), piece["attacks"]])

    def losses(self, batch):
        logits = self.onset(self.near(batch["inputs"]))[:, 0]
        loss = F.binary_cross_entropy_with_logits(logits, batch["onset"], reduction="none")
        return [(loss * batch["weight"]).sum() / batch["weight"].sum()]

    LOSS_WEIGHTS = [1.0]


class BeatNetwork(nn.Module):
    EXCERPT_HOPS = 2400
    READS = ["bands", "harmony"]

    def __init__(self, n_bands, _):
        super().__init__()
        self.near = Near(2 * n_bands, 24)
        self.joint = conv(24 + N_HARMONY, 24, 1)
        self.far = blocks(24, FAR_DILATIONS)
        self.beat = conv(24, 2, 1)

    @staticmethod
    def inputs(piece):
        return with_rises(piece["bands"])

    def losses(self, batch):
        """Of beats, of downbeats among beats, of the metrical level, and of where bars begin."""
        x = F.max_pool1d(self.near(batch["inputs"]), HOPS_PER_FRAME, ceil_mode=True)
        x = F.relu(self.joint(torch.cat([x, batch["harmony"]], 1)))
        for dilated, mix in self.far:
            x = x + mix(F.dropout(F.relu(dilated(x)), DROPOUT, self.training))
        beat, downbeat = self.beat(F.relu(x)).unbind(1)
        bce = F.binary_cross_entropy_with_logits
        weight = batch["frames"] * (1 + 2 * batch["beat"])
        of_beat = (bce(beat, batch["beat"], reduction="none") * weight).sum() / weight.sum()
        share = (batch["downbeat"] / batch["beat"].clamp(min=1e-3)).clamp(max=1)
        of_downbeat = (bce(downbeat, share, reduction="none") * batch["beat"]).sum() / (batch["beat"].sum() + 1)
        return [of_beat, of_downbeat, of_level(beat - BEAT_BIAS, batch), of_bar(downbeat, batch)]

    LOSS_WEIGHTS = [2.0, 0.4, 0.15, 0.05]


def of_level(odds, batch):
    """How likely other levels are than the true one, by log-odds added up over all of an excerpt: beats twice and three times as
    fast, half as fast, and halfway between the true ones."""
    sums = torch.einsum("plf,pf->lp", batch["pulses"], odds)
    on, half, thirds, even, odd = LEVEL_SHARPNESS * sums / batch["n_beats"].clamp(min=1)
    levels = torch.stack([on, on + half, half, on + thirds, even, odd], 1)
    return (-F.log_softmax(levels, 1)[:, 0] * (batch["n_beats"] > 3)).mean()


def of_bar(odds, batch):
    """How likely bars begin on another of their beats than the true one."""
    sums = LEVEL_SHARPNESS * torch.einsum("plf,pf->pl", batch["positions"], odds) / batch["n_bars"].clamp(min=1)[:, None]
    starts = sums.masked_fill(batch["positions"].sum(2) == 0, -1e4)
    return (-F.log_softmax(starts, 1)[:, 0] * (batch["n_bars"] > 1)).mean()


def load(path, names):
    """What `names` says of: levels in dB relative to the reference as i16 / 64 [bands or semitones][hop], attacks [N_ATTACKS][hop], harmony
    [N_HARMONY][frame], and the truth"""
    data = path.read_bytes()
    n_hops, *n_levels = np.frombuffer(data, "<u4", 3)
    piece, at = {}, 12
    for name, n in zip(("bands", "semitones"), n_levels):
        piece[name] = np.frombuffer(data, "<i2", n_hops * n, at).reshape(n_hops, n).T.copy()
        at += 2 * n_hops * n
    piece["attacks"] = np.frombuffer(data, "<f4", n_hops * N_ATTACKS, at).reshape(n_hops, N_ATTACKS).T.copy()
    piece["harmony"] = np.frombuffer(data, "<f4", -1, at + 4 * n_hops * N_ATTACKS).reshape(-1, N_HARMONY).T.copy()
    return {name: piece[name] for name in names}, json.loads(path.with_suffix(".json").read_text())


# Where the bands and semitones lie in the spectrum, for equalisers.
SPANS = {"bands": (0.0, 1.0), "semitones": (0.1, 0.9)}


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


def at_times(times, n_frames):
    """What adds up values between frames, by proportion: [n_frames]"""
    weights = np.zeros(n_frames + 2, np.float32)
    at = np.array([t for t in times if 0 <= t < n_frames]) if times else np.zeros(0)
    whole = at.astype(int)
    np.add.at(weights, whole, 1 + whole - at)
    np.add.at(weights, whole + 1, at - whole)
    return weights[:n_frames]


def pulses(beats, positions, n_frames):
    """Where the beats, other levels' beats and each position of the bars lie, as [`at_times`] of frames, and how many there are."""
    pairs = list(zip(beats, beats[1:]))
    between = [[a + share * (b - a) for a, b in pairs for share in shares] for shares in ([0.5], [1 / 3, 2 / 3])]
    levels = [at_times(times, n_frames) for times in (beats, *between, beats[::2], beats[1::2])]
    of_positions = [at_times([t for t, p in zip(beats, positions) if p == k + 1], n_frames) for k in range(MAX_BAR)]
    counts = {"n_beats": levels[0].sum(), "n_bars": of_positions[0].sum()}
    tensors = {"pulses": np.stack(levels), "positions": np.stack(of_positions), **counts}
    return {name: torch.tensor(values) for name, values in tensors.items()}


def example(network, piece, rng, is_training):
    """Inputs and targets of an excerpt; in training at another speed, through another equaliser, somewhat quieter."""
    piece, truth = piece
    n_hops = piece["bands"].shape[1]
    speed = math.exp(rng.uniform(-0.2, 0.2)) if is_training and rng.random() < 0.7 else 1.0
    length = min(int(network.EXCERPT_HOPS * speed), n_hops) if is_training else n_hops
    first = rng.randrange(0, max(1, (n_hops - length) // 2)) * 2 if is_training else 0
    n = int(length / speed)
    n_frames = (n + 1) // 2
    equaliser = [rng.gauss(0, 3) for _ in range(6)], rng.gauss(0, 2)
    missing = (rng.random(), rng.uniform(0.05, 0.3)) if rng.random() < 0.4 else None  # a part of the spectrum
    excerpt = {}
    for name, values in piece.items():
        hops = slice(first // 2, (first + length + 1) // 2) if name == "harmony" else slice(first, first + length)
        values = torch.from_numpy(values[:, hops].astype(np.float32))
        if speed != 1.0:
            values = F.interpolate(values[None], n_frames if name == "harmony" else n, mode="linear", align_corners=False)[0]
        if name in SPANS:
            values = values / 64
            if is_training:
                at = np.linspace(*SPANS[name], values.shape[0])
                gain = np.interp(at, np.linspace(0, 1, 6), equaliser[0]) + equaliser[1]
                values = values + torch.from_numpy(gain.astype(np.float32))[:, None]
                if missing:
                    values[(at >= missing[0]) & (at <= sum(missing))] = -80.0
            values = compressed(values)
        excerpt[name] = values
    secs = lambda items: [(t - first * HOP_SECS) / speed for t in items]
    frame_secs = HOP_SECS * HOPS_PER_FRAME
    soft = marked(secs(truth["soft_onsets"]), n, HOP_SECS, 5)
    onset = marked(secs(o["time_secs"] for o in truth["onsets"]), n, HOP_SECS, 1)
    target = lambda times: torch.from_numpy(marked(secs(times), n_frames, frame_secs, 1))
    beats = [t / frame_secs for t in secs(b["time_secs"] for b in truth["beats"])]
    return {
        **pulses(beats, [b["position_in_bar"] for b in truth["beats"]], n_frames),
        "inputs": network.inputs(excerpt), "harmony": excerpt["harmony"][:, :n_frames],
        "onset": torch.from_numpy(onset), "weight": torch.from_numpy(np.where((soft > 0) & (onset == 0), 0, 1).astype(np.float32)),
        "beat": target(b["time_secs"] for b in truth["beats"]), "downbeat": target(truth["downbeats"]), "frames": torch.ones(n_frames),
    }


def batch_of(examples):
    """Padded to the longest; `frames` and `weight` are 0 in the padding."""
    n = max(e["onset"].shape[0] for e in examples)
    length = lambda name: n if name in ("inputs", "onset", "weight") else (n + 1) // 2
    pad = lambda x, m: F.pad(x, (0, m - x.shape[-1])) if x.ndim else x
    return {name: torch.stack([pad(e[name], length(name)) for e in examples]) for name in examples[0]}


def save(network, optimiser, path, kept, keep):
    """`kept` are the weights it began with, of which `keep` stays in those that are written."""
    numbers = np.concatenate([p.detach().numpy().ravel() for p in network.parameters()])
    if kept is not None:
        numbers = keep * kept + (1 - keep) * numbers
    path.write_bytes(numbers.astype("<f2").tobytes())
    torch.save({"network": network.state_dict(), "optimiser": optimiser.state_dict()}, path.with_suffix(".checkpoint"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=["onset", "beat"])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=30, help="of processor time")
    parser.add_argument("--rate", type=float, default=3e-3, help="of learning, at its highest")
    parser.add_argument("--start", type=Path, help="weights to go on from, with a fresh optimiser")
    parser.add_argument("--keep", type=float, default=0.0, help="share of --start that stays in what is written: the mean of both hears music "
                        "that is unlike the training's better than either (Wortsman et al., CVPR 2022)")
    parser.add_argument("--resume", type=Path, help="a checkpoint written beside OUT by an earlier run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = random.Random(0)
    make = {"onset": OnsetNetwork, "beat": BeatNetwork}[arguments.network]
    paths = [p for folder in arguments.folders for p in sorted(folder.glob("*.input"))]
    pieces = [load(p, make.READS) for p in paths]
    network = make(*np.frombuffer(paths[0].read_bytes(), "<u4", 2, 4))
    held_out = [batch_of([example(network, p, rng, False) for p in pieces[i::150]]) for i in range(0, 150, 15)]
    pieces = [p for i, p in enumerate(pieces) if i % 15]
    some = torch.cat([example(network, p, rng, False)["inputs"] for p in pieces[::9]], 1)
    network.near.mean.data, network.near.scale.data = some.mean(1), 1 / (some.std(1) + 0.05)
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], arguments.rate, weight_decay=1e-2)
    kept = np.fromfile(arguments.start, "<f2").astype(np.float32) if arguments.start else None
    if arguments.start:
        numbers, at = torch.from_numpy(kept), 0
        for parameter in network.parameters():
            parameter.data, at = numbers[at:at + parameter.numel()].reshape(parameter.shape).clone(), at + parameter.numel()
    if arguments.resume:
        state = torch.load(arguments.resume)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
    start, step, told, running = time.process_time(), 0, 0.0, 0.0
    while (spent := (time.process_time() - start) / 60) < arguments.minutes:
        warm = min(1, (step + 1) / 100)
        for group in optimiser.param_groups:
            group["lr"] = arguments.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * spent / arguments.minutes)))
        network.train()
        losses = network.losses(batch_of([example(network, rng.choice(pieces), rng, True) for _ in range(8)]))
        optimiser.zero_grad()
        sum(weight * loss for weight, loss in zip(network.LOSS_WEIGHTS, losses)).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        running = 0.98 * running + 0.02 * np.array([float(loss.detach()) for loss in losses])
        if spent - told > 2.0 or step == 20:
            told = spent
            network.eval()
            with torch.no_grad():
                held = np.mean([[float(loss) for loss in network.losses(batch)] for batch in held_out], 0)
            print(f"{spent:.1f} min, step {step}: training", *(running / (1 - 0.98 ** step)).round(4), "held out", *held.round(4), flush=True)
            save(network, optimiser, arguments.out, kept, arguments.keep)
    save(network, optimiser, arguments.out, kept, arguments.keep)


if __name__ == "__main__":
    main()
