"""Makes synthetic music with known beats: python3 generate.py FOLDER FIRST COUNT [--max-secs 42] [--only STYLE]

Piece i (FIRST..FIRST+COUNT) is a WAV file and the truth beside it, a function of i alone. One in 14 is no music at all: noise,
clicks, tones, speech-like babble. Needs numpy, fluidsynth and the soundfonts of Debian's packages fluid-soundfont-gm,
timgm6mb-soundfont, musescore-general-soundfont-small, opl3-soundfont and avldrums.lv2-soundfont (only their sound is used here).
"""
import argparse
import json
import random
import wave
from pathlib import Path

import numpy as np

import effects
import instruments
from arrange import Arranger, synth
from families import DRAWN
from patterns import DRUMLESS, PATTERNS
from score import Note, Score, annotation

STYLES = sorted(PATTERNS) + sorted(DRUMLESS)
QUIET = 20.0  # velocity below which a note isn't heard beside others
NOTHING_EVERY = 14
HALF_HIDDEN_FROM = 800_000  # pieces of plucks that pads and leads half hide, more of which onsets need
HALF_HIDDEN = [style for style in DRUMLESS if "ambient" in style or "string" in style or style in ("folk2", "folk_waltz", "orchestra", "piano_song")]
GROOVES_FROM = 400_000  # pieces of grooves that are made up for each
METRONOMES_FROM = 900_000  # pieces that are metronomes, for calibrating
FONTS = {"all": [], "quick": ["MuseScore"], "quickest": ["MuseScore", "Fluid"]}  # and what they leave out


def style_of(i):
    if i >= METRONOMES_FROM:
        return "metronome"
    if i >= HALF_HIDDEN_FROM:
        return HALF_HIDDEN[i % len(HALF_HIDDEN)]
    if i >= GROOVES_FROM:
        return "nothing" if i % (2 * NOTHING_EVERY) == 2 * NOTHING_EVERY - 1 else DRAWN[i * 37 % len(DRAWN)]
    return "nothing" if i % NOTHING_EVERY == NOTHING_EVERY - 1 else STYLES[(i * 37) % len(STYLES)]


def music(i, rng, noise, max_secs):
    style = style_of(i)
    score = Arranger(rng, style, max_secs, is_half_hidden=i >= HALF_HIDDEN_FROM).score
    duration = score.beats[-1] + 2.0
    sound = instruments.play(score, duration, rng, noise)
    kicks = [n.time for n in score.notes if n.voice == "kick"]
    if kicks and rng.random() < 0.12:
        sound = effects.pumped(sound, rng, noise, kicks)
    onsets = [(n.time, n.velocity, score.voices[n.voice].band) for n in score.notes
              if n.velocity > QUIET and not score.voices[n.voice].is_soft]
    return style, effects.mastered(sound, rng, noise), annotation(score, onsets, duration)


def metronome(i, rng, noise, max_secs):
    """Clicks at one tempo, with an accent on the first of each bar."""
    bpm, n = rng.uniform(50, 200), rng.choice([2, 3, 4, 4])
    duration = rng.uniform(0.6, 1.0) * max_secs
    beats = [0.5 + k * 60 / bpm for k in range(int((duration - 1) * bpm / 60))]
    score = Score(beats, [k % n + 1 for k in range(len(beats) - 1)])
    machine = instruments.DrumMachine(rng, noise)
    click, accent = rng.choice([("clave", "bell"), ("rim", "clave"), ("hat", "rim"), ("clave", "clave")])
    sound = np.zeros(int(duration * instruments.RATE))
    for time, position in zip(beats, score.positions):
        machine.play(sound, int(time * instruments.RATE), accent if position == 1 else click, 110 if position == 1 else 90, 0.5)
    onsets = [(time, 100, "mid") for time in beats[:-1]]
    return "metronome", sound, annotation(score, onsets, duration)


