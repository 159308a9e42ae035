"""A piece of music on paper: its pulse, its notes and its sections, all in seconds."""
import math
from dataclasses import dataclass, field


@dataclass
class Note:
    time: float
    duration: float
    voice: str       # a key of Score.voices
    pitch: int       # MIDI number
    velocity: float  # 0..127


@dataclass
class Score:
    beats: list          # seconds; one more than there are beats: the end of the last
    positions: list      # position in bar of each beat, from 1
    notes: list = field(default_factory=list)
    voices: dict = field(default_factory=dict)    # name -> instrument, see render.py
    sections: list = field(default_factory=list)  # (beat index of the start, label)

    def secs(self, beat):
        """Time of a position counted in beats, between beats by proportion."""
        k = min(max(math.floor(beat), 0), len(self.beats) - 2)
        return self.beats[k] + (beat - k) * (self.beats[k + 1] - self.beats[k])

    def add(self, beat, length, voice, pitch, velocity, rng, jitter=0.0, late_secs=0.0):
        start = self.secs(beat) + rng.gauss(late_secs, jitter)
        self.notes.append(Note(max(start, 0.0), max(self.secs(beat + length) - self.secs(beat), 0.03), voice, pitch, velocity))


def pulse(rng, n_beats, beats_per_bar, bpm, kind, lead_secs):
    """Beat times. Kinds: steady, drift (a band without click), rubato, ramp, jump (another tempo from some bar on),
    ritardando (slows down at the end)."""
    times, secs = [lead_secs], lead_secs
    walk, phase = 0.0, rng.uniform(0, 6.28)
    depth = rng.uniform(0.05, 0.2)
    phrase = beats_per_bar * rng.choice([2, 4])
    ramp = rng.uniform(0.75, 1.35)
    n_bars = max(1, n_beats // beats_per_bar)
    jump_at = beats_per_bar * rng.randint(n_bars // 3, max(n_bars // 3, 2 * n_bars // 3))
    jump = rng.choice([0.6, 0.667, 0.71, 0.75, 0.8, 0.9, 1.12, 1.2, 1.25, 1.33, 1.4, 1.5])
    for beat in range(n_beats):
        factor = 1.0
        if kind == "drift":
            walk = 0.93 * walk + rng.gauss(0, 0.006)
            factor = 1 + walk + 0.02 * math.sin(beat / 23 + phase)
        elif kind == "rubato":
            factor = 1 + depth * math.sin(2 * math.pi * beat / phrase + phase) + rng.gauss(0, depth / 5)
            if beat % phrase == phrase - 1:
                factor *= rng.uniform(0.75, 1.0)
        elif kind == "ramp":
            factor = ramp ** (beat / n_beats)
        elif kind == "jump" and beat >= jump_at:
            factor = jump
        elif kind == "ritardando":
            factor = 1 - 0.35 * max(0.0, 1 - (n_beats - beat) / (2 * beats_per_bar))
        secs += 60 / (bpm * factor)
        times.append(secs)
    return times


def annotation(score, onset_secs, duration_secs):
    """The truth in the form of `evaluate.py` and the exporter: seconds, positions from 1."""
    beats = [{"time_secs": t, "position_in_bar": p} for t, p in zip(score.beats, score.positions)]
    intervals = sorted(b - a for a, b in zip(score.beats, score.beats[1:]))
    starts = [score.beats[k] for k, _ in score.sections]
    if starts:
        starts[0] = 0.0
    ends = starts[1:] + [duration_secs]
    n = len(intervals)
    return {
        "beats": beats,
        "downbeats": [b["time_secs"] for b in beats if b["position_in_bar"] == 1],
        "tempo_bpm": 60 / intervals[n // 2] if n else None,
        "tempo_varies": bool(n and intervals[int(n * 0.95)] / intervals[int(n * 0.05)] > 1.08),
        "onsets": [{"time_secs": t, "band": band} for t, band in merged(onset_secs, 0.03)],
        "soft_onsets": sorted(n.time for n in score.notes if score.voices[n.voice].is_soft),
        "sections": [{"start_secs": a, "end_secs": b, "label": label}
                     for a, b, (_, label) in zip(starts, ends, score.sections)],
        "duration_secs": duration_secs,
    }


def merged(onsets, within):
    """Onsets that are `within` seconds of the one before belong to it; the loudest names the band."""
    groups = []
    for time, velocity, band in sorted(onsets):
        if groups and time - groups[-1][0] <= within:
            if velocity > groups[-1][1]:
                groups[-1] = (groups[-1][0], velocity, band)
        else:
            groups.append((time, velocity, band))
    return [(time, band) for time, _, band in groups]
