"""Motifs of land, town and plants: each function paints one batch of pictures on a canvas, (n, 3, h, w)."""

import torch

from canvas import TAU, over, ridge, smooth


def sunset(c):
    horizon, sx, radius = c.u(-0.35, 0.05), c.u(-0.7, 0.7) * c.half_w, c.u(0.1, 0.3)
    sy = horizon + c.u(-0.05, 0.5)
    up = (c.y - horizon) / (1.1 - horizon)
    d = ((c.x - sx) ** 2 + (c.y - sy) ** 2).sqrt()
    glow = (-(d - radius).clamp(min=0) * 2.2).exp()
    sky = 0.62 - 0.55 * up + 0.42 * glow
    cloud = smooth(0.48, 0.8, c.fbm(c.x * 1.2, c.y * 5)) * smooth(0.0, 0.25, up)
    picture = c.ramp(sky - cloud * (0.28 - 0.45 * glow))
    picture = over(picture, c.ramp(0.97 + 0 * d), c.edge(radius - d, 2))
    depth = (horizon - c.y).clamp(min=0.004)
    wave = c.fbm(c.x / (depth * 2 + 0.12), 2.2 / (depth + 0.12)) - 0.5
    mirror = horizon + depth + wave * depth * 0.9
    dm = ((c.x - sx + wave * 0.2) ** 2 + (mirror - sy) ** 2).sqrt()
    sea = 0.50 - 0.42 * depth - 0.25 * (dm - radius).clamp(0, 1) + wave * 0.35
    path = (-(((c.x - sx) / (0.07 + radius * 0.5 + 0.3 * depth)) ** 2)).exp()
    sea = sea + path * (0.25 + smooth(0.0, 0.25, wave) * 0.6)
    return over(picture, c.ramp(sea), c.edge(horizon - c.y))


def mountains(c):
    sx, sy, radius = c.u(-0.8, 0.8) * c.half_w, c.u(0.2, 0.8), c.u(0.06, 0.16)
    d = ((c.x - sx) ** 2 + (c.y - sy) ** 2).sqrt()
    picture = c.ramp(0.66 + 0.2 * smooth(0.9, -0.4, c.y) + 0.22 * (-d * 2.5).exp() - 0.25 * smooth(0, 1.2, c.y))
    picture = c.backdrop(over(picture, c.stop(4), c.edge(radius - d, 2)))
    layers = 5
    for k in range(layers):
        near = k / (layers - 1)
        below = ridge(c, 0.32 - 0.95 * near + c.u(-0.08, 0.08), 0.62 - 0.22 * near, 0.9 + 0.5 * near + c.u(0, 0.4))
        shade = 0.60 - 0.56 * near + smooth(0.0, 0.75, below) * (0.26 * (1 - near))
        picture = over(picture, c.ramp(shade + 0 * c.x), c.edge(below))
    return picture


def snow(c):
    picture = c.backdrop(c.ramp(0.35 + 0.35 * smooth(0.9, -0.8, c.y) + 0.15 * (c.soft(c.x, c.y) - 0.5)))
    for k in range(2):
        below = ridge(c, -0.35 - 0.35 * k, 0.28, 0.7)
        picture = over(picture, c.ramp(0.78 + 0.16 * k - 0.25 * smooth(0, 0.7, below)), c.edge(below, 2))
    for cells, radius, gain in ((5, 0.17, 0.55), (10, 0.14, 0.8), (20, 0.13, 0.9)):
        gx, gy = c.x * cells / 2 + c.u(0, 32), c.y * cells / 2 + c.u(0, 32)
        ix, iy = gx.floor(), gy.floor()
        h = c.hash(ix, iy)
        d = ((gx - ix - 0.25 - 0.5 * h[:, 0]) ** 2 + (gy - iy - 0.25 - 0.5 * h[:, 1]) ** 2).sqrt()
        flake = smooth(radius, radius * 0.3, d) * (h[:, 2] > 1 - 0.6 * c.density) * gain
        picture = over(picture, 0.3 + 0.7 * c.stop(4), flake)
    return picture


