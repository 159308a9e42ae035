"""Motifs of water, smoke and what floats in them: each function paints one batch of pictures on a canvas, (n, 3, h, w)."""

import torch

from canvas import TAU, over, ridge, rings, smooth


def rain(c):
    picture = c.ramp(0.08 + 0.25 * smooth(1, -1, c.y) + 0.15 * c.soft(c.x, c.y))
    for x, y, r in rings(c, 16, 0.04, 0.2):
        d = ((c.x - x) ** 2 + (c.y - y) ** 2).sqrt()
        picture = picture + c.ramp(c.u(0.45, 0.85) + 0 * c.x) * (c.edge(r - d, 5) * (0.10 + 0.22 * smooth(0.4, 1.0, d / r))).unsqueeze(1)
    x, y = c.turned(c.u(-0.25, 0.25))
    for scale, gain in ((26, 0.30), (14, 0.42)):
        gx = x * scale + c.u(0, 32)
        ix = gx.floor()
        gy = y * 2.2 + 9 * c.hash(ix, ix * 0)[:, 0]
        h = c.hash(ix, gy.floor())
        fy = gy - gy.floor()
        streak = (-(((gx - ix - 0.5) / 0.13) ** 2)).exp() * smooth(0.1, 0.8, fy) * smooth(1.0, 0.9, fy) * (h[:, 1] > 0.45)
        picture = picture + (streak * gain).unsqueeze(1) * c.stop(4)
    return picture


def caustics(c):
    z = c.u(1.6, 3.0) * c.zoom
    x, y = c.turned(c.u(0, TAU))
    px, py = x * z, y * z
    net = c.cells(px * 1.2 + 0.5 * c.soft(px, py), py * 1.2 + 0.5 * c.soft(px, py))
    web = (-net[1] * 7).exp() + 0.5 * (-c.cells(px * 2 + 9, py * 2)[1] * 7).exp()
    return c.ramp(0.28 + 0.22 * c.soft(px * 0.5, py * 0.5) + 0.1 * c.y + 0.55 * web)


def bubbles(c):
    picture = c.backdrop(c.ramp(0.16 + 0.34 * smooth(-1, 1, c.y) + 0.25 * (c.soft(c.x, c.y) - 0.5)))
    for x, y, r in rings(c, 18, 0.05, 0.3):
        u, v = (c.x - x) / r, (c.y - y) / r
        d = (u * u + v * v).sqrt()
        inside = c.edge((1 - d) * r, 2)
        rim = smooth(0.55, 1.0, d) ** 2 * 0.75 + 0.08
        shine = (-((u + 0.42) ** 2 + (v - 0.45) ** 2) * 22).exp() + 0.4 * (-((u - 0.45) ** 2 + (v + 0.5) ** 2) * 14).exp()
        picture = over(picture, c.ramp(0.72 + 0.25 * v + 0.1 * u), inside * rim)
        picture = picture + (shine * inside * 0.8).unsqueeze(1)
    return picture


def underwater(c):
    deep = smooth(1.1, -1.1, c.y)
    picture = c.ramp(0.80 - 0.68 * deep)
    ox = c.u(-0.6, 0.6)
    fan = (c.x - ox) / (1.9 - c.y)
    shafts = (c.soft(fan * 9, fan * 0) * 1.6 - 0.45).clamp(0, 1) * smooth(-1.1, 0.9, c.y)
    picture = picture + c.stop(4) * (shafts * 0.33).unsqueeze(1)
    motes = c.stars(((10, 1.0), (22, 0.7)), 1.7)
    picture = picture + motes.unsqueeze(1) * 0.4
    floor = ridge(c, c.u(-0.95, -0.75), 0.28, 1.4)
    web = (-c.cells(c.x * 3, c.y * 9)[1] * 6).exp() * 0.22
    return over(picture, c.ramp(0.14 + web + 0.1 * c.fbm(c.x * 4, c.y * 4)), c.edge(floor, 3))


