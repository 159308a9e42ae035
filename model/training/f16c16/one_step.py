"""Distil the guided teacher into one step that is crisp.

    python -m f16c16.one_step --data run/large run/wide run/tall --minutes 60 --muon

Needs RUN/model.pt (the teacher) and latents of pictures. The teacher draws (words, noise) -> latent pairs in the shape of each
set of latents. The student, which begins as the teacher or as RUN/student.pt, follows the pairs in what is large, while a
critic of latents and words (`critic.py`) asks for detail: a square error alone is least for the mean of all that the student
can't foresee, and a mean is soft. Two thirds of a batch start from pure noise, the rest anywhere on the straight path from the
noise to the latent, so that two or four steps work, too. A third of the pairs lie between two prompts, where walks spend their
time, and the pace of walks is kept even (`--smooth`).

RUN/student.pt is written at every check.
"""

import argparse
import copy
import random
import time
from collections import deque
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from critic import Critic
from distill import WALK_STEP, Pictures, draw_pairs, large
from f16c16.autoencoder import FACTOR
from f16c16.critic import Features
from f16c16.denoiser import UNET
from nets import TEXT, denoiser_of
from schedule import STEPS, denoise, signal_and_noise
from training import options, save, train

FROM_NOISE = 2 / 3  # of a batch
REMEMBERED = 24  # batches of the student's that the critic is shown again


