"""What the three training scripts share: a loop with a time budget, EMA weights, checkpoints and pauses."""

import copy
import math
import os
import time
from pathlib import Path

import torch


def options(parser, minutes, batch, rate, many=False):
    parser.add_argument("--data", default=["data"] if many else "data", nargs="+" if many else None, help="folder with pictures.npy and captions.txt")
    parser.add_argument("--run", default="run", help="folder for checkpoints")
    parser.add_argument("--minutes", type=float, default=minutes, help="training time; the rate follows a cosine over it")
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--rate", type=float, default=rate)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; more than 1 is slower on a shared machine")
    parser.add_argument("--muon", action="store_true", help="orthogonalised updates instead of AdamW")
    parser.add_argument("--bf16", action="store_true", help="mixed precision: 1.8 times as fast for the autoencoder on a CPU, for all on a GPU")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_float32_matmul_precision("high")  # TF32 where a GPU has it
    torch.manual_seed(args.seed)
    Path(args.run).mkdir(exist_ok=True)
    return args


def save(path, value):
    torch.save(value, f"{path}.part")
    os.replace(f"{path}.part", path)


def orthogonal(updates, half=False, rounds=5):
    """The nearest matrices with all singular values near 1, by a quintic Newton-Schulz iteration, for a (k, m, n) stack.

    `half`: in bfloat16, as its authors do: it only has to come near. Few CPUs multiply bfloat16.
    """
    a, b, c = 3.4445, -4.7750, 2.0315  # Jordan et al. 2024, "Muon": converges fast to 0.7..1.2, which is enough
    x = updates.mT if updates.shape[1] > updates.shape[2] else updates
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    x = x.bfloat16() if half else x.float()
    for _ in range(rounds):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if updates.shape[1] > updates.shape[2] else x).to(updates.dtype)


class Muon:
    """Momentum with orthogonalised updates for hidden matrices and convolutions, AdamW for everything else.

    The update of a matrix is scaled to the size that AdamW's would have, so one learning rate serves both.
    """

    def __init__(self, groups, lr, betas, weight_decay, half=False, momentum=0.95):
        self.half, self.momentum, self.weight_decay, self.param_groups, rest = half, momentum, weight_decay, [], []
        for group in groups:
            hidden = [p for p in group["params"] if p.dim() > 1 and min(p.shape[0], p[0].numel()) >= 32 and p.shape[0] < 2000]
            chosen = {id(p) for p in hidden}
            rest.append({"params": [p for p in group["params"] if id(p) not in chosen]})
            shapes = {}
            for p in hidden:
                shapes.setdefault((p.shape[0], p[0].numel()), []).append(p)
            self.param_groups.append({"lr": lr, "stacks": list(shapes.values()), "buffers": None})
        self.adam = torch.optim.AdamW(rest, lr=lr, betas=betas, weight_decay=weight_decay)

    def zero_grad(self, set_to_none=True):
        self.adam.zero_grad(set_to_none=set_to_none)
        for group in self.param_groups:
            for stack in group["stacks"]:
                for p in stack:
                    p.grad = None

    @torch.no_grad()
    def step(self):
        for group, adams in zip(self.param_groups, self.adam.param_groups):
            adams["lr"] = group["lr"]
            if group["buffers"] is None:
                group["buffers"] = [torch.zeros(len(s), *s[0].flatten(1).shape, device=s[0].device) for s in group["stacks"]]
            for stack, buffer in zip(group["stacks"], group["buffers"]):
                grads = torch.stack([p.grad.flatten(1) if p.grad is not None else torch.zeros_like(p).flatten(1) for p in stack])
                buffer.lerp_(grads, 1 - self.momentum)
                update = orthogonal(grads.lerp(buffer, self.momentum), self.half) * (0.2 * max(buffer.shape[1:]) ** 0.5)
                for p, u in zip(stack, update):
                    p.mul_(1 - group["lr"] * self.weight_decay).sub_(group["lr"] * u.view_as(p))
        self.adam.step()

    def state_dict(self):
        return {"adam": self.adam.state_dict(), "buffers": [g["buffers"] for g in self.param_groups]}

    def load_state_dict(self, state):
        self.adam.load_state_dict(state["adam"])
        for group, buffers in zip(self.param_groups, state["buffers"]):
            group["buffers"] = buffers