def jellyfish(c):
    picture = c.backdrop(c.ramp(0.06 + 0.16 * smooth(-1, 1, c.y) + 0.08 * c.soft(c.x, c.y)) + c.stars(size=1.5).unsqueeze(1) * 0.3)
    for k in range(3):
        size = c.u(0.16, 0.42) * (1 - 0.2 * k)
        x, y = c.turned(c.u(-0.5, 0.5), (c.x - c.u(-0.75, 0.75)) / size, (c.y - c.u(-0.1, 0.65)) / size)
        d = (x * x + y * y * 1.5).sqrt()
        skirt = -0.12 + 0.08 * (x * 9 + c.u(0, TAU)).sin()
        bell = c.edge((1 - d) * size, 2) * smooth(skirt - 0.05, skirt + 0.05, y)
        rim = 0.30 + 0.5 * smooth(0.5, 1.0, d) + 0.25 * (-(y - skirt).abs() * 6).exp() + 0.08 * (x * 14).cos()
        down = (-y).clamp(min=0)
        sway = 0.25 * (down * c.u(1.2, 2.5) + c.u(0, TAU)).sin() * (0.2 + 0.35 * down)
        arms = 0
        for j in range(7):
            at = (j - 3) * 0.25 * (1 - 0.08 * down) + sway + 0.06 * (down * (3 + j) + j).sin()
            arms = arms + (-((x - at) / 0.035) ** 2).exp() + 0.25 * (-(x - at).abs() * 10).exp()
        arms = arms.clamp(0, 1) * smooth(-0.02, 0.25, down) * (-down * 0.55).exp() * (y < 0.05)
        halo = (-(d - 1).clamp(min=0) * 2.2).exp() * 0.22
        picture = picture + c.stop(2) * halo.unsqueeze(1) + c.ramp(0.62 + 0 * x) * (arms * 0.6).unsqueeze(1)
        picture = over(picture, c.ramp(rim + 0.15), bell * (0.35 + 0.6 * smooth(0.2, 1, d)))
    return picture


def smoke(c):
    z = c.zoom
    wx = c.soft(c.x * 1.5 * z, c.y * 0.8 * z) - 0.5
    wy = c.soft(c.x * 1.5 * z, c.y * 0.8 * z) - 0.5
    u, v = c.x + 1.1 * wx, c.y * 0.6 + 0.9 * wy
    puff = c.fbm(u * 1.7 * z, v * 1.7 * z)
    plume = (-((c.x - c.u(-0.3, 0.3) - 0.8 * wx) / (0.35 + 0.35 * (c.y + 1))) ** 2).exp()
    body = smooth(0.22, 0.85, puff) * (0.25 + 0.85 * plume)
    return c.ramp(0.03 + 0.95 * body)


def ink(c):
    z = c.zoom * c.u(0.8, 1.3)
    wx, wy = c.fbm(c.x * z, c.y * z) - 0.5, c.fbm(c.x * z, c.y * z) - 0.5
    vx, vy = c.soft((c.x + wx) * 1.5 * z, (c.y + wy) * z), c.soft((c.x - wy) * z, (c.y + wx) * z)
    drop = c.fbm((c.x + 2.2 * (vx - 0.5)) * 1.2 * z, (c.y + 2.2 * (vy - 0.5)) * 1.2 * z)
    density = smooth(0.42, 0.75, drop + 0.22 * (c.y - 0.1))
    return c.ramp(0.97 - 0.86 * density + 0.3 * density * (vx - 0.5))


def lava(c):
    picture = c.ramp(0.10 + 0.26 * smooth(1, -1, c.y))
    field, heat = 0, 0
    for x, y, r in rings(c, 9, 0.10, 0.30):
        d2 = (c.x - x * 0.8) ** 2 + ((c.y - y) * 0.8) ** 2
        field = field + r * r / (d2 + 0.004)
    t = field.clamp(0, 6)
    blob = smooth(0.95, 1.05, t)
    shade = 0.55 + 0.30 * smooth(1.0, 2.6, t) - 0.16 * c.y
    glow = smooth(0.3, 1.0, t) * 0.3
    return over(picture + c.stop(2) * (glow * (1 - blob)).unsqueeze(1), c.ramp(shade), blob)


