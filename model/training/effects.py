"""What is laid over a finished motif: lights, weathers, times of day and styles, each named by words in the caption.

Every effect maps (canvas, picture (n, 3, h, w)) to a picture. Lengths are shares of the picture or, in `blur`, pixels of a
picture with a short side of 256, so that an effect looks alike at every size.
"""

import torch
import torch.nn.functional as F

from canvas import TAU, blur, over, smooth


def tint(c, colour):
    return torch.tensor([int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)], device=c.device).view(1, 3, 1, 1)


def vivid(picture, gain):
    mean = picture.mean(1, keepdim=True)
    return mean + (picture - mean) * gain


def warp(c, picture, dx, dy):
    return c.look(picture, c.x + dx, c.y + dy)


def radius2(c):
    return c.across**2 + c.upward**2


# ---- light ------------------------------------------------------------------------------------------


def bloom(c, picture, gain=0.9):
    glow = (picture - 0.45).clamp(min=0)
    return 1 - (1 - picture) * (1 - gain * (0.6 * blur(glow, 10) + 0.6 * blur(glow, 28)).clamp(0, 1))


def dark(c, picture):
    return picture ** 1.35 * (0.82 - 0.32 * radius2(c)).clamp(min=0.1).unsqueeze(1)


def bright(c, picture):
    return 1 - (1 - picture.clamp(0, 1)) ** 1.5


def backlit(c, picture):
    """A strong light behind the subject: bright around one point, dark at the border."""
    d2 = (c.across - c.u(-0.4, 0.4)) ** 2 + (c.upward - c.u(-0.1, 0.6)) ** 2
    light = (-d2 * 2.2).exp().unsqueeze(1)
    return picture * (0.38 + 0.75 * light) + light**3 * 0.35 * (0.4 + 0.6 * c.stop(4))


def candlelit(c, picture):
    warm = over(picture, picture.mean(1, keepdim=True) * tint(c, "ffb45e") * 1.25, 0.5 + 0 * c.x)
    return warm * (1.0 - 0.62 * radius2(c)).clamp(0.08, 1).unsqueeze(1)


# ---- weather ----------------------------------------------------------------------------------------


def misty(c, picture):
    mist = smooth(0.25, 0.8, c.fbm(c.x * 1.0, c.y * 2.4)) * (0.75 - 0.35 * c.upward).clamp(0, 1)
    grey = 0.35 * blur(picture, 64).amax((2, 3), keepdim=True).clamp(0, 1) + 0.55
    return over(blur(picture, 1.6), grey, (mist * 0.8).clamp(0, 0.85))


def rainy(c, picture):
    wet = vivid(blur(picture, 1.5), 0.8) * 0.78
    x, y = c.turned(c.u(-0.3, 0.3))
    for scale, gain in ((30, 0.16), (17, 0.24)):
        gx = x * scale + c.u(0, 32)
        ix = gx.floor()
        gy = y * 2.4 + 9 * c.hash(ix, ix * 0)[:, 0]
        h = c.hash(ix, gy.floor())
        fy = gy - gy.floor()
        streak = (-(((gx - ix - 0.5) / 0.14) ** 2)).exp() * smooth(0.1, 0.8, fy) * smooth(1.0, 0.9, fy) * (h[:, 1] > 0.4)
        wet = wet + (streak * gain).unsqueeze(1)
    return wet


def snowy(c, picture):
    cold = over(picture, vivid(picture, 0.5) * 0.75 + 0.25, 0.35 + 0.35 * smooth(0.4, -1, c.upward))
    for cells, radius in ((6, 0.15), (11, 0.14), (21, 0.13)):
        gx, gy = c.x * cells / 2 + c.u(0, 32), c.y * cells / 2 + c.u(0, 32)
        ix, iy = gx.floor(), gy.floor()
        h = c.hash(ix, iy)
        d = ((gx - ix - 0.25 - 0.5 * h[:, 0]) ** 2 + (gy - iy - 0.25 - 0.5 * h[:, 1]) ** 2).sqrt()
        cold = over(cold, torch.ones_like(cold), smooth(radius, radius * 0.3, d) * (h[:, 2] > 0.35) * 0.8)
    return cold


def stormy(c, picture):
    shade = smooth(0.3, 0.75, c.fbm(c.x * 0.9, c.y * 1.8)) * smooth(-0.9, 0.6, c.upward)
    hard = (vivid(picture, 0.7) - 0.5) * 1.25 + 0.44
    return over(hard, hard * 0.25 + tint(c, "10151f"), shade * 0.8)


# ---- time of day ------------------------------------------------------------------------------------


def dawn(c, picture):
    low = smooth(0.7, -0.9, c.upward)
    return over(picture * 0.9 + 0.08, tint(c, "ffc9a8"), 0.14 + 0.34 * low) * tint(c, "fff4ee")


def noon(c, picture):
    return 1 - (1 - vivid(picture, 1.2).clamp(0, 1)) ** 1.3


