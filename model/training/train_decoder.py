"""Train the decoder that is shipped, on pictures of twice the size that the f8c4 encoder saw; latents, and so the U-Net, stay valid.

    python pictures.py --count 1440 --size 512 --plain 0.6 --out run/d512
    python train_decoder.py --data run/d512 --run run --minutes 60 --bf16 --muon

It is the decoder of f16c16 with four channels of latents: most of its work is done at the latents' size, and the last layer draws
squares of 4x4 pixels at once. RUN/vae_large.pt is the result, and the start where it exists; else the decoder of
milestones/f16c16.safetensors is, behind the matrix that makes its sixteen latents of our four as well as a matrix can. With
RUN/student.pt at hand, half of the latents are first noised and cleaned by the student, since its latents are
what the decoder gets to see in use: smoother than an encoder's, with shapes less sure. The critic of patches (`--critic`) is shown in
another third what the student drew of the pictures' captions, which only has to look as crisp as the pictures.
"""

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from critic import Critic, Patches, finest
from evaluate.measures import detail
from export import full
from f16c16.autoencoder import CONFIG, FACTOR, Autoencoder
from nets import TEXT, autoencoder_of, denoiser_of
from schedule import denoise, drawn, levels
from sharpen import blurred
from train_autoencoder import edges
from train_diffusion import tokens_of
from training import options, save, train

MILESTONE = Path(__file__).parent / "milestones/f16c16.safetensors"
NOISE = 0.05  # noise added to a latent (deviation 1)
CLEANED = (60, 700)  # timesteps from which the student cleans latents: the later, the more is its own drawing
TIMES = 3  # how often it cleans each, from another timestep
OWN = 0.5  # share of steps on its latents
GRID = 6.0  # weight of the pattern that shuffled pixels may leave: squares, which a critic alone lets grow
HELD_OUT = 48  # pictures never trained on (an eighth of a small set)
MEASURED = 64  # pictures that the first decoder's matrix is fitted to
SCALES = (1, 2, 4)  # pixels to which pictures are shrunk; local contrast counts from 2 on: at 1 the net draws dots for it


def texture(picture):
    """Local contrast of the finest detail: root mean square of the high-pass over 8x8 pixels, every 4."""
    return (F.avg_pool2d(finest(picture).square().mean(1, keepdim=True), 8, 4) + 1e-5).sqrt()


def grid(picture, shuffle):
    """How far each of the places in a shuffled square lies from its neighbours, on average over 8x8 squares: a pattern, where not 0."""
    return F.avg_pool2d(F.pixel_unshuffle(picture - blurred(picture), shuffle), 8)


def ungridded(picture, shuffle):
    """The picture without that pattern, which local contrast would take for detail, and ask for."""
    return picture - F.pixel_shuffle(F.interpolate(grid(picture, shuffle), scale_factor=8.0), shuffle)


def likeness(made, true, contrast, shuffle):
    """L1 of edges and of the grid, at three scales of colours, and at two of local contrast, which colours alone would smooth away."""
    loss = sum(F.l1_loss(a, b) for a, b in zip(edges(made), edges(true)))
    plain = ungridded(made, shuffle)
    for scale in SCALES:
        a, b, c = (F.avg_pool2d(x, scale) if scale > 1 else x for x in (made, true, plain))
        loss = loss + F.l1_loss(a, b) + 0.5 * F.mse_loss(a, b)
        if scale > 1:
            loss = loss + contrast * F.l1_loss(texture(c), texture(b))
    return loss + GRID * F.l1_loss(grid(made, shuffle), grid(true, shuffle))


