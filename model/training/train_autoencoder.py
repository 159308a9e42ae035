"""Train the autoencoder on cached pictures: L1 over three scales, edges, and a noisy, small latent.

    python train_autoencoder.py --data data --run run --minutes 20
    python train_autoencoder.py --data data --run run --minutes 20 --decoder-only   # latents stay as they are

RUN/vae.pt is the result; `--minutes 0` makes it from the newest checkpoint without training.
"""

import argparse
import copy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from nets import VAE, Autoencoder
from training import options, save, train

NOISE, SHRINK = 0.06, 2e-3  # noise added to the latent, as a share of its deviation; weight of its mean square


def edges(x):
    return x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]


def reconstruction(made, true):
    loss = sum(F.l1_loss(a, b) for a, b in zip(edges(made), edges(true)))
    for scale in (1, 2, 4):
        a, b = (F.avg_pool2d(x, scale) if scale > 1 else x for x in (made, true))
        loss = loss + F.l1_loss(a, b) + 0.5 * F.mse_loss(a, b)
    return loss


def normalised(model, pictures, device, count=512):
    """The same autoencoder with each latent channel at mean 0 and deviation 1, folded into the 1x1 convolutions."""
    model = copy.deepcopy(model)
    rows = np.linspace(0, len(pictures) - 1, count).astype(int)
    with torch.no_grad():
        z = torch.cat([model.encode(torch.from_numpy(pictures[part].copy()).to(device).float() / 127.5 - 1) for part in np.array_split(rows, count // 8)])
        mean, std = z.mean((0, 2, 3)), z.std((0, 2, 3))
        n, quant, post = len(mean), model.quant_conv, model.post_quant_conv
        quant.weight[:n] /= std.view(-1, 1, 1, 1)
        quant.bias[:n] = (quant.bias[:n] - mean) / std
        quant.weight[n:], quant.bias[n:] = 0, -30  # no noise when a caller samples the latent
        post.bias += (post.weight[:, :, 0, 0] * mean).sum(1)
        post.weight *= std.view(1, -1, 1, 1)
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--decoder-only", action="store_true", help="go on from RUN/vae.pt, keeping its latents")
    args = options(parser, minutes=20, batch=4, rate=2.5e-3)
    pictures = np.load(Path(args.data) / "pictures.npy", mmap_mode="r")
    rng = np.random.default_rng(args.seed)
    model = Autoencoder(VAE).to(args.device)
    vae = Path(args.run) / "vae.pt"
    if args.decoder_only:
        model.load_state_dict(torch.load(vae, map_location=args.device, weights_only=True))
        for part in (model.encoder, model.quant_conv):
            part.requires_grad_(False)

    def batch():
        rows = rng.integers(len(pictures), size=args.batch)
        y, x = (rng.integers(side - args.crop + 1) for side in pictures.shape[2:])
        pick = np.stack([pictures[r, :, y : y + args.crop, x : x + args.crop] for r in rows])
        pick = torch.from_numpy(pick).to(args.device).float() / 127.5 - 1
        return pick.flip(-1) if rng.random() < 0.5 else pick

    def loss_of(step):
        true = batch()
        z = model.encode(true)
        made = model.decode(z + NOISE * z.detach().std() * torch.randn_like(z)).float()
        mse = F.mse_loss(made.detach(), true) / 4
        return reconstruction(made, true) + SHRINK * (z.float() ** 2).mean(), {"psnr": -10 * mse.log10(), "spread": z.detach().std()}

    name = "decoder" if args.decoder_only else "autoencoder"
    best = train(args, name, {"vae": model}, loss_of)["vae"]
    save(vae, (best if args.decoder_only else normalised(best, pictures, args.device)).state_dict())


if __name__ == "__main__":
    main()
