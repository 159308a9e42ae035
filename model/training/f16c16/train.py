"""The whole f16c16 recipe in one command, resumable at any moment.

    OMP_NUM_THREADS=1 nice -n 19 python -m f16c16.train --minutes 2000             # one CPU core in the background
    python -m f16c16.train --minutes 25 --device cuda                              # the same stages, larger batches
    python -m f16c16.train --minutes 3 --tiny --run /tmp/tiny                      # does every stage run?
    python -m f16c16.train --minutes 0                                             # only show where a run stands

RUN/plan.json keeps the minutes of each stage and what is done; every stage goes on where it stopped, and each leaves weights
that can be used: RUN/vae.pt, RUN/model.pt (the teacher), RUN/student.pt, RUN/weights (exported after each of the last three
stages). A finished run that is started again plans another stretch. The text encoder begins as this model folder's.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import torch

from export import read
from f16c16.autoencoder import Autoencoder
from f16c16.denoiser import Denoiser
from training import save

HERE = Path(__file__).resolve().parent
MILESTONE = HERE.parent / "milestones/f16c16.safetensors"
# Share of the budget by stage. Latents come before what is trained on them, so that every later stage can resume.
SHARES = {"autoencoder": 0.28, "latents": 0.12, "coarse": 0.12, "fine": 0.26, "pairs": 0.05, "student": 0.12, "detail": 0.05}
# (cpu, gpu, tiny)
BATCHES = {"autoencoder": (12, 96, 2), "coarse": (48, 768, 8), "fine": (16, 192, 4), "pairs": (8, 256, 4), "student": (8, 96, 4), "detail": (12, 64, 2)}
COUNTS = {"small": (24_000, 200_000, 128), "large": (16_000, 40_000, 24), "wide": (4_000, 16_000, 16), "tall": (4_000, 16_000, 16), "pairs": (3_000, 20_000, 16)}
SIZES = {"small": (256, 256), "large": (512, 512), "wide": (512, 896), "tall": (896, 512)}  # height, width
PORTIONS = {"small": 0.2, "large": 0.5, "wide": 0.15, "tall": 0.15}  # of the time for latents


def plan(args, run):
    """Minutes of each stage; kept in RUN/plan.json until the last stage is done."""
    path = run / "plan.json"
    kept = json.loads(path.read_text()) if path.exists() else None
    if kept and (len(kept["done"]) < len(kept["minutes"]) or not args.minutes):
        return kept
    if not args.minutes:
        return {"minutes": {}, "done": []}
    stages = dict(SHARES)
    if kept:  # another stretch: latents stay as they are, so that nothing learned on them is lost
        for name in ("coarse", "fine", "one_step", "detail"):
            (run / f"{name}.pt").unlink(missing_ok=True)
        stages = {k: v for k, v in stages.items() if k not in ("autoencoder", "latents", "coarse")}
    elif (run / "vae.pt").exists():
        del stages["autoencoder"]
    whole = sum(stages.values())
    made = {"minutes": {k: round(args.minutes * v / whole, 3) for k, v in stages.items()}, "done": []}
    path.write_text(json.dumps(made, indent=1) + "\n")
    return made


def begin(args, run):
    """RUN/vae.pt from the milestone, unless it is to be trained, and an untrained teacher that knows the shipped words."""
    from safetensors.torch import load_file

    if args.begin == "milestone" and not (run / "vae.pt").exists() and MILESTONE.exists():
        model = Autoencoder()
        model.load_state_dict({k: v.float() for k, v in load_file(MILESTONE).items()})
        save(run / "vae.pt", model.state_dict())
    if not (run / "model.pt").exists():
        save(run / "model.pt", {"unet": Denoiser().state_dict(), "text": read(args.words)[0].state_dict()})


def commands(stage, minutes, args, run):
    """The command lines of one stage."""
    kind = 2 if args.tiny else int(args.device != "cpu")
    batch, count = ({k: v[kind] for k, v in table.items()} for table in (BATCHES, COUNTS))
    common = ["--device", args.device, "--threads", str(args.threads), "--run", str(run)]
    learn = [*common, "--muon", *(["--bf16"] if args.device != "cpu" or args.bf16 else []), "--minutes", f"{minutes:.3f}", "--tokenizer", args.tokenizer]
    tokenless = [part for part in learn if part not in ("--tokenizer", args.tokenizer)]
    shapes = [str(run / name) for name in ("large", "wide", "tall")]
    small = ["--pool", "16", "--checked", "2", "--crop", "64"] if args.tiny else []
    match stage:
        case "autoencoder":
            return [["-m", "f16c16.train_autoencoder", "--batch", str(batch[stage]), *tokenless, *small, *(["--begin", "16"] if args.tiny else [])]]
        case "latents":
            seed = str(int(time.time()) % 100_000)
            return [["latents.py", "--out", str(run / name), "--count", str(count[name]), "--height", str(height), "--width", str(width), "--seed", seed,
                     "--plain", "0.65", "--minutes", f"{minutes * PORTIONS[name]:.3f}", "--group", "1" if kind == 0 else "16", *(["--bf16"] if kind == 1 else []), *common]
                    for name, (height, width) in SIZES.items()]
        case "coarse":
            return [["train_diffusion.py", "--name", stage, "--data", str(run / "small"), "--batch", str(batch[stage]), "--rate", "2e-3", "--late", "0.8",
                     "--start", str(run / "model.pt"), *learn]]
        case "fine":
            return [["train_diffusion.py", "--name", stage, "--data", *shapes, "--share", "4", "1", "1", "--batch", str(batch[stage]), "--rate", "1.5e-3",
                     "--late", "0.8", "--start", str(run / "model.pt"), *learn]]
        case "detail":
            return [["-m", "f16c16.train_detail", "--batch", str(batch[stage]), *learn, *small]]
    one_step = ["-m", "f16c16.one_step", "--data", *shapes, "--pairs", str(count["pairs"]), "--pair-batch", str(batch["pairs"])]
    if stage == "pairs":
        return [[*one_step, *common, "--tokenizer", args.tokenizer, "--pair-minutes", f"{minutes:.3f}", "--minutes", "0"]]
    return [[*one_step, *learn, "--batch", str(batch[stage]), "--pair-minutes", "0", *(["--lessons", "10", "--teacher-steps", "2"] if args.tiny else [])]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2000, help="for everything, pictures included")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; more than 1 is slower on a shared machine")
    parser.add_argument("--bf16", action="store_true", help="mixed precision on a CPU that multiplies bfloat16")
    parser.add_argument("--run", type=Path, default=HERE.parent / "run/f16c16")
    parser.add_argument("--from", dest="begin", default="milestone", choices=("milestone", "nothing"), help="where the autoencoder begins")
    parser.add_argument("--words", default=str(HERE.parent.parent), help="exported folder whose text encoder to begin from")
    parser.add_argument("--tokenizer", default=str(HERE.parent.parent / "tokenizer/tokenizer.json"))
    parser.add_argument("--tiny", action="store_true", help="tiny counts and batches: a dry run")
    args = parser.parse_args()
    run = args.run = args.run.resolve()
    run.mkdir(parents=True, exist_ok=True)
    if args.minutes:
        begin(args, run)
    state = plan(args, run)
    for stage, minutes in state["minutes"].items():
        print(f"{stage:12} {minutes:6.1f} min {'done' if stage in state['done'] else ''}", flush=True)
    if not args.minutes:
        return
    for stage, minutes in state["minutes"].items():
        if stage in state["done"]:
            continue
        print(f"== {stage}", flush=True)
        todo = commands(stage, minutes, args, run)
        if stage in ("fine", "student", "detail"):
            model = "model.pt" if stage == "fine" else "student.pt"
            todo.append(["export.py", "--run", str(run), "--model", model, "--out", str(run / "weights"), "--tokenizer", args.tokenizer])
        for command in todo:
            subprocess.run([sys.executable, *command], cwd=HERE.parent, check=True)
        state["done"].append(stage)
        (run / "plan.json").write_text(json.dumps(state, indent=1) + "\n")
    for name, (height, width) in (("square", (512, 512)), ("wide", (512, 896)), ("tall", (896, 512))):
        subprocess.run([sys.executable, "sample.py", "--weights", str(run / "weights"), "--steps", "1", "--height", str(height), "--width", str(width),
                        "--sheet", str(run / f"{name}.png"), *(["--seeds", "1"] if args.tiny else [])], cwd=HERE.parent, check=True)
    print(f"look at {run}/square.png, wide.png and tall.png")


if __name__ == "__main__":
    main()