@torch.no_grad()
def begun(latents, pictures, device):
    """The autoencoder of MILESTONE for other latents, given some with their pictures: its latents are made of these by least squares."""
    older = autoencoder_of(full(MILESTONE), device)
    theirs = torch.cat([older.encode(p) for p in pictures.split(4)]).movedim(1, -1).flatten(0, 2)
    ours = latents.movedim(1, -1).flatten(0, 2)
    ours = torch.cat((ours, torch.ones_like(ours[:, :1])), 1)
    matrix = torch.linalg.lstsq(ours, theirs).solution.T
    model = Autoencoder(CONFIG | {"latent_channels": latents.shape[1]}, encodes=False).to(device)
    model.decoder.load_state_dict(older.decoder.state_dict() | {"conv_in.weight": model.decoder.conv_in.weight})
    for new, old in ((model.decoder.conv_in, older.decoder.conv_in), (model.linear.decode, older.linear.decode)):
        new.weight.copy_(torch.einsum("oiyx,ij->ojyx", old.weight, matrix[:, :-1]))
        new.bias.copy_(old.bias + torch.einsum("oiyx,i->o", old.weight, matrix[:, -1]))
    return model


def cleaned(unet, text, tokens, latents, device, seed):
    """The latents noised to a random level and drawn clean by the student in one step, of their captions' tokens (n, 32)."""
    gen, made = torch.Generator().manual_seed(seed), []
    with torch.no_grad():
        for z, part in zip(latents.split(16), tokens.split(16)):
            t = torch.randint(*CLEANED, (len(z),), generator=gen).to(device)
            a, s = levels(t)
            x = a * z + s * torch.randn(z.shape, generator=gen).to(device)
            made.append(drawn(unet, x, t, text(part.to(device))))
    return torch.cat(made)


def imagined_of(unet, text, tokens, shape, device, seed):
    """What the student draws of captions (n, 32) in one step: (n, 4, h, w)."""
    gen, made = torch.Generator().manual_seed(seed), []
    with torch.no_grad():
        for part in tokens.split(16):
            noise = torch.randn((len(part), *shape), generator=gen).to(device)
            made.append(denoise(lambda x, t: unet(x, t, text(part.to(device))), noise, 1))
    return torch.cat(made)


