"""Train the decoder for detail, on latents that stay as they are: the last stage of the autoencoder.

    python -m f16c16.train_detail --run run --minutes 60 --muon

Differences of pixels are least for the mean of all textures that a latent may stand for, and that mean is soft. A critic of
patches, who has to tell drawn pictures from decoded ones, isn't pleased by a mean; local contrast and differences of pixels
keep the detail in its place. With RUN/student.pt, a third of the latents are the student's own one-step drawings, whose true
pictures nobody knows: they keep what is large, and have to look as crisp as pictures do.

Goes on from RUN/vae.pt, which it writes again at each check (RUN/vae_plain.pt keeps the first).
"""

import argparse
import copy
import random
import shutil
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from captions import write_caption
from critic import Critic, Patches
from f16c16.pool import PLAIN, Pool, held_out
from f16c16.train_autoencoder import NOISE, PAINT_EVERY, figures, likeness
from motifs import MOTIFS
from nets import autoencoder_of, denoiser_of
from pictures import company, scene
from train_decoder import grid, imagined_of, texture
from train_diffusion import tokens_of
from training import options, save, train

GRID = 4.0  # weight of a pattern of 4x4 pixels, which a critic alone lets grow
IMAGINED = 256  # latents that the student draws beforehand


def captions(count, tokenizer, seed=3):
    """Token ids of captions of all motifs."""
    rng, names, lines = random.Random(seed), list(MOTIFS), []
    for i in range(count):
        name = names[i % len(names)]
        lines.append(write_caption(rng, scene(rng, name, PLAIN, company(rng, name))))
    return tokens_of(Tokenizer.from_file(tokenizer), lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", default="../tokenizer/tokenizer.json")
    parser.add_argument("--crop", type=int, default=192)
    parser.add_argument("--pool", type=int, default=2000)
    parser.add_argument("--checked", type=int, default=56)
    parser.add_argument("--critic", type=float, default=0.7, help="pull of the critic of patches, as a share of the other losses'")
    parser.add_argument("--texture", type=float, default=0.5, help="weight of the local contrast")
    args = options(parser, minutes=60, batch=12, rate=1e-3)
    run, rng, device = Path(args.run), np.random.default_rng(), args.device
    if not (run / "vae_plain.pt").exists():
        shutil.copy(run / "vae.pt", run / "vae_plain.pt")
    pool = Pool(run / "pool", args.pool, device=device, group=1 if device == "cpu" else 32)
    if len(pool) < 64:
        pool.paint(64 - len(pool))
    model = autoencoder_of(torch.load(run / "vae.pt", map_location=device, weights_only=True), device)
    for part in (model.encoder, model.linear.encode):
        part.requires_grad_(False)
    before, known, drawn = copy.deepcopy(model).eval().requires_grad_(False), held_out(run, 512, 512, args.checked), None
    if (run / "student.pt").exists():
        student = denoiser_of(torch.load(run / "student.pt", map_location=device, weights_only=True), device)
        drawn = imagined_of(*student, captions(IMAGINED, args.tokenizer), (model.cfg["latent_channels"], 32, 32), device, args.seed)
    critic, side, shuffle = Critic(Patches(), model.decoder.refine.conv2.weight, args.critic, 3e-4, device), args.crop // 16, model.cfg["patch"]

    def loss_of(step):
        if step % PAINT_EVERY == 0:
            pool.paint()
        true = pool.crops(rng, args.batch, args.crop).contiguous(memory_format=torch.channels_last)
        if drawn is not None and rng.random() < 1 / 3:
            y, x = (int(rng.integers(drawn.shape[-1] - side + 1)) for _ in range(2))
            z = drawn[torch.randint(len(drawn), (args.batch,), device=device), :, y : y + side, x : x + side]
            made, coarse = model.decode(z).float(), lambda picture: F.avg_pool2d(picture, 8)
            told = critic.learn(made, true)
            with torch.no_grad():
                kept = coarse(before.decode(z).float())
            loss = 4 * F.l1_loss(coarse(made), kept) + GRID * grid(made, shuffle).abs().mean()
            return loss + critic.complaint(made, loss, weigh=False), {"told_imagined": told}
        with torch.no_grad():
            z = model.encode(true)
        made = model.decode(z + NOISE * torch.randn_like(z)).float()
        told = critic.learn(made, true)
        loss = likeness(made, true) + args.texture * F.l1_loss(texture(made), texture(true)) + GRID * F.l1_loss(grid(made, shuffle), grid(true, shuffle))
        psnr = -10 * (F.mse_loss(made.detach(), true) / 4).log10()
        return loss + critic.complaint(made, loss), {"told": told, "psnr": psnr, "weight": critic.weight}

    def whole(parts):
        made = copy.deepcopy(before)
        made.decoder.load_state_dict(parts["decoder"].state_dict()), made.linear.decode.load_state_dict(parts["linear"].state_dict())
        return made

    def check(averages):
        save(run / "vae.pt", whole(averages).state_dict())
        return figures(whole(averages), known, device)

    best = train(args, "detail", {"linear": model.linear.decode, "decoder": model.decoder}, loss_of, save_every=240, slower={"linear": 0.1}, check=check)
    print("after: " + " ".join(f"{k} {v:.3f}" for k, v in check(best).items()), flush=True)


if __name__ == "__main__":
    main()