class Shape:
    """One format: pairs of the teacher's, and latents of pictures."""

    def __init__(self, folder, args, teacher, tokenizer):
        self.pictures = Pictures([folder], tokenizer, args.device)
        height, width = (FACTOR * side for side in self.pictures.latents.shape[2:])
        sized = argparse.Namespace(**vars(args) | {"height": height, "width": width})
        until = time.time() + args.pair_minutes * 60 / len(args.data) if args.pair_minutes is not None else None
        parts = draw_pairs(sized, *teacher, tokenizer, Path(args.run) / f"pairs_{width}x{height}.pt", until)
        self.first, self.second, self.mix, self.noises, self.latents = (part.to(args.device) for part in parts)
        self.known = len(self.mix) - max(1, len(self.mix) // 10)
        self.area = self.noises[0][0].numel()
        self.made = deque(maxlen=REMEMBERED)

    def words(self, text, rows):
        return torch.lerp(text(self.first[rows]), text(self.second[rows]), self.mix[rows])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", default="../tokenizer/tokenizer.json")
    parser.add_argument("--pairs", type=int, default=3000, help="of each format")
    parser.add_argument("--pair-minutes", type=float, help="stop drawing pairs after this time")
    parser.add_argument("--pair-batch", type=int, default=8)
    parser.add_argument("--teacher-steps", type=int, default=8)
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--rescale", type=float, default=0.7)
    parser.add_argument("--plain", type=float, default=0.6)
    parser.add_argument("--smooth", type=float, default=0.01, help="weight of the squared pace of walks")
    parser.add_argument("--critic", type=float, default=1.0, help="pull of the critic, as a share of the other losses'")
    parser.add_argument("--lessons", type=int, default=300, help="of the critic, before the student hears of it")
    parser.add_argument("--check-every", type=float, default=240, help="seconds")
    return options(parser, minutes=60, batch=8, rate=8e-4, many=True)


def main():
    args = arguments()
    run, device = Path(args.run), args.device
    tokenizer = Tokenizer.from_file(args.tokenizer)
    teacher, text = (part.eval().requires_grad_(False) for part in denoiser_of(torch.load(run / "model.pt", map_location=device, weights_only=True), device))
    shapes = [Shape(folder, args, (teacher, text), tokenizer) for folder in args.data]
    if not args.minutes:
        return
    student = copy.deepcopy(teacher).requires_grad_(True)
    if (run / "student.pt").exists():
        student.load_state_dict(torch.load(run / "student.pt", map_location=device, weights_only=True)["unet"])
    judge = Features(teacher, UNET["block_out_channels"], TEXT["hidden_size"])
    critic = Critic(judge, student.conv_out.weight, args.critic, 1e-3, device) if args.critic else None
    alpha, sigma = signal_and_noise(device)
    last = lambda count: torch.full((count,), STEPS - 1, device=device)

    def lesson(shape):
        """One step of the critic, on what the student drew lately and on as many pictures."""
        made, words = random.choice(shape.made)
        true, tokens = shape.pictures.some(len(made))
        return critic.learn(made, true, words, text(tokens))

    @torch.no_grad()
    def remember(shape, count):
        single = (shape.mix[: shape.known].flatten() == 0).nonzero().flatten()
        rows = single[torch.randperm(len(single), device=device)[:count]]
        words = shape.words(text, rows)
        shape.made.append((-student(shape.noises[rows].float(), last(len(rows)), words).float(), words))

    def pace(shape, count):
        """Mean square speed of one-step latents on walks between two prompts and perhaps two noises: of all paths between two
        ends the one of even speed has the least."""
        rows = torch.randint(shape.known, (2, count), device=device)
        ends, noise = text(shape.first[rows.flatten()]).unflatten(0, (2, count)), shape.noises[rows].float()
        at = torch.rand(count, device=device) * (1 - WALK_STEP)
        still, seen = torch.rand(count, device=device) < 0.5, []
        for mix in (at, at + WALK_STEP):
            angle = torch.where(still, 0.0, mix * torch.pi / 2).view(-1, 1, 1, 1)
            seen.append(-student(angle.cos() * noise[0] + angle.sin() * noise[1], last(count), torch.lerp(ends[0], ends[1], mix.view(-1, 1, 1))).float())
        return ((seen[1] - seen[0]) / WALK_STEP).square().mean()

    def loss_of(step):
        shape = shapes[0] if step % 2 else random.choice(shapes)
        count = max(3, round(args.batch * shapes[0].area / shape.area))
        rows = torch.randint(shape.known, (count,), device=device)
        noise, x0 = shape.noises[rows].float(), shape.latents[rows].float()
        if random.random() < 0.5:
            noise, x0 = noise.flip(-1), x0.flip(-1)
        t, first = torch.randint(STEPS, (count,), device=device), max(1, round(count * FROM_NOISE))
        t[:first] = STEPS - 1
        a, s, words = alpha[t].view(-1, 1, 1, 1), sigma[t].view(-1, 1, 1, 1), shape.words(text, rows)
        x = a * x0 + s * noise
        v = student(x, t, words).float()
        each = large(v - (a * noise - s * x0))
        loss, parts = each.mean(), {"one_step": each.detach()[:first].mean()}
        if args.smooth:
            parts["pace"] = pace(shape, max(2, count // 4))
            loss = loss + args.smooth * parts["pace"]
        if critic:
            # No picture shows what lies between two prompts; and at little noise the latent is the teacher's, not the student's.
            heard = (shape.mix[rows].flatten() == 0) & (t >= STEPS // 2)
            if heard.any():
                made, said = (a * x - s * v)[heard], words[heard]
                shape.made.append((made.detach(), said))
                parts["told"] = lesson(shape)
                loss = loss + critic.complaint(made, loss, said)
            parts["weight"] = critic.weight
        return loss, {k: v.detach() for k, v in parts.items()}

    @torch.no_grad()
    def check(averages):
        save(run / "student.pt", {"unet": averages["unet"].state_dict(), "text": text.state_dict()})
        found, edges = {}, lambda z: (z[..., 1:] - z[..., :-1]).float().std()
        for shape in shapes:
            rows = torch.arange(shape.known, min(len(shape.mix), shape.known + 16), device=device)
            words, name = shape.words(text, rows), "x".join(map(str, reversed(shape.noises.shape[2:])))
            made = denoise(lambda x, t: averages["unet"](x, t, words).float(), shape.noises[rows].float(), 1)
            found |= {f"{name}_error": F.mse_loss(made, shape.latents[rows].float()), f"{name}_crisp": edges(made) / edges(shape.pictures.latents[:256])}
        return found

    if critic:
        half, told = lambda: torch.autocast(device.split(":")[0], torch.bfloat16, enabled=args.bf16), []
        for shape in shapes:
            for _ in range(REMEMBERED):
                remember(shape, max(2, args.batch // 2))
        for i in range(args.lessons):
            with half():  # each its own: within one, weights are cast once
                told.append(lesson(shapes[i % len(shapes)]).item())
        if told:
            print(f"critic tells {sum(told[:20]) / len(told[:20]):.2f} of the places at first, {sum(told[-20:]) / len(told[-20:]):.2f} after {args.lessons} lessons", flush=True)
    best = train(args, "one_step", {"unet": student}, loss_of, check=check, save_every=args.check_every)["unet"]
    print("after: " + " ".join(f"{k} {v:.4f}" for k, v in check({"unet": best}).items()), flush=True)


if __name__ == "__main__":
    main()
