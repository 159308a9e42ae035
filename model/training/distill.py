"""Distil the guided many-step teacher into one to four steps without guidance, by straightened paths.

    python distill.py --run run --pairs 4000 --minutes 10 --muon

The teacher draws (words, noise) -> latent pairs with guided DDIM. The student then learns the teacher's own
loss on those pairs, x_t = alpha latent + sigma noise with THAT noise: the path from noise to latent becomes
straight, so one big step lands where many small ones did, and DDIM still works with any step count.
A third of the pairs lie between two prompts, since that is where a latent walk spends its time. Each pair is
also used mirrored. A tenth of them is held out: their error of one step is the figure to watch.

A square error is least for the mean of all that the student can't foresee, and the mean is blurred: with `--critic` (and
`--data`, latents of the generator's pictures) a critic asks for latents as crisp as those and as true to their words, while
the square error keeps to what is large.
"""

import argparse
import random
import time
from collections import deque
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from captions import write_caption
from critic import Critic, Latents
from motifs import MOTIFS
from nets import TEXT, denoiser_of, latent_shape
from pictures import company, scene
from schedule import STEPS, denoise, signal_and_noise
from train_diffusion import tokens_of
from training import options, save, train


LESSONS = 600  # of the critic, before the student hears of it
SHOWN = 32  # latents a lesson, and batches of the student's that are remembered for them
WALK_STEP = 1 / 24  # of the way between two prompts: about a frame or two of a film


def guided(unet, words, empty, scale, rescale=0.0):
    """Classifier-free guidance; `rescale` 0..1 leads the deviation of each guided prediction back to the unguided one's,
    without which the whole picture drifts towards black or white (Lin et al. 2023, "Common Diffusion Noise Schedules and
    Sample Steps are Flawed", section 3.4)."""
    def predict(x, t):
        v, free = unet(torch.cat((x, x)), torch.cat((t, t)), torch.cat((words, empty.expand_as(words)))).float().chunk(2)
        led = free + scale * (v - free)
        spread = lambda y: y.std((1, 2, 3), keepdim=True)
        return led * (1 - rescale + rescale * spread(v) / spread(led))
    return predict


@torch.no_grad()
def draw_pairs(args, unet, text, tokenizer, path, until=None):
    """Token ids of two prompts, their mix, the noise and the teacher's latent, `args.pairs` times.

    Saved to `path` every minute, and continued from there; stops early at the clock time `until`.
    """
    names, start, rows, made = list(MOTIFS), time.time(), [], 0
    if path.exists():
        rows = [torch.load(path, weights_only=True)]
        made = len(rows[0][2])
    rng, gen = random.Random(f"{args.seed} {made}"), torch.Generator().manual_seed(args.seed * 1_000_003 + made)

    def prompt():
        name = rng.choice(names)
        return write_caption(rng, scene(rng, name, args.plain, company(rng, name)))

    whole = lambda: [torch.cat(part) for part in zip(*rows)]
    empty, saved, first_count = text(tokens_of(tokenizer, [""]).to(args.device)), time.time(), made
    while made < args.pairs and not (until and time.time() > until):
        first, second = (tokens_of(tokenizer, [prompt() for _ in range(args.pair_batch)]) for _ in range(2))
        mix = (torch.rand(args.pair_batch, generator=gen) * (torch.rand(args.pair_batch, generator=gen) < 0.33)).view(-1, 1, 1)
        words = torch.lerp(text(first.to(args.device)), text(second.to(args.device)), mix.to(args.device))
        noise = torch.randn(args.pair_batch, *latent_shape(unet, args.height, args.width), generator=gen).to(args.device)
        with torch.autocast(args.device.split(":")[0], torch.bfloat16, enabled=args.bf16):
            latent = denoise(lambda x, t: guided(unet, words, empty, args.guidance, args.rescale)(x, t), noise, args.teacher_steps)
        rows.append([first, second, mix, noise.half().cpu(), latent.half().cpu()])
        made += args.pair_batch
        if time.time() - saved > 60:
            saved = time.time()
            save(path, whole())
            print(f"{made} pairs, {(made - first_count) / (time.time() - start):.1f} a second", flush=True)
    save(path, whole())
    print(f"{made} pairs, {(made - first_count) / max(1e-6, time.time() - start):.1f} a second", flush=True)
    return whole()


