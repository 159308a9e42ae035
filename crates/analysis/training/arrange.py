"""Writes scores: a style, a pulse, sections with layers that come and go, and parts for every layer."""
import math

from families import GROOVES
from instruments import DRUM_BANDS, DRUM_KEYS, Instrument
from patterns import BASS, CHORDS, DRUMLESS, PATTERNS
from score import Note, Score, pulse

VELOCITY = {"X": 112, "x": 88, "o": 58, "?": 60}
PROGRESSIONS = [[0, 4, 5, 3], [0, 5, 3, 4], [0, 3, 4, 3], [5, 3, 0, 4], [0, 0, 3, 4], [1, 4, 0, 0], [0, 6, 5, 4], [0, 2, 3, 4], [0, 0, 0, 4], [0, 3, 0, 4]]
CHORD_PROGRAMS = [0, 1, 2, 4, 5, 6, 11, 16, 24, 25, 26, 27, 28, 29, 30, 46, 7, 12, 45, 21]
BASS_PROGRAMS = [32, 33, 34, 35, 36, 38, 39, 43, 58]
LEAD_PROGRAMS = [73, 65, 66, 56, 40, 80, 81, 11, 22, 68, 71, 52, 53, 54, 0, 24, 27, 29, 75, 12]
PAD_PROGRAMS = [48, 49, 50, 51, 52, 88, 89, 90, 91, 92, 94, 95, 19]
SOFT_PROGRAMS = {40, 41, 42, 43, 44, 48, 49, 50, 51, 52, 53, 54, 73, 75, 77, 78, 79, 88, 89, 90, 91, 92, 93, 94, 95, 71, 68, 19, 21, 22}


def synth(rng, kind, low_band=False):
    soft = kind in ("pad", "voice")
    parameters = {
        "attack": {"pluck": 0.003, "chip": 0.001, "lead": 0.006, "bass": 0.004, "voice": rng.uniform(0.02, 0.07), "pad": rng.choice([0.08, 0.3, 0.8, 1.5])}[kind],
        "release": {"pluck": 0.1, "chip": 0.01, "lead": 0.06, "bass": 0.05, "voice": 0.08, "pad": rng.uniform(0.3, 1.5)}[kind],
        "brightness": rng.uniform(0.5, 1.3), "decay": rng.uniform(0.1, 0.8), "damping": rng.choice([0, 0, 0.5, 2]),
    }
    gain = {"pad": 0.5, "voice": 1.3}.get(kind, 1.0)
    return Instrument("synth", (kind, parameters), gain, soft, "low" if low_band else "mid")


def midi(program, band="mid"):
    return Instrument("midi", program, 1.0, program in SOFT_PROGRAMS, band)


def steps(row, steps_per_beat):
    return [(i / steps_per_beat, mark) for i, mark in enumerate(row) if mark not in ". "]


