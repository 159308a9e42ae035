"""Makes song.flac: 25 seconds of synthesised music with an intro, a groove, a break and a drop.

    pip install numpy && python3 make_song.py song.wav && ffmpeg -i song.wav -compression_level 12 song.flac

Tempo 116 BPM, 4/4, A minor, 44.1 kHz stereo, 16 bit. Everything is computed from the seed below, so the same numpy
gives the same samples. The song is ours, CC0-1.0.
"""

import sys
import wave

import numpy as np

RATE_HZ = 44100
TEMPO_BPM = 116
BEAT_SECS = 60 / TEMPO_BPM
BAR_SECS = 4 * BEAT_SECS
LEAD_SECS = 0.25
N_BARS = 12
CHORDS = [[57, 60, 64, 67], [53, 57, 60, 64], [48, 55, 60, 64], [55, 59, 62, 67]]  # Am7 Fmaj7 C G, MIDI notes
# section: (first bar, end bar, instruments)
SECTIONS = [
    (0, 2, {"pad", "arp"}),
    (2, 6, {"pad", "arp", "kick", "hat", "bass"}),
    (6, 8, {"pad", "riser"}),
    (8, 12, {"pad", "arp", "kick", "snare", "hat", "bass", "lead"}),
]

random = np.random.default_rng(7)


def hz(note):
    return 440 * 2 ** ((note - 69) / 12)


def seconds(length_secs):
    return np.arange(int(length_secs * RATE_HZ)) / RATE_HZ


def saw(note, t, detune=0.0, n_harmonics=12):
    phase = 2 * np.pi * hz(note) * 2 ** (detune / 1200) * t
    return sum(np.sin(k * phase) / k for k in range(1, n_harmonics + 1)) * 0.6


def kick():
    t = seconds(0.32)
    pitch = 45 + 110 * np.exp(-t / 0.025)
    return np.sin(2 * np.pi * np.cumsum(pitch) / RATE_HZ) * np.exp(-t / 0.11)


def noise(length_secs, decay_secs, smooth=1):
    t = seconds(length_secs)
    samples = random.standard_normal(len(t))
    bright = samples - np.convolve(samples, np.ones(smooth) / smooth, "same") if smooth > 1 else samples
    return bright * np.exp(-t / decay_secs)


def snare():
    body = noise(0.2, 0.06, 9) * 0.5
    t = seconds(0.2)
    return body + np.sin(2 * np.pi * 190 * t) * np.exp(-t / 0.05) * 0.7


def pluck(note):
    t = seconds(0.35)
    return saw(note, t, 0, 8) * np.exp(-t / 0.09)


def bass(note, length_secs):
    t = seconds(length_secs)
    return (np.sin(2 * np.pi * hz(note) * t) + 0.35 * saw(note, t, 0, 5)) * np.minimum(1, (length_secs - t) / 0.03)


def pad(chord, length_secs, detune):
    t = seconds(length_secs)
    fade = np.minimum(1, np.minimum(t / 0.4, (length_secs - t) / 0.4))
    return sum(saw(note, t, detune, 5) for note in chord) / len(chord) * fade


def lead(note, length_secs):
    t = seconds(length_secs)
    vibrato = 6 * np.sin(2 * np.pi * 5 * t) * np.minimum(1, t / 0.3)
    return saw(note, t, vibrato, 10) * np.minimum(1, np.minimum(t / 0.01, (length_secs - t) / 0.05))


def song():
    total = int((LEAD_SECS + N_BARS * BAR_SECS + 0.75) * RATE_HZ)
    left, right = np.zeros(total), np.zeros(total)

    def add(sound, at_secs, gain, pan=0.0):
        start = int(round(at_secs * RATE_HZ))
        sound = sound[: max(0, total - start)]
        left[start : start + len(sound)] += gain * (1 - max(0, pan)) * sound
        right[start : start + len(sound)] += gain * (1 + min(0, pan)) * sound

    melody = [76, 79, 81, 79, 76, 74, 72, 74]
    for first, end, plays in SECTIONS:
        for bar in range(first, end):
            at = LEAD_SECS + bar * BAR_SECS
            chord = CHORDS[bar % 4]
            loud = 1.0 if "kick" in plays else 0.6
            add(pad(chord, BAR_SECS, -7), at, 0.11 * loud, -0.5)
            add(pad(chord, BAR_SECS, +7), at, 0.11 * loud, +0.5)
            for step in range(16):
                when = at + step * BEAT_SECS / 4
                if "arp" in plays:
                    note = chord[[0, 2, 1, 3, 2, 1][step % 6]] + 12
                    add(pluck(note), when, 0.13 * loud, 0.4 if step % 2 else -0.4)
                if "hat" in plays and step % 4 == 2:
                    add(noise(0.06, 0.018, 5), when, 0.10)
                if "bass" in plays and step % 2 == 0 and step % 8 != 0:
                    add(bass(chord[0] - 24, BEAT_SECS * 0.45), when, 0.30)
            for beat in range(4):
                if "kick" in plays:
                    add(kick(), at + beat * BEAT_SECS, 0.75)
                if "snare" in plays and beat % 2 == 1:
                    add(snare(), at + beat * BEAT_SECS, 0.35)
            if "lead" in plays:
                for k in range(2):
                    add(lead(melody[(2 * bar + k) % 8], 2 * BEAT_SECS), at + 2 * k * BEAT_SECS, 0.12)
        if "riser" in plays:
            length = (end - first) * BAR_SECS
            t = seconds(length)
            add(saw(45, t, 1200 * t / length, 10), LEAD_SECS + first * BAR_SECS, 0.10 * 1.0)
    mix = np.tanh(1.2 * np.stack([left, right], axis=1)) * 0.9
    fade = np.minimum(1, np.arange(total)[::-1] / (0.5 * RATE_HZ))
    return mix * fade[:, None]


if __name__ == "__main__":
    samples = (np.round(song() * 4095) * 8).astype("<i2")  # 13 significant bits: half the file, inaudible here
    with wave.open(sys.argv[1], "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())