def train(args, name, modules, loss_of, save_every=60.0, ema_decay=0.999, warmup=100, weight_decay=1e-3, slower=None, check=None, hold=0.0,
          check_every=1):
    """Minimise loss_of(step) -> (loss, parts to log) over all modules; returns the EMA copies.

    `slower` gives modules by name a share of the learning rate; `check(averages)` returns held-out figures to
    log at every `check_every`th checkpoint. `hold` is the share of the time at the full rate before it falls: a long training in the background is
    useful at any moment (its averages are), and falls once, at the end.

    The checkpoint RUN/NAME.pt holds the raw and EMA weights, the optimiser, the seconds trained and those that a core really
    worked, which are far fewer where others take the machine.
    Training pauses while the file named by the environment variable PAUSE_FILE exists.
    """
    path, pause = Path(args.run) / f"{name}.pt", Path(os.environ.get("PAUSE_FILE", "run/pause"))
    parameters = [p for m in modules.values() for p in m.parameters() if p.requires_grad]
    shares = [(slower or {}).get(k, 1.0) for k in modules]
    groups = [{"params": [p for p in m.parameters() if p.requires_grad]} for m in modules.values()]
    common = {"lr": args.rate, "betas": (0.9, 0.99), "weight_decay": weight_decay}
    optimiser = Muon(groups, half=args.bf16, **common) if getattr(args, "muon", False) else torch.optim.AdamW(groups, **common)
    averages = {k: copy.deepcopy(m).eval().requires_grad_(False) for k, m in modules.items()}
    step, spent, worked, shown, saves = 0, 0.0, 0.0, {}, 0
    if path.exists():
        old = torch.load(path, map_location=args.device, weights_only=True)
        for k, m in modules.items():
            m.load_state_dict(old["weights"][k])
            averages[k].load_state_dict(old["ema"][k])
        optimiser.load_state_dict(old["optimiser"])
        step, spent, worked = old["step"], old["seconds"], old.get("cpu_seconds", old["seconds"])
        print(f"resumed at step {step}, {spent:.0f} s", flush=True)

    def checkpoint():
        save(path, {"weights": {k: m.state_dict() for k, m in modules.items()}, "step": step, "seconds": spent, "cpu_seconds": worked,
                    "ema": {k: m.state_dict() for k, m in averages.items()}, "optimiser": optimiser.state_dict()})

    saved, mark, mark_step = spent, spent, step
    while spent < args.minutes * 60:
        while pause.exists():
            time.sleep(1)
        start, busy, fallen = time.time(), time.process_time(), max(0.0, spent / args.minutes / 60 - hold) / (1 - hold)
        rate = args.rate * min(1, (step + 1) / warmup) * (0.03 + 0.97 * (0.5 + 0.5 * math.cos(math.pi * fallen)))
        for group, share in zip(optimiser.param_groups, shares):
            group["lr"] = rate * share
        with torch.autocast(args.device.split(":")[0], torch.bfloat16, enabled=args.bf16):
            loss, parts = loss_of(step)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        decay = min(ema_decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for k, m in modules.items():
                torch._foreach_lerp_(list(averages[k].parameters()), list(m.parameters()), 1 - decay)
        step, spent, worked = step + 1, spent + time.time() - start, worked + time.process_time() - busy
        for k, v in parts.items():  # kept as tensors: a float would wait for the GPU in every step
            shown[k] = torch.lerp(shown.get(k, v), v, 0.03)
        if step % 20 == 0:
            speed = (step - mark_step) * args.batch / max(1e-6, spent - mark)
            mark, mark_step = spent, step
            print(f"step {step} {spent:.0f} s {speed:.1f} samples/s " + " ".join(f"{k} {v:.4f}" for k, v in shown.items()), flush=True)
        if spent - saved > save_every:
            saved, saves = spent, saves + 1
            checkpoint()
            if check and saves % check_every == 0:
                print(f"held out at {worked / 60:.1f} CPU minutes: " + " ".join(f"{k} {v:.4f}" for k, v in check(averages).items()), flush=True)
    checkpoint()
    return averages
