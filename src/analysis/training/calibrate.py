"""Fits the confidences: python3 calibrate.py FOLDER

FOLDER holds held-out pieces by generate.py with the `.traits` of the ignored test `training_traits`. Prints the weights of
confidence.rs (bias first), fitted to even pieces, and how well they foretell the odd ones. Needs numpy.
"""
import json
import sys
from pathlib import Path

import numpy as np


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


def fit(x, y, steps=4000):
    x = np.hstack([np.ones((len(x), 1)), x])
    w = np.zeros(x.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-x @ w))
        w -= 0.5 * (x.T @ (p - y) / len(y) + 1e-3 * np.r_[0, w[1:]])
    return w


def main():
    traits, beat_f, tempo = [], [], []
    for path in sorted(Path(sys.argv[1]).glob("*.traits")):
        heard, truth = json.loads(path.read_text()), json.loads(path.with_suffix(".json").read_text())
        beats = heard["beats"]
        if len(beats) < 4:
            continue
        period = float(np.median(np.diff(beats)))
        traits.append(heard["traits"])
        beat_f.append(f_measure([b["time_secs"] for b in truth["beats"]], beats))
        tempo.append(float(bool(truth["tempo_bpm"]) and abs(60 / period / truth["tempo_bpm"] - 1) <= 0.04))
    traits = np.array(traits)
    for name, target in (("BEAT_WEIGHTS", np.array(beat_f)), ("TEMPO_WEIGHTS", np.array(tempo))):
        weights = fit(traits[::2], target[::2])
        print(name, [round(float(w), 2) for w in fit(traits, target)])
        foretold = 1 / (1 + np.exp(-(weights[0] + traits[1::2] @ weights[1:])))
        print("  claimed   pieces  mean claim  truth")
        for low, high in ((0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.85), (0.85, 1.01)):
            inside = (foretold >= low) & (foretold < high)
            if inside.any():
                print(f"  {low:.2f}-{min(high, 1):.2f} {inside.sum():6d} {foretold[inside].mean():10.2f} {target[1::2][inside].mean():8.2f}")


if __name__ == "__main__":
    main()
