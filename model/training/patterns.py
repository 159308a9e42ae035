"""Motifs without a place: each function paints one batch of patterns on a canvas, (n, 3, h, w)."""

import torch

from canvas import TAU, over, smooth


def tunnel(c):
    cx, cy = c.u(-0.2, 0.2), c.u(-0.2, 0.2)
    x, y = c.x - cx, c.y - cy
    r, a = (x * x + y * y).sqrt() + 1e-3, torch.atan2(y, x)
    depth = r.log()
    arms, rows, twist = c.pick(4, 6, 8, 10), c.u(5, 10), c.u(-3, 3)
    pattern = (arms * a + rows * twist * 0.4 * depth).sin() * (rows * depth + c.u(0, TAU)).sin()
    rough = c.fbm(depth * 4, a.cos() * 1.5) - 0.5
    wall = 0.5 + 0.42 * smooth(-0.35, 0.35, pattern + 0.8 * rough) - 0.3
    picture = c.ramp((wall + 0.35 * rough) * smooth(0.0, 0.75, r) + 0.12)
    return picture + c.stop(4) * ((-r * 7).exp() * c.u(0.2, 1.0)).unsqueeze(1)


def vortex(c):
    cx, cy = c.u(-0.25, 0.25), c.u(-0.25, 0.25)
    x, y = c.x - cx, c.y - cy
    r, a = (x * x + y * y).sqrt() + 1e-3, torch.atan2(y, x)
    swirl = a + c.u(1.5, 3.5) * c.pick(1, -1) * (-r * 1.1).exp() * 3
    u, v = r * swirl.cos(), r * swirl.sin()
    flow = c.fbm(u * 2.0, v * 2.0) * 0.7 + 0.3 * (0.5 + 0.5 * (3 * swirl + 6 * r).sin())
    return c.ramp(smooth(0.15, 0.85, flow) * smooth(0.0, 0.35, r) + 0.05 + 0.15 * r)


def mandala(c):
    x, y = c.turned(c.u(0, TAU))
    r, a = (x * x + y * y).sqrt() + 1e-3, torch.atan2(y, x)
    n = c.pick(6, 8, 10, 12)
    wedge = (n * a / 2).cos().abs()
    z = c.zoom * c.u(0.9, 1.3)
    petals = 0
    for k in range(4):
        f = c.u(3, 9) * z
        petals = petals + (f * r + c.u(1, 4) * wedge * c.pick(1, -1) + c.u(0, TAU)).sin() * (0.6 + 0.4 * (c.pick(1, 2) * n * a).cos())
    lines = (-(petals.abs() / 0.16) ** 2).exp()
    return c.ramp((0.5 + 0.26 * petals + 0.3 * lines) * smooth(1.45, 0.7, r) + 0.02)


def kaleidoscope(c):
    """Shards of coloured glass, mirrored: large ones with a facet's gradient, some of them broken into smaller ones."""
    r, a = (c.x**2 + c.y**2).sqrt() + 1e-3, torch.atan2(c.y, c.x)
    n = c.pick(3, 4, 5, 6, 8)
    fold = (a / TAU * n + c.u()) % 1.0
    fold = (fold - 0.5).abs() * TAU / n
    u, v = r * fold.cos() * c.zoom, r * fold.sin() * c.zoom
    bend, size = c.soft(u * 1.2, v * 1.2) - 0.5, c.u(1.8, 3.0)
    x, y = (u + 0.5 * bend) * size + c.u(0, 20), (v - 0.5 * bend) * size + c.u(0, 20)
    _, gap, h, ox, oy = c.cells(x, y)
    _, small_gap, g, px, py = c.cells(x * 2.3 + 7, y * 2.3 + 3)
    broken = h[:, 3] > 0.55
    tone = torch.where(broken, 0.25 * h[:, 2] + 0.75 * g[:, 2], h[:, 2])
    turn = TAU * torch.where(broken, g[:, 3], h[:, 0])
    light = torch.where(broken, 0.8, 1.0) * (torch.where(broken, px, ox) * turn.cos() + torch.where(broken, py, oy) * turn.sin())
    picture = c.ramp(0.12 + 0.72 * tone + 0.34 * light + 0.08 * (9 * r + 6 * bend).sin())
    width = c.px * size * c.zoom
    lead = torch.minimum(gap, torch.where(broken, small_gap / 2.3, 9.0))
    seam = 1 - smooth(0.6 * width, 2.2 * width, lead)
    return over(picture, c.ramp(c.pick(0.04, 0.97) * torch.ones_like(r)), 0.85 * seam)


