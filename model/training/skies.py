"""Motifs of sky and space: each function paints one batch of pictures of its subject on a canvas, (n, 3, h, w)."""

import torch

from canvas import TAU, over, ridge, smooth


def nebula(c):
    z = c.zoom * c.u(0.7, 1.3)
    x, y = c.turned(c.u(0, TAU))
    qx, qy = c.soft(x * z, y * z) - 0.5, c.soft(x * z, y * z) - 0.5
    u, v = (x + 1.2 * qx) * z, (y + 1.2 * qy) * z
    gas, fine = c.fbm(u * 0.9, v * 0.9), c.fbm(u * 2.2, v * 2.2)
    dust = smooth(0.45, 0.75, c.fbm((x - qy) * z * 1.4, (y + qx) * z * 1.4))
    veil = smooth(0.2, 0.95, gas + 0.35 * (fine - 0.5) + 0.5 * (c.soft(x * 0.8, y * 0.8) - 0.5))
    picture = c.ramp(0.04 + 0.80 * veil * (1 - 0.55 * dust))
    picture = picture + c.stop(3) * (0.55 * veil * smooth(0.5, 0.8, fine)).unsqueeze(1)
    return picture + c.stars().unsqueeze(1) * (0.35 + 0.65 * c.stop(4)) * (1 - 0.5 * dust).unsqueeze(1)


def starfield(c):
    band = (-((c.turned(c.u(-1.2, 1.2))[1] + 0.3 * (c.soft(c.x, c.y) - 0.5)) ** 2) * 6).exp()
    picture = c.ramp(0.03 + 0.16 * smooth(1, -1, c.y) + 0.35 * band * c.fbm(c.x * 2, c.y * 2))
    light = c.stars(((9, 1.0), (20, 1.0), (40, 0.9)), 1.5) + c.stars(((60, 0.8),), 1.0) * (0.3 + band)
    return picture + light.clamp(0, 1).unsqueeze(1) * (0.4 + 0.6 * c.stop(4))


def galaxy(c):
    x, y = c.turned(c.u(0, TAU))
    y = y * c.u(1.1, 2.2)
    size = c.u(0.8, 1.2) * c.zoom
    r, a = (x * x + y * y).sqrt() / size + 1e-3, torch.atan2(y, x)
    arms = c.pick(2, 2, 3, 4)
    twist = arms * (a + c.u(2.2, 3.8) * (r + 0.06).log() * c.pick(1, -1)) + 3 * (c.fbm(x * 2.2, y * 2.2) - 0.5)
    arm = (0.5 + 0.5 * twist.cos()) ** 1.6
    light = (-r * 2.3).exp() * (0.25 + 1.25 * arm) * (0.6 + 0.8 * c.fbm(x * 4, y * 4)) + 0.9 * (-r * r * 26).exp()
    picture = c.ramp(0.03 + 1.05 * light)
    return picture + (c.stars() * (0.8 + arm * (-r).exp())).clamp(0, 1).unsqueeze(1) * 0.9


def aurora(c):
    picture = c.ramp(0.02 + 0.16 * smooth(0.9, -0.9, c.y)) + c.stars().unsqueeze(1) * 0.6
    for k in range(3):
        foot = c.u(-0.35, 0.25) + 0.55 * (c.soft(c.x * 1.0 + k, c.x * 0) - 0.5)
        rise = (c.y - foot)
        rays = c.fbm(c.x * 7 + 1.5 * rise, rise * 0.3) * 0.9 + c.soft(c.x * 2, c.x * 0) - 0.35
        light = rays.clamp(0, 1.2) * smooth(-0.06, 0.05, rise) * (-rise.clamp(min=0) * c.u(1.6, 3.4)).exp()
        colour = c.ramp(0.82 - 0.62 * rise.clamp(0, 1) + 0 * c.x)
        picture = picture + colour * light.unsqueeze(1) * 0.85
    return over(picture, c.ramp(0.02 + 0 * c.x), c.edge(ridge(c, c.u(-0.85, -0.6), 0.25, 1.6)))


def moon(c):
    sx, sy, radius = c.u(-0.5, 0.5), c.u(-0.1, 0.55), c.u(0.18, 0.42)
    x, y = (c.x - sx) / radius, (c.y - sy) / radius
    d = (x * x + y * y).sqrt()
    picture = c.ramp(0.05 + 0.2 * smooth(1, -1, c.y) + 0.42 * (-(d - 1).clamp(min=0) * 1.6).exp())
    picture = picture + c.stars().unsqueeze(1) * 0.5
    craters = smooth(0.35, 0.7, c.fbm(x * 1.3, y * 1.3)) * 0.3
    face = c.ramp(0.98 - craters - 0.15 * d.clamp(0, 1) ** 3)
    picture = over(picture, face, c.edge((1 - d) * radius, 1.5))
    cloud = smooth(0.5, 0.85, c.fbm(c.x * 1.1, c.y * 4)) * smooth(0.6, -0.5, c.y)
    return over(picture, c.ramp(0.28 + 0.25 * (-d * 0.8).exp()), cloud * 0.85)


