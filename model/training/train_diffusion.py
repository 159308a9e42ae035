"""Train the U-Net and the text encoder together on cached latents: v-prediction, 10 % empty captions.

    python train_diffusion.py --data data128@2 --run run --minutes 30 --muon --name coarse
    python train_diffusion.py --data data128 --run run --minutes 30 --muon --start run/model.pt
    python train_diffusion.py --data data256 data128 --share 3 1 --run run --minutes 30 --muon --start run/model.pt --name fine --late 0.6

The latents of a picture folder are made once from RUN/vae.pt and kept beside it as latents.npy.
`FOLDER@2` pools them two by two: a picture of a quarter of the size, for learning words, colours and layout cheaply.
With several folders each step draws one of them by its share; its batch is scaled to about equal work.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from latents import vae_of
from nets import TEXT, TextEncoder, denoiser_of, new_unet
from schedule import STEPS, signal_and_noise
from training import options, save, train

HELD_OUT = 256  # the last rows of a folder are never trained on (an eighth of a small one)


def latents_of(data, run, device, bf16=False):
    """(count, channels, h / factor, w / factor) float16 latents of DATA/pictures.npy."""
    path = Path(data) / "latents.npy"
    if not path.exists():
        vae = vae_of(run, device)
        pictures, start, made = np.load(Path(data) / "pictures.npy", mmap_mode="r"), time.time(), []
        group = 8 if device == "cpu" else 128
        with torch.no_grad(), torch.autocast(device.split(":")[0], torch.bfloat16, enabled=bf16):
            for at in range(0, len(pictures), group):
                z = vae.encode(torch.from_numpy(pictures[at : at + group].copy()).to(device).float() / 127.5 - 1)
                made.append(z.half().cpu().numpy())
        np.save(path, np.concatenate(made))
        print(f"encoded {len(pictures)} pictures in {time.time() - start:.0f} s", flush=True)
    return torch.from_numpy(np.load(path))


def tokens_of(tokenizer, captions):
    return torch.tensor([e.ids for e in tokenizer.encode_batch(captions)])


class Source:
    """Latents and token ids of one folder, perhaps pooled; `FOLDER@2` as the command line writes it."""

    def __init__(self, name, args, tokenizer):
        folder, _, pool = name.partition("@")
        latents = latents_of(folder, args.run, args.device, args.bf16)
        tokens = tokens_of(tokenizer, (Path(folder) / "captions.txt").read_text().splitlines())
        if pool:
            latents = F.avg_pool2d(latents.float(), int(pool))
            latents = (latents / latents.std((0, 2, 3), keepdim=True)).half()
        # Folders are written motif by motif, so mix before the last rows are set aside.
        order = torch.randperm(len(latents), generator=torch.Generator().manual_seed(0))
        self.latents, self.tokens = latents[order].to(args.device), tokens[order].to(args.device)
        self.kept = min(HELD_OUT, len(latents) // 8 // 64 * 64)
        self.area = latents.shape[2] * latents.shape[3]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokenizer", default="../tokenizer/tokenizer.json")
    parser.add_argument("--start", help="begin from this model.pt instead of from nothing")
    parser.add_argument("--name", default="diffusion", help="checkpoint name; the result is RUN/model.pt")
    parser.add_argument("--share", type=float, nargs="*", help="how often each --data folder is drawn")
    parser.add_argument("--late", type=float, default=1.0, help="below 1: more of the noisy steps, where layout is decided")
    parser.add_argument("--noises", type=int, default=2, help="noise levels each drawn picture is seen at in one step")
    args = options(parser, minutes=40, batch=64, rate=3e-3, many=True)
    device = args.device
    tokenizer = Tokenizer.from_file(args.tokenizer)
    sources = [Source(name, args, tokenizer) for name in args.data]
    share = torch.tensor(args.share or [1.0] * len(sources))
    empty = tokens_of(tokenizer, [""]).to(device)
    alpha, sigma = signal_and_noise(device)
    if args.start:
        unet, text = denoiser_of(torch.load(args.start, map_location=device, weights_only=True), device)
    else:
        unet, text = new_unet(sources[0].latents.shape[1]).to(device), TextEncoder(TEXT).to(device)

    def error(unet, text, x0, words, t, noise):
        a, s = alpha[t].view(-1, 1, 1, 1), sigma[t].view(-1, 1, 1, 1)
        v = unet(a * x0 + s * noise, t, text(words).repeat_interleave(len(x0) // len(words), 0)).float()
        return F.mse_loss(v, a * noise - s * x0, reduction="none").mean((1, 2, 3))

    def spread(count):
        """`count` timesteps, one in each of as many equal parts, in random order."""
        u = (torch.randperm(count, device=device) + torch.rand(count, device=device)) / count
        return (u**args.late * STEPS).long().clamp(max=STEPS - 1)

    def loss_of(step):
        source = sources[int(torch.multinomial(share, 1))]
        count = max(1, round(args.batch / args.noises * sources[0].area / source.area))
        rows = torch.randint(len(source.latents) - source.kept, (count,), device=device)
        x0, words = source.latents[rows].float().repeat_interleave(args.noises, 0), source.tokens[rows]
        words = torch.where(torch.rand(count, 1, device=device) < 0.1, empty, words)
        t = spread(len(x0))
        each = error(unet, text, x0, words, t, torch.randn_like(x0))
        noisy = each.detach()[t >= STEPS // 2]
        return each.mean(), {"loss": each.detach().mean(), "noisy_half": noisy.mean() if len(noisy) else each.detach().mean()}

    @torch.no_grad()
    def check(averages):
        """Error of the averaged weights on held-out pictures of the first folder, always at the same noise."""
        gen = torch.Generator().manual_seed(3)
        source, found = sources[0], []
        rows, end = 64 if source.area > 256 else max(64, source.kept), len(source.latents)
        for at in range(max(0, end - rows), end, 64):
            x0 = source.latents[at : at + 64].float()
            t = (torch.arange(len(x0)) * 37 % 64 * STEPS // 64).to(device)
            noise = torch.randn(x0.shape, generator=gen).to(device)
            found.append(error(averages["unet"], averages["text"], x0, source.tokens[at : at + 64], t, noise))
        found, late = torch.stack(found), t >= STEPS // 2
        words = averages["text"](tokens_of(tokenizer, ["fire", "a blue forest"]).to(device))
        save(Path(args.run) / "model.pt", {k: m.state_dict() for k, m in averages.items()})  # a stage broken off is of use, too
        return {"loss": found.mean(), "noisy_half": found[:, late].mean(), "words_differ": (words[0] - words[1]).abs().mean()}

    best = train(args, args.name, {"unet": unet, "text": text}, loss_of, slower={"text": 0.3}, check=check, save_every=120)
    save(Path(args.run) / "model.pt", {k: m.state_dict() for k, m in best.items()})


if __name__ == "__main__":
    main()
