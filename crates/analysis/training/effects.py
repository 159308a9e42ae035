"""What happens to music before it reaches a listener: rooms, mastering, old media, codecs."""
import numpy as np

from instruments import RATE, fast_length, filtered, shaped


def reverb(sound, rng, noise):
    secs = rng.uniform(0.3, 2.5)
    t = np.arange(int(secs * RATE)) / RATE
    response = filtered(noise.normal(size=len(t)), 150, rng.uniform(2500, 9000)) * np.exp(-6.9 * t / secs) * (t > rng.uniform(0, 0.02))
    size = fast_length(len(sound) + len(response))
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)[:len(sound)]
    wet *= np.sqrt(np.mean(sound ** 2) / (np.mean(wet ** 2) + 1e-12))
    return sound + rng.uniform(0.1, 0.8) * wet


def compressed(sound, rng, noise):
    """Feed-forward compressor on 5 ms levels, with make-up gain."""
    hop = RATE // 200
    n = len(sound) // hop
    level = np.sqrt(np.mean(sound[:n * hop].reshape(n, hop) ** 2, 1)) + 1e-6
    release = np.exp(-0.005 / rng.uniform(0.05, 0.3))
    followed, last = np.empty(n), 0.0
    for i, value in enumerate(level):
        last = max(value, last * release)
        followed[i] = last
    threshold = np.percentile(followed, 50)
    gain = np.minimum(1, (threshold / followed)) ** rng.uniform(0.4, 0.85)
    return sound * np.interp(np.arange(len(sound)), np.arange(n) * hop, gain)


def clipped(sound, rng, noise):
    drive = 10 ** (rng.uniform(3, 14) / 20)
    loud = sound / (np.percentile(np.abs(sound), 99.9) + 1e-9) * drive
    return np.clip(loud, -1, 1) if rng.random() < 0.5 else np.tanh(loud)


def vinyl(sound, rng, noise):
    crackle = (noise.random(len(sound)) < rng.uniform(0.5, 8) / RATE) * noise.normal(size=len(sound))
    level = np.sqrt(np.mean(sound ** 2))
    hiss = filtered(noise.normal(size=len(sound)), 100, 8000)
    return sound + level * (rng.uniform(0.3, 1.5) * filtered(crackle, 800, 9000) * 3 + rng.uniform(0.01, 0.08) * hiss)


def room(sound, rng, noise):
    """A recording from across a room: reverb, narrow band, noise."""
    level = np.sqrt(np.mean(sound ** 2))
    far = filtered(reverb(sound, rng, noise), rng.uniform(60, 200), rng.uniform(3500, 9000))
    return far + level * rng.uniform(0.02, 0.15) * filtered(noise.normal(size=len(sound)), 80, 4000)


def codec(sound, rng, noise):
    """Low bit rates lose the treble and add noise that follows the level."""
    follow = np.maximum(0, filtered(np.abs(sound), 0.1, 20))
    return filtered(sound + rng.uniform(0.02, 0.12) * follow * noise.normal(size=len(sound)), 20, rng.uniform(5000, 10_500))


def equalised(sound, rng, noise):
    points = np.log2([20, 60, 180, 500, 1500, 4500, 12_000])
    levels = [rng.gauss(0, 4) for _ in points]
    return shaped(sound, lambda hz: 10 ** (np.interp(np.log2(hz), points, levels) / 20))


def pumped(sound, rng, noise, kicks):
    """Everything ducks under the kick."""
    t = np.arange(len(sound)) / RATE
    gain, depth, secs = np.ones(len(sound)), rng.uniform(0.4, 0.9), rng.uniform(0.15, 0.35)
    for kick in kicks:
        a, b = int(kick * RATE), int((kick + secs) * RATE)
        part = gain[a:b]
        part[:] = np.minimum(part, 1 - depth + depth * np.linspace(0, 1, max(b - a, 1))[:len(part)])
    return sound * gain


CHAIN = [(reverb, 0.35), (equalised, 0.5), (compressed, 0.35), (clipped, 0.25), (vinyl, 0.08), (codec, 0.15), (room, 0.08)]


def mastered(sound, rng, noise):
    for effect, probability in CHAIN:
        if rng.random() < probability:
            sound = effect(sound, rng, noise)
    sound = sound / (np.max(np.abs(sound)) + 1e-9) * 10 ** (-rng.choice([0.1, 1, 3, 6, 12, 20]) / 20)
    return sound + noise.normal(size=len(sound)) * 10 ** (-rng.uniform(75, 96) / 20)