def fractal(c):
    angle = c.u(0, TAU)
    k = c.u(0.745, 0.80)
    cr, ci = k * angle.cos(), k * angle.sin()
    zx, zy = c.turned(c.u(0, TAU))
    zx, zy = zx * 1.25 / c.zoom, zy * 1.25 / c.zoom
    count, trap = torch.zeros_like(zx), torch.full_like(zx, 9.0)
    for _ in range(36):
        zx, zy = (zx * zx - zy * zy + cr).clamp(-9, 9), (2 * zx * zy + ci).clamp(-9, 9)
        r2 = zx * zx + zy * zy
        count = count + torch.sigmoid((16 - r2) * 0.6)
        trap = torch.minimum(trap, r2)
    inner = trap.sqrt().clamp(0, 1)
    return c.ramp(((count / 36) ** 0.55 * 1.05 - 0.08) * (0.55 + 0.45 * (1 - inner)) + 0.12 * inner)


def plasma(c):
    z = c.zoom * c.u(1.5, 3.0)
    x, y = c.turned(c.u(0, TAU))
    t = (x * z + c.u(0, TAU)).sin() + (y * z * 1.3 + c.u(0, TAU)).sin() + ((x + y) * z * 0.8 + 3 * (x * z * 0.7).sin()).sin()
    t = t + ((x * x + y * y).sqrt() * z * 2 + c.u(0, TAU)).sin()
    return c.ramp(0.5 + 0.5 * (t * 1.1 + c.u(0, TAU)).sin())


def marble(c):
    z = c.zoom
    x, y = c.turned(c.u(0, TAU))
    turn = c.fbm(x * 1.4 * z, y * 1.4 * z)
    vein = ((x * 2.5 * z + 9 * (turn - 0.5)).sin().abs() + 0.02) ** 0.45
    fine = ((y * 3.5 * z + 12 * (c.fbm(x * 2 * z, y * 2 * z) - 0.5)).sin().abs() + 0.02) ** 0.5
    return c.ramp(0.12 + 0.62 * vein + 0.22 * fine * turn)


def glass(c):
    z = c.u(2.2, 3.6) * c.zoom
    _, border, h, ox, oy = c.cells(c.x * z, c.y * z)
    light = 0.72 + 0.28 * (1 - (c.x**2 + c.y**2) * 0.4) + 0.15 * (c.fbm(c.x * 3, c.y * 3) - 0.5)
    pane = c.ramp(0.25 + 0.72 * h[:, 2]) * (light + 0.12 * ox).unsqueeze(1)
    return pane * (0.08 + 0.92 * smooth(0.03, 0.11, border)).unsqueeze(1)


def crystals(c):
    z = c.u(1.3, 2.2) * c.zoom
    u = c.x * z + 0.15 * c.soft(c.x, c.y)
    _, border, h, ox, oy = c.cells(u, c.y * z * 1.2)
    tilt = (h[:, 0] - 0.5) * ox * 1.6 + (h[:, 1] - 0.5) * oy * 1.6
    _, small, g, _, _ = c.cells(u * 2 + 5 * h[:, 3], c.y * z * 2.4 + 5 * h[:, 2])
    facet = 0.45 + 0.75 * tilt + 0.3 * (h[:, 2] - 0.5) + 0.32 * (g[:, 0] - 0.5)
    return c.ramp(facet + 0.35 * (-border * 22).exp() + 0.18 * (-small * 30).exp())


def neon_lines(c):
    picture = c.backdrop(c.ramp(0.03 + 0.08 * smooth(1, -1, c.y)))
    x, y = c.turned(c.u(0, TAU))
    shift, freq = c.u(0, TAU), c.u(1.2, 2.6)
    for k in range(7):
        line = y - 0.16 * (k - 3) - 0.35 * (x * freq + shift + 0.35 * k).sin() * (0.5 + 0.2 * (x * 1.3 + k).sin())
        d = line.abs()
        light = (-(d / 0.012) ** 2).exp() + 0.5 * (-d * 14).exp() + 0.15 * (-d * 4).exp()
        picture = picture + c.ramp(0.40 + 0.09 * k + 0 * x) * light.unsqueeze(1) * 0.85
    return picture


