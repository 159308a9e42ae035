"""Sounds: General MIDI programs played by fluidsynth, and our own synthesis in numpy. Every sound is mono at RATE."""
import os
import struct
import subprocess
import tempfile
import wave
from dataclasses import dataclass

import numpy as np

RATE = 24_000
FOLDER = "/usr/share/sounds/"
SOUNDFONTS = [FOLDER + "sf2/FluidR3_GM.sf2", FOLDER + "sf2/TimGM6mb.sf2", FOLDER + "sf3/MuseScore_General_Lite.sf3", FOLDER + "sf2/OPL-3_FM_128M.sf2"]
DRUM_KITS = [FOLDER + "sf2/Black_Pearl_4_LV2.sf2", FOLDER + "sf2/Red_Zeppelin_4_LV2.sf2"]  # of recorded drums alone
DRUM_KEYS = {"kick": 36, "snare": 38, "clap": 39, "rim": 37, "hat": 42, "open": 46, "ride": 51, "crash": 49, "tom": 45, "shaker": 70,
             "tambourine": 54, "conga": 63, "clave": 75, "bell": 56, "guiro": 73, "brush": 40}
RECORDED = {"kick", "snare", "rim", "hat", "open", "ride", "crash", "tom"}  # what DRUM_KITS have
DRUM_BANDS = {"kick": "low", "tom": "mid", "snare": "mid", "clap": "mid", "rim": "mid", "conga": "mid"}


@dataclass
class Instrument:
    kind: str             # "midi", "drum", "synth"
    program: object = 0   # MIDI program, drum's name, or a synthesis function's parameters
    gain: float = 1.0
    is_soft: bool = False  # attack too slow to be called an onset
    band: str = "mid"


def vlq(n):
    out = [n & 127]
    while n := n >> 7:
        out.append(n & 127 | 128)
    return bytes(reversed(out))


def write_midi(path, notes, voices, drum_kit):
    """A type 0 file with a tick a millisecond."""
    names = [name for name in voices if voices[name].kind == "midi"]
    channels = {name: [c for c in range(16) if c != 9][i % 15] for i, name in enumerate(names)}
    events = [(0, 0, bytes([0xC0 | channels[n], voices[n].program])) for n in names] + [(0, 0, bytes([0xC9, drum_kit]))]
    for note in notes:
        voice = voices[note.voice]
        if voice.kind == "synth":
            continue
        channel, pitch = (9, DRUM_KEYS[voice.program]) if voice.kind == "drum" else (channels[note.voice], note.pitch)
        start, velocity = round(note.time * 1000), int(np.clip(note.velocity, 1, 127))
        end = max(round((note.time + note.duration) * 1000), start + 20)
        events.append((start, 2, bytes([0x90 | channel, pitch, velocity])))
        events.append((end, 1, bytes([0x80 | channel, pitch, 0])))
    data, last = b"\x00\xff\x51\x03" + (500_000).to_bytes(3, "big"), 0
    for tick, _, message in sorted(events):
        data += vlq(tick - last) + message
        last = tick
    data += vlq(1500) + b"\xff\x2f\x00"
    with open(path, "wb") as file:
        file.write(b"MThd" + struct.pack(">IHHH", 6, 0, 1, 500) + b"MTrk" + struct.pack(">I", len(data)) + data)


def play_midi(notes, voices, soundfont, drum_kit, reverb):
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = os.path.join(folder, "a.mid"), os.path.join(folder, "a.wav")
        write_midi(midi, notes, voices, drum_kit)
        subprocess.run(["fluidsynth", "-ni", "-q", "-g", "0.5", "-R", str(int(reverb)), "-C", "0", "-r", str(RATE), "-F", wav, "-O", "s16",
                        "-T", "wav", soundfont, midi], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with wave.open(wav) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, file.getnchannels())
    return samples.mean(1) / 32768


