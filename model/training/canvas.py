"""The drawing tools that pictures.py paints with: coordinates, noise, palettes.

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
    "coral": ("2b0710 8a2238 f0604d ff9e7a ffe3d1", ["coral", "peach", "salmon", "apricot"]),
    "wine": ("0e0207 430a1e 8a1a3a c24d68 f2d3d6", ["wine red", "burgundy", "maroon", "cherry"]),
    "teal": ("01161c 04474f 0b8f8c 4fd6c1 e3fff2", ["teal", "turquoise", "cyan", "aqua"]),
    "mint": ("06201a 1d6b57 5fc9a6 a6ecd0 f1fff9", ["mint", "mint green", "seafoam", "pistachio"]),
    "blue": ("020718 0b2a6b 1f66d1 69b8ff eaf7ff", ["blue", "azure", "cobalt", "deep blue", "cold"]),
    "navy": ("01030f 08123a 16296e 3f5fa8 c9d8f5", ["navy", "midnight blue", "dark blue", "ultramarine"]),
    "ice": ("0b1a2b 2f5f86 7db3d3 c3e4f2 ffffff", ["icy", "ice blue", "cold", "frozen", "pale blue"]),
    "violet": ("0c0420 3a0f73 7a35c9 c08bff f7e8ff", ["violet", "purple", "indigo", "ultraviolet"]),
    "lavender": ("1c1738 5a4f96 a393dd cfc2f5 f7f3ff", ["lavender", "lilac", "mauve", "wisteria"]),
    "pink": ("1a0318 6e0d57 d6338f ff8ac0 ffe6f1", ["pink", "rose", "rosy", "hot pink"]),
    "magenta": ("18001a 6b0070 d412c0 ff5ce0 ffd9fb", ["magenta", "fuchsia", "orchid"]),
    "green": ("021209 0a4a2a 1f9d55 7fe08f f0ffd9", ["green", "emerald", "jade", "lush"]),
    "lime": ("0a1400 2f5205 86c414 c8f04a f6ffd0", ["lime", "lime green", "chartreuse", "acid green"]),
    "mono": ("050507 2c2d33 75777f bfc2c8 fafafa", ["monochrome", "black and white", "grey", "gray"]),
    "silver": ("080c12 333d49 7f8c99 c2ccd6 f6f9fc", ["silver", "steel", "metallic", "chrome", "platinum"]),
    "pastel": ("5f74b8 a3b0ea f3aecb ffd3b5 fffbe8", ["pastel", "soft coloured", "candy", "pale"]),
    "neon": ("0a0220 4a00b8 ff1aa8 12dcff f2ffb0", ["neon", "electric", "pink and cyan", "cyberpunk"]),
    "copper": ("170805 57210f b05a2c e09a63 fde6d0", ["copper", "bronze", "rust", "terracotta"]),
    "earth": ("1a0d06 5b2e12 a85a24 d9a05b f7e7c6", ["earthy", "brown", "autumn", "sepia", "chocolate"]),
    "rainbow": ("4b2bd6 12a5d8 3fd27a ffc83c ff4b6e", ["rainbow", "colourful", "multicolour", "vibrant"]),
}

TAU = 2 * math.pi
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
    """A cheap wide blur: shrink, then grow with bicubic weights. The radius is that of a picture with a short side of 256."""
    h, w = picture.shape[-2:]
    radius = max(1.0, radius * min(h, w) / 256)
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


def rings(c, count, lo, hi):
    """Random centres and radii of about `count` discs, more or fewer by the density."""
    for _ in range(math.ceil(count * DENSEST)):
        there = c.u() < c.density / DENSEST
        yield c.u(-c.half_w, c.half_w), c.u(-c.half_h, c.half_h), torch.where(there, c.u(lo, hi), 1e-4)


def ridge(c, base, height, rough):
    """A mountain silhouette: how far each pixel lies below its crest."""
    return base + height * (c.fbm(c.x * rough, c.x * 0 + 1) - 0.5) * 2 - c.y


DENSEST = 1.6  # the largest density


class Canvas:
    """What one batch of pictures is drawn with. y runs -1 (bottom)..1 (top) and x as far as the shape has it; where the
    motif is `centred`, it is the shorter side that runs -1..1, so that round things fit into upright pictures.

    `density` scales how many things there are, `behind` (n, 3, h, w) is drawn instead of a motif's own background.
    """

    def __init__(self, palettes, height, width, gen, device, zoom=None, density=None, centred=False, behind=None):
        self.n, self.h, self.w, self.gen, self.device, self.behind = len(palettes), height, width, gen, device, behind
        self.px = 2 / (min(height, width) if centred else height)
        self.half_h, self.half_w = height * self.px / 2, width * self.px / 2
        y = self.half_h - (torch.arange(height, device=device) + 0.5) * self.px
        x = (torch.arange(width, device=device) + 0.5) * self.px - self.half_w
        self.x = x.view(1, 1, -1).expand(self.n, height, width)
        self.y = y.view(1, -1, 1).expand(self.n, height, width)
        self.across, self.upward = self.x / self.half_w, self.y / self.half_h  # -1..1 whatever the shape
        one = torch.ones(self.n, 1, 1, device=device)
        self.zoom, self.density = one if zoom is None else zoom, one if density is None else density
        self.stops = palette_stops(palettes, device)
        self.lut = ramp_table(self.stops)
        # Large pictures need finer noise, or its lattice shows.
        size, octaves = (256, 5) if min(height, width) <= 320 else (512, 6)
        self.rough = noise_texture(self.n, 1, octaves, size, gen, device)
        self.mild = noise_texture(self.n, 1, 2, size // 2, gen, device)
        self.table = torch.rand(self.n, 4, 32 * 32, generator=gen, device=device)

    def backdrop(self, own, y=None):
        """The motif's own background, or the picture that this motif stands before; with `y` seen at other heights."""
        if self.behind is None:
            return own
        return self.behind if y is None else self.look(self.behind, self.x, y)

    def look(self, picture, x, y):
        """The colours of a picture at the points x, y; mirrored beyond its border."""
        grid = torch.stack((x / self.half_w, -y / self.half_h), -1)
        return F.grid_sample(picture, grid, padding_mode="reflection", align_corners=False)

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
        light, dimmest = 0, 1 - 0.55 * self.density
        for cells, gain in layers:
            gx, gy = self.x * cells / 2 + self.u(0, 32), self.y * cells / 2 + self.u(0, 32)
            ix, iy = gx.floor(), gy.floor()
            h = self.hash(ix, iy)
            d2 = (gx - ix - 0.2 - 0.6 * h[:, 0]) ** 2 + (gy - iy - 0.2 - 0.6 * h[:, 1]) ** 2
            core = (self.px * cells / 2 * size * (0.6 + h[:, 3])) ** 2
            light = light + gain * smooth(dimmest, 1.0, h[:, 2]) ** 2 * ((-d2 / core).exp() + 0.12 / (1 + d2 / core) * (d2 < 0.04))
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

    def hexes(self, x, y):
        """A honeycomb of width 1: (offset from the cell's centre x, y, random numbers of the cell)."""
        tall = math.sqrt(3)
        fold = lambda v, period: v - period * (v / period + 0.5).floor()
        ax, ay, bx, by = fold(x, 1), fold(y, tall), fold(x - 0.5, 1), fold(y - tall / 2, tall)
        near = ax * ax + ay * ay < bx * bx + by * by
        dx, dy = torch.where(near, ax, bx), torch.where(near, ay, by)
        return dx, dy, self.hash(((x - dx) * 2).round(), ((y - dy) * 2 / tall).round())