class Arranger:
    def __init__(self, rng, style, max_secs=42.0, is_half_hidden=False):
        self.rng, self.style, self.is_half_hidden = rng, style, is_half_hidden
        self.groove = GROOVES[style](rng) if style in GROOVES else None
        self.is_drumless = style in DRUMLESS
        if self.groove:
            self.n, self.division, self.bpm = self.groove.beats_per_bar, self.groove.division, self.groove.bpm
            self.rows = self.drum_rows(self.groove.rows)
        else:
            self.n, tempi, self.division = DRUMLESS[style] if self.is_drumless else PATTERNS[style][:3]
            self.rows = {} if self.is_drumless else self.drum_rows(PATTERNS[style][3])
            self.bpm = rng.uniform(*tempi)
        # How loud each part is against the others.
        self.levels = {voice: rng.uniform(0.6, 1.15) for voice in ("bass", "chords", "lead", "pad", "kick", "snare", "hat")} if self.groove else {}
        # Chords that sound until the next, how far accents tell the beat, and how far melodies keep to it.
        self.is_held = bool(self.groove) and (self.groove.is_held or rng.random() < 0.3)
        self.accent = rng.choice([8, 8, 20, 40]) if self.groove else 8
        self.plainness = rng.uniform(0, 2) if self.groove else 0.0
        self.is_swung = self.groove.is_swung if self.groove else self.division == 3 and self.n > 2
        if self.division in (2, 4) and rng.random() < 0.12:
            self.swing = rng.uniform(0.53, 0.64)
        else:
            self.swing = 0.5
        self.jitter = rng.choice([0, 0, 0.002, 0.005, 0.009, 0.012])
        # Players who are always late or early, and chords that come before the bar.
        self.late = {voice: rng.gauss(0, 0.008) for voice in ("snare", "hat", "bass", "chords", "lead")} if self.jitter else {}
        self.pushed = rng.choice([("chords",), ("bass", "chords"), ("chords", "pad")]) if rng.random() < 0.08 and self.division in (2, 4) else ()
        self.push = 0.5 if self.division == 2 else rng.choice([0.25, 0.5])
        n_beats = int(max_secs * rng.uniform(0.75, 1.0) * self.bpm / 60)
        self.n_bars = max(6, n_beats // self.n // 2 * 2)
        self.pick_up = rng.choice([0, 0, 0, 1, 2]) if self.n > 2 else rng.choice([0, 0, 1])
        self.score = self.blank()
        self.lay_out()

    def drum_rows(self, rows):
        """Each instrument but the first may be missing, so that nothing relies on one of them."""
        names = list(rows)
        return {name: rows[name] for i, name in enumerate(names) if i == 0 or self.rng.random() > 0.12}

    def blank(self):
        rng = self.rng
        n_beats = self.n_bars * self.n + self.pick_up
        if self.groove:
            kind = rng.choice(self.groove.pulse)
        elif self.is_drumless and self.style.startswith("ambient"):
            kind = rng.choice(["steady", "steady", "steady", "drift"])
        elif self.style in ("orchestra", "gospel", "piano_song"):
            kind = rng.choice(["steady", "drift", "drift", "ritardando"])
        elif self.is_drumless:
            kind = rng.choice(["steady", "drift", "rubato", "rubato", "ritardando"])
        else:
            kind = rng.choices(["steady", "drift", "jump", "ramp", "ritardando"], [60, 22, 10, 5, 3])[0]
        beats = pulse(rng, n_beats, self.n, self.bpm, kind, rng.choice([0.02, 0.1, 0.2, 0.35, 0.5, 1.0, 2.0, 3.5]))
        positions = [(k - self.pick_up) % self.n + 1 for k in range(n_beats + 1)]
        return Score(beats, positions)

    def beat_of(self, bar, position):
        """Beats from the start, for a position in a bar in beats; swung where the piece swings."""
        whole, part = math.floor(position), position % 1
        if self.swing != 0.5 and self.division in (2, 4):
            unit = 2 / self.division  # the pair of steps that swings: of eighths, or of sixteenths
            pair, within = math.floor(part / unit), part % unit / unit
            warped = within * 2 * self.swing if within < 0.5 else self.swing + (within - 0.5) * 2 * (1 - self.swing)
            part = (pair + warped) * unit
        return self.pick_up + bar * self.n + whole + part

    def add(self, bar, position, length, voice, pitch, velocity):
        velocity *= self.rng.uniform(0.9, 1.06) * self.levels.get(voice, 1.0)
        if position == 0 and bar and voice in self.pushed:
            position, length = -self.push, length + self.push
        self.score.add(self.beat_of(bar, position), length, voice, pitch, velocity, self.rng, self.jitter, self.late.get(voice, 0.0))

    def lay_out(self):
        """Sections of 4 or 8 bars (a break, a quiet intro), each with its own layers."""
        rng, score = self.rng, self.score
        self.choose_voices()
        if self.groove:
            self.choose_figures()
        sections, bar = [], 0
        while bar < self.n_bars:
            length = min(rng.choice([2, 4, 4, 8, 8]) * (2 if self.n <= 2 else 1), self.n_bars - bar)
            sections.append((bar, length))
            bar += length
        kinds = [self.layers() for _ in range(3)]
        last = None
        for i, (first, length) in enumerate(sections):
            layers = dict(rng.choice(kinds))
            if i == 0 and rng.random() < 0.3 and len(sections) > 1:
                layers.update(drums=False, bass=False, gain=rng.choice([0.35, 0.6]))
            elif rng.random() < 0.1 and 0 < i < len(sections) - 1:
                layers.update(drums=False)
            label = str(sorted(layers.items(), key=str))
            if label != last:
                score.sections.append((self.pick_up + first * self.n if first else 0, label))
            last = label
            for bar in range(first, first + length):
                self.bar(bar, layers, is_first=bar == first, is_last=bar == first + length - 1)
        letters = {}
        score.sections = [(k, letters.setdefault(label, chr(65 + len(letters)))) for k, label in score.sections]
        division = rng.choice([1, 2])
        for k in range(self.pick_up * division):
            score.add(k / division, 0.9 / division, "lead", self.note(rng.choice([0, 1, 2, 4]), 6), 82, rng)
        self.final_chord()

    def layers(self):
        rng = self.rng
        return {"drums": rng.random() < 0.9, "bass": rng.random() < 0.88, "chords": rng.random() < 0.85, "lead": rng.random() < 0.55,
                "pad": rng.random() < 0.35 or self.is_half_hidden, "gain": rng.choice([0.75, 1, 1]), "progression": rng.randrange(2), "figure": rng.randrange(2),
                "half_time": self.n == 4 and rng.random() < 0.05}

    def choose_voices(self):
        rng, voices = self.rng, self.score.voices
        self.key, self.scale = rng.randrange(12), rng.choice([[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10], [0, 2, 3, 5, 7, 9, 10]])
        electronic = rng.random() < (0.35 if not self.is_drumless else 0.2)
        piano = "piano" in self.style
        chords = 0 if piano else rng.choice([24, 25, 46, 11, 0]) if "folk" in self.style else rng.choice(CHORD_PROGRAMS)
        if "string" in self.style or "choral" in self.style or self.style == "orchestra":
            chords = rng.choice([45, 48, 40, 41, 42, 52, 46, 45, 60, 61])
        if self.style == "gospel":
            chords = rng.choice([0, 4, 16, 18])
        voices["chords"] = synth(rng, "pluck") if electronic else midi(chords)
        if self.style in ("ambient_plucks", "ambient_arpeggio"):
            voices["chords"] = rng.choice([synth(rng, "pluck"), midi(rng.choice([8, 9, 10, 11, 12, 14, 46, 98, 99, 108]))])
        voices["bass"] = synth(rng, "bass", True) if electronic else midi(0 if piano else rng.choice(BASS_PROGRAMS), "low")
        voices["lead"] = (synth(rng, rng.choice(["lead", "voice", "pluck"])) if electronic or rng.random() < 0.25
                          else midi(0 if piano and rng.random() < 0.7 else rng.choice(LEAD_PROGRAMS)))
        voices["pad"] = synth(rng, "pad") if electronic or rng.random() < 0.4 else midi(rng.choice(PAD_PROGRAMS))
        for name in DRUM_KEYS:
            voices[name] = Instrument("drum", name, 1.0, False, DRUM_BANDS.get(name, "high"))
        # Chords are rolled by some harps, guitars and pianists.
        self.roll_secs = rng.uniform(0.03, 0.09) if rng.random() < (0.25 if self.is_drumless else 0.04) else 0.0
        self.chord_gain, self.pad_gain = 1.0, 1.0
        if self.is_half_hidden:
            self.roll_secs = rng.choice([0.0, rng.uniform(0.05, 0.09)])
            self.chord_gain, self.pad_gain = rng.uniform(0.55, 1.1), rng.uniform(1.0, 1.5)
        self.progressions = [rng.choice(PROGRESSIONS) for _ in range(2)]
        self.bars_per_chord = rng.choice([1, 1, 1, 2, 2, 4]) if self.n > 2 else rng.choice([1, 2, 2, 4])
        self.mid_bar_change = self.n == 4 and rng.random() < 0.15
        division = 3 if self.is_swung or (self.n == 2 and self.division in (3, 6)) else {2: 4, 7: self.division if self.division < 3 else 2}.get(self.n, 2)
        self.figure_division = division
        self.bass_rows = [rng.choice(BASS[self.n][division]) for _ in range(2)]
        self.chord_rows = [rng.choice(CHORDS[self.n][division]) for _ in range(2)]
        grid = self.n * division
        self.motifs = [sorted(rng.sample(range(grid), rng.randint(max(1, grid // 5), max(2, grid * 2 // 3)))) for _ in range(3)]
        for motif in self.motifs[:2]:
            if rng.random() < 0.6 and 0 not in motif:
                motif.insert(0, 0)

    def choose_figures(self):
        """Voices and figures that the groove asks for."""
        rng, groove, voices = self.rng, self.groove, self.score.voices
        if groove.is_chip:
            for voice in ("chords", "lead", "bass"):
                voices[voice] = synth(rng, "chip", voice == "bass")
        elif rng.random() < 0.8:
            for voice, programs, band in (("chords", groove.chord_programs, "mid"), ("bass", groove.bass_programs, "low"), ("lead", groove.lead_programs, "mid")):
                if programs:
                    voices[voice] = midi(rng.choice(programs), band)
        if groove.bass or groove.chords:
            self.figure_division = groove.division
            self.bass_rows = groove.bass or ["0" + "." * (self.n * groove.division - 1)] * 2
            self.chord_rows = groove.chords or ["#" + "." * (self.n * groove.division - 1)] * 2
            grid = self.n * groove.division
            # Melodies sing on coarser steps than riffs do.
            step = max(1, groove.division // 2)
            places = list(range(0, grid, step))
            self.motifs = [self.motif(places) for _ in range(3)]

    def motif(self, places):
        """Steps of a melody: figures of one or two beats again and again, or steps of which those on beats are likelier."""
        rng, per_beat = self.rng, self.figure_division
        if rng.random() < 0.3:
            length = per_beat * rng.choice([1, 2])
            cell = [step for step in places if step < length and (step == 0 or rng.random() < 0.6)]
            return [step for step in places if step % length in cell and (step < length or rng.random() < 0.9)]
        weights = {step: (3 if step % per_beat == 0 else 1) ** self.plainness for step in places}
        wanted = rng.randint(max(1, len(places) // 4), max(2, len(places) * 2 // 3))
        likeliest = sorted(places, key=lambda step: rng.random() ** (1 / weights[step]))
        return sorted(likeliest[-wanted:])

    def note(self, degree, octave):
        return self.key + self.scale[degree % 7] + 12 * (degree // 7) + 12 * octave

    def chord_at(self, bar, layers):
        return self.progressions[layers["progression"]][bar // self.bars_per_chord % 4]

    def bar(self, bar, layers, is_first, is_last):
        rng, gain, n = self.rng, layers["gain"], self.n
        degree = self.chord_at(bar, layers)
        chord = [self.note(degree + k, 5) for k in (0, 2, 4)]
        if self.groove and self.groove.is_low:
            chord = [self.note(degree, 3), self.note(degree + 4, 3), self.note(degree, 4)]
            if chord[0] > 50:
                chord = [tone - 12 for tone in chord]
        if layers["drums"]:
            self.drums(bar, gain, is_first, is_last, layers["half_time"])
        bare = not layers["chords"] and not layers["drums"]
        if self.style.startswith("ambient"):
            return self.ambient_bar(bar, degree, chord, layers)
        if layers["bass"] and not (self.is_drumless and "folk" in self.style and layers["figure"]):
            root = self.note(degree, 3)
            root -= 12 if root > 52 else 0
            row = steps(self.bass_rows[layers["figure"]], self.figure_division)
            for i, (position, mark) in enumerate(row):
                following = row[i + 1][0] if i + 1 < len(row) else n
                tone = self.note(degree + 2 * int(mark), 3) - (12 if self.note(degree, 3) > 52 else 0)
                self.add(bar, position, min(following - position, 2) * 0.9, "bass", tone if int(mark) else root, 92 * gain)
        if layers["chords"] or bare or self.is_drumless:
            row = steps(self.chord_rows[layers["figure"]], self.figure_division)
            strum = self.roll_secs or rng.choice([0, 0.004, 0.01])
            for i, (position, mark) in enumerate(row):
                accent = 76 + self.accent * (1 if position == 0 else 0 if position % 1 == 0 else -1)
                tones = chord if mark == "#" else [(chord + [chord[0] + 12])[int(mark)]]
                if self.mid_bar_change and position >= n / 2:
                    tones = [t + 5 for t in tones]
                for k, tone in enumerate(tones):
                    at, length = position + k * strum * self.bpm / 60, 0.45 if mark != "#" else 0.8
                    if self.is_held:
                        length = (row[i + 1][0] if i + 1 < len(row) else n) - position
                    elif self.groove and self.groove.bass:
                        length = min(length, 1.6 / self.figure_division)
                    self.add(bar, at, length, "chords", tone, accent * gain * self.chord_gain)
                    if self.groove and self.groove.echo:
                        for echo in (1, 2):
                            self.add(bar, at + echo * self.groove.echo, length, "chords", tone, accent * gain * self.chord_gain * 0.6 ** echo)
        if layers["lead"]:
            motif = self.motifs[[0, 1, 0, 2][bar % 4]]
            for i, step in enumerate(motif):
                following = motif[i + 1] if i + 1 < len(motif) else n * self.figure_division
                length = (following - step) / self.figure_division * rng.choice([0.5, 0.9, 0.95])
                self.add(bar, step / self.figure_division, min(length, 3), "lead", self.note(degree + rng.choice([0, 2, 4, 4, 1, 5, 7]), 6), 84 * gain)
        if layers["pad"] and bar % self.bars_per_chord == 0:
            for tone in chord:
                self.add(bar, 0, n * self.bars_per_chord, "pad", tone, 55 * gain * self.pad_gain)

    def ambient_bar(self, bar, degree, chord, layers):
        rng = self.rng
        if bar % self.bars_per_chord == 0:
            for tone in chord + [chord[0] - 24]:
                self.add(bar, 0, self.n * self.bars_per_chord * 1.02, "pad", tone, 75)
        if layers["chords"]:
            row = steps(self.chord_rows[layers["figure"]], self.figure_division)
            often = 0.95 if self.style in ("ambient_plucks", "ambient_arpeggio") else 0.75
            for position, mark in row:
                if rng.random() < often or position == 0:
                    tones = chord if self.roll_secs and mark == "#" else [chord[int(mark) % 3 if mark != "#" else 0]]
                    for k, tone in enumerate(tones):
                        self.add(bar, position + k * self.roll_secs * self.bpm / 60, 0.8, "chords", tone + 12, rng.uniform(38, 70))
        if layers["lead"]:
            for step in rng.sample(range(self.n * 2), 2):
                self.add(bar, step / 2, 1.5, "lead", self.note(degree + rng.choice([0, 2, 4]), 6), rng.uniform(40, 65))
        if layers["bass"] and bar % 2 == 0:
            self.add(bar, 0, self.n, "bass", self.note(degree, 3), 60)

    def drums(self, bar, gain, is_first, is_last, half_time):
        rng, n = self.rng, self.n
        fill_from = n - rng.choice([1, 1, 2]) if is_last and rng.random() < 0.5 else n + 1
        if bar % 4 == 3 and rng.random() < 0.15:
            fill_from = n - 1
        for instrument, row in self.rows.items():
            per_beat = self.division
            if len(row) == 2 * n * per_beat:  # two bars
                row = row[bar % 2 * n * per_beat:][:n * per_beat]
            per_beat = len(row) / n
            for position, mark in steps(row, per_beat):
                if mark == "?" and rng.random() < 0.6 or position >= fill_from:
                    continue
                if half_time and instrument in ("snare", "clap"):
                    continue
                self.add(bar, position, 0.2, instrument, 0, VELOCITY[mark] * gain)
        if half_time:
            self.add(bar, 2, 0.2, "snare", 0, 112)
        if fill_from < n:
            per_beat = 3 if self.is_swung or self.division == 3 else rng.choice([2, 4, 4]) if self.bpm < 150 else 2
            for k in range(int((n - fill_from) * per_beat)):
                if rng.random() < 0.85:
                    self.add(bar, fill_from + k / per_beat, 0.2, rng.choice(["snare", "tom", "snare", "kick"]), 0, rng.uniform(70, 115))
        if is_first and bar and rng.random() < 0.7:
            self.add(bar, 0, 1, "crash", 0, 100)

    def final_chord(self):
        """Falls on the last beat, a downbeat."""
        end = self.score.beats[-1]
        for tone in (self.note(0, 3), self.note(0, 5), self.note(2, 5), self.note(4, 5)):
            self.score.notes.append(Note(end, 1.5, "bass" if tone < 50 else "chords", tone, 84))
