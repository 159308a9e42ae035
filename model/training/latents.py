"""Draw pictures and keep only their latents and captions: the training set of the diffusion, in a few MB.

    python latents.py --count 4000 --height 256 --width 256 --run run --out data256

Written in parts of 512, so a broken run goes on where it stopped. RUN/vae.pt must exist.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from nets import autoencoder_of
from pictures import batches

PART = 512


def vae_of(run, device):
    return autoencoder_of(torch.load(Path(run) / "vae.pt", map_location=device, weights_only=True), device).eval().requires_grad_(False)


def draw(out, run, count, height, width, seed, device, plain, bf16=False, group=8, until=None):
    """Fill OUT/latents.npy and OUT/captions.txt; stops early at the clock time `until`. Returns how many there are."""
    out = Path(out)
    (out / "parts").mkdir(parents=True, exist_ok=True)
    vae, start, fresh = vae_of(run, device), time.time(), 0
    done = sorted((out / "parts").glob("*.json"))
    for number in range(len(done), -(-count // PART)):
        if until and number and time.time() > until:
            break
        size, words, made = min(PART, count - number * PART), [], []
        with torch.no_grad():
            for captions, pictures in batches(size, group, height, width, seed * 10_000 + number, device, None, plain):
                rounded = (pictures * 255).round() / 127.5 - 1  # as an 8 bit picture file would hold it
                words += captions
                with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=bf16):  # not the painting
                    made.append(vae.encode(rounded).half().cpu().numpy())
        np.save(out / "parts" / f"{number:05}.npy", np.concatenate(made))
        (out / "parts" / f"{number:05}.json").write_text(json.dumps(words))
        fresh += size
        print(f"{out.name}: {number * PART + size} latents, {fresh / (time.time() - start):.1f} a second", flush=True)
    parts = sorted((out / "parts").glob("*.json"))
    captions = [line for part in parts for line in json.loads(part.read_text())]
    np.save(out / "latents.npy", np.concatenate([np.load(part.with_suffix(".npy")) for part in parts]))
    (out / "captions.txt").write_text("\n".join(captions) + "\n")
    return len(captions)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=4000)
    parser.add_argument("--height", type=int, default=256)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", type=float, default=0.72, help="share of pictures without a light (style: 0.1 more)")
    parser.add_argument("--run", default="run")
    parser.add_argument("--out", default="data")
    parser.add_argument("--group", type=int, default=8, help="pictures drawn at once; 64 or more on a GPU")
    parser.add_argument("--minutes", type=float, help="stop drawing after this time")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    until = time.time() + 60 * args.minutes if args.minutes else None
    draw(args.out, args.run, args.count, args.height, args.width, args.seed, args.device, args.plain, args.bf16, args.group, until)


if __name__ == "__main__":
    main()
