"""The drawing tools that pictures.py paints with: coordinates, noise, palettes and finishing effects.

Everything is a batched torch tensor. Scalars per picture have shape (n, 1, 1), fields (n, h, w) and
colours or pictures (n, 3, h, w), so one call draws n different pictures on whatever device it is given.
"""

import math

import torch
import torch.nn.functional as F

# Five stops from dark to light. The first name is canonical, the rest are words that mean it in a caption.
PALETTES = {
    "sunset": ("1b0b3b 5b1a6e c2356b ff7a3d ffe08a", ["sunset colours", "orange and purple", "warm", "dusky"]),
    "gold": ("140a02 5a3306 b8790f f2c14e fff4cc", ["gold", "golden", "amber", "yellow", "honey"]),
    "red": ("120205 5c0613 c01525 ff5a45 ffd9c2", ["red", "crimson", "scarlet", "blood red", "ruby"]),
    "fire": ("0d0201 6e1003 e0430b ffb02e fff6c8", ["orange", "fiery", "burning", "hot", "warm"]),
    "teal": ("01161c 04474f 0b8f8c 4fd6c1 e3fff2", ["teal", "turquoise", "cyan", "aqua"]),
    "blue": ("020718 0b2a6b 1f66d1 69b8ff eaf7ff", ["blue", "azure", "cobalt", "deep blue", "cold"]),
    "ice": ("0b1a2b 2f5f86 7db3d3 c3e4f2 ffffff", ["icy", "ice blue", "cold", "frozen", "silver"]),
    "violet": ("0c0420 3a0f73 7a35c9 c08bff f7e8ff", ["violet", "purple", "lavender", "indigo"]),
    "pink": ("1a0318 6e0d57 d6338f ff8ac0 ffe6f1", ["pink", "magenta", "rose"]),
    "green": ("021209 0a4a2a 1f9d55 7fe08f f0ffd9", ["green", "emerald", "jade", "lush"]),
    "mono": ("050507 2c2d33 75777f bfc2c8 fafafa", ["monochrome", "black and white", "grey", "gray"]),
    "pastel": ("5f74b8 a3b0ea f3aecb ffd3b5 fffbe8", ["pastel", "soft coloured", "candy", "pale"]),
    "neon": ("0a0220 4a00b8 ff1aa8 12dcff f2ffb0", ["neon", "electric", "pink and cyan", "cyberpunk"]),
    "earth": ("1a0d06 5b2e12 a85a24 d9a05b f7e7c6", ["earthy", "brown", "copper", "autumn", "bronze"]),
    "rainbow": ("4b2bd6 12a5d8 3fd27a ffc83c ff4b6e", ["rainbow", "colourful", "multicolour", "vibrant"]),
}


RAMP = 2048  # steps of a palette's colour table


def palette_stops(names, device):
    """(n, 5, 3) stops in 0..1 for a list of palette names."""
    rows = [[[int(hexa[i : i + 2], 16) / 255 for i in (0, 2, 4)] for hexa in PALETTES[name][0].split()] for name in names]
    return torch.tensor(rows, device=device)


def ramp_table(stops):
    """(n * RAMP, 3): each palette's colours from dark to light, smooth between its stops."""
    t = torch.linspace(0, 4, RAMP, device=stops.device)
    weight = (1 - (t[:, None] - torch.arange(5, device=stops.device)).abs()).clamp(min=0)
    weight = weight * weight * (3 - 2 * weight)
    return torch.einsum("rk,nkc->nrc", weight, stops).reshape(-1, 3)