def fast_length(n):
    """The next length of the form 2^a, 3 * 2^a or 5 * 2^a, whose FFT is fast."""
    power = 1 << max(0, (n - 1).bit_length())
    return min(size for size in (power, power * 3 // 4, power * 5 // 8) if size >= n)


def shaped(sound, gain_of_hz):
    """A filter without delay: `gain_of_hz` maps frequencies to gains."""
    size = fast_length(len(sound) + 2400)
    gain = gain_of_hz(np.maximum(np.fft.rfftfreq(size, 1 / RATE), 1))
    return np.fft.irfft(np.fft.rfft(sound, size) * gain, size)[:len(sound)]


def filtered(sound, low_hz, high_hz):
    """Band-pass with soft edges."""
    return shaped(sound, lambda hz: 1 / (1 + (low_hz / hz) ** 4) / (1 + (hz / high_hz) ** 4))


class DrumMachine:
    """Synthetic drums with the same names as the MIDI ones; a new character for each piece."""

    def __init__(self, rng, noise):
        seconds = lambda s: np.arange(int(s * RATE)) / RATE
        decay = lambda t, s: np.exp(-t / s)
        white = lambda t: noise.normal(size=len(t))
        t = seconds(0.5)
        top, base, sweep = rng.uniform(100, 260), rng.uniform(40, 62), rng.uniform(0.012, 0.05)
        phase = 2 * np.pi * np.cumsum(base + top * decay(t, sweep)) / RATE
        click = rng.uniform(0, 0.5) * white(t) * decay(t, 0.002)
        self.sounds = {"kick": np.sin(phase) * decay(t, rng.uniform(0.06, 0.25)) + click}
        tone = np.sin(2 * np.pi * rng.uniform(160, 240) * t) * decay(t, rng.uniform(0.03, 0.1))
        self.sounds["snare"] = 0.5 * tone + filtered(white(t), rng.uniform(400, 1500), 9000) * decay(t, rng.uniform(0.04, 0.15))
        t = seconds(0.4)
        bursts = sum(decay(np.maximum(t - d, 0), 0.006) * (t >= d) for d in (0, 0.01, 0.02)) + 0.7 * decay(t, rng.uniform(0.05, 0.12))
        self.sounds["clap"] = filtered(white(t), 700, 4000) * bursts
        bright = filtered(white(t), rng.uniform(4500, 8000), 11_500)
        for name, length in (("hat", rng.uniform(0.012, 0.04)), ("open", rng.uniform(0.1, 0.25)), ("shaker", 0.03), ("tambourine", 0.06)):
            self.sounds[name] = bright * decay(t, length) * (np.minimum(t / 0.012, 1) if name == "shaker" else 1)
        self.sounds["brush"] = filtered(white(t), 1500, 8000) * decay(t, 0.08) * np.minimum(t / 0.01, 1)
        t = seconds(1.0)
        metal = filtered(sum(np.sign(np.sin(2 * np.pi * f * t)) for f in rng.choices(range(2500, 8000), k=5)) * 0.2 + 0.5 * white(t), 3500, 11_500)
        self.sounds["ride"] = metal * (0.3 * decay(t, 0.35) + decay(t, 0.03))
        self.sounds["crash"] = filtered(white(t), 2000, 11_500) * decay(t, 0.4)
        self.sounds["guiro"] = filtered(white(t), 2000, 7000) * decay(t, 0.06)
        for name, hz, length in (("tom", rng.uniform(90, 170), 0.15), ("conga", rng.uniform(200, 330), 0.09), ("rim", rng.uniform(400, 900), 0.02),
                                 ("clave", rng.uniform(1800, 2600), 0.03), ("bell", rng.uniform(540, 850), 0.1)):
            self.sounds[name] = np.sin(2 * np.pi * hz * t * (1 + 0.1 * decay(t, 0.02))) * decay(t, length)

    def play(self, mix, start, name, velocity, gain):
        sound = self.sounds[name]
        n = max(0, min(len(sound), len(mix) - start))
        mix[start:start + n] += sound[:n] * gain * (velocity / 110) ** 1.5


def tone(kind, hz, secs, rng, noise, parameters):
    """One note of a synthetic instrument."""
    attack, release, brightness = parameters["attack"], parameters["release"], parameters["brightness"]
    t = np.arange(int((secs + release) * RATE)) / RATE
    envelope = np.minimum(t / attack, 1) * np.where(t < secs, 1, np.exp(-(t - secs) / (release / 4)))
    n_harmonics = int(min(24, 10_000 / hz))
    if kind == "pluck":
        envelope = envelope * np.exp(-t / parameters["decay"])
    vibrato, glide = 0.0, 0.0
    if kind == "voice":
        vibrato = 0.006 * np.sin(2 * np.pi * rng.uniform(4.5, 6) * t) * np.minimum(t / 0.3, 1)
        glide = -rng.uniform(0, 0.06) * np.exp(-t / 0.05)
    phase = 2 * np.pi * np.cumsum(np.full(len(t), hz) * (1 + vibrato + glide)) / RATE
    vowel = rng.choice(VOWELS)
    sound = np.zeros_like(t)
    # sin kx = 2 cos x sin (k - 1)x - sin (k - 2)x, which is many times faster than sines; so are powers of the damping.
    before, harmonic, twice_cos = np.zeros_like(t), np.sin(phase), 2 * np.cos(phase)
    damping = np.exp(-t * parameters["damping"]) if parameters["damping"] else None
    damped = damping
    for k in range(1, n_harmonics + 1):
        level = level_of(k * hz, vowel) if kind == "voice" else (k % 2 / k) if kind == "chip" else k ** (-1 / brightness)
        sound += (harmonic if damping is None else harmonic * damped) * level
        before, harmonic = harmonic, twice_cos * harmonic - before
        if damping is not None:
            damped = damped * damping
    if kind == "pad":
        sound += np.sin(phase * 1.006) + 0.5 * np.sin(phase * 1.994)
    if kind == "voice":
        sound += 0.04 * noise.normal(size=len(t))
    return sound * envelope / max(1.0, np.abs(sound).max())


VOWELS = [[(700, 120, 1.0), (1200, 150, 0.5), (2600, 250, 0.2)], [(400, 100, 1.0), (2000, 200, 0.4), (2700, 250, 0.2)],
          [(350, 90, 1.0), (800, 120, 0.4), (2500, 250, 0.1)], [(500, 110, 1.0), (1500, 180, 0.4), (2500, 250, 0.2)]]


def level_of(hz, vowel):
    return 0.03 + sum(g / (1 + ((hz - f) / w) ** 2) for f, w, g in vowel)


def play(score, duration, rng, noise):
    """The mix of all notes, and its drums alone."""
    n = int(duration * RATE)
    mix, drums = np.zeros(n), np.zeros(n)
    machine = DrumMachine(rng, noise)
    tones = {}
    use_machine = rng.random() < 0.4
    if use_machine:
        for note in score.notes:
            if score.voices[note.voice].kind == "drum":
                machine.play(drums, int(note.time * RATE), score.voices[note.voice].program, note.velocity, 0.35)
    for note in score.notes:
        voice = score.voices[note.voice]
        if voice.kind == "synth":
            kind, parameters = voice.program
            key = kind, note.voice, note.pitch, round(note.duration, 3)
            if kind == "voice" or key not in tones:  # a voice never sings the same note twice
                tones[key] = tone(kind, 440 * 2 ** ((note.pitch - 69) / 12), note.duration, rng, noise, parameters)
            sound = tones[key]
            start = int(note.time * RATE)
            end = min(n, start + len(sound))
            if start < end:
                mix[start:end] += sound[:end - start] * voice.gain * note.velocity / 127 * 0.3
    midi_notes = [x for x in score.notes if not (use_machine and score.voices[x.voice].kind == "drum")]
    if any(score.voices[x.voice].kind != "synth" for x in midi_notes):
        kit, reverb = rng.choice([0, 0, 8, 16, 24, 25, 32, 40]), rng.random() < 0.3
        is_recorded = lambda x: score.voices[x.voice].kind == "drum" and score.voices[x.voice].program in RECORDED
        recorded = [x for x in midi_notes if is_recorded(x)] if rng.random() < 0.4 else []
        for notes, soundfonts in ([x for x in midi_notes if not (recorded and is_recorded(x))], SOUNDFONTS), (recorded, DRUM_KITS):
            if notes:
                played = play_midi(notes, score.voices, rng.choice(soundfonts), kit, reverb)[:n]
                mix[:len(played)] += played * (rng.uniform(0.7, 1.3) if notes is recorded else 1.0)
    return mix + drums * rng.uniform(0.5, 1.2)