def waterfall(c):
    x0, width = c.u(-0.35, 0.35) * c.half_w, c.u(0.16, 0.34)
    rock = c.fbm(c.x * 2.2, c.y * 1.3) * 0.55 + c.fbm(c.x * 5, c.y * 3) * 0.3
    picture = c.ramp(0.06 + 0.42 * rock * (0.6 + 0.4 * c.upward))
    sky = ridge(c, 0.78, 0.2, 1.4)
    picture = over(c.backdrop(c.ramp(0.75 + 0.15 * c.y)), picture, c.edge(sky, 2))
    for k in range(3):
        middle = x0 + (k - 1) * width * 1.1 + 0.22 * (c.soft(c.y * 0.8, c.y * 0 + k) - 0.5)
        spread = width * (0.55 if k != 1 else 1.0) * (1.0 + 0.35 * smooth(0.8, -0.8, c.y)) * (0.75 + 0.5 * c.soft(c.y * 1.4, c.y * 0))
        aside = (c.x - middle) / spread
        strands = c.fbm(c.x * 16, c.y * 0.7) * 0.6 + c.fbm(c.x * 34, c.y * 1.5) * 0.4
        flow = smooth(1.0, 0.55, aside.abs()) * smooth(0.85, 0.7, c.y) * smooth(0.18, 0.5, strands)
        picture = over(picture, c.ramp(0.60 + 0.42 * strands), flow * (1.0 if k == 1 else 0.75))
    pool = c.edge(-0.72 + 0.04 * (c.fbm(c.x * 4, c.x * 0) - 0.5) - c.y, 3)
    water = c.ramp(0.30 + 0.35 * c.fbm(c.x * 2, c.y * 12) + 0.3 * (-((c.x - x0) / (width * 1.5)) ** 2).exp())
    picture = over(picture, water, pool)
    spray = (-((c.x - x0) / (width * 2.2)) ** 2).exp() * (-(c.y + 0.70).abs() * 3.0).exp() * (0.4 + 0.8 * c.fbm(c.x * 2, c.y * 2))
    return over(picture, c.ramp(0.95 + 0 * c.x), spray.clamp(0, 0.9))


def ripples(c):
    """Rings of drops on still water."""
    height = 0.25 * c.soft(c.x * 2, c.y * 2)
    for _ in range(6):
        there = c.u() < 0.62 * c.density
        d = ((c.x - c.u(-0.9, 0.9) * c.half_w) ** 2 + (c.y - c.u(-0.9, 0.9) * c.half_h) ** 2).sqrt()
        reach, k = c.u(0.3, 0.9), c.u(26, 44) / c.zoom
        height = height + there * (d * k).cos() * smooth(reach, reach * 0.5, d) * (-d * 1.6).exp() * 0.5
    dx = (height - height.roll(1, 2)) / c.px
    dy = (height - height.roll(1, 1)) / c.px
    dx[:, :, 0], dy[:, 0] = dx[:, :, 1], dy[:, 1]
    light = 0.42 + 0.035 * (dx * 0.7 + dy) + 0.12 * c.upward + 0.2 * (c.soft(c.x, c.y) - 0.5)
    shine = smooth(6, 14, dx + dy) * 0.6
    return c.ramp(light) + shine.unsqueeze(1) * c.stop(4)


def lanterns(c):
    """Paper lights rising into the night, the largest nearest."""
    picture = c.backdrop(c.ramp(0.05 + 0.22 * smooth(0.8, -1.0, c.y)) + 0.4 * c.stars().unsqueeze(1))
    total = 22
    for k in range(total):
        there = c.u() < 0.62 * c.density
        size = 0.03 + 0.15 * (k / total) ** 2 * c.u(0.7, 1.2)
        x, y = c.x - c.u(-1, 1) * c.half_w, c.y - c.u(-0.75, 1.0)
        u, v = x / (size * 0.72), y / size
        body = (1 - (u.abs() ** 2.6 + v.abs() ** 3.2 + 0.35 * u * u * (v < 0) * v.abs())) * size
        shade = 0.72 + 0.26 * (-(u * u + (v + 0.5) ** 2) * 1.2).exp() - 0.10 * v + 0.05 * (u * 8).cos()
        glow = (-(u * u + v * v).sqrt() * 0.95).exp() * 0.5
        picture = picture + c.stop(3) * (glow * there).unsqueeze(1)
        picture = over(picture, c.ramp(shade), c.edge(body, 2) * there)
    return over(picture, c.ramp(0.02 + 0 * c.x), c.edge(ridge(c, c.u(-0.95, -0.8), 0.12, 1.5)))
