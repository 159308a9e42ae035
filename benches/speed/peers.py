"""The other side of a comparison: `peers.py BACKEND CASE`, a process that runs the case once for each line on its standard
input. It prints `ready`, then the seconds of each run, and when its input ends, its peak memory in bytes.

Cases are those of `benches/cases/mod.rs`. Backends: `torch`, `torch-last` (channels last), `openvino`, `openvino-bf16`,
`onnxruntime`. The number of threads comes from OMP_NUM_THREADS.
"""

import io
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

THREADS = int(os.environ.get("OMP_NUM_THREADS", 2))
TRAINING = Path(__file__).resolve().parents[2] / "model/training"  # has the networks that diffusers doesn't know, in torch


class Geglu(nn.Module):
    def __init__(self, width_in, width_out):
        super().__init__()
        self.proj = nn.Linear(width_in, 2 * width_out)

    def forward(self, x):
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * functional.gelu(gate)


class Attention(nn.Module):
    def __init__(self, heads):
        super().__init__()
        self.heads = heads

    def forward(self, x):
        split = x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return functional.scaled_dot_product_attention(split, split, split).transpose(1, 2).flatten(2)


class Denoiser(nn.Module):
    def __init__(self, unet):
        super().__init__()
        self.unet = unet

    def forward(self, x, context, *added):
        timestep = torch.full((x.shape[0],), 999.0)
        names = dict(zip(("text_embeds", "time_ids"), added))
        return self.unet(x, timestep, context, added_cond_kwargs=names or None, return_dict=False)[0]


class Decoder(nn.Module):
    def __init__(self, vae):
        super().__init__()
        self.vae = vae

    def forward(self, x):
        return self.vae.decode(x / self.vae.config.scaling_factor, return_dict=False)[0]


class OurDecoder(nn.Module):
    """The bundled model's decoder, of a class that diffusers doesn't know."""

    def __init__(self, folder):
        super().__init__()
        sys.path.insert(0, str(TRAINING))
        from export import full
        from nets import autoencoder_of

        self.vae = autoencoder_of(full(Path(folder) / "diffusion_pytorch_model.safetensors"))
        self.latent_channels = self.vae.cfg["latent_channels"]

    def forward(self, x):
        return self.vae.decode(x)


def config_of(folder):
    return json.loads((Path(folder) / "config.json").read_text())


def load(folder):
    """diffusers' module in float32, its weights read one by one."""
    import diffusers

    config = config_of(folder)
    return getattr(diffusers, config["_class_name"]).from_pretrained(folder, torch_dtype=torch.float32)


def module(case):
    """A module and its inputs."""
    kind, rest = case.removeprefix("exact:").split(":", 1)
    if kind in ("unet", "decode"):
        folder, side, batch = rest.rsplit(":", 2)
        side, batch = int(side), int(batch)
        if config_of(folder)["_class_name"] == "PatchAutoencoder":
            decoder = OurDecoder(folder)
            return decoder, [torch.randn(batch, decoder.latent_channels, side, side)]
        model = load(folder)
        config = model.config
        if kind == "decode":
            del model.encoder
            return Decoder(model), [torch.randn(batch, config.latent_channels, side, side)]
        width = config.cross_attention_dim
        inputs = [torch.randn(batch, config.in_channels, side, side), torch.randn(batch, 77, width)]
        if config.addition_embed_type:
            pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
            inputs += [torch.randn(batch, pooled), torch.tensor([[512.0, 512, 0, 0, 512, 512]] * batch)]
        return Denoiser(model), inputs
    n = [int(part) for part in rest.split(":")]
    if kind == "conv":
        return nn.Conv2d(n[0], n[1], n[2], padding=n[2] // 2), [torch.randn(1, n[0], n[3], n[3])]
    if kind == "upconv":
        up = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(n[0], n[0], 3, padding=1))
        return up, [torch.randn(1, n[0], n[1], n[1])]
    if kind == "linear":
        return nn.Linear(n[1], n[2]), [torch.randn(n[0], n[1])]
    if kind == "geglu":
        return Geglu(n[1], n[2]), [torch.randn(n[0], n[1])]
    if kind == "attention":
        return Attention(n[1]), [torch.randn(1, n[0], n[1] * n[2])]
    if kind == "norm":
        return nn.Sequential(nn.GroupNorm(32, n[0]), nn.SiLU()), [torch.randn(1, n[0], n[1], n[1])]
    sys.exit(f"there is no case {case}")


def with_torch(net, inputs, channels_last):
    if channels_last:
        net = net.to(memory_format=torch.channels_last)
        inputs = [x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for x in inputs]
    return lambda: net(*inputs)


def with_openvino(net, inputs, precision):
    import openvino as ov

    converted = ov.convert_model(net, example_input=tuple(inputs))
    for port, x in zip(converted.inputs, inputs):
        port.get_node().set_partial_shape(ov.PartialShape(list(x.shape)))
    converted.validate_nodes_and_infer_types()
    hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": precision}
    compiled = ov.Core().compile_model(converted, "CPU", hints)
    request = compiled.create_infer_request()
    arrays = [x.numpy() for x in inputs]
    return lambda: request.infer(arrays, share_inputs=True, share_outputs=True)


def with_onnxruntime(net, inputs):
    import onnxruntime as ort

    file = io.BytesIO()
    torch.onnx.export(net, tuple(inputs), file, dynamo=False, opset_version=17)
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = ort.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    feed = {port.name: x.numpy() for port, x in zip(session.get_inputs(), inputs)}
    return lambda: session.run(None, feed)


def peak_bytes():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


@torch.inference_mode()
def main():
    backend, case = sys.argv[1:]
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    net, inputs = module(case)
    net = net.eval()
    if backend.startswith("torch"):
        run = with_torch(net, inputs, backend == "torch-last")
    elif backend.startswith("openvino"):
        run = with_openvino(net, inputs, "bf16" if backend.endswith("bf16") else "f32")
        del net
    else:
        run = with_onnxruntime(net, inputs)
        del net
    print("ready", flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        run()
        print(time.perf_counter() - started, flush=True)
    print(peak_bytes())


if __name__ == "__main__":
    main()
