"""Keep the autoencoder: RUN/vae.pt in float16 as milestones/f16c16.safetensors, with what it was measured to do.

    python -m f16c16.milestone --run run --note "35 CPU minutes on ..."
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from f16c16.pool import held_out
from f16c16.train import MILESTONE
from f16c16.train_autoencoder import figures
from nets import autoencoder_of


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("run"))
    parser.add_argument("--out", type=Path, default=MILESTONE)
    parser.add_argument("--note", default="")
    args = parser.parse_args()
    torch.set_num_threads(1)
    half = {k: v.half().contiguous() for k, v in torch.load(args.run / "vae.pt", map_location="cpu", weights_only=True).items()}
    model = autoencoder_of({k: v.float() for k, v in half.items()}).eval()
    found = {k: round(v.item(), 3) for k, v in figures(model, held_out(args.run, 512, 512)).items()}
    args.out.parent.mkdir(exist_ok=True)
    save_file(half, args.out, metadata={"format": "pt", "config": json.dumps(model.cfg), "note": args.note, "held_out": json.dumps(found)})
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB, {found}")


if __name__ == "__main__":
    main()
