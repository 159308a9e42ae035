"""The linear code an autoencoder begins as: principal components of patches, and least squares back."""

import torch
import torch.nn.functional as F

from f16c16.autoencoder import FACTOR

RIDGE = 1e-3  # added to the least squares, as a share of the latents' variance (1)


@torch.no_grad()
def fit(linear, pictures):
    """Set a LinearCode from (n, 3, h, w) pictures in -1..1, a few hundred at least.

    Latents have mean 0 and deviation 1 in each channel. The way back sees the neighbours too, which hides the seams
    between patches that principal components alone leave.
    """
    patches = F.pixel_unshuffle(pictures, FACTOR)
    channels, flat = patches.shape[1], linear.encode.out_channels
    rows = patches.permute(0, 2, 3, 1).reshape(-1, channels).double()
    mean = rows.mean(0)
    values, vectors = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
    basis = (vectors[:, -flat:] / values[-flat:].sqrt()).flip(1).T
    linear.encode.weight.copy_(basis.float()[:, :, None, None])
    linear.encode.bias.copy_(-(basis @ mean).float())

    z = F.pad(linear.encode(patches), (1,) * 4, mode="reflect")
    around = F.unfold(z, 3).transpose(1, 2).reshape(-1, 9 * flat).double()
    gram = around.T @ around / len(around) + RIDGE * torch.eye(9 * flat, dtype=torch.double)
    back = torch.linalg.solve(gram, around.T @ (rows - mean) / len(around))
    linear.decode.weight.copy_(back.T.reshape(channels, flat, 3, 3).float())
    linear.decode.bias.copy_(mean.float())