def planet(c):
    sx, sy, radius = c.u(-0.4, 0.4), c.u(-0.3, 0.3), c.u(0.4, 0.75)
    x, y = c.turned(c.u(-0.6, 0.6), (c.x - sx) / radius, (c.y - sy) / radius)
    r2 = x * x + y * y
    z = (1 - r2).clamp(min=0).sqrt()
    light = (0.7 * x * c.pick(1, -1) + 0.35 * y + 0.6 * z).clamp(0, 1)
    flow = c.fbm(x * 1.2, y * 4 + (c.fbm(x * 2, y * 3) - 0.5) * 1.4)
    ground = c.ramp((0.25 + 0.9 * (flow - 0.2)) * (0.12 + 1.0 * light))
    halo = (-((r2.sqrt() - 1).clamp(min=0)) * 6).exp() * 0.35
    picture = c.backdrop(c.ramp(0.03 + halo) + c.stars().unsqueeze(1) * 0.9)
    ringed = c.pick(0, 1)
    rx, ry = x, y * 3.6
    rr = (rx * rx + ry * ry).sqrt()
    band = smooth(1.3, 1.36, rr) * smooth(2.0, 1.9, rr) * (0.35 + 0.65 * c.fbm(rr * 9, rr * 0)) * ringed
    picture = over(picture, ground, c.edge((1 - r2.sqrt()) * radius, 1.5))
    return over(picture, c.ramp(0.75 + 0 * x), band * ((y < 0) | (r2 > 1)))


def clouds(c):
    z = c.zoom
    warp = c.soft(c.x * z, c.y * z) - 0.5
    u, v = (c.x + 0.5 * warp) * 1.1 * z, c.y * 1.9 * z
    du, dv = c.u(0, 8), c.u(0, 8)
    body = c._sample(c.rough, u + du, v + dv)
    lit = c._sample(c.rough, u + du - 0.15, v + dv + 0.22)
    cover = smooth(0.42, 0.72, body)
    sky = c.ramp(0.42 + 0.22 * smooth(0.9, -0.9, c.y))
    return over(sky, c.ramp(0.72 + 1.1 * (body - lit) + 0.18 * c.y + 0.1), cover)


def lightning(c):
    cloud = c.fbm(c.x * 1.2, c.y * 2.0)
    flash = 0
    bolt = 0
    for k in range(3):
        x0 = c.u(-0.7, 0.7)
        path = x0 + 0.7 * (c.fbm(c.y * 1.3, c.y * 0 + k) - 0.5) * (1.1 - c.y)
        d = (c.x - path).abs()
        gate = (1.0 if k == 0 else c.pick(0, 1)) * smooth(c.u(-1.3, -0.4), 0.0, c.y)
        bolt = bolt + ((-(d / 0.010) ** 2).exp() + 0.45 * (-d * 16).exp()) * gate
        flash = flash + (-d * 2.2).exp() * gate
    picture = c.ramp(0.04 + 0.40 * smooth(0.3, 0.85, cloud) * (0.4 + 0.6 * smooth(-0.8, 0.9, c.y)) + 0.22 * flash * cloud)
    picture = picture + bolt.clamp(0, 1).unsqueeze(1) * (0.25 + 0.75 * c.stop(4))
    return over(picture, c.ramp(0.02 + 0 * c.x), c.edge(ridge(c, c.u(-0.9, -0.7), 0.12, 2.0)))


def eclipse(c):
    sx, sy, radius = c.u(-0.3, 0.3), c.u(-0.1, 0.35), c.u(0.22, 0.36)
    x, y = c.x - sx, c.y - sy
    r, a = (x * x + y * y).sqrt() + 1e-3, torch.atan2(y, x)
    out = (r - radius).clamp(min=0)
    rays = c.fbm(a.cos() * 2.4, a.sin() * 2.4) * 0.8 + 0.5 * c.fbm(a.cos() * 6, a.sin() * 6 + 0.3 * r)
    corona = (-out * 3.4).exp() * (0.35 + 0.9 * rays) + 0.5 * (-out * 16).exp()
    picture = c.ramp(0.03 + 0.95 * corona) + (c.stars() * smooth(0.1, 0.6, out) * 0.7).unsqueeze(1)
    picture = over(picture, c.ramp(0.015 + 0 * r), c.edge(radius - r, 2))
    spot = c.u(0, TAU)
    ring = (-((x - radius * spot.cos()) ** 2 + (y - radius * spot.sin()) ** 2) * 260).exp()
    return picture + ring.unsqueeze(1) * (0.4 + 0.6 * c.stop(4))


