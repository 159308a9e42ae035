"""Fits the weights of tempo/phase.rs: python3 train_phase.py FOLDER... [--test FOLDER...]

Each FOLDER holds songs' truth (.json) and the `.levels` of the ignored test `training_levels`, which say for each candidate how its
beats compare with those half a period later. The signs of the true beats are weighed so that none looks like off-beats. Prints the
weights, how many true beats of each folder would be taken for off-beats, with weights fitted to other kinds of pieces, and the same
of the folders of `--test`, to which nothing is fitted. Needs numpy.
"""
import argparse
import json
import re
from pathlib import Path

import numpy as np

from train_judge import continuity, f_measure

RIGHT = 0.9    # F-measure above which beats are right
RIDGE = 0.5    # what squares of weights cost, in songs
N_FOLDS = 7    # groups of kinds that are left out in turn
OFF_BEATS = -1.0  # see tempo/mod.rs


def load(folders):
    """For each song with beats that are right: folder, kind, their signs."""
    for path in sorted(p for folder in folders for p in Path(folder).glob("*.levels")):
        truth = np.array([b["time_secs"] for b in json.loads(path.with_suffix(".json").read_text())["beats"]])
        if len(truth) < 4:
            continue
        inside = lambda beats: beats[(beats > truth[0] - 0.3) & (beats < truth[-1] + 0.3)]
        levels = [(inside(np.array(level["beats"])), level["phase"]) for level in json.loads(path.read_text())]
        rated = [(f_measure(truth, beats), continuity(truth, beats), signs) for beats, signs in levels if signs]
        f, _, signs = max(rated, key=lambda level: level[0] + level[1], default=(0.0, 0.0, None))
        if f > RIGHT:
            yield path.parent.name, re.sub(r"^\d+_", "", path.stem), np.array(signs)


def fitted(signs):
    """Logistic regression without bias: beats and off-beats change places when all signs change theirs."""
    scale = np.sqrt((signs ** 2).mean(0)) + 1e-6
    scaled, weights = signs / scale, np.zeros(signs.shape[1])
    for _ in range(40):
        p = 1 / (1 + np.exp(-scaled @ weights))
        hessian = (scaled * (p * (1 - p))[:, None]).T @ scaled + RIDGE * np.eye(len(weights))
        weights += np.linalg.solve(hessian, scaled.T @ (1 - p) - RIDGE * weights)
    return weights / scale


def told(names, log_odds):
    for name in sorted(set(names)):
        odds = log_odds[names == name]
        print(f"{name:12} {len(odds):4} songs, loss {np.log1p(np.exp(-odds)).mean():.3f}, off-beats {np.sum(odds < 0)}, surely {np.sum(odds < OFF_BEATS)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--test", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    folders, kinds, signs = map(np.array, zip(*load(arguments.folders)))
    names, log_odds = sorted(set(kinds)), np.zeros(len(kinds))
    np.random.default_rng(0).shuffle(names)
    for fold in range(N_FOLDS):
        left_out = np.isin(kinds, names[fold::N_FOLDS])
        log_odds[left_out] = signs[left_out] @ fitted(signs[~left_out])
    told(folders, log_odds)
    weights = fitted(signs)
    if arguments.test:
        folders, _, signs = map(np.array, zip(*load(arguments.test)))
        told(folders, signs @ weights)
    print("WEIGHTS", np.round(weights, 1).tolist())


if __name__ == "__main__":
    main()