def circuit(c):
    z = c.u(3.5, 6.0) * c.zoom
    gx, gy = c.x * z, c.y * z
    picture = c.ramp(0.10 + 0.14 * c.fbm(c.x * 2, c.y * 2))
    for scale, gain in ((2.0, 0.45), (1.0, 1.0)):
        u, v = gx * scale, gy * scale
        ix, iy = u.floor(), v.floor()
        fx, fy = u - ix - 0.5, v - iy - 0.5
        h = c.hash(ix + 11 * scale, iy)
        flip = torch.where(h[:, 0] > 0.5, fx, -fx)
        diag = torch.minimum((flip + fy - 0.5).abs(), (flip + fy + 0.5).abs()) * 0.707
        straight = torch.where(h[:, 1] > 0.5, fx.abs(), fy.abs())
        d = torch.where(h[:, 2] > 0.4, diag, straight) / (z * scale) * 1.0
        wire = (-(d / 0.011) ** 2).exp() + 0.35 * (-d * 26).exp()
        node = (fx * fx + fy * fy).sqrt() / (z * scale)
        dot = c.edge(0.032 - node, 2) * (h[:, 3] > 0.72) - c.edge(0.014 - node, 2) * (h[:, 3] > 0.72)
        pulse = 0.35 + 0.65 * smooth(0.4, 0.7, c.soft(c.x * 1.5, c.y * 1.5))
        picture = picture + c.ramp(0.55 + 0.35 * pulse) * ((wire * pulse * gain).clamp(0, 1) + dot * gain).clamp(0, 1).unsqueeze(1)
    return picture


def spiral(c):
    cx, cy = c.u(-0.2, 0.2), c.u(-0.2, 0.2)
    x, y = c.x - cx, c.y - cy
    r, a = (x * x + y * y).sqrt() + 1e-3, torch.atan2(y, x)
    arms = c.pick(1, 2, 3, 5)
    turn = arms * a + c.pick(1, -1) * c.u(7, 14) * r.sqrt() * 1.6 + c.u(0, TAU)
    band = turn.sin()
    return c.ramp(0.5 + 0.40 * (band * 1.6).clamp(-1, 1) - 0.12 * r + 0.06 * (turn * 2).cos())


def checker(c):
    bulge = 1 + c.u(0.3, 1.2) * (-((c.x - c.u(-0.5, 0.5)) ** 2 + (c.y - c.u(-0.5, 0.5)) ** 2) * c.u(1.5, 4)).exp()
    x, y = c.turned(c.u(0, TAU))
    z = c.u(7, 13) * c.zoom
    u = x / bulge * z + 1.0 * (y * c.u(1, 4)).sin()
    v = y / bulge * z + 1.0 * (x * c.u(1, 4)).sin()
    field = u.sin() * v.sin()
    step = (field / (self_width(field, c) + 1e-4) * 0.5).clamp(-1, 1)
    return c.ramp(0.5 + 0.46 * step - 0.18 * (bulge.amax((1, 2), keepdim=True) - bulge))


def self_width(field, c):
    dx = (field - field.roll(1, 2)).abs().clamp(max=0.5)
    dy = (field - field.roll(1, 1)).abs().clamp(max=0.5)
    return (dx + dy).clamp(min=0.02)


def ribbons(c):
    """Bands of silk that twist as they flow, each before the last, with a sheen across and a soft shadow below."""
    x, y = c.turned(c.u(-0.7, 0.7))
    z = c.zoom
    picture = c.ramp(0.1 + 0.22 * c.soft(x * 0.7 * z, y * 0.7 * z) + 0.06 * (y + 1))
    level, step = c.u(0.75, 1.05), c.u(0.26, 0.36)
    for i in range(6):
        path = level - i * step + 1.5 * (c.soft(x * 0.5 * z, x * 0) - 0.5) + 0.25 * (x * c.u(0.8, 1.8) * z + c.u(0, TAU)).sin()
        twist = x * c.u(0.9, 2.0) * z + c.u(0, TAU) + 3 * (c.soft(x * 0.6 * z, x * 0) - 0.5)
        turned = twist.cos()
        half = c.u(0.16, 0.36) * (0.06 + 0.94 * turned.abs())
        off = y - path
        across = off / half
        shadow = (-((off + 0.1).abs() - half).clamp(min=0) ** 2 / 0.012).exp()
        picture = picture * (1 - 0.55 * shadow.unsqueeze(1))
        sheen = (across * c.u(1.6, 3.2) * turned.sign() + twist).cos()
        fine = (across * c.u(7, 13) + 2 * twist + 4 * c.soft(x * 1.2 * z, y * 1.2 * z)).cos()
        tone = c.u(0.42, 0.62) + 0.3 * sheen + 0.1 * turned + 0.05 * fine
        picture = over(picture, c.ramp(tone), c.edge(half - off.abs(), 1.5))
    return picture