def fire(c):
    z = c.u(0.9, 1.5) * c.zoom
    lean = 0.35 * (c.soft(c.x * z, c.y * z) - 0.5)
    x = c.x + lean * (c.y + 1)
    tongue = c.fbm(x * 2.6 * z, c.y * 0.9 * z) * 0.75 + c.fbm(x * 5 * z, c.y * 1.8 * z) * 0.35
    up = (c.y + 1) / 2
    spread = smooth(1.5, 0.2, c.x.abs() * (0.6 + up))
    heat = (tongue * 1.75 - up * 1.05 - 0.12) * spread + 0.28 * (1 - up) ** 2
    sparks = c.stars(((12, 1.0), (24, 0.8)), 1.6) * smooth(0.1, 0.7, up)
    return c.ramp(heat * 1.25) + sparks.unsqueeze(1) * c.stop(3)


def waves(c):
    picture = c.backdrop(c.ramp(0.80 + 0.2 * c.y))
    layers = 7
    for k in range(layers):
        near = k / (layers - 1)
        swell = (c.x * (2.2 + 1.5 * (1 - near)) + c.u(0, TAU) + 2.0 * c.soft(c.x, c.x * 0 + k)).sin()
        below = 0.62 - 1.35 * near + 0.17 * swell + 0.1 * c.soft(c.x * 2, c.x * 0) - c.y
        shine = (-below.clamp(min=0) * 16).exp() * 0.22 + 0.25 * (-below.clamp(min=0) * 3).exp()
        picture = over(picture, c.ramp(0.62 - 0.5 * near + shine), c.edge(below, 1.5))
    return picture


def city(c):
    ground = c.u(-0.75, -0.45)
    mirrored = c.y < ground
    y = torch.where(mirrored, 2 * ground - c.y, c.y)
    x = c.x + torch.where(mirrored, 0.03 * (c.fbm(c.x * 3, c.y * 14) - 0.5), 0)
    picture = c.ramp(0.06 + 0.62 * (-(y - ground).abs() * 1.5).exp())
    picture = c.backdrop(picture + (c.stars() * smooth(0.1, 0.7, c.y) * 0.5).unsqueeze(1), y)
    for k in range(3):
        near = k / 2
        gx = x * (5.5 - 1.3 * k) + c.u(0, 32)
        ix = gx.floor()
        h = c.hash(ix, ix * 0 + 3 * k)
        fx = (gx - ix - 0.5).abs()
        top = ground + (0.95 - 0.5 * near) * (0.25 + 0.9 * h[:, 0] ** 1.5) + 0.04 * (fx < 0.08) * (h[:, 3] > 0.6)
        body = c.edge(top - y) * c.edge((0.38 + 0.11 * h[:, 1] - fx) / 5)
        picture = over(picture, c.ramp(0.30 - 0.26 * near + 0.12 * (1 - near) * smooth(0.5, -0.6, y)), body)
        wx, wy = x * 30, y * 24
        lit = c.hash(wx.floor() + 7 * k, wy.floor())
        pane = smooth(0.42, 0.30, (wx - wx.floor() - 0.5).abs()) * smooth(0.40, 0.28, (wy - wy.floor() - 0.5).abs())
        on = (lit[:, 0] > 1 - 0.38 * c.density) * pane * c.edge(top - y - 0.04) * c.edge((0.33 + 0.11 * h[:, 1] - fx) / 5) * (0.35 + 0.65 * near)
        picture = over(picture, c.ramp(0.55 + 0.45 * lit[:, 1]), on * (0.5 + 0.5 * lit[:, 2]))
    fade = (0.62 - 0.5 * (ground - c.y)).clamp(0, 1)
    return torch.where(mirrored.unsqueeze(1), picture * fade.unsqueeze(1), picture)


