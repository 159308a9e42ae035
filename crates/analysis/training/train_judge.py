"""Fits the weights of tempo/judge.rs: python3 train_judge.py FOLDER... OUT.weights [--test FOLDER...]

Each FOLDER holds songs' truth (.json) and the `.levels` of the ignored test `training_levels`: the candidates for the beat and the
judge's inputs for each. The candidate with the best beats is the one to choose, by softmax over all of a song. Prints how good the
chosen beats are by kind of piece, with weights fitted to other kinds, and on the folders of `--test`; writes weights fitted to all.
Needs numpy and torch.
"""
import argparse
import json
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

SHARPNESS = 0.06             # differences in quality that count
RIDGE = 2.0                  # what squares of weights cost, in songs
N_FOLDS = 6                  # groups of kinds that are left out in turn
FAR, OFF_BEATS = 3.0, 1.3    # see judge.rs
USUAL_BPM, OCTAVE_COST = 118.0, 1.75  # likewise
OCTAVES, ON, HALF = 0, 2, 3  # inputs: tempo in octaves from 110, probability of a beat at beats and between


def f_measure(reference, estimate, window=0.07):
    i = j = n = 0
    while i < len(reference) and j < len(estimate):
        if abs(estimate[j] - reference[i]) <= window:
            n, i, j = n + 1, i + 1, j + 1
        elif reference[i] < estimate[j]:
            i += 1
        else:
            j += 1
    return 2 * n / max(1, len(reference) + len(estimate))


def continuity(reference, estimate, threshold=0.175):
    """CMLt, but for its first and last beats."""
    if len(reference) < 3 or len(estimate) < 3:
        return 0.0
    nearest = np.abs(estimate[:, None] - reference[None]).argmin(1)
    k, m = nearest[1:], np.arange(1, len(estimate))
    step = np.where(k > 0, reference[k] - reference[k - 1], reference[1] - reference[0])
    fits = (np.abs(estimate[m] - reference[k]) < threshold * step) & (np.abs(1 - (estimate[m] - estimate[m - 1]) / step) < threshold)
    return len(set(k[fits])) / max(len(reference), len(estimate))


def load(folders):
    """For each song: kind, inputs [candidate][input], F-measure and continuity of each candidate; without mere off-beats."""
    songs = []
    for path in sorted(p for folder in folders for p in Path(folder).glob("*.levels")):
        levels = json.loads(path.read_text())
        beats = np.array([b["time_secs"] for b in json.loads(path.with_suffix(".json").read_text())["beats"]])
        if len(levels) < 2 or len(beats) < 4:
            continue
        inputs = np.array([level["inputs"] for level in levels], np.float32)
        kept = inputs[:, HALF] < OFF_BEATS * inputs[:, ON]
        if kept.sum() < 2:
            kept[:] = True
        inside = lambda times: times[(times > beats[0] - 0.3) & (times < beats[-1] + 0.3)]
        estimates = [inside(np.array(level["beats"])) for level, is_kept in zip(levels, kept) if is_kept]
        f, cml = (np.array([measure(beats, e) for e in estimates]) for measure in (f_measure, continuity))
        songs.append((re.sub(r"^\d+_", "", path.stem), inputs[kept], f, cml))
    return songs


def fitted(songs):
    """Mean, scale and weight of each input."""
    rows = np.vstack([song[1] for song in songs])
    mean, scale = rows.mean(0), 1 / (rows.std(0) + 1e-3)
    width = max(len(song[1]) for song in songs)
    x, missing = torch.zeros(len(songs), width, rows.shape[1]), torch.ones(len(songs), width, dtype=torch.bool)
    target, importance = torch.zeros(len(songs), width), torch.zeros(len(songs))
    for i, (_, inputs, f, cml) in enumerate(songs):
        quality = torch.tensor((f + cml) / 2)
        x[i, :len(f)], missing[i, :len(f)] = torch.tensor(np.clip((inputs - mean) * scale, -FAR, FAR)), False
        target[i, :len(f)] = F.softmax(quality / SHARPNESS, 0)
        importance[i] = (quality.max() - 0.5).clamp(0, 0.4)  # where no candidate is right there is little to learn
    weights = torch.zeros(rows.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        scores = (x @ weights).masked_fill(missing, -1e4)
        value = -(importance[:, None] * target * F.log_softmax(scores, 1)).sum() + RIDGE * (weights ** 2).sum()
        value.backward()
        return value

    optimiser.step(loss)
    return mean, scale, weights.detach().numpy()


def choices(judge, songs):
    mean, scale, weights = judge
    usual = lambda inputs: OCTAVE_COST * (inputs[:, OCTAVES] - np.log2(USUAL_BPM / 110)) ** 2
    return [int((np.clip((inputs - mean) * scale, -FAR, FAR) @ weights - usual(inputs)).argmax()) for _, inputs, _, _ in songs]


def told(name, songs, chosen):
    """Prints mean F-measure and continuity of what is chosen, and of the best that could be."""
    rows = defaultdict(list)
    for (kind, _, f, cml), k in zip(songs, chosen):
        best = (f + cml).argmax()
        for group in (kind, "all"):
            rows[group].append((f[k], f[best], cml[k], cml[best]))
    for group in sorted(rows):
        print("{:12} {:20} {:4}  F {:.3f} of {:.3f}  CMLt {:.3f} of {:.3f}".format(name, group, len(rows[group]), *np.mean(rows[group], 0)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("out", type=Path)
    parser.add_argument("--test", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    songs = load(arguments.folders)
    kinds = sorted({song[0] for song in songs})
    chosen, apart = [], []
    for fold in range(N_FOLDS):
        left_out = set(kinds[fold::N_FOLDS])
        some = [song for song in songs if song[0] in left_out]
        chosen += choices(fitted([song for song in songs if song[0] not in left_out]), some)
        apart += some
    told("left out", apart, chosen)
    judge = fitted(songs)
    for folder in arguments.test:
        test = load([folder])
        told(folder.name, test, choices(judge, test))
    arguments.out.write_text("".join(" ".join(f"{value:.4g}" for value in row) + "\n" for row in judge))


if __name__ == "__main__":
    main()