def arguments(parser):
    parser.add_argument("--tokenizer", default="../tokenizer/tokenizer.json")
    parser.add_argument("--pairs", type=int, default=4000)
    parser.add_argument("--pair-minutes", type=float, help="stop drawing pairs after this time")
    parser.add_argument("--pair-batch", type=int, default=16)
    parser.add_argument("--teacher-steps", type=int, default=8)
    parser.add_argument("--guidance", type=float, default=3.5)
    parser.add_argument("--rescale", type=float, default=0.7, help="how far guided predictions go back to the deviation of unguided ones")
    parser.add_argument("--height", type=int, default=256)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--plain", type=float, default=0.6)
    parser.add_argument("--start", help="the student begins from the U-Net of this checkpoint instead of from the teacher's")
    parser.add_argument("--smooth", type=float, default=0.0, help="weight of the squared pace of walks, such as 0.01; 0 = none")
    parser.add_argument("--critic", type=float, default=0.0, help="pull of a critic of latents, as a share of the other losses' (such as 1)")
    return options(parser, minutes=10, batch=16, rate=1e-3, many=True)


class Pictures:
    """Latents of the generator's pictures, all of one size, and the token ids of their captions."""

    def __init__(self, folders, tokenizer, device):
        self.latents = torch.cat([torch.from_numpy(np.load(Path(f) / "latents.npy")) for f in folders]).to(device)
        captions = [line for f in folders for line in (Path(f) / "captions.txt").read_text().splitlines()]
        self.tokens = tokens_of(tokenizer, captions).to(device)

    def some(self, count):
        rows = torch.randint(len(self.latents), (count,), device=self.latents.device)
        latents = self.latents[rows].float()
        return latents.flip(-1) if torch.rand(()) < 0.5 else latents, self.tokens[rows]


def large(error):
    """What a square error counts beside a critic: most of what is large, little of the finest."""
    pooled = lambda size: F.avg_pool2d(error, size).square().mean((1, 2, 3))
    return 0.3 * error.square().mean((1, 2, 3)) + pooled(2) + pooled(4)