def synthwave(c):
    horizon, radius = c.u(-0.25, 0.0), c.u(0.35, 0.55)
    sx, sy = c.u(-0.25, 0.25), horizon + radius * 0.55
    d = ((c.x - sx) ** 2 + (c.y - sy) ** 2).sqrt()
    picture = c.ramp(0.04 + 0.42 * smooth(0.9, 0.0, c.y - horizon) + 0.18 * (-(d - radius).clamp(min=0) * 3).exp())
    picture = c.backdrop(picture + (c.stars() * smooth(0, 0.5, c.y - horizon) * 0.8).unsqueeze(1))
    inside = (c.y - sy) / radius
    stripe = (inside * 9).sin() + 0.9 + 1.5 * inside
    sun = c.edge(radius - d, 1.5) * (stripe.clamp(0, 0.18) / 0.18)
    picture = over(picture, c.ramp(0.60 + 0.36 * inside), sun)
    peaks = (c.x - sx).abs().clamp(0, 1) * 0.45
    picture = over(picture, c.ramp(0.12 + 0 * c.x), c.edge(horizon + peaks * c.fbm(c.x * 3, c.x * 0) * 1.3 - c.y))
    depth = (horizon - c.y).clamp(min=0.006)
    gx, gy = (c.x - sx) / depth * c.u(1.0, 1.6), 1 / depth * 1.1 + c.u()
    wx, wy = (gx - gx.round()).abs() * depth, (gy - gy.round()).abs() * depth * depth
    line = (-((wx / 0.010) ** 2)).exp() + (-((wy / 0.007) ** 2)).exp() + 0.35 * ((-wx * 18).exp() + (-wy * 30).exp()) * depth
    floor = c.ramp(0.05 + 0.2 * (-depth * 4).exp()) + c.ramp(0.55 + 0.25 * (-depth * 2).exp()) * line.clamp(0, 1).unsqueeze(1)
    return over(picture, floor, c.edge(horizon - c.y))


def flower(c):
    picture = c.backdrop(c.ramp(0.10 + 0.18 * smooth(1, -1, c.y) + 0.2 * (c.soft(c.x, c.y) - 0.4)))
    cx, cy, petals = c.u(-0.15, 0.15), c.u(-0.15, 0.15), c.pick(5, 6, 8, 10)
    x, y = c.x - cx, c.y - cy
    r, a = (x * x + y * y).sqrt() + 1e-3, torch.atan2(y, x)
    size = c.u(0.75, 0.95)
    for k in range(4):
        turn = petals * (a + c.u(0, TAU)) / 2
        reach = size * (1 - 0.2 * k) * (0.50 + 0.50 * turn.cos().abs() ** 0.6)
        t = r / reach
        vein = 0.06 * (turn * 7).sin() * t
        shade = 0.28 + 0.50 * t + 0.06 * k + vein + 0.12 * (1 - turn.cos().abs())
        shadow = (1 - 0.45 * smooth(1.25, 1.0, t)).unsqueeze(1)
        picture = over(picture * shadow, c.ramp(shade - 0.25 * smooth(0.25, 0.0, r)), c.edge((reach - r), 2))
    heart = r / (size * 0.2)
    dots = 0.5 + 0.5 * (heart * 14).sin() * (a * 12).sin()
    return over(picture, c.ramp(0.98 - 0.4 * heart + 0.2 * dots * heart), c.edge(1 - heart, 5))


def forest(c):
    picture = c.backdrop(c.ramp(0.78 + 0.18 * c.y - 0.25 * ((c.x - c.u(-0.7, 0.7)) ** 2 + (c.y - 0.3) ** 2).clamp(0, 1)))
    layers = 4
    for k in range(layers):
        near = k / (layers - 1)
        best = -9 + 0 * c.x
        gx = c.x * (9 - 5.5 * near) + c.u(0, 32)
        land = -0.25 - 0.6 * near + 0.2 * (c.soft(c.x, c.x * 0) - 0.5)
        for step in (-1, 0, 1):
            ix = gx.floor() + step
            h = c.hash(ix, ix * 0 + k)
            tall = (0.35 + 0.6 * near) * (0.6 + 0.8 * h[:, 0]) * (h[:, 2] > 0.15)
            off = (gx - ix - 0.3 - 0.4 * h[:, 1]).abs()
            saw = 0.10 * ((c.y - land) * 26 / (0.5 + near)).remainder(1.0)
            best = torch.maximum(best, land + tall * (1 - 1.55 * off - saw * (off > 0.04)) - c.y)
        best = torch.maximum(best, land - c.y)
        fog = smooth(0.1, 0.9, land + 0.45 - c.y) * 0.22 * (1 - near)
        picture = over(picture, c.ramp(0.56 - 0.53 * near + fog), c.edge(best, 1.5))
    return picture