def soundwave(c):
    """The bars of an equaliser, loud in the middle, with their glow."""
    bars = c.pick(24, 32, 44)
    g = (c.across * 0.5 + 0.5) * bars
    ix = g.floor()
    h = c.hash(ix, ix * 0)
    at = (ix + 0.5) / bars * 2 - 1
    hill = (-(at / 0.75) ** 2).exp() * (0.25 + 0.9 * c.fbm(at * 2.5, at * 0)) * (0.5 + 0.7 * h[:, 0])
    tall = (0.08 + 0.75 * hill) * c.half_h
    u = (g - ix - 0.5).abs() * 2 * c.half_w / bars
    half = 0.62 * c.half_w / bars
    over_top = (c.y.abs() - tall + half).clamp(min=0)
    body = half - (u * u + over_top * over_top).sqrt()
    picture = c.ramp(0.04 + 0.10 * (-(c.upward / 0.8) ** 2).exp())
    picture = picture + c.stop(2) * (0.35 * (-(-body).clamp(min=0) * 9).exp()).unsqueeze(1)
    tone = 0.45 + 0.45 * (c.y.abs() / (0.9 * c.half_h)).clamp(0, 1) + 0.12 * (1 - u / half)
    return over(picture, c.ramp(tone), c.edge(body, 1.5) * torch.where(c.y < 0, 0.55, 1.0))


def contour(c):
    """Height lines of a map."""
    z = c.zoom * c.u(0.8, 1.3)
    field = c.soft(c.x * z, c.y * z) + 0.35 * c.soft(c.x * 2.2 * z, c.y * 2.2 * z)
    level = field * c.pick(9, 13, 17)
    slope = (level - level.roll(1, 1)).abs() + (level - level.roll(1, 2)).abs()
    slope[:, 0], slope[:, :, 0] = slope[:, 1], slope[:, :, 1]
    away = (level - level.round()).abs() / (slope.clamp(min=1e-4)) * c.px
    main = (level.round() % 5 == 0).float()
    line = (-((away / (0.005 + 0.004 * main)) ** 2)).exp() + 0.25 * (-away * 22).exp()
    return over(c.ramp(0.06 + 0.45 * field * 0.8), c.ramp(0.72 + 0.25 * main), line.clamp(0, 1))


def lowpoly(c):
    """A folded surface of triangles, lit from one side."""
    z = c.u(3.0, 5.0) * c.zoom
    x, y = c.turned(c.u(0, TAU))
    u, v = x * z + 0.9 * c.soft(x, y), y * z + 0.9 * c.soft(x + 3, y)
    ix, iy = u.floor(), v.floor()
    fx, fy = u - ix, v - iy
    a, b, d, e = (c.hash(ix + i, iy + j)[:, 0] for i, j in ((0, 0), (1, 0), (0, 1), (1, 1)))
    upper = fx < fy
    dx, dy = torch.where(upper, e - d, b - a), torch.where(upper, d - a, e - b)
    centre = torch.where(upper, (a + d + e) / 3, (a + b + e) / 3)
    light = 0.45 + 0.42 * (dx * 0.8 + dy * 0.6) + 0.35 * (centre - 0.5) + 0.12 * c.upward
    return c.ramp(light + 0.05 * (fx - 0.5))


def cubes(c):
    """Stacked cubes seen from a corner."""
    z = c.u(2.2, 3.6) * c.zoom
    dx, dy, h = c.hexes(c.x * z, c.y * z)
    a = (torch.atan2(dy, dx) + TAU / 12) / (TAU / 3)
    face = a.floor().remainder(3)
    shade = torch.where(face == 0, 0.46, torch.where(face == 1, 0.20, 0.78))
    edge = torch.minimum((a - a.round()).abs() * TAU / 3 * (dx * dx + dy * dy).sqrt(), 0.5 - torch.maximum(dx.abs(), (0.5 * dx.abs() + 0.866 * dy.abs())))
    lit = shade + 0.22 * (h[:, 0] - 0.5) + 0.10 * dy + 0.15 * (c.soft(c.x, c.y) - 0.5)
    return c.ramp(lit - 0.10 * (-edge.clamp(min=0) * 30).exp())


def honeycomb(c):
    z = c.u(3.0, 5.5) * c.zoom
    warp = 0.35 * (c.soft(c.x, c.y) - 0.5)
    dx, dy, h = c.hexes((c.x + warp) * z, (c.y + warp) * z)
    inside = 0.5 - torch.maximum(dx.abs(), 0.5 * dx.abs() + 0.866 * dy.abs())
    honey = 0.28 + 0.42 * h[:, 0] + 0.30 * smooth(0.0, 0.4, inside) * (0.5 + dy) + 0.12 * c.upward
    wall = smooth(0.075, 0.045, inside)
    rim = (-((inside - 0.085) / 0.022) ** 2).exp() * 0.25
    return over(c.ramp(honey + rim), c.ramp(0.10 + 0.12 * c.fbm(c.x * 3, c.y * 3)), wall)