def dusk(c, picture):
    low = smooth(0.6, -0.8, c.upward).unsqueeze(1)
    return picture * (tint(c, "7d5fb0") * (1 - low) + tint(c, "ff9a5c") * low) * 1.12


def night(c, picture):
    return (vivid(picture, 0.75).clamp(min=0) ** 1.25) * tint(c, "5a74b8") * 0.95 + tint(c, "02030a")


# ---- style ------------------------------------------------------------------------------------------


def watercolor(c, picture):
    u, v = c.fbm(c.x * 2, c.y * 2) - 0.5, c.fbm(c.x * 2, c.y * 2) - 0.5
    wet = warp(c, blur(picture, 2.5), 0.10 * u, 0.10 * v)
    edges = (blur(wet, 5) - wet).abs().mean(1, keepdim=True)
    pigment = c.fbm(c.x * 5, c.y * 5).unsqueeze(1)
    wet = 0.16 + 0.84 * wet ** 0.72
    out = wet * (1 - 1.3 * edges) + (pigment - 0.5) * 0.16
    frame = torch.maximum(c.across.abs(), c.upward.abs()) + 0.16 * (c.fbm(c.x * 2, c.y * 2) - 0.5)
    return over(out, tint(c, "f7f2e8"), smooth(0.86, 0.97, frame))


def oil(c, picture):
    angle = c.soft(c.x * 1.3, c.y * 1.3) * 9
    total = 0
    for step in (-3, -2, -1, 0, 1, 2, 3):
        total = total + warp(c, picture, angle.cos() * step * 0.018, angle.sin() * step * 0.018)
    total = total / 7
    bristle = c.fbm(c.x * 4 + 0.6 * angle.cos(), c.y * 4 + 0.6 * angle.sin()) - 0.5
    step = max(1, round(min(c.h, c.w) / 128))
    relief = (bristle - bristle.roll((step, step), (1, 2))).clamp(-0.12, 0.12)
    level = total.mean(1, keepdim=True)
    return (total - 0.5) * 1.12 + 0.5 + relief.unsqueeze(1) * (0.15 + 0.75 * level)