def dunes(c):
    sx = c.u(-0.8, 0.8) * c.half_w
    d = ((c.x - sx) ** 2 + (c.y - 0.55) ** 2).sqrt()
    picture = c.ramp(0.72 + 0.25 * (-d * 2.2).exp() - 0.22 * c.y)
    picture = c.backdrop(over(picture, c.stop(4), c.edge(c.u(0.07, 0.15) - d, 2)))
    for k in range(5):
        near = k / 4
        crest = 0.2 - 0.9 * near + 0.35 * (c.soft(c.x * 0.9, c.x * 0 + k) - 0.5) + 0.10 * (c.x * c.u(1, 2.5) + c.u(0, TAU)).sin()
        below = crest - c.y
        side = c.soft(c.x * 1.2 + below * c.u(0.8, 1.8), below * 0.6)
        ripple = 0.025 * ((below * 55 + 6 * c.soft(c.x * 2, c.y * 2)).sin()) * near
        shade = 0.66 - 0.40 * near + 0.45 * smooth(0.38, 0.62, side) * (-below.clamp(min=0) * 1.2).exp() - 0.12 + ripple
        picture = over(picture, c.ramp(shade), c.edge(below, 1.5))
    return picture


def lake(c):
    """Mountains doubled in still water."""
    shore = c.u(-0.35, -0.1)
    mirrored = c.y < shore
    ripple = 0.05 * (c.fbm(c.x * 2.5, c.y * 16) - 0.5) * smooth(0.0, 0.5, shore - c.y)
    y = torch.where(mirrored, 2 * shore - c.y + ripple, c.y)
    sx, sy = c.u(-0.7, 0.7) * c.half_w, shore + c.u(0.15, 0.8)
    d = ((c.x - sx) ** 2 + (y - sy) ** 2).sqrt()
    cloud = smooth(0.5, 0.8, c.fbm(c.x * 1.1, y * 4)) * smooth(0.1, 0.6, y - shore)
    picture = c.backdrop(c.ramp(0.78 - 0.34 * (y - shore) + 0.22 * (-d * 2.4).exp() + 0.10 * cloud), y)
    for k in range(4):
        near = k / 3
        below = shore + 0.62 - 0.56 * near + (0.50 - 0.36 * near) * (c.fbm(c.x * (0.9 + 0.6 * near), c.x * 0 + k) - 0.5) * 2 - y
        shade = 0.62 - 0.52 * near + 0.20 * (1 - near) * smooth(0.0, 0.6, below)
        picture = over(picture, c.ramp(shade), c.edge(below, 1 + mirrored * 2))
    deep = (0.88 - 0.45 * (shore - c.y)).clamp(0.3, 1)
    line = (-((c.y - shore) / 0.008) ** 2).exp() * 0.35
    return torch.where(mirrored.unsqueeze(1), picture * deep.unsqueeze(1), picture) + line.unsqueeze(1) * c.stop(4)


