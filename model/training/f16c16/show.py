"""Held-out pictures beside what encoder and decoder make of them, pixel for pixel: look before believing a figure.

    python -m f16c16.show --run run --out run/show.png              # the six worst
    python -m f16c16.show --run run --out run/show.png --rows 3 9   # these
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from evaluate.measures import detail, psnr
from f16c16.pool import held_out
from nets import autoencoder_of

SIDE = 256  # of the middle that is shown


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("run"))
    parser.add_argument("--out", default="run/show.png")
    parser.add_argument("--rows", type=int, nargs="*", help="which held-out pictures")
    parser.add_argument("--count", type=int, default=56)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    known = held_out(args.run, 512, 512)
    model = autoencoder_of(torch.load(args.run / "vae.pt", map_location="cpu", weights_only=True)).eval()
    middle = slice(256 - SIDE // 2, 256 + SIDE // 2)
    bytes_of = lambda p: (p[0, :, middle, middle] * 255).round().byte().permute(1, 2, 0).numpy()
    found = []
    for row in args.rows or range(args.count):
        true = torch.from_numpy(known[row : row + 1].copy()).float() / 255
        made = (model.decode(model.encode(true * 2 - 1)) / 2 + 0.5).clamp(0, 1)
        shares = [a / max(b, 1e-9) for a, b in zip(detail(made), detail(true))]
        found.append((psnr(made, true).item(), row, shares[1:4], np.concatenate((bytes_of(true), bytes_of(made)), 1)))
    found.sort(key=lambda entry: entry[0])
    for db, row, shares, _ in found:
        print(f"{row:3} {db:.1f} dB, details of 2 / 4 / 8 pixels " + " / ".join(f"{s:.2f}" for s in shares))
    shown = [entry[3] for entry in found[:6]]
    half = -(-len(shown) // 2)
    columns = [np.concatenate(shown[:half], 0), np.concatenate(shown[half:] or shown[:half], 0)]
    height = min(len(c) for c in columns)
    Image.fromarray(np.concatenate([c[:height] for c in columns], 1)).save(args.out)


if __name__ == "__main__":
    main()
