"""The whole recipe in one command, within a time budget.

    python train.py --minutes 120                    # one CPU thread; wants to run under `nice`
    python train.py --minutes 25 --device cuda       # the same stages, larger batches
    python train.py --minutes 0                      # only show where a run stands

A run lives in one folder (--run) and can be broken off at any moment: started again, it goes on with the plan
it made (RUN/plan.json). A finished run that is started again plans another stretch and improves what it has.
The weights it begins from are those of this model folder (--from nothing trains new ones, autoencoder
included). Each stage leaves RUN/model.pt, so export.py can use whatever is there; at the end the student is
exported to RUN/weights and drawn on RUN/samples*.png. Nothing outside RUN is written: look first, then copy.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import torch

from export import read
from nets import Mixed
from training import save

HERE = Path(__file__).resolve().parent
# Share of the budget by stage. Pictures come first, so that every later stage can resume without them.
SHARES = {"autoencoder": 0.16, "small": 0.06, "large": 0.08, "coarse": 0.16, "middle": 0.28, "fine": 0.22, "pairs": 0.08, "student": 0.12,
          "sharpen": 0.06, "tones": 0.06, "decoder": 0.15}
# (cpu, gpu): pictures of each set at most, and batch of each training.
COUNTS = {"small": (32_000, 200_000), "large": (6_144, 60_000), "wide": (512, 20_000), "crops": (6_000, 24_000), "sharp": (1_500, 6_000), "pairs": (4_000, 60_000)}
BATCHES = {"autoencoder": (8, 128), "decoder": (8, 96), "coarse": (64, 1024), "middle": (64, 512), "fine": (16, 192), "student": (16, 192), "pairs": (16, 512), "sharpen": (8, 192), "tones": (16, 192)}


def plan(args, run):
    """Minutes of each stage; kept in RUN/plan.json until the last stage is done."""
    path = run / "plan.json"
    if path.exists():
        kept = json.loads(path.read_text())
        if len(kept["done"]) < len(kept["minutes"]):
            return kept
        if not args.minutes:
            return kept
        for name in ("coarse", "middle", "fine", "distill", "sharpen", "tones", "pairs", "large", "decoder_latents"):
            (run / f"{name}.pt").unlink(missing_ok=True)
    if not args.minutes:
        return {"minutes": {}, "done": []}
    stages = dict(SHARES)
    if not args.large:
        del stages["decoder"]
    if (run / "vae.pt").exists():
        del stages["autoencoder"]
    for name, folder in (("small", "small"), ("large", "wide")):
        if (run / folder / "latents.npy").exists():
            del stages[name]
    whole = sum(stages.values())
    made = {"minutes": {k: round(args.minutes * v / whole, 2) for k, v in stages.items()}, "done": []}
    path.write_text(json.dumps(made, indent=1) + "\n")
    return made


def begin(args, run):
    """RUN/vae.pt, RUN/vae_large.pt and RUN/model.pt from an exported folder, unless this run has its own already."""
    if args.begin == "nothing" or (run / "vae.pt").exists():
        return
    text, unet, vae = read(args.begin)
    if isinstance(vae, Mixed):
        save(run / "vae_large.pt", vae.draws.state_dict())
        vae = vae.sees
    save(run / "vae.pt", vae.state_dict())
    save(run / "model.pt", {"unet": unet.state_dict(), "text": text.state_dict()})


def commands(stage, minutes, args, run):
    """The command lines of one stage."""
    gpu = args.device != "cpu"
    batch, count = ({k: v[gpu] for k, v in table.items()} for table in (BATCHES, COUNTS))
    common = ["--device", args.device, "--threads", str(args.threads), "--run", str(run)]
    half = ["--bf16"] if gpu or args.bf16 else []
    start = ["--start", str(run / "model.pt")] if (run / "model.pt").exists() else []
    seed = str(int(time.time()) % 100_000)

    def pictures(folder, height, width, share, plain="0.6"):
        return ["latents.py", "--out", str(run / folder), "--count", str(count[folder]), "--height", str(height), "--width", str(width),
                "--seed", seed, "--plain", plain, "--minutes", f"{minutes * share:.2f}", "--group", str(64 if gpu else 8), "--bf16", *common]

    def diffusion(name, rate, *more):
        return ["train_diffusion.py", "--name", name, "--minutes", str(minutes), "--batch", str(batch[name]), "--rate", rate,
                "--muon", "--tokenizer", args.tokenizer, *start, *more, *half, *common]

    def painted(folder, side):
        if (run / folder / "captions.txt").exists():
            return []
        return [["pictures.py", "--count", str(count[folder]), "--size", str(side), "--group", "32" if gpu else "8", "--plain", "0.6", "--out",
                 str(run / folder), "--device", args.device, "--threads", str(args.threads)]]

    match stage:
        case "decoder":
            return painted("sharp", 512) + [["train_decoder.py", "--data", str(run / "sharp"), "--batch", str(batch["decoder"]), "--rate", "8e-4",
                                             "--bf16", "--muon", "--minutes", str(minutes), *common]]
        case "autoencoder":
            crops = painted("crops", 256)
            learn = ["train_autoencoder.py", "--data", str(run / "crops"), "--batch", str(batch["autoencoder"]), "--bf16", *common]
            return crops + [
                [*learn, "--minutes", f"{minutes * 0.55:.2f}", "--rate", "2e-3"],
                [*learn, "--minutes", f"{minutes * 0.3:.2f}", "--rate", "1e-3", "--decoder-only"]]
        case "small":
            return [pictures("small", 128, 128, 1, "0.72")]
        case "large":
            return [pictures("large", 256, 256, 0.75), pictures("wide", 256, 448, 0.25)]
        case "coarse":
            return [diffusion("coarse", "3e-3", "--data", f"{run}/small@2")]
        case "middle":
            return [diffusion("middle", "2e-3", "--data", f"{run}/small", "--late", "0.8")]
        case "fine":
            return [diffusion("fine", "1.5e-3", "--data", f"{run}/large", f"{run}/wide", "--share", "7", "1", "--late", "0.7")]
        case "sharpen" | "tones":
            return [[f"{stage}.py", "--student", str(run / "student.pt"), "--minutes", str(minutes), "--batch", str(batch[stage]), "--muon",
                     "--tokenizer", args.tokenizer, *half, *common]]
    pairs = ["distill.py", "--tokenizer", args.tokenizer, "--pairs", str(count["pairs"]), "--pair-batch", str(batch["pairs"]), "--batch", str(batch["student"]), "--smooth", args.smooth, "--muon",
             *half, *common]
    if stage == "pairs":
        return [[*pairs, "--pair-minutes", str(minutes), "--minutes", "0"]]
    # The critic is for a student that draws what it should already.
    earlier = ["--start", str(run / "student.pt"), "--data", str(run / "large"), "--critic", args.critic] if (run / "student.pt").exists() else []
    return [[*pairs, "--pairs", "0", "--minutes", str(minutes), *earlier]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=120, help="for everything, pictures included (default 120)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; more than 1 is slower on a shared machine")
    parser.add_argument("--bf16", action="store_true", help="mixed precision on a CPU: twice as fast where it multiplies bfloat16 (AMX)")
    parser.add_argument("--run", type=Path, default=HERE / "run")
    parser.add_argument("--from", dest="begin", default=str(HERE.parent), help="exported folder to begin from, or `nothing`")
    parser.add_argument("--large", action="store_true", help="also train the decoder that is shipped, which draws twice the size that the encoder sees")
    parser.add_argument("--smooth", default="0.01", help="weight of the student's even pace on walks; see distill.py")
    parser.add_argument("--critic", default="1.5", help="pull of the critic of the student's latents; see distill.py")
    parser.add_argument("--tokenizer", default=str(HERE.parent / "tokenizer/tokenizer.json"))
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
        for command in commands(stage, minutes, args, run):
            subprocess.run([sys.executable, *command], cwd=HERE, check=True)
        state["done"].append(stage)
        (run / "plan.json").write_text(json.dumps(state, indent=1) + "\n")
    finish = [["export.py", "--run", str(run), "--model", "student.pt", "--out", str(run / "weights"), "--tokenizer", args.tokenizer]]
    for steps in (1, 4):
        finish.append(["sample.py", "--weights", str(run / "weights"), "--steps", str(steps), "--sheet", str(run / f"samples{steps}.png"),
                       *(["--walk", str(run / "walk.png")] if steps == 4 else [])])
    for command in finish:
        subprocess.run([sys.executable, *command], cwd=HERE, check=True)
    print(f"look at {run}/samples*.png, then copy {run}/weights over the model folder")


if __name__ == "__main__":
    main()
