"""Draw contact sheets from an exported folder: 24 prompts x 2 seeds, and a walk between two prompts.

    python sample.py --weights .. --steps 4 --sheet samples.png --walk walk.png
"""

import argparse
import math
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer

from distill import guided
from export import read
from nets import latent_shape
from pictures import sheet
from schedule import denoise
from train_diffusion import tokens_of

PROMPTS = """a neon city in the rain, synthwave
slow golden waves at dusk
sunset over the ocean, warm
misty blue mountains at dawn
violet nebula in deep space
a spiral galaxy, gold
green aurora borealis over mountains
soft pastel clouds in the sky
burning orange flames
teal ocean waves
city skyline at night, purple
synthwave grid and sun
a red vortex
pink flower petals
dark forest in the fog
flowing gold silk ribbons
full moon, icy blue
underwater light shafts
a rainbow vortex, psychedelic
black and white mountains
red sunset at the beach
emerald forest, glowing
watercolor of a pink flower
a lonely astronaut dreaming of stars""".splitlines()


def slerp(a, b, mix):
    """From noise a to noise b on the sphere, so that every point in between is noise as likely as they are."""
    angle = math.acos(max(-1.0, min(1.0, torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), 0).item())))
    return (math.sin((1 - mix) * angle) * a + math.sin(mix * angle) * b) / math.sin(angle)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", default="..", help="an exported folder")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--guidance", type=float, default=1.0, help="1 = none (a distilled student)")
    parser.add_argument("--rescale", type=float, default=0.7, help="of guided predictions; see distill.py")
    parser.add_argument("--height", type=int, default=256)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--sheet")
    parser.add_argument("--prompts", help="text file with a prompt a line, instead of the 24 built in")
    parser.add_argument("--seeds", type=int, default=2, help="pictures of each prompt")
    parser.add_argument("--columns", type=int, default=8)
    parser.add_argument("--walk")
    parser.add_argument("--walk-from", default="sunset over the ocean, warm")
    parser.add_argument("--walk-to", default="violet nebula in deep space")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    text, unet, vae = read(args.weights)
    tokenizer = Tokenizer.from_file(f"{args.weights}/tokenizer/tokenizer.json")
    shape = latent_shape(unet, args.height, args.width)
    noise_of = lambda seed: torch.randn(shape, generator=torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def draw(words, noise):
        predict = lambda x, t: unet(x, t, words)
        if args.guidance != 1:
            predict = guided(unet, words, text(tokens_of(tokenizer, [""])), args.guidance, args.rescale)
        return vae.decode(denoise(predict, noise, args.steps)) / 2 + 0.5

    words_of = lambda prompts: text(tokens_of(tokenizer, prompts)).detach()
    if args.sheet:
        prompts = Path(args.prompts).read_text().splitlines() if args.prompts else PROMPTS
        jobs, pictures, start = [(p, 1 + seed) for p in prompts for seed in range(args.seeds)], [], time.time()
        for at in range(0, len(jobs), 4):
            part = jobs[at : at + 4]
            pictures += draw(words_of([p for p, _ in part]), torch.stack([noise_of(100 * s + len(p)) for p, s in part]))
        print(f"{len(pictures)} pictures, {len(pictures) / (time.time() - start):.2f} a second")
        sheet(pictures, [p for p, _ in jobs], args.columns, args.sheet, 160)
    if args.walk:
        ends, noises, pictures = words_of([args.walk_from, args.walk_to]), (noise_of(1), noise_of(2)), []
        for i in range(16):
            mix = i / 15
            pictures += draw(torch.lerp(ends[:1], ends[1:], mix), slerp(*noises, mix)[None])
        change = torch.stack([(a - b).abs().mean() for a, b in zip(pictures, pictures[1:])])
        print("mean change a frame:", " ".join(f"{c:.3f}" for c in change))
        sheet(pictures, [f"{i}/15" for i in range(16)], 8, args.walk, 160)


if __name__ == "__main__":
    main()
