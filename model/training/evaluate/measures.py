"""Figures of pictures (n, 3, h, w) in 0..1 and of walks, each a plain function."""

import torch
import torch.nn.functional as F


def oklab(pictures):
    """(n, 3, h, w) lightness 0..1 and the two colour axes; Ottosson 2020, "A perceptual color space"."""
    p = pictures.clamp(0, 1)
    linear = torch.where(p <= 0.04045, p / 12.92, ((p + 0.055) / 1.055) ** 2.4)
    to_cones = torch.tensor([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                             [0.0883024619, 0.2817188376, 0.6299787005]])
    to_lab = torch.tensor([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                           [0.0259040371, 0.7827717662, -0.8086757660]])
    cones = torch.einsum("kc,nchw->nkhw", to_cones, linear).clamp(min=0) ** (1 / 3)
    return torch.einsum("kc,nchw->nkhw", to_lab, cones)


def tone(pictures):
    """(n, 4): mean lightness, mean colour a, mean colour b, mean chroma."""
    lab = oklab(pictures)
    chroma = (lab[:, 1] ** 2 + lab[:, 2] ** 2).sqrt()
    return torch.cat((lab.mean((2, 3)), chroma.mean((1, 2))[:, None]), 1)


def contrast(pictures):
    """(n,) deviation of lightness over each picture."""
    return oklab(pictures)[:, 0].flatten(1).std(1)


DETAILS = "1 / 2 / 4 / 8 / 16"


def detail(pictures):
    """Mean square of the 3x3 Laplacian of brightness, at the pictures' size and at those halved up to four times: energy of
    details about 1, 2, 4, 8 and 16 pixels wide. Few pictures (dots, stars, cells) have most of it."""
    grey = pictures.mean(1, keepdim=True)
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]).view(1, 1, 3, 3)
    halved = [F.avg_pool2d(grey, 2**k) for k in range(len(DETAILS.split("/")))]
    return [(F.conv2d(x, kernel) ** 2).mean().item() for x in halved]


def borders(pictures):
    """How far the outermost row or column lies from the fourth, over how far that one lies from the eighth: mean of the four
    sides. About 0.8 where nothing marks the border."""
    ratios = []
    for p in (pictures, pictures.flip(2), pictures.transpose(2, 3), pictures.transpose(2, 3).flip(2)):
        apart = lambda a, b: (p[:, :, a] - p[:, :, b]).abs().mean()
        ratios.append(apart(0, 3) / apart(3, 7).clamp(min=1e-6))
    return torch.stack(ratios).mean().item()


def psnr(made, true):
    """(n,) decibels."""
    return -10 * ((made - true) ** 2).mean((1, 2, 3)).clamp(min=1e-9).log10()


def frechet(a, b):
    """Fréchet distance of two sets of features (n, d) taken as normal distributions (Heusel et al. 2017)."""
    a, b = a.double(), b.double()
    gap = ((a.mean(0) - b.mean(0)) ** 2).sum()
    first, second = a.T.cov(), b.T.cov()
    values, vectors = torch.linalg.eigh(first)
    root = vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
    mixed = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    return (gap + first.trace() + second.trace() - 2 * mixed).item()


def steps_of(frames):
    """(k - 1,) root mean square change from frame to frame of a walk (k, 3, h, w)."""
    return ((frames[1:] - frames[:-1]) ** 2).mean((1, 2, 3)).sqrt()
