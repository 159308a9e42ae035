"""One frame by diffusers, for its peak memory: python diffusers_frame.py FOLDER SIDE

All parts are loaded in float32, as `from_pretrained` does on a CPU, and stay. One step without guidance.
"""

import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection

folder, side = Path(sys.argv[1]), int(sys.argv[2])


@torch.no_grad()
def main():
    encoders = [CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)]
    if (folder / "text_encoder_2").is_dir():
        encoders.append(CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2", dtype=torch.float32))
    unet = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32)
    vae = AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=torch.float32)

    ids = torch.full((1, 77), 320)
    ids[0, 0], ids[0, 1:] = 49406, 49407
    outputs = [encoder(ids, output_hidden_states=True) for encoder in encoders]
    added = None
    if len(encoders) == 2:
        context = torch.cat([output.hidden_states[-2] for output in outputs], -1)
        added = dict(text_embeds=outputs[1].text_embeds, time_ids=torch.tensor([[side, side, 0, 0, side, side]]))
    else:
        context = outputs[0].last_hidden_state
    latents = torch.randn(1, 4, side // 8, side // 8)
    latents = unet(latents, 999, encoder_hidden_states=context, added_cond_kwargs=added).sample
    picture = vae.decode(latents / vae.config.scaling_factor).sample
    assert picture.shape == (1, 3, side, side)


main()