def main():
    args = arguments(argparse.ArgumentParser())
    run, device = Path(args.run), args.device
    tokenizer = Tokenizer.from_file(args.tokenizer)
    old = torch.load(run / "model.pt", map_location=device, weights_only=True)
    unet, text = denoiser_of(old, device)
    text.eval().requires_grad_(False)
    until = time.time() + args.pair_minutes * 60 if args.pair_minutes else None
    first, second, mix, noises, latents = (part.to(device) for part in draw_pairs(args, unet, text, tokenizer, run / "pairs.pt", until))
    pictures = Pictures(args.data, tokenizer, device) if args.critic else None
    critic = Critic(Latents(noises.shape[1], TEXT["hidden_size"]), unet.conv_out.weight, args.critic, 1e-3, device) if args.critic else None
    alpha, sigma = signal_and_noise(device)
    known = len(mix) - max(1, len(mix) // 10)

    def words_of(rows):
        return torch.lerp(text(first[rows]), text(second[rows]), mix[rows])

    def error(unet, words, noise, x0, t):
        """Of the predicted velocity, and the latent it leads to."""
        a, s = alpha[t].view(-1, 1, 1, 1), sigma[t].view(-1, 1, 1, 1)
        x = a * x0 + s * noise
        v = unet(x, t, words).float()
        return v - (a * noise - s * x0), a * x - s * v

    def pace():
        """Mean square speed of one-step pictures on walks between two prompts and perhaps two noises, per walk.

        Of all paths between two ends the one of even speed has the least, so this evens out the steps of a walk
        (a step-wise variation regulariser as in Guo et al. 2024, "Smooth Diffusion").
        """
        count = max(2, args.batch // 4)
        rows = torch.randint(known, (2, count), device=device)
        ends, noise = text(first[rows.flatten()]).unflatten(0, (2, count)), noises[rows].float()
        at = torch.rand(count, device=device) * (1 - WALK_STEP)
        still = torch.rand(count, device=device) < 0.5
        seen = []
        for mix in (at, at + WALK_STEP):
            angle = torch.where(still, 0.0, mix * torch.pi / 2).view(-1, 1, 1, 1)
            words = torch.lerp(ends[0], ends[1], mix.view(-1, 1, 1))
            x = angle.cos() * noise[0] + angle.sin() * noise[1]
            seen.append(-unet(x, torch.full((count,), STEPS - 1, device=device), words).float())
        return ((seen[1] - seen[0]) / WALK_STEP).square().mean()

    remembered = deque(maxlen=SHOWN)

    def lesson():
        """One step of the critic, on the student's last latents and earlier ones (Shrivastava et al. 2017, section 2.3)."""
        made, words = map(torch.cat, zip(remembered[-1], *random.sample(remembered, min(len(remembered), SHOWN // len(remembered[-1][0])))))
        true, tokens = pictures.some(SHOWN)
        return critic.learn(made[:SHOWN], true, words[:SHOWN], text(tokens))

    @torch.no_grad()
    def remember():
        """What the student draws of single prompts, in one step."""
        single = (mix[:known].flatten() == 0).nonzero().flatten()[: SHOWN * args.batch]
        for rows in single.split(args.batch):
            words, noise = words_of(rows), noises[rows].float()
            remembered.append((-unet(noise, torch.full((len(rows),), STEPS - 1, device=device), words).float(), words))

    def loss_of(step):
        rows = torch.randint(known, (args.batch,), device=device)
        noise, x0 = noises[rows].float(), latents[rows].float()
        if step % 2:
            noise, x0 = noise.flip(-1), x0.flip(-1)
        t = torch.randint(STEPS, (args.batch,), device=device)
        t[: args.batch // 2] = STEPS - 1
        words = words_of(rows)
        wrong, made = error(unet, words, noise, x0, t)
        each = wrong.square().mean((1, 2, 3))
        parts = {"one_step": each.detach()[: args.batch // 2].mean(), "path": each.detach()[args.batch // 2 :].mean()}
        loss = large(wrong).mean() if critic else each.mean()
        if args.smooth:
            parts["pace"] = pace()
            loss = loss + args.smooth * parts["pace"]
        if critic:
            # No picture shows what lies between two prompts; and at little noise the latent is the teacher's, not the student's.
            heard = (mix[rows].flatten() == 0) & (t >= STEPS // 2)
            if heard.any():
                made, words = made[heard], words[heard]
                remembered.append((made.detach(), words))
                parts["told"] = (lesson() + lesson()) / 2
                loss = loss + critic.complaint(made, loss, words)
            parts["weight"] = critic.weight
        return loss, {k: v.detach() for k, v in parts.items()}

    @torch.no_grad()
    def check(averages, counts=(1, 4)):
        rows = torch.arange(known, min(len(mix), known + 32))
        noise, x0, words = noises[rows].float(), latents[rows].float(), words_of(rows)
        predict = lambda x, t: averages["unet"](x, t, words).float()
        found, edges = {}, lambda z: (z[..., 1:] - z[..., :-1]).float().std()
        for n in counts:
            made = denoise(predict, noise, n)
            found |= {f"{n}_step": F.mse_loss(made, x0), f"{n}_crisp": edges(made) / edges(pictures.latents[:512] if pictures else x0)}
        return found

    if args.start:
        unet.load_state_dict(torch.load(args.start, map_location=device, weights_only=True)["unet"])
    print("before: " + " ".join(f"{k} {v:.4f}" for k, v in check({"unet": unet}, (1, 2, 4)).items()), flush=True)
    if critic:
        half = lambda: torch.autocast(device.split(":")[0], torch.bfloat16, enabled=args.bf16)
        told = []
        with half():
            remember()
        for _ in range(LESSONS):
            with half():  # each its own: within one, weights are cast once
                told.append(lesson().item())
        print(f"critic tells {np.mean(told[:50]):.2f} of the patches at first, {np.mean(told[-50:]):.2f} after {LESSONS} lessons", flush=True)
    best = train(args, "distill", {"unet": unet}, loss_of, check=check, save_every=180)["unet"]
    save(run / "student.pt", {"unet": best.state_dict(), "text": old["text"]})
    print("after: " + " ".join(f"{k} {v:.4f}" for k, v in check({"unet": best}, (1, 2, 4)).items()), flush=True)


if __name__ == "__main__":
    main()
