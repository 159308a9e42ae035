"""Fits the weights of confidence.rs and bars.rs: python3 calibrate.py FOLDER...

Each FOLDER holds held-out pieces by generate.py with the `.traits` of the ignored test `training_traits`. Prints the weights (bias
first), and for the confidences how well weights fitted to other kinds of pieces foretell the rest. Needs numpy.
"""
import json
import re
import sys
from pathlib import Path

import numpy as np

N_FOLDS = 6
RIGHT = 0.9            # F-measure above which beats are right
ON, OFF, DOUBT = 0, 1, 2  # traits
NO_MUSIC_WEIGHT = 2.0  # a grid made up for noise is worse than a doubted beat


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


def with_bias(x):
    return np.hstack([np.ones((len(x), 1)), x])


def chance(x, weights):
    return 1 / (1 + np.exp(-with_bias(x) @ weights))


def fit(x, y, weight, ridge=0.3):
    """Logistic regression by Newton's method; y may lie between 0 and 1."""
    columns = with_bias(x)
    w, penalty = np.zeros(columns.shape[1]), ridge * np.eye(columns.shape[1])
    penalty[0, 0] = 1e-6
    for _ in range(50):
        p = chance(x, w)
        w -= np.linalg.solve((columns * (weight * p * (1 - p))[:, None]).T @ columns + penalty, columns.T @ (weight * (p - y)) + penalty @ w)
    return w


def downbeats_among(beats, truth):
    """1 for each beat that is a downbeat, 0 for another true beat, -1 for a wrong one."""
    times = np.array([b["time_secs"] for b in truth["beats"]])
    nearest = [int(np.abs(times - beat).argmin()) for beat in beats]
    return np.array([int(truth["beats"][k]["position_in_bar"] == 1) if abs(times[k] - beat) <= 0.07 else -1 for k, beat in zip(nearest, beats)])


def told(name, claims, target):
    print(f"{name}: mean squared error {np.mean((claims - target) ** 2):.3f}\n  claimed   pieces  mean claim  right")
    for low, high in ((0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.85), (0.85, 1.01)):
        inside = (claims >= low) & (claims < high)
        if inside.any():
            print(f"  {low:.2f}-{min(high, 1):.2f} {inside.sum():6d} {claims[inside].mean():10.2f} {target[inside].mean():8.2f}")


def main():
    kinds, traits, beat_f, tempo, is_music, signs, firsts, shares = [], [], [], [], [], [], [], []
    for path in sorted(p for folder in sys.argv[1:] for p in Path(folder).glob("*.traits")):
        heard, truth = json.loads(path.read_text()), json.loads(path.with_suffix(".json").read_text())
        beats = heard["beats"]
        if len(beats) < 4:
            continue
        period = float(np.median(np.diff(beats)))
        kinds.append(re.sub(r"^\d+_", "", path.stem))
        traits.append(heard["traits"])
        beat_f.append(f_measure([b["time_secs"] for b in truth["beats"]], beats))
        tempo.append(float(bool(truth["tempo_bpm"]) and abs(60 / period / truth["tempo_bpm"] - 1) <= 0.04))
        is_music.append(bool(truth["beats"]))
        if beat_f[-1] > 0.85:
            first = downbeats_among(beats, truth)
            signs.append(np.array(heard["signs"])[first >= 0])
            firsts.append(first[first >= 0])
            shares.append(np.full(len(firsts[-1]), 40 / len(firsts[-1])))
    kinds, traits, is_music, beat_f = np.array(kinds), np.array(traits), np.array(is_music), np.array(beat_f)
    weight = np.where(is_music, 1.0, NO_MUSIC_WEIGHT)
    there = traits[:, [ON, OFF]]
    music = fit(there, is_music.astype(float), weight, 0.1)
    print("MUSIC", np.round(music, 2).tolist(), "of no music at most", chance(there[~is_music], music).max(initial=0).round(3))
    doubt = traits[:, [DOUBT]]
    for name, target in (("BEAT_LEVEL", (beat_f > RIGHT).astype(float)), ("TEMPO_LEVEL", np.array(tempo))):
        claims, names = np.zeros(len(target)), sorted(set(kinds[is_music]))
        for fold in range(N_FOLDS):
            left_out = np.isin(kinds, names[fold::N_FOLDS])
            others = is_music & ~left_out
            claims[left_out] = chance(doubt[left_out], fit(doubt[others], target[others], weight[others])) * chance(there[left_out], music)
        told(name, claims[is_music], target[is_music])
        print(name, np.round(fit(doubt[is_music], target[is_music], weight[is_music]), 2).tolist())
    print("ODDS", np.round(fit(np.vstack(signs), np.concatenate(firsts), np.concatenate(shares), 1.0), 2).tolist())


if __name__ == "__main__":
    main()
