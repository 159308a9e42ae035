"""Train the decoder alone, on pictures of twice the size that the encoder saw; latents, and so the U-Net, stay valid.

    python pictures.py --count 1440 --size 512 --plain 0.6 --out run/d512
    python train_decoder.py --data run/d512 --run run --minutes 60 --bf16

RUN/vae_large.pt is the result, and the start where it exists; else RUN/vae.pt is, its decoder widened if need be. With
RUN/student.pt at hand, a third of the latents are first noised and cleaned by the student, since its latents are
what the decoder gets to see in use: smoother than an encoder's. With a critic of patches (`--critic`), another third are
latents that the student drew of the pictures' captions, which only have to look as crisp as the pictures.
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
from nets import LARGE_VAE, TEXT, autoencoder_of, denoiser_of, widened
from schedule import denoise, signal_and_noise
from sharpen import blurred
from train_autoencoder import edges
from train_diffusion import tokens_of
from training import options, save, train

NOISE = 0.05  # noise added to a latent (deviation 1)
GRID = 6.0  # weight of the pattern that shuffled pixels may leave: 2x2 squares, which a critic alone lets grow
HELD_OUT = 48  # pictures never trained on (an eighth of a small set)
SCALES = {1: 1.0, 2: 1.0, 4: 0.15}  # pixels to which pictures are shrunk, and what local contrast counts there
SIDES = (12, 16, 16, 24, 32)  # crops in latent pixels: group norm and attention see whole pictures in use


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
    """L1 of edges and of the grid, and at three scales of colours and of local contrast, which colours alone would smooth away."""
    loss = sum(F.l1_loss(a, b) for a, b in zip(edges(made), edges(true)))
    plain = ungridded(made, shuffle)
    for scale, share in SCALES.items():
        a, b, c = (F.avg_pool2d(x, scale) if scale > 1 else x for x in (made, true, plain))
        loss = loss + F.l1_loss(a, b) + 0.5 * F.mse_loss(a, b) + share * contrast * F.l1_loss(texture(c), texture(b))
    return loss + GRID * F.l1_loss(grid(made, shuffle), grid(true, shuffle))


def cleaned(unet, text, latents, device, seed):
    """The latents noised to a random level and drawn clean by the student in one step, without words."""
    alpha, sigma = signal_and_noise(device)
    gen, made = torch.Generator().manual_seed(seed), []
    with torch.no_grad():
        words = text(torch.tensor([[TEXT["bos_token_id"]] + [TEXT["eos_token_id"]] * (TEXT["max_position_embeddings"] - 1)], device=device))
        for z in latents.split(16):
            t = torch.randint(60, 420, (len(z),), generator=gen).to(device)
            a, s = alpha[t].view(-1, 1, 1, 1), sigma[t].view(-1, 1, 1, 1)
            x = a * z + s * torch.randn(z.shape, generator=gen).to(device)
            made.append(a * x - s * unet(x, t, words.expand(len(z), -1, -1)))
    return torch.cat(made)


def drawn(unet, text, tokens, shape, device, seed):
    """What the student draws of captions (n, 32) in one step: (n, 4, h, w)."""
    gen, made = torch.Generator().manual_seed(seed), []
    with torch.no_grad():
        for part in tokens.split(16):
            noise = torch.randn((len(part), *shape), generator=gen).to(device)
            made.append(denoise(lambda x, t: unet(x, t, text(part.to(device))), noise, 1))
    return torch.cat(made)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokenizer", default="../tokenizer/tokenizer.json")
    parser.add_argument("--contrast", type=float, default=3.0, help="weight of the local contrast")
    parser.add_argument("--critic", type=float, default=0.0, help="pull of a critic of patches, as a share of the other losses' (such as 2)")
    args = options(parser, minutes=60, batch=8, rate=2e-3)
    run, device = Path(args.run), args.device
    pictures = np.load(Path(args.data) / "pictures.npy", mmap_mode="r")
    order = np.random.default_rng(0).permutation(len(pictures))  # folders are written motif by motif
    rng, kept = np.random.default_rng(args.seed), min(HELD_OUT, len(order) // 8)
    shuffle = LARGE_VAE["pixel_shuffle"]
    start = next(path for path in (run / "vae_large.pt", run / "vae.pt") if path.exists())
    model, scale = autoencoder_of(widened(torch.load(start, map_location=device, weights_only=True)), device), 8 * shuffle
    for part in (model.encoder, model.quant_conv):
        part.requires_grad_(False)

    def picture(row, y=0, x=0, side=None):
        side = side or pictures.shape[2]
        return torch.from_numpy(pictures[row, :, y : y + side, x : x + side].copy()).to(device).float() / 127.5 - 1

    critic = Critic(Patches(), model.decoder.conv_out.weight, args.critic, 3e-4, device) if args.critic else None

    start = time.time()
    with torch.no_grad():
        latents = torch.cat([model.encode(F.avg_pool2d(torch.stack([picture(r) for r in part]), shuffle))
                             for part in np.array_split(order, -(-len(order) // 8))])
    smoothed = imagined = latents
    if (run / "student.pt").exists():
        student = [part.eval().requires_grad_(False) for part in denoiser_of(torch.load(run / "student.pt", map_location=device, weights_only=True), device)]
        captions = (Path(args.data) / "captions.txt").read_text().splitlines()
        smoothed = cleaned(*student, latents, device, args.seed)
        tokens = tokens_of(Tokenizer.from_file(args.tokenizer), [captions[row] for row in order])
        imagined = drawn(*student, tokens, latents.shape[1:], device, args.seed)
    before = copy.deepcopy(model).eval().requires_grad_(False)
    print(f"{len(latents)} latents in {time.time() - start:.0f} s", flush=True)

    def loss_of(step):
        side = int(rng.choice(SIDES))
        rows = rng.integers(kept, len(order), max(1, round(args.batch * 256 / side**2)))
        y, x = (rng.integers(whole - side + 1) for whole in latents.shape[2:])
        true = torch.stack([picture(order[r], y * scale, x * scale, side * scale) for r in rows])
        crop = lambda source: source[rows, :, y : y + side, x : x + side]
        if critic and imagined is not latents and rng.random() < 1 / 3:
            # Nobody knows the true picture of these: as it was in the large, and as crisp as pictures of the same words.
            z = crop(imagined)
            made, large = model.decode(z).float(), lambda picture: F.avg_pool2d(picture, 4 * shuffle)
            told = critic.learn(made, true)
            loss = 4 * F.l1_loss(large(made), large(before.decode(z).float())) + GRID * grid(made, shuffle).abs().mean()
            return loss + critic.complaint(made, loss, weigh=False), {"told_imagined": told}
        source = smoothed if rng.random() < 1 / 3 else latents
        z = crop(source)
        made = model.decode(z + NOISE * torch.randn_like(z)).float()
        loss, parts = likeness(made, true, args.contrast, shuffle), {}
        if critic:
            parts["told"] = critic.learn(made, true)
            loss = loss + critic.complaint(made, loss)
            parts["weight"] = critic.weight
        return loss, parts | {"smooth_psnr" if source is smoothed else "psnr": -10 * (F.mse_loss(made.detach(), true) / 4).log10()}

    @torch.no_grad()
    def check(averages):
        found = {name: [] for name in ("psnr", "half_psnr", "texture", "student_psnr", "student_texture", "grid", "student_grid")}
        energy = {"": 0, "drawn_": 0, "true": 0}  # of details of 2, 4 and 8 pixels, summed: few pictures have most of it
        for i in range(kept):
            true = picture(order[i])[None].clamp(-1, 1)
            shown = {name: averages["vae"].decode(source[i : i + 1]).float().clamp(-1, 1)
                     for name, source in (("", latents), ("student_", smoothed), ("drawn_", imagined))}
            for name, pictures in (("", shown[""]), ("drawn_", shown["drawn_"]), ("true", true)):
                energy[name] = energy[name] + torch.tensor(detail(pictures)[1:4])
            for name in ("", "student_"):
                made = shown[name]
                found[name + "psnr"].append(-10 * (F.mse_loss(made, true) / 4).log10())
                found[name + "texture"].append(texture(made).mean() / texture(true).mean())
                found[name + "grid"].append((grid(made, shuffle) - grid(true, shuffle)).abs().mean() * 255)
                if not name:
                    found["half_psnr"].append(-10 * (F.mse_loss(F.avg_pool2d(made, 2), F.avg_pool2d(true, 2)) / 4).log10())
        shares = {f"{name}details_{2 << k}": energy[name][k] / energy["true"][k] for name in ("", "drawn_") for k in range(3)}
        return {k: torch.stack(v).mean() for k, v in found.items()} | shares

    print("before: " + " ".join(f"{k} {v:.3f}" for k, v in check({"vae": model}).items()), flush=True)
    best = train(args, "large", {"vae": model}, loss_of, check=check, save_every=300)["vae"]
    save(run / "vae_large.pt", best.state_dict())


if __name__ == "__main__":
    main()