def nothing(i, rng, noise):
    """Sounds without a beat. Onsets only where there are clear attacks."""
    duration = rng.uniform(15, 40)
    n = int(duration * instruments.RATE)
    t = np.arange(n) / instruments.RATE
    score, onsets = Score([], []), []
    kind = ["noise", "sine", "click", "clicks", "speech", "chord", "rain", "silence", "sweep"][i // NOTHING_EVERY % 9]
    sound = np.zeros(n)
    if kind == "noise":
        sound = effects.filtered(noise.normal(size=n), rng.uniform(10, 500), rng.uniform(1000, 11_000)) * (1 + 0.5 * np.sin(rng.uniform(0.3, 3) * t))
    elif kind == "sine":
        sound = np.sin(2 * np.pi * rng.uniform(60, 3000) * t) * (1 + 0.3 * np.sin(2 * np.pi * rng.uniform(0.05, 7) * t))
    elif kind in ("click", "clicks"):
        machine = instruments.DrumMachine(rng, noise)
        for time in sorted(rng.uniform(0.5, duration - 1) for _ in range(1 if kind == "click" else int(duration * rng.uniform(0.5, 5)))):
            machine.play(sound, int(time * instruments.RATE), rng.choice(["clave", "rim", "kick", "snare"]), rng.uniform(60, 120), 0.5)
            onsets.append((time, 100, "mid"))
    elif kind == "speech":
        score.voices["lead"] = synth(rng, "voice")
        time = 0.3
        while time < duration - 0.5:
            length = rng.uniform(0.07, 0.3)
            score.notes.append(Note(time, length, "lead", rng.gauss(50, 2.5), rng.uniform(50, 110)))
            if rng.random() < 0.5:  # a consonant
                a = max(0, int((time - 0.06) * instruments.RATE))
                sound[a:a + 1200] += noise.normal(size=len(sound[a:a + 1200])) * 0.05 * rng.random()
            time += length + (rng.uniform(0.0, 0.08) if rng.random() < 0.85 else rng.uniform(0.2, 1.2))
        sound += instruments.play(score, duration, rng, noise)
    elif kind == "chord":
        score.voices["pad"] = synth(rng, "pad")
        time = 0.2
        while time < duration - 4:
            length = rng.uniform(3, 9)
            score.notes += [Note(time, length, "pad", rng.choice([48, 52, 55, 60, 64, 67]), 90) for _ in range(3)]
            time += length * rng.uniform(0.7, 1.1)
        sound = instruments.play(score, duration, rng, noise)
    elif kind == "rain":
        drops = (noise.random(n) < rng.uniform(40, 300) / instruments.RATE) * noise.normal(size=n)
        sound = effects.filtered(drops, 500, 9000) + 0.02 * noise.normal(size=n)
    elif kind == "sweep":
        sound = np.sin(2 * np.pi * np.cumsum(np.interp(t, [0, duration], [rng.uniform(50, 500), rng.uniform(500, 5000)])) / instruments.RATE)
    if kind != "silence":
        sound = effects.mastered(sound, rng, noise)
    return kind, sound, annotation(score, onsets, duration)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--max-secs", type=float, default=42.0)
    parser.add_argument("--only", default="", help="start of the style's name; pieces of other styles are left out")
    parser.add_argument("--fonts", choices=FONTS, default="all", help="fewer soundfonts take less time to read, and make other pieces")
    arguments = parser.parse_args()
    instruments.SOUNDFONTS = [font for font in instruments.SOUNDFONTS if not any(name in font for name in FONTS[arguments.fonts])]
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for i in range(arguments.first, arguments.first + arguments.count):
        if not style_of(i).startswith(arguments.only):
            continue
        rng, noise = random.Random(7000 + i), np.random.default_rng(7000 + i)
        if style_of(i) == "nothing":
            name, sound, truth = nothing(i, rng, noise)
        elif style_of(i) == "metronome":
            name, sound, truth = metronome(i, rng, noise, arguments.max_secs)
        else:
            name, sound, truth = music(i, rng, noise, arguments.max_secs)
        path = arguments.folder / f"{i:05d}_{name}"
        with wave.open(f"{path}.wav", "wb") as file:
            file.setparams((1, 2, instruments.RATE, 0, "NONE", ""))
            file.writeframes((np.clip(sound, -1, 1) * 32767).astype(np.int16).tobytes())
        path.with_suffix(".json").write_text(json.dumps(truth))


if __name__ == "__main__":
    main()