def pixel(c, picture):
    side = max(2, round(min(c.h, c.w) / 32))
    small = F.interpolate(picture, (c.h // side, c.w // side), mode="area")
    small = ((small * 1.1 - 0.03) * 7).round() / 7
    return F.interpolate(small, (c.h, c.w), mode="nearest")


def psychedelic(c, picture):
    luma = picture.mean(1)
    wave = 5 * luma + 4 * c.soft(c.x, c.y)
    bands = torch.stack([0.5 + 0.5 * (wave + k * 2.1).sin() for k in range(3)], 1)
    return (0.35 * picture + 0.75 * bands * (0.25 + 0.9 * luma.unsqueeze(1) ** 0.6)).clamp(0, 1)


def vintage(c, picture):
    sepia = picture.mean(1, keepdim=True) * torch.tensor([1.08, 0.95, 0.78], device=c.device).view(1, 3, 1, 1)
    faded = 0.10 + 0.82 * (0.45 * picture + 0.55 * sepia)
    return faded * (1.05 - 0.28 * radius2(c)).unsqueeze(1)


def minimal(c, picture):
    level = blur(picture, 6).mean(1) * 5
    step = level.floor() + smooth(0.42, 0.58, level - level.floor())
    return c.ramp(step / 5)


def sketch(c, picture):
    """Pencil on paper: lines where brightness changes, hatching where it is dark."""
    luma = blur(picture, 1.5).mean(1, keepdim=True)
    line = smooth(0.70, 1.0, luma / (blur(luma, 6) + 0.02))
    x, y = c.turned(c.u(0.5, 1.1))
    wobble = c.soft(c.x * 2, c.y * 2)
    hatch = 0.5 + 0.5 * (y * 90 + 5 * wobble).sin()
    cross = 0.5 + 0.5 * (x * 90 + 5 * wobble).sin()
    level = luma[:, 0]
    stroke = 1 - 0.5 * smooth(0.55, 0.25, level) * smooth(0.35, 0.75, hatch) - 0.35 * smooth(0.3, 0.1, level) * smooth(0.35, 0.75, cross)
    return tint(c, "f3eee2") * (0.22 + 0.78 * line * stroke.unsqueeze(1) * (0.72 + 0.28 * smooth(0.0, 0.7, luma)))


def comic(c, picture):
    """Printed dots that grow with darkness, on flat bold colours."""
    flat = blur(picture, 4)
    flat = (vivid(flat, 1.6).clamp(0, 1) * 3).round() / 3
    x, y = c.turned(c.u(0.6, 0.9))
    px, py = x * 34, y * 34
    fx, fy = px - px.floor() - 0.5, py - py.floor() - 0.5
    darkness = 1 - blur(picture, 5).mean(1)
    dot = smooth(0.06, -0.06, (fx * fx + fy * fy).sqrt() - 0.10 - 0.48 * darkness)
    return over(flat * 0.55 + 0.45, flat * 0.42, dot)


def glitch(c, picture):
    """Rows torn sideways, colours apart."""
    row = (c.y * 9 + c.u(0, 32)).floor()
    fine = (c.y * 26 + c.u(0, 32)).floor()
    h, g = c.hash(row, row * 0), c.hash(fine, fine * 0 + 5)
    shift = (h[:, 0] - 0.5) * 0.7 * (h[:, 1] > 0.55) + (g[:, 0] - 0.5) * 0.25 * (g[:, 1] > 0.7)
    apart = 0.02 + 0.05 * h[:, 2]
    channels = [warp(c, picture, shift + k * apart, 0 * c.y)[:, k + 1 : k + 2] for k in (-1, 0, 1)]
    lines = 0.88 + 0.12 * (c.upward * 200).sin()
    return vivid(torch.cat(channels, 1), 1.25) * lines.unsqueeze(1)


def woodblock(c, picture):
    """Few flat inks on paper, dark contours between them."""
    level = blur(picture, 3.5).mean(1) * 1.15
    steps = 4
    flat = (level * steps).floor().clamp(0, steps - 1)
    near = (level * steps - (level * steps).round()).abs()
    slope = (level - level.roll(1, 1)).abs() + (level - level.roll(1, 2)).abs()
    contour = smooth(1.6, 0.4, near / (slope * steps * max(1.0, min(c.h, c.w) / 256) + 0.02)) * smooth(0.0, 0.004, slope)
    ink = c.ramp(0.18 + 0.26 * flat)
    paper = 0.94 + 0.06 * c.fbm(c.x * 3, c.y * 3).unsqueeze(1)
    return over(ink * 0.85 + tint(c, "f1e6cc") * 0.15, tint(c, "1a1620"), contour * 0.85) * paper


def exposure(c, picture):
    """A long exposure: everything drawn out along one direction."""
    angle, total = c.u(-0.5, 0.5) + c.pick(0, TAU / 4), 0
    for step in range(-6, 7):
        total = total + warp(c, picture, angle.cos() * step * 0.035 + 0 * c.x, angle.sin() * step * 0.035 + 0 * c.x)
    return vivid((total / 13 - 0.5) * 1.15 + 0.5, 1.15)


def pointillist(c, picture):
    z = 22.0
    near, _, h, ox, oy = c.cells(c.x * z, c.y * z)
    colour = c.look(blur(picture, 3), c.x + ox / z, c.y + oy / z)
    colour = vivid(colour, 1.35) + (h[:, :3] - 0.5) * 0.22
    return over(blur(picture, 8) * 0.6 + 0.08, colour, smooth(0.56, 0.44, near))


LIGHTS = {
    "dark": (dark, ["dark", "moody", "dim", "shadowy"]),
    "bright": (bright, ["bright", "sunny", "luminous", "radiant"]),
    "glowing": (bloom, ["glowing", "dreamy", "ethereal", "shimmering"]),
    "backlit": (backlit, ["backlit", "against the light", "spotlight", "silhouette light"]),
    "candlelit": (candlelit, ["candlelit", "by candlelight", "warm lamp light", "cosy light"]),
}
WEATHERS = {
    "misty": (misty, ["misty", "foggy", "hazy", "in the mist"]),
    "rainy": (rainy, ["rainy", "in the rain", "rainy weather", "drizzle"]),
    "snowy": (snowy, ["snowy", "in the snow", "snowfall", "wintry"]),
    "stormy": (stormy, ["stormy", "before the storm", "storm clouds", "gloomy weather"]),
}
TIMES = {
    "dawn": (dawn, ["at dawn", "early morning", "at sunrise", "morning light"]),
    "noon": (noon, ["at noon", "by day", "midday", "daylight"]),
    "dusk": (dusk, ["at dusk", "in the evening", "twilight", "golden hour"]),
    "night": (night, ["at night", "by night", "at midnight", "nocturnal"]),
}
STYLES = {
    "watercolor": (watercolor, ["watercolor", "watercolour painting", "watercolor wash"]),
    "oil": (oil, ["oil painting", "impressionist painting", "painterly brush strokes"]),
    "pixel": (pixel, ["pixel art", "8-bit", "retro game pixels"]),
    "psychedelic": (psychedelic, ["psychedelic", "trippy", "acid trip"]),
    "vintage": (vintage, ["vintage film", "retro photograph", "old film"]),
    "minimal": (minimal, ["minimal", "minimalist poster", "flat poster"]),
    "sketch": (sketch, ["pencil sketch", "pencil drawing", "charcoal drawing"]),
    "comic": (comic, ["comic book", "pop art", "halftone print"]),
    "glitch": (glitch, ["glitch art", "glitched", "broken screen"]),
    "woodblock": (woodblock, ["japanese woodblock print", "linocut", "ukiyo-e"]),
    "exposure": (exposure, ["long exposure", "motion blur", "blurred"]),
    "pointillist": (pointillist, ["pointillism", "dots of paint", "impressionist dots"]),
}