def latents_of(run, pictures, captions, tokenizer, device, seed):
    """Latents of pictures (an iterable of (n, 3, 512, 512) batches), a list of the same cleaned by the student, and those that it
    draws of the captions. Kept in RUN/decoder_latents.pt."""
    path = run / "decoder_latents.pt"
    if path.exists():
        return torch.load(path, map_location=device, weights_only=True)
    encoder = autoencoder_of(torch.load(run / "vae.pt", map_location=device, weights_only=True), device)
    with torch.no_grad():
        latents = torch.cat([encoder.encode(F.avg_pool2d(batch, FACTOR // 8)) for batch in pictures])
    smoothed, imagined = [latents], latents
    if (run / "student.pt").exists():
        student = [part.eval().requires_grad_(False) for part in denoiser_of(torch.load(run / "student.pt", map_location=device, weights_only=True), device)]
        tokens = tokens_of(Tokenizer.from_file(tokenizer), captions)
        smoothed = [cleaned(*student, tokens, latents, device, seed + i) for i in range(TIMES)]
        imagined = imagined_of(*student, tokens, latents.shape[1:], device, seed)
    save(path, (latents, smoothed, imagined))
    return latents, smoothed, imagined


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", default="../tokenizer/tokenizer.json")
    parser.add_argument("--crop", type=int, default=16, help="side of the crops, in latents")
    parser.add_argument("--contrast", type=float, default=0.25, help="weight of the local contrast")
    parser.add_argument("--critic", type=float, default=0.7, help="pull of the critic of patches, as a share of the other losses'; 0: none")
    args = options(parser, minutes=60, batch=7, rate=2e-3)
    run, device, side = Path(args.run), args.device, args.crop
    pictures = np.load(Path(args.data) / "pictures.npy", mmap_mode="r")
    captions = (Path(args.data) / "captions.txt").read_text().splitlines()
    order = np.random.default_rng(0).permutation(len(pictures))  # folders are written motif by motif
    rng, kept = np.random.default_rng(args.seed), min(HELD_OUT, len(order) // 8)

    def picture(row, y=0, x=0, side=None):
        side = side or pictures.shape[2]
        return torch.from_numpy(pictures[row, :, y : y + side, x : x + side].copy()).to(device).float() / 127.5 - 1

    start = time.time()
    batches = (torch.stack([picture(r) for r in part]) for part in np.array_split(order, -(-len(order) // 8)))
    latents, smoothed, imagined = latents_of(run, batches, [captions[row] for row in order], args.tokenizer, device, args.seed)
    print(f"{len(latents)} latents in {time.time() - start:.0f} s", flush=True)

    if (run / "vae_large.pt").exists():
        model = autoencoder_of(torch.load(run / "vae_large.pt", map_location=device, weights_only=True), device)
    else:
        some = slice(kept, kept + MEASURED)
        model = begun(latents[some], torch.stack([picture(r) for r in order[some]]), device)
    shuffle, before = model.cfg["patch"], copy.deepcopy(model).eval().requires_grad_(False)
    critic = Critic(Patches(), model.decoder.refine.conv2.weight, args.critic, 3e-4, device) if args.critic else None

    def loss_of(step):
        rows = rng.integers(kept, len(order), args.batch)
        y, x = (rng.integers(whole - side + 1) for whole in latents.shape[2:])
        true = torch.stack([picture(order[r], y * FACTOR, x * FACTOR, side * FACTOR) for r in rows]).contiguous(memory_format=torch.channels_last)
        crop = lambda source: source[rows, :, y : y + side, x : x + side]
        if critic and imagined is not latents and rng.random() < 1 / 3:
            # Nobody knows the true picture of these: as it was in the large, and as crisp as pictures of the same words.
            z = crop(imagined)
            made, large = model.decode(z).float(), lambda picture: F.avg_pool2d(picture, 8)
            told = critic.learn(made, true)
            loss = 4 * F.l1_loss(large(made), large(before.decode(z).float())) + GRID * grid(made, shuffle).abs().mean()
            return loss + critic.complaint(made, loss, weigh=False), {"told_imagined": told}
        own = rng.random() < OWN
        z = crop(smoothed[rng.integers(len(smoothed))] if own else latents)
        made = model.decode(z + NOISE * torch.randn_like(z)).float()
        loss, parts = likeness(made, true, args.contrast, shuffle), {}
        if critic:
            parts["told"] = critic.learn(made, true)
            loss = loss + critic.complaint(made, loss)
            parts["weight"] = critic.weight
        return loss, parts | {"smooth_psnr" if own else "psnr": -10 * (F.mse_loss(made.detach(), true) / 4).log10()}

    def whole(parts):
        made = copy.deepcopy(before)
        made.decoder.load_state_dict(parts["decoder"].state_dict()), made.linear.decode.load_state_dict(parts["linear"].state_dict())
        return made

    @torch.no_grad()
    def check(averages):
        model, found = whole(averages), {name: [] for name in ("psnr", "student_psnr", "grid", "student_grid")}
        energy = {"": 0, "drawn_": 0, "true": 0}  # of details of 2, 4 and 8 pixels, summed: few pictures have most of it
        for i in range(kept):
            true = picture(order[i])[None].clamp(-1, 1)
            shown = {name: model.decode(source[i : i + 1]).float().clamp(-1, 1)
                     for name, source in (("", latents), ("student_", smoothed[0]), ("drawn_", imagined))}
            for name, pictures in (("", shown[""]), ("drawn_", shown["drawn_"]), ("true", true)):
                energy[name] = energy[name] + torch.tensor(detail(pictures)[1:4])
            for name in ("", "student_"):
                found[name + "psnr"].append(-10 * (F.mse_loss(shown[name], true) / 4).log10())
                found[name + "grid"].append((grid(shown[name], shuffle) - grid(true, shuffle)).abs().mean() * 255)
        shares = {f"{name}details_{2 << k}": energy[name][k] / energy["true"][k] for name in ("", "drawn_") for k in range(3)}
        return {k: torch.stack(v).mean() for k, v in found.items()} | shares

    parts = {"linear": model.linear.decode, "decoder": model.decoder}
    print("before: " + " ".join(f"{k} {v:.3f}" for k, v in check(parts).items()), flush=True)
    best = train(args, "large", parts, loss_of, check=check, save_every=300, slower={"linear": 0.1})
    save(run / "vae_large.pt", whole(best).state_dict())


if __name__ == "__main__":
    main()