def smooth(lo, hi, t):
    t = ((t - lo) / (hi - lo)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def over(picture, colour, alpha):
    """Lay colour (or another picture) over picture where the field alpha is 1."""
    return picture + (colour - picture) * alpha.unsqueeze(1)


def blur(picture, radius):
    """A cheap wide blur: shrink, then grow with bicubic weights."""
    h, w = picture.shape[-2:]
    small = F.interpolate(picture, (max(2, round(h / radius)), max(2, round(w / radius))), mode="area")
    return F.interpolate(small, (h, w), mode="bicubic", align_corners=False).clamp(min=0)


def hue_turn(picture, angle):
    """Turn the hue of each pixel by the field angle (radians), keeping grey fixed."""
    cos, sin = angle.cos().unsqueeze(1), angle.sin().unsqueeze(1)
    mean = picture.mean(1, keepdim=True)
    cross = (picture.roll(-1, 1) - picture.roll(1, 1)) / math.sqrt(3)
    return mean + (picture - mean) * cos + cross * sin


def noise_texture(n, channels, octaves, size, gen, device):
    """(n, channels, size + 1, size + 1) tileable value noise, 8 lattice cells wide, mean 0.5."""
    total = torch.zeros(n, channels, size, size, device=device)
    for k in range(octaves):
        cells = 8 << k
        if cells > size // 2:
            break
        lattice = torch.randn(n, channels, cells, cells, generator=gen, device=device)
        margin = 2
        lattice = F.pad(lattice, (margin,) * 4, mode="circular")
        grown = (cells + 2 * margin) * (size // cells)
        wide = F.interpolate(lattice, (grown, grown), mode="bicubic", align_corners=False)
        cut = margin * (size // cells)
        total += wide[..., cut : cut + size, cut : cut + size] * 0.5**k
    total = (total - total.mean((2, 3), keepdim=True)) / total.std((2, 3), keepdim=True)
    return F.pad(0.5 + 0.19 * total, (0, 1, 0, 1), mode="circular")


class Canvas:
    """What one batch of pictures is drawn with. x runs -aspect..aspect, y runs -1 (bottom)..1 (top)."""

    def __init__(self, palettes, height, width, gen, device, zoom=None):
        self.n, self.h, self.w, self.gen, self.device = len(palettes), height, width, gen, device
        self.px = 2 / height
        y = 1 - (torch.arange(height, device=device) + 0.5) * self.px
        x = (torch.arange(width, device=device) + 0.5) * self.px - width / height
        self.x = x.view(1, 1, -1).expand(self.n, height, width)
        self.y = y.view(1, -1, 1).expand(self.n, height, width)
        self.zoom = torch.ones(self.n, 1, 1, device=device) if zoom is None else zoom
        self.stops = palette_stops(palettes, device)
        self.lut = ramp_table(self.stops)
        self.rough = noise_texture(self.n, 1, 5, 256, gen, device)
        self.mild = noise_texture(self.n, 1, 2, 64, gen, device)
        self.table = torch.rand(self.n, 4, 32 * 32, generator=gen, device=device)

    def u(self, lo=0.0, hi=1.0):
        return lo + (hi - lo) * torch.rand(self.n, 1, 1, generator=self.gen, device=self.device)

    def pick(self, *values):
        index = torch.randint(len(values), (self.n, 1, 1), generator=self.gen, device=self.device)
        return torch.tensor(values, device=self.device, dtype=torch.float32)[index]

    def _sample(self, texture, u, v):
        u, v = torch.broadcast_tensors(u / 8, v / 8)
        grid = torch.stack((u - u.floor(), v - v.floor()), -1) * 2 - 1
        return F.grid_sample(texture, grid, mode="bilinear", align_corners=True)[:, 0]

    def fbm(self, u, v):
        """Rich fractal noise; one unit is one cell of its coarsest octave."""
        return self._sample(self.rough, u + self.u(0, 8), v + self.u(0, 8))

    def soft(self, u, v):
        """Smooth noise for warps, hills and slow variation."""
        return self._sample(self.mild, u + self.u(0, 8), v + self.u(0, 8))

    def hash(self, ix, iy):
        """(n, 4, ...) random numbers fixed for each integer cell."""
        index = (iy.long() % 32) * 32 + ix.long() % 32
        flat = index.reshape(self.n, 1, -1).expand(-1, 4, -1)
        return self.table.gather(2, flat).view(self.n, 4, *index.shape[1:])

    def ramp(self, t):
        """Palette colour of the field t: 0 is the darkest stop, 1 the lightest."""
        row = torch.arange(self.n, device=self.device).view(-1, 1, 1) * RAMP
        index = (t.nan_to_num().clamp(0, 1) * (RAMP - 1)).round().int() + row.int()
        return F.embedding(index, self.lut).permute(0, 3, 1, 2)

    def stop(self, k):
        return self.stops[:, k].view(self.n, 3, 1, 1)

    def edge(self, distance, width=1.0):
        """Anti-aliased inside test: 1 where distance > 0, over `width` pixels."""
        return (distance / (self.px * width) + 0.5).clamp(0, 1)

    def turned(self, angle, x=None, y=None):
        x, y = self.x if x is None else x, self.y if y is None else y
        return x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()

    def stars(self, layers=((16, 1.0), (34, 0.7)), size=1.3):
        """A field of soft points of uneven brightness."""
        light = 0
        for cells, gain in layers:
            gx, gy = self.x * cells / 2 + self.u(0, 32), self.y * cells / 2 + self.u(0, 32)
            ix, iy = gx.floor(), gy.floor()
            h = self.hash(ix, iy)
            d2 = (gx - ix - 0.2 - 0.6 * h[:, 0]) ** 2 + (gy - iy - 0.2 - 0.6 * h[:, 1]) ** 2
            core = (self.px * cells / 2 * size * (0.6 + h[:, 3])) ** 2
            light = light + gain * smooth(0.45, 1.0, h[:, 2]) ** 2 * ((-d2 / core).exp() + 0.12 / (1 + d2 / core) * (d2 < 0.04))
        return light.clamp(0, 1)

    def cells(self, gx, gy):
        """Voronoi: (nearest distance, distance to the border, hash of the cell, offset x, offset y)."""
        ix, iy = gx.floor(), gy.floor()
        best = torch.full_like(gx, 9.0)
        second, bx, by, bh = best.clone(), best, best, None
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                h = self.hash(ix + dx, iy + dy)
                ox, oy = ix + dx + 0.1 + 0.8 * h[:, 0] - gx, iy + dy + 0.1 + 0.8 * h[:, 1] - gy
                d = (ox * ox + oy * oy).sqrt()
                near = d < best
                second = torch.where(near, best, torch.minimum(second, d))
                bh = h if bh is None else torch.where(near.unsqueeze(1), h, bh)
                bx, by, best = torch.where(near, ox, bx), torch.where(near, oy, by), torch.minimum(best, d)
        return best, second - best, bh, bx, by


# ---- finishing: light and style, each named by words in the caption -------------------------------

def bloom(c, picture, gain=0.9):
    glow = (picture - 0.45).clamp(min=0)
    return 1 - (1 - picture) * (1 - gain * (0.6 * blur(glow, 10) + 0.6 * blur(glow, 28)).clamp(0, 1))


def dark(c, picture):
    r2 = (c.x * c.h / c.w) ** 2 + c.y**2
    return picture ** 1.35 * (0.82 - 0.32 * r2).clamp(min=0.1).unsqueeze(1)


def bright(c, picture):
    return 1 - (1 - picture.clamp(0, 1)) ** 1.5


def misty(c, picture):
    mist = smooth(0.25, 0.8, c.fbm(c.x * 1.0, c.y * 2.4)) * (0.75 - 0.35 * c.y).clamp(0, 1)
    tint = 0.35 * blur(picture, 64).amax((2, 3), keepdim=True).clamp(0, 1) + 0.55
    return over(blur(picture, 1.6), tint, (mist * 0.8).clamp(0, 0.85))


def watercolor(c, picture):
    u, v = c.fbm(c.x * 2, c.y * 2) - 0.5, c.fbm(c.x * 2, c.y * 2) - 0.5
    wet = warp(c, blur(picture, 2.5), 0.10 * u, 0.10 * v)
    edges = (blur(wet, 5) - wet).abs().mean(1, keepdim=True)
    pigment = c.fbm(c.x * 5, c.y * 5).unsqueeze(1)
    wet = 0.16 + 0.84 * wet ** 0.72
    out = wet * (1 - 1.3 * edges) + (pigment - 0.5) * 0.16
    frame = torch.maximum(c.x.abs() * c.h / c.w, c.y.abs()) + 0.16 * (c.fbm(c.x * 2, c.y * 2) - 0.5)
    paper = torch.tensor([0.97, 0.95, 0.91], device=c.device).view(1, 3, 1, 1)
    return over(out, paper, smooth(0.86, 0.97, frame))


def oil(c, picture):
    angle = c.soft(c.x * 1.3, c.y * 1.3) * 9
    total = 0
    for step in (-3, -2, -1, 0, 1, 2, 3):
        total = total + warp(c, picture, angle.cos() * step * 0.018, angle.sin() * step * 0.018)
    total = total / 7
    bristle = c.fbm(c.x * 4 + 0.6 * angle.cos(), c.y * 4 + 0.6 * angle.sin()) - 0.5
    relief = (bristle - bristle.roll((2, 2), (1, 2))).clamp(-0.12, 0.12)
    level = total.mean(1, keepdim=True)
    return (total - 0.5) * 1.12 + 0.5 + relief.unsqueeze(1) * (0.15 + 0.75 * level)


def pixel(c, picture):
    small = F.interpolate(picture, (c.h // 8, c.w // 8), mode="area")
    small = ((small * 1.1 - 0.03) * 7).round() / 7
    return F.interpolate(small, (c.h, c.w), mode="nearest")


def psychedelic(c, picture):
    luma = picture.mean(1)
    wave = 5 * luma + 4 * c.soft(c.x, c.y)
    vivid = torch.stack([0.5 + 0.5 * (wave + k * 2.1).sin() for k in range(3)], 1)
    return (0.35 * picture + 0.75 * vivid * (0.25 + 0.9 * luma.unsqueeze(1) ** 0.6)).clamp(0, 1)


def vintage(c, picture):
    sepia = picture.mean(1, keepdim=True) * torch.tensor([1.08, 0.95, 0.78], device=c.device).view(1, 3, 1, 1)
    faded = 0.10 + 0.82 * (0.45 * picture + 0.55 * sepia)
    return faded * (1.05 - 0.28 * ((c.x * c.h / c.w) ** 2 + c.y**2)).unsqueeze(1)


def minimal(c, picture):
    calm = blur(picture, 6)
    level = calm.mean(1) * 5
    step = level.floor() + smooth(0.42, 0.58, level - level.floor())
    return c.ramp(step / 5)


def warp(c, picture, dx, dy):
    gx = (c.x + dx) * c.h / c.w
    return F.grid_sample(picture, torch.stack((gx, -(c.y + dy)), -1), padding_mode="reflection", align_corners=False)


LIGHTS = {
    "dark": (dark, ["dark", "moody", "dim", "shadowy"]),
    "bright": (bright, ["bright", "sunny", "luminous", "radiant"]),
    "misty": (misty, ["misty", "foggy", "hazy"]),
    "glowing": (bloom, ["glowing", "dreamy", "ethereal", "shimmering"]),
}
STYLES = {
    "watercolor": (watercolor, ["watercolor", "watercolour painting", "watercolor wash"]),
    "oil": (oil, ["oil painting", "impressionist painting", "painterly brush strokes"]),
    "pixel": (pixel, ["pixel art", "8-bit", "retro game pixels"]),
    "psychedelic": (psychedelic, ["psychedelic", "trippy", "acid trip"]),
    "vintage": (vintage, ["vintage film", "retro photograph", "old film"]),
    "minimal": (minimal, ["minimal", "minimalist poster", "flat poster"]),
}
