"""Train the autoencoder on pictures that are drawn meanwhile; goes on where it stopped.

    python -m f16c16.train_autoencoder --run run --minutes 600
    python -m f16c16.train_autoencoder --run run --minutes 600 --start milestones/f16c16.safetensors   # where RUN is lost

RUN/autoencoder.pt holds the state (weights, averages, optimiser), and RUN/vae.pt, written at each held-out check, the
averaged weights for use. `OMP_NUM_THREADS=1 nice -n 19` keeps it out of the way of others, and it sleeps while
$PAUSE_FILE exists.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from evaluate.measures import borders, detail, psnr
from f16c16.autoencoder import CONFIG, Autoencoder
from f16c16.linear_code import fit
from f16c16.pool import Pool, held_out
from train_autoencoder import edges
from training import options, save, train

NOISE = 0.05  # noise added to a latent (deviation about 1): what a denoiser draws is never exact
SPREAD = 1e-3  # weight of the latents' mean square beyond 1
MOVED = 0.25  # share of steps in which the latents are scaled or shifted, and the picture with them
PAINT_EVERY = 6  # steps between two new pictures


def likeness(made, true):
    """L1 and square error of pixels, and L1 of what differs between neighbours at three scales."""
    loss = F.l1_loss(made, true) + 2 * F.mse_loss(made, true)
    for scale in (1, 2, 4):
        a, b = (F.avg_pool2d(x, scale) if scale > 1 else x for x in (made, true))
        loss = loss + 0.5 * sum(F.l1_loss(x, y) for x, y in zip(edges(a), edges(b)))
    return loss


def moved(latents, pictures, rng):
    """Latents scaled down or shifted by a part of a latent, and the pictures to match: where both decode alike, small networks
    learn the latents more easily and walks between them stay even (Kouzelis et al. 2025, "EQ-VAE")."""
    factor = pictures.shape[-1] // latents.shape[-1]
    if rng.random() < 0.6:
        side = latents.shape[-1]
        small = int(rng.integers(side // 2, side))
        resize = lambda x, side: F.interpolate(x, (side, side), mode="bilinear", antialias=True, align_corners=False)
        return resize(latents, small), resize(pictures, small * factor)
    dy, dx = (int(v) for v in rng.integers(1, factor, size=2))
    a, b = dy / factor, dx / factor
    rows = torch.lerp(latents[..., :-1, :], latents[..., 1:, :], a)
    z = torch.lerp(rows[..., :-1], rows[..., 1:], b)
    height, width = (factor * s for s in z.shape[2:])
    return z, pictures[..., dy : dy + height, dx : dx + width]


@torch.no_grad()
def figures(model, pictures, device="cpu"):
    """Held-out figures on uint8 pictures: PSNR, energy of details beside the pictures' own, and what borders do."""
    db, ours, theirs, edge = [], torch.zeros(5), torch.zeros(5), []
    for picture in pictures:
        true = torch.from_numpy(picture[None].copy()).to(device).float() / 255
        made = (model.decode(model.encode(true * 2 - 1)) / 2 + 0.5).clamp(0, 1)
        db.append(psnr(made, true))
        ours += torch.tensor(detail(made.cpu()))
        theirs += torch.tensor(detail(true.cpu()))
        edge.append([borders(made), borders(true)])
    db, share, edge = torch.cat(db).cpu(), ours / theirs, torch.tensor(edge).median(0).values
    return {"psnr": db.mean(), "psnr10": db.quantile(0.1), "detail2": share[1], "detail4": share[2], "detail8": share[3],
            "border": edge[0], "border_true": edge[1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crop", type=int, default=192)
    parser.add_argument("--pool", type=int, default=2000, help="pictures kept on disk (0.8 MB each)")
    parser.add_argument("--start", help="weights to begin from instead of the linear code, where RUN/autoencoder.pt is missing")
    parser.add_argument("--begin", type=int, default=224, help="pictures drawn before the first step")
    parser.add_argument("--checked", type=int, default=56, help="held-out pictures of each check")
    args = options(parser, minutes=600, batch=12, rate=2e-3)
    run, rng = Path(args.run), np.random.default_rng()
    pool = Pool(run / "pool", args.pool, device=args.device, group=1 if args.device == "cpu" else 32)
    model = Autoencoder(CONFIG).to(args.device)
    if len(pool) < args.begin:
        pool.paint(args.begin - len(pool))
    fresh = not (run / "autoencoder.pt").exists()
    if fresh and args.start:
        model.load_state_dict({k: v.float() for k, v in load_file(args.start).items()})
    elif fresh:
        rows = np.stack([pool.pictures[i] for i in range(min(len(pool), 448))])
        fit(model.linear.cpu(), torch.from_numpy(rows).float() / 127.5 - 1)
        model.to(args.device)
    known = held_out(run, 512, 512, args.checked)

    def loss_of(step):
        if step % PAINT_EVERY == 0:
            pool.paint()
        true = pool.crops(rng, args.batch, args.crop).contiguous(memory_format=torch.channels_last)
        z = model.encode(true).float()
        wide = (z.square().mean((0, 2, 3)) - 1).clamp(min=0).mean()
        if step > 200 and rng.random() < MOVED:
            z, true = moved(z, true, rng)
            made, name = model.decode(z).float(), "moved"
        else:
            made, name = model.decode(z + NOISE * torch.randn_like(z)).float(), "psnr"
        loss = likeness(made, true)
        return loss + SPREAD * wide, {"loss": loss.detach(), name: -10 * (F.mse_loss(made.detach(), true) / 4).log10(), "deviation": z.detach().std()}

    def check(averages):
        save(run / "vae.pt", whole(averages).state_dict())
        return figures(whole(averages), known, args.device)

    def whole(parts):
        made = Autoencoder(CONFIG).to(args.device).eval()
        for name in ("linear", "encoder", "decoder"):
            getattr(made, name).load_state_dict(parts[name].state_dict())
        return made

    parts = {"linear": model.linear, "encoder": model.encoder, "decoder": model.decoder}
    if fresh:
        print("before: " + " ".join(f"{k} {v:.3f}" for k, v in figures(model, known, args.device).items()), flush=True)
    best = train(args, "autoencoder", parts, loss_of, save_every=200, slower={"linear": 0.1}, check=check, check_every=3, hold=0.8)
    save(run / "vae.pt", whole(best).state_dict())


if __name__ == "__main__":
    main()