def meteors(c):
    picture = c.backdrop(c.ramp(0.04 + 0.24 * smooth(0.9, -0.9, c.y) + 0.12 * c.soft(c.x, c.y)) + c.stars().unsqueeze(1) * 0.7)
    lean = c.u(-0.9, -0.4) * c.pick(1, -1)
    for _ in range(9):
        there = c.u() < 0.6 * c.density
        u, v = c.turned(-(lean + c.u(-0.06, 0.06)), c.x - c.u(-c.half_w, c.half_w), c.y - c.u(-0.4, 1.0))
        u = u * -lean.sign()
        length = c.u(0.35, 0.95)
        tail = (1 - u / length).clamp(0, 1) ** 2 * (u > 0)
        streak = (-(v / (0.004 + 0.010 * tail)) ** 2).exp() * tail + 0.25 * (-v.abs() * 26).exp() * tail
        head = (-(u * u + v * v) * 2600).exp() + 0.35 * (-(u * u + v * v).sqrt() * 22).exp()
        picture = picture + ((streak + head) * there).clamp(0, 1).unsqueeze(1) * (0.3 + 0.7 * c.stop(4))
    return over(picture, c.ramp(0.02 + 0 * c.x), c.edge(ridge(c, c.u(-0.9, -0.65), 0.22, 1.3)))


def fireworks(c):
    picture = c.backdrop(c.ramp(0.03 + 0.15 * smooth(0.6, -1, c.y)) + 0.3 * c.stars().unsqueeze(1))
    for k in range(8):
        there = c.u() < 0.62 * c.density if k else c.u() < 2
        size, n = c.u(0.25, 0.6), c.pick(18, 26, 34)
        x, y = c.x - c.u(-0.8, 0.8) * c.half_w, c.y - c.u(-0.15, 0.75)
        r = (x * x + y * y).sqrt() + 1e-3
        a = torch.atan2(y + 0.22 * r * r / size, x) / TAU * n + c.u(0, 9)
        ray = a.floor()
        h = c.hash(ray + 3 * k, ray * 0 + k)
        reach = size * (0.7 + 0.3 * h[:, 0])
        t = r / reach
        aside = (a - ray - 0.5) * TAU / n * r
        trail = (-(aside / (0.005 + 0.004 * t)) ** 2).exp() * smooth(0.12, 0.75, t) * smooth(1.06, 0.97, t)
        spark = (-((aside / 0.014) ** 2 + ((r - reach) / 0.014) ** 2)).exp()
        glow = 0.20 * (-t * 2.2).exp()
        colour = c.ramp(c.u(0.5, 0.85) + 0.15 * t.clamp(0, 1))
        picture = picture + colour * ((trail + spark + glow) * there).unsqueeze(1) * 1.1
    return over(picture, c.ramp(0.02 + 0 * c.x), c.edge(ridge(c, c.u(-0.9, -0.72), 0.14, 2.2)))


def startrails(c):
    px, py = c.u(-0.4, 0.4), c.u(-0.35, 0.35)
    x, y = c.x - px, c.y - py
    r, a = (x * x + y * y).sqrt() + 1e-3, torch.atan2(y, x) / TAU + 0.5
    picture = c.ramp(0.05 + 0.26 * smooth(0.9, -0.9, c.y))
    sweep = c.u(0.06, 0.22)
    for rings, gain in ((34, 0.9), (58, 0.7)):
        ring = (r * rings).floor()
        for part in (0, 1, 2):
            h = c.hash(ring, ring * 0 + 7 * part + rings)
            along = (a - h[:, 0]).remainder(1.0)
            arc = smooth(0, 0.01, along) * smooth(sweep, sweep - 0.02, along) * (h[:, 1] < 0.55 * c.density)
            thin = (-(((r * rings - ring - 0.25 - 0.5 * h[:, 2]) / rings) / (c.px * 0.9 + 0.002)) ** 2).exp()
            picture = picture + c.ramp(0.6 + 0.4 * h[:, 3]) * (arc * thin * gain).unsqueeze(1)
    return over(picture, c.ramp(0.02 + 0 * c.x), c.edge(ridge(c, c.u(-0.8, -0.5), 0.3, 1.5)))