def meadow(c):
    """Grass and flowers before a wide sky."""
    sx = c.u(-0.7, 0.7) * c.half_w
    glow = (-((c.x - sx) ** 2 + (c.y - 0.1) ** 2).sqrt() * 1.8).exp()
    picture = c.backdrop(c.ramp(0.66 + 0.1 * c.y + 0.3 * glow + 0.16 * smooth(0.45, 0.75, c.fbm(c.x, c.y * 3))))
    far = ridge(c, 0.0, 0.18, 0.8)
    picture = over(picture, c.ramp(0.48 - 0.1 * smooth(0, 0.5, far)), c.edge(far))
    layers = 5
    for k in range(layers):
        near = k / (layers - 1)
        foot, scale, tall = 0.0 - 0.85 * near, 34 - 24 * near, 0.12 + 0.42 * near
        land = c.y < foot + 0.1 * (c.soft(c.x, c.x * 0 + k) - 0.5)
        blades, blooms, tone = 0 * c.x, 0 * c.x, 0 * c.x
        sway = (0.25 * (c.soft(c.x * 1.2, c.x * 0) - 0.5) + 0.05) * (c.y - foot).clamp(min=0) ** 2 / tall
        gx = (c.x + sway) * scale + c.u(0, 32)
        for step in (-1, 0, 1):
            ix = gx.floor() + step
            h = c.hash(ix, ix * 0 + 5 * k)
            top = foot + tall * (0.45 + 0.55 * h[:, 0])
            left = (top - c.y).clamp(min=0) / tall
            blade = ((0.16 + 0.5 * left.clamp(0, 1)) * 0.7 - (gx - ix - 0.5 - 0.5 * (h[:, 1] - 0.5)).abs()) / scale
            blades = torch.maximum(blades, c.edge(blade, 1.5) * (c.y < top))
            away = (((gx - ix - 0.5 - 0.5 * (h[:, 1] - 0.5)) / scale) ** 2 + (c.y - top) ** 2).sqrt()
            bloom = c.edge((0.012 + 0.03 * near) * (0.7 + 0.6 * h[:, 2]) - away, 2) * (h[:, 3] < 0.35 * c.density)
            blooms, tone = torch.maximum(blooms, bloom), torch.where(bloom > 0, 0.78 + 0.22 * h[:, 0], tone)
        cover = torch.maximum(blades, land.float())
        shade = 0.46 - 0.30 * near + 0.22 * smooth(foot - 0.2, foot + tall, c.y)
        picture = over(over(picture, c.ramp(shade), cover), c.ramp(tone), blooms)
    return picture


def leaves(c):
    """Foliage: leaves over leaves."""
    picture = c.backdrop(c.ramp(0.16 + 0.3 * c.fbm(c.x * 1.2, c.y * 1.2) + 0.1 * c.y))
    for k in range(30):
        there = c.u() < 0.62 * c.density
        near = k / 29
        x, y = c.turned(c.u(0, TAU), c.x - c.u(-1.1, 1.1) * c.half_w, c.y - c.u(-1.1, 1.1) * c.half_h)
        size = c.u(0.16, 0.30) * (0.7 + 0.7 * near)
        u, v = x / size, (y + 0.12 * x * x / size) / size
        body = (0.44 * (1 - u * u) * (1 - 0.25 * u) - v.abs()) * size
        inside = c.edge(body, 2) * (u.abs() < 1) * there
        veins = (-(v / 0.025) ** 2).exp() * 0.25 + 0.10 * ((u * 7 - v.abs() * 5).sin()).clamp(0, 1)
        shade = c.u(0.30, 0.85) * (0.55 + 0.45 * near) + 0.10 * v + veins * (0.4 + 0.6 * near)
        shadow = smooth(-0.16, 0.02, body) * smooth(1.25, 0.9, u.abs()) * there * 0.4
        picture = over(picture * (1 - shadow).unsqueeze(1), c.ramp(shade), inside)
    return picture


def cave(c):
    """Looking out of the dark, ring behind ring."""
    cx, cy = c.u(-0.25, 0.25) * c.half_w, c.u(-0.2, 0.25)
    x, y = c.x - cx, (c.y - cy) * 1.15
    r, a = (x * x + y * y).sqrt() + 1e-3, torch.atan2(y, x)
    picture = c.backdrop(c.ramp(1.0 - 0.45 * r + 0.15 * (c.fbm(c.x * 1.5, c.y * 1.5) - 0.5)))
    layers = 6
    for k in range(layers):
        near = k / (layers - 1)
        mouth = 0.26 + 1.05 * near ** 1.3 + 0.5 * (0.5 + near) * (c.fbm(a.cos() * 1.1 + k, a.sin() * 1.1) - 0.5)
        rock = r - mouth
        rim = (-rock.clamp(min=0) * 9).exp() * 0.30 * (1 - 0.6 * near)
        grain = 0.16 * (c.fbm(c.x * 3, c.y * 3) - 0.5) * (1 - 0.5 * near)
        picture = over(picture, c.ramp(0.56 - 0.50 * near + rim + grain), c.edge(rock, 1.5))
    return picture
