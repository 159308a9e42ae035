"""Grooves made up anew for each piece: drum patterns and figures drawn from what families of music have in common, so that no two
pieces of a family share a bar. Rows are written as in `patterns.py`.

Each family is a function of a random generator that returns a [`Groove`]. What is fixed in a family is what fixes the beat as people
tap it: where the backbeat lies, at which tempi it is played, and what its ostinati divide."""
from dataclasses import dataclass, field

# General MIDI programs, from 0.
GUITARS, DISTORTED, STRINGS, BRASS = [24, 25, 26, 27, 28], [29, 30], [40, 41, 45, 48, 49], [56, 57, 60, 61]
KEYS, MALLETS, WINDS, ORGANS = [0, 1, 2, 4, 5], [8, 9, 11, 12, 13], [68, 70, 71, 73, 74], [16, 17, 18, 19, 21]


@dataclass
class Groove:
    beats_per_bar: int
    bpm: float
    division: int                  # steps of a beat in figures
    rows: dict                     # instrument -> row; empty without drums
    bass: list = field(default_factory=list)    # rows, of which a section has one; none: any of `patterns.py`
    chords: list = field(default_factory=list)
    chord_programs: list = field(default_factory=list)
    bass_programs: list = field(default_factory=list)
    lead_programs: list = field(default_factory=list)
    is_low: bool = False           # chords an octave lower: riffs of guitars
    is_chip: bool = False          # square waves
    is_swung: bool = False
    is_held: bool = False          # chords sound until the next
    echo: float = 0.0              # beats after which chords sound again
    pulse: list = field(default_factory=lambda: ["steady"] * 12 + ["drift"] * 5 + ["jump", "ramp", "ritardando"])


def every(n_steps, step, first=0, mark="x", accent=None, accent_every=1):
    """A row with a mark each `step` steps, with accents on each `accent_every`th."""
    row = ["."] * n_steps
    for k, i in enumerate(range(first, n_steps, step)):
        row[i] = accent if accent and k % accent_every == 0 else mark
    return "".join(row)


def scattered(rng, n_steps, always=(), likely=(), chance=0.5, elsewhere=0.0, never=(), mark="x"):
    """A row with marks at `always`, by `chance` at `likely`, and now and then elsewhere."""
    row = []
    for i in range(n_steps):
        sounds = i in always or (i in likely and rng.random() < chance) or (i not in never and rng.random() < elsewhere)
        row.append(("X" if i in always else mark) if sounds else ".")
    return "".join(row)


def doubled(rng, make):
    """Two bars, of which the second is often a variant of the first."""
    first = make()
    return first + (make() if rng.random() < 0.5 else first)


def hats(rng, beats, division, steps, voices=("hat", "ride", "shaker", "open", "crash", "tambourine")):
    """A steady row of a cymbal: `steps` of the division apart, evenly or with accents."""
    n = beats * division
    style = rng.random()
    row = every(n, steps) if style < 0.4 else every(n, steps, 0, "o", "x", max(1, division // steps)) if style < 0.85 else every(n, steps, 0, "x", "o", max(1, division // steps))
    weights = [10, 3, 2, 1, 1, 1][:len(voices)]
    return {rng.choices(voices, weights)[0]: row}


def arpeggio(rng, n_steps, step, tones=3):
    """Broken chords in a steady ostinato, the same in each half of the bar or through all of it."""
    length = rng.choice([2, 4, 4, 6, 8])
    order = [rng.randrange(tones + 1) for _ in range(length)]
    order[0] = 0
    return "".join(str(order[i // step % length]) if i % step == 0 else "." for i in range(n_steps))


def ghost(rng, row, chance):
    return "".join("o" if mark == "." and rng.random() < chance else mark for mark in row)


def backbeat(rng, beats, division, snare="snare", ghosts=0.0):
    return {snare: ghost(rng, every(beats * division, 2 * division, division, "X"), ghosts)}


def eighth_ostinato(rng):
    """Straight eighths without backbeat: the eighths are no beats."""
    n = rng.choice([4, 4, 4, 3])
    division = rng.choice([2, 2, 4])
    eighth, total = division // 2, n * division
    chords = rng.choice([lambda: every(total, eighth, 0, "#"), lambda: arpeggio(rng, total, eighth), lambda: arpeggio(rng, total, 1),
                         lambda: scattered(rng, total, (0,), range(0, total, eighth), 0.85).replace("x", "#").replace("X", "#")])
    bass = rng.choice([lambda: every(total, eighth, 0, "0"), lambda: every(total, division, 0, "0"), lambda: every(total, total, 0, "0"), lambda: every(total, 2 * division, 0, "0")])
    rows = {}
    if rng.random() < 0.5:
        rows.update(rng.choice([{"shaker": every(total, eighth, 0, "o", "x", 2)}, {"hat": every(total, eighth)}, {"kick": every(total, total, 0, "X")},
                                {"kick": every(total, division)}, {"tom": every(total, eighth, 0, "o", "x", 4)}, {"kick": every(total, eighth, 0, "o", "X", n * 2)}]))
    return Groove(n, rng.uniform(58, 108), division, rows, [bass() for _ in range(2)], [chords() for _ in range(2)],
                  KEYS + GUITARS + MALLETS + STRINGS, pulse=["steady"] * 6 + ["drift"] * 3 + ["rubato", "ritardando"])


def slow_backbeat(rng):
    """Ballads and slow rock with hats in eighths, or in sixteenths."""
    n, division = 4, 4
    total = 16
    rows = {"kick": doubled(rng, lambda: scattered(rng, total, (0,), (8, 6, 10, 14), 0.35, 0.02, (4, 12)))}
    rows.update(backbeat(rng, n, division, rng.choice(["snare", "snare", "rim", "clap"]), rng.choice([0, 0, 0.1])))
    rows.update(hats(rng, n, division, rng.choice([2, 2, 2, 1, 4])))
    return Groove(n, rng.uniform(52, 88), division, rows)


def busy_backbeat(rng):
    """Dense sixteenths, of a cymbal or of a sequence, over a backbeat."""
    n, division, total = 4, 4, 16
    bpm = rng.uniform(88, 185)
    rows = {"kick": doubled(rng, lambda: scattered(rng, total, (0,), (2, 3, 6, 7, 8, 10, 11, 14), rng.uniform(0.2, 0.5), 0.03, (4, 12)))}
    rows.update(backbeat(rng, n, division, rng.choice(["snare", "snare", "clap"]), rng.choice([0, 0.1, 0.2])))
    rows.update(hats(rng, n, division, 1 if bpm < 150 else rng.choice([1, 2])))
    chords = [rng.choice([arpeggio(rng, total, 1), every(total, 1, 0, "0"), every(total, 2, 0, "#")]) for _ in range(2)]
    bass = [rng.choice([every(total, 1, 0, "0"), every(total, 2, 0, "0"), scattered(rng, total, (0,), range(16), 0.5).replace("x", "0").replace("X", "0")]) for _ in range(2)]
    return Groove(n, bpm, division, rows, bass, chords)


def riff(rng, total, chance):
    """A riff of chugged low notes and of power chords."""
    low = scattered(rng, total, (0,), range(total), chance)
    return "".join("#" if m == "X" or (m == "x" and rng.random() < 0.25) else "0" if m == "x" else "." for m in low)


def metal(rng):
    n, division, total = 4, 4, 16
    kick = rng.choice([every(total, 1), every(total, 2), "x.xxx.xxx.xxx.xx", "xxx.xxx.xxx.xxx.",
                       scattered(rng, total, (0,), range(total), 0.6)])
    rows = {"kick": kick, **backbeat(rng, n, division)}
    rows[rng.choice(["crash", "ride", "hat", "open"])] = every(total, rng.choice([2, 4, 4]))
    riffs = [rng.choice([every(total, 1, 0, "0"), "0.000.000.000.00", "000.000.000.000.", riff(rng, total, 0.7), riff(rng, total, 0.5), every(total, 2, 0, "#")]) for _ in range(2)]
    return Groove(n, rng.uniform(110, 212), division, rows, [r.replace("#", "0") for r in riffs], riffs, DISTORTED, [33, 34, 35], DISTORTED, is_low=True)


def punk(rng):
    n, division, total = 4, 2, 8
    kick = rng.choice(["X...X...", "X..xX...", "X..x.xx.", "X..xX..x", "X.x.X.x.", "X...X.x."])
    rows = {"kick": kick, "snare": "..X...X.", rng.choice(["hat", "crash", "ride", "open"]): rng.choice(["x.x.x.x.", "xxxxxxxx", "xoxoxoxo"])}
    chords = [rng.choice(["########", "#.######", "#.#.#.#.", "#..#..#.", "#.##.###"]) for _ in range(2)]
    return Groove(n, rng.uniform(145, 225), division, rows, ["00000000", "0.0.0.0."], chords, DISTORTED + [28], [33, 34], is_low=rng.random() < 0.6)


def blast(rng):
    """Kick and snare alternate in eighths or strike together; beats are the quarters."""
    n, division, total = 4, 4, 16
    snare = rng.choice([every(total, 4, 2, "X"), every(total, 2, 0, "X"), every(total, 4, 0, "X"), every(total, 2, 1, "X")])
    rows = {"kick": rng.choice([every(total, 2), every(total, 1), every(total, 4)]), "snare": snare, rng.choice(["ride", "hat", "crash"]): every(total, rng.choice([2, 4]))}
    riffs = [rng.choice([every(total, 1, 0, "0"), every(total, 2, 0, "#"), riff(rng, total, 0.8)]) for _ in range(2)]
    return Groove(n, rng.uniform(150, 220), division, rows, [every(total, 2, 0, "0"), every(total, 1, 0, "0")], riffs, DISTORTED, [33, 34], DISTORTED, is_low=True)


def drum_and_bass(rng):
    n, division, total = 4, 4, 16
    rows = {"kick": doubled(rng, lambda: scattered(rng, total, (0,), (2, 10, 11, 6, 7, 14), 0.4, 0.03, (4, 12)))}
    rows.update(backbeat(rng, n, division, "snare", rng.choice([0, 0.1, 0.25])))
    if rng.random() < 0.3:
        rows["snare"] = rows["snare"][:12] + rng.choice(["..X.", "X..X", "X...", ".X.."])
    rows.update(hats(rng, n, division, rng.choice([1, 1, 2, 2, 4])))
    bass = [rng.choice(["0...............", "0.....0...0.....", "0..0..0.0..0..0.", "0...0...0...0..."]) for _ in range(2)]
    chords = [rng.choice(["#...............", "#.....#.........", arpeggio(rng, total, 1), "..#...#...#...#."]) for _ in range(2)]
    return Groove(n, rng.uniform(158, 184), division, rows, bass, chords)


def tresillo(rng):
    """3 + 3 + 2: the groups of three are no beats."""
    division = rng.choice([2, 4])
    n, total = 4, 4 * division
    group = "x..x..x." if division == 2 else rng.choice(["x..x..x.x..x..x.", "x..x..x..x..x.x.", "x.....x.....x..."])
    rows = {}
    kind = rng.random()
    if kind < 0.75:
        rows["kick"] = rng.choice([group, every(total, division), group, "X" + "." * (total - 1)])
        if rng.random() < 0.65:
            rows.update(backbeat(rng, n, division, rng.choice(["snare", "clap", "rim"])) if rng.random() < 0.7 else {"snare": group.replace("x", "o")})
        if rng.random() < 0.75:
            rows.update(hats(rng, n, division, rng.choice([1, division // 2, division])))
    figure = group.replace("x", "#")
    chords = [rng.choice([figure, figure, every(total, max(1, division // 2), 0, "#"), arpeggio(rng, total, 1)]) for _ in range(2)]
    bass = [rng.choice([group.replace("x", "0"), every(total, division, 0, "0"), every(total, max(1, division // 2), 0, "0")]) for _ in range(2)]
    bpm = rng.uniform(85, 165) if division == 2 else rng.uniform(75, 135)
    return Groove(n, bpm, division, rows, bass, chords, is_low=rng.random() < 0.2)


def no_kick(rng):
    """The beat is told by everything but a kick on it."""
    division = rng.choice([2, 4])
    n, total = 4, 4 * division
    eighth = division // 2
    rows = hats(rng, n, division, rng.choice([1, eighth, division]))
    if rng.random() < 0.7:
        rows.update(backbeat(rng, n, division, rng.choice(["snare", "rim", "clap", "brush"])))
    if rng.random() < 0.5:  # a kick, but off the beats
        rows["kick"] = scattered(rng, total, (), [k for k in range(total) if k % division], 0.3, 0, range(0, total, division))
    return Groove(n, rng.uniform(70, 170) if division == 2 else rng.uniform(65, 130), division, rows)


def off_beat(rng):
    """Stabs between the beats that are louder than what is on them: reggae, ska, house, polka."""
    kind = rng.choice(["reggae", "ska", "house", "electro"])
    n, division = 4, 4
    total = 16
    stab = every(total, 4, 2, "#")
    if kind == "reggae":
        rows = {"kick": rng.choice(["........X.......", "X...X...X...X...", "X.......X......."]), rng.choice(["rim", "snare"]): "........X.......",
                "hat": rng.choice(["x.x.x.x.x.x.x.x.", "x.xxx.xxx.xxx.xx", "..x...x...x...x."])}
        bass = ["0.....0.0...0...", "....0.0.0.0.....", "0...0.0...0.0..."]
        return Groove(n, rng.uniform(62, 96), division, rows, rng.sample(bass, 2), [stab, rng.choice([stab, "..##..##..##..##", "....#.......#..."])], ORGANS + [27, 28, 0], echo=rng.choice([0, 0, 0.75]))
    if kind == "ska":
        rows = {"kick": rng.choice(["X.......X.......", "X...X...X...X..."]), "snare": "....X.......X...", "hat": rng.choice(["..x...x...x...x.", "x.x.x.x.x.x.x.x."])}
        return Groove(n, rng.uniform(110, 180), division, rows, ["0...0...0...0...", "0...1...2...1..."], [stab, stab], ORGANS + [27, 28, 61])
    rows = {rng.choice(["open", "hat", "shaker"]): every(total, 4, 2, "X")}
    if rng.random() < 0.6:
        rows["kick"] = every(total, 4, 0, rng.choice(["x", "X", "o"]))
    if rng.random() < 0.5:
        rows.update(backbeat(rng, n, division, "clap"))
    bass = [rng.choice([every(total, 4, 2, "0"), ".000.000.000.000", "..0...0...0..00.", "..00..00..00..00"]) for _ in range(2)]
    return Groove(n, rng.uniform(105, 150), division, rows, bass, [rng.choice([stab, "...#..#...#..#..", "..#..#....#..#.."]) for _ in range(2)])


def four_floor(rng):
    n, division, total = 4, 4, 16
    rows = {"kick": every(total, 4, 0, "X")}
    rows.update(hats(rng, n, division, rng.choice([1, 2, 2]), ("hat", "ride", "shaker")))
    if rng.random() < 0.6:
        rows.update(backbeat(rng, n, division, rng.choice(["clap", "snare"])))
    if rng.random() < 0.6:
        rows["open"] = every(total, 4, 2, "x")
    if rng.random() < 0.3:
        rows["rim"] = scattered(rng, total, (), range(total), 0.25)
    bass = [rng.choice([".000.000.000.000", "..0...0...0...0.", "0000000000000000", "0.0.0.0.0.0.0.0.", "0..0..0.0..0..0.", "0...0...0...0..."]) for _ in range(2)]
    chords = [rng.choice([arpeggio(rng, total, 1), arpeggio(rng, total, 2), "#..#..#...#..#..", "#...............", "..#...#...#...#."]) for _ in range(2)]
    return Groove(n, rng.uniform(108, 182), division, rows, bass, chords, pulse=["steady"])


def orchestra(rng):
    """Strings, brass and timpani, often with long rests; counted fast where quarters carry the figures."""
    n = rng.choice([4, 4, 4, 3, 3, 2])
    is_fast = rng.random() < 0.65
    bpm = rng.uniform(112, 196) if is_fast else rng.uniform(62, 112)
    division, total = 2, n * 2
    steady = rng.choice([every(total, 2, 0, "#"), every(total, 1, 0, "#"), arpeggio(rng, total, 1), "#" + "." * (total - 1), "#." + "##" * (n - 1), scattered(rng, total, (0,), range(0, total, 2), 0.6).replace("X", "#").replace("x", "#")])
    if n == 3:
        steady = rng.choice([steady, "..#.#.", "#.#.#."])
    other = rng.choice([every(total, 2, 0, "#"), "#" + "." * (total - 1), steady, scattered(rng, total, (0,), range(total), 0.5).replace("X", "#").replace("x", "#")])
    rows = {}
    if rng.random() < 0.7:
        rows["tom"] = rng.choice(["X" + "." * (total - 1), every(total, 2, 0, "x"), scattered(rng, total, (0,), range(0, total, 2), 0.4)])
    if rng.random() < 0.4:
        rows["snare"] = scattered(rng, total, (), range(total), 0.5, mark="o")
    if rng.random() < 0.3:
        rows["kick"] = "X" + "." * (total - 1)
    bass = [rng.choice(["0" + "." * (total - 1), every(total, 2, 0, "0"), every(total, 1, 0, "0")]) for _ in range(2)]
    return Groove(n, bpm, division, rows, bass, [steady, other], STRINGS + BRASS + WINDS + [46], [42, 43, 32, 58], STRINGS[:2] + BRASS + WINDS,
                  pulse=["steady"] * 4 + ["drift"] * 4 + ["ritardando", "rubato"])


def swing(rng):
    n = rng.choice([4, 4, 4, 3])
    total = 3 * n
    ride = ("x.." + rng.choice(["x.x", "x.o"])) * 4
    rows = {rng.choice(["ride", "ride", "brush", "hat"]): ride[:total]}
    if rng.random() < 0.6:
        rows["hat" if "hat" not in rows else "rim"] = every(total, 6, 3, "x")
    if rng.random() < 0.6:
        rows["kick"] = rng.choice([every(total, 3, 0, "o"), every(total, 6, 0, "x"), scattered(rng, total, (0,), range(2, total, 3), 0.3)])
    if rng.random() < 0.6:
        rows["snare"] = rng.choice([scattered(rng, total, (), range(2, total, 3), 0.4, mark="o"), every(total, 6, 3, "X")])
    walk = lambda: "".join(f"{rng.choice('0122')}.{rng.choice('...1')}" for _ in range(n))
    bass = [rng.choice([walk(), every(total, 6, 0, "0"), every(total, 3, 0, "0")]) for _ in range(2)]
    chords = [rng.choice([scattered(rng, total, (), range(2, total, 3), 0.4).replace("x", "#"), every(total, 6, 3, "#"), scattered(rng, total, (0,), range(2, total, 3), 0.4).replace("x", "#").replace("X", "#"), every(total, 3, 0, "#")]) for _ in range(2)]
    return Groove(n, rng.uniform(92, 236), 3, rows, bass, chords, KEYS + [26, 11, 16], [32, 32, 33], BRASS + [64, 65, 66, 71, 0, 11], is_swung=True)


def dub(rng):
    n, division, total = 4, 4, 16
    rows = {"kick": rng.choice(["........X.......", "X.......X.......", "X...X...X...X...", "X.........x....."]), rng.choice(["snare", "rim"]): rng.choice(["........X.......", "....X.......X..."]),
            "hat": rng.choice(["..x...x...x...x.", "x.x.x.x.x.x.x.x.", "x.oox.oox.oox.oo"])}
    bass = ["0.....0...0.....", "0..0..0.....0...", "....0.0.0.0....."]
    return Groove(n, rng.uniform(62, 90), division, rows, rng.sample(bass, 2), ["..#.......#.....", rng.choice(["..#...#...#...#.", "......#........."])], ORGANS + [27], [33, 38, 39], echo=rng.choice([0.75, 0.75, 1.5, 0.5]))


def odd(rng):
    """5/4, 7/4, and 7/8 counted in eighths."""
    kind = rng.choice(["five", "seven_four", "seven_eight"])
    n = 5 if kind == "five" else 7
    division = 1 if kind == "seven_eight" else rng.choice([2, 2, 4])
    groups = {5: rng.choice([(3, 2), (2, 3)]), 7: rng.choice([(4, 3), (2, 2, 3), (3, 2, 2), (3, 4)])}[n]
    starts, at = [], 0
    for group in groups:
        starts.append(at)
        at += group
    total = n * division
    kick = [s * division for s in starts]
    rows = {"kick": scattered(rng, total, (0,), kick, 0.8, 0.05)}
    offs = [(s + g // 2 if g > 2 else s + 1) * division for s, g in zip(starts, groups)]
    rows["snare"] = scattered(rng, total, offs[-1:], offs, 0.7)
    rows.update(hats(rng, n, division, rng.choice([1, division]) if division < 4 else 2))
    bpm = rng.uniform(185, 300) if kind == "seven_eight" else rng.uniform(95, 185)
    bass = [scattered(rng, total, (0,), kick, 0.9, 0.1).replace("x", "0").replace("X", "0") for _ in range(2)]
    chords = [rng.choice([scattered(rng, total, (0,), kick, 1.0).replace("x", "#").replace("X", "#"), arpeggio(rng, total, 1), every(total, division, 0, "#")]) for _ in range(2)]
    return Groove(n, bpm, division, rows, bass, chords)


def compound(rng):
    """6/8 and 12/8: the beat has three eighths."""
    n = rng.choice([2, 2, 4])
    total = 3 * n
    is_jig = rng.random() < 0.25
    bpm = rng.uniform(95, 140) if is_jig else rng.uniform(42, 95)
    rows = {}
    if rng.random() < 0.75:
        rows["kick"] = scattered(rng, total, (0,), (5, 6, 2, 8), 0.3, 0.02)
        rows[rng.choice(["snare", "rim", "clap", "snare"])] = every(total, 6, 3, "X")
        rows[rng.choice(["hat", "ride", "shaker"])] = rng.choice([every(total, 1, 0, "o", "x", 3), every(total, 1), every(total, 3), "x.x" * n])
    figures = [rng.choice([arpeggio(rng, total, 1), "012321" * (n // 2), "#.." * n, "###" * n, "#.#" * n, "#....#" * (n // 2)]) for _ in range(2)]
    bass = [rng.choice(["0.." * n, "0....." * (n // 2), "0.0" * n, "0" + "." * (total - 1)]) for _ in range(2)]
    return Groove(n, bpm, 3, rows, bass, figures, KEYS + GUITARS + STRINGS + [46, 22, 21], is_swung=True, pulse=["steady"] * 5 + ["drift"] * 4 + ["rubato", "ritardando"])


def chiptune(rng):
    n, division, total = rng.choice([4, 4, 4, 3]), 4, 0
    total = n * division
    bpm = rng.uniform(95, 205)
    fine = 1 if bpm < 165 else 2
    rows = {}
    if rng.random() < 0.8:
        rows["kick"] = doubled(rng, lambda: scattered(rng, total, (0,), (6, 8, 10, 3), 0.4, 0.03, (4, 12)))
        rows.update(backbeat(rng, n, division) if n == 4 else {"snare": "....X...X..."})
        rows.update(hats(rng, n, division, rng.choice([fine, 2, 2, 4]), ("hat", "shaker")))
    chords = [rng.choice([arpeggio(rng, total, fine), arpeggio(rng, total, 2), every(total, 2, 0, "#"), every(total, 4, 2, "#")]) for _ in range(2)]
    bass = [rng.choice([every(total, 2, 0, "0"), every(total, 4, 0, "0"), scattered(rng, total, (0,), range(0, total, 2), 0.6).replace("x", "0").replace("X", "0"), "0.20" * n]) for _ in range(2)]
    return Groove(n, bpm, division, rows, bass, chords, is_chip=True, pulse=["steady"])


def strummed(rng):
    """Guitars alone or with little beside them."""
    n = rng.choice([4, 4, 4, 3])
    total = 2 * n
    chords = [rng.choice([scattered(rng, total, (0,), range(total), 0.7).replace("x", "#").replace("X", "#"), ("#.##.###" if n == 4 else "#.####"), arpeggio(rng, total, 1), "#." * n]) for _ in range(2)]
    rows = rng.choice([{}, {}, {"shaker": "xo" * n}, {"kick": "X." + ".." * (n - 1), "rim": every(total, 4, 2, "x")}, {"tambourine": every(total, 4, 2, "x")}])
    return Groove(n, rng.uniform(72, 172), 2, rows, chords=chords, chord_programs=[24, 25, 25, 46, 15, 105], lead_programs=WINDS + [40, 22, 24],
                  pulse=["steady"] * 3 + ["drift"] * 5 + ["ritardando"])


def half_time(rng):
    n, division, total = 4, 4, 16
    rows = {"kick": doubled(rng, lambda: scattered(rng, total, (0,), (3, 6, 10, 11, 14), 0.35, 0.02, (8,))), rng.choice(["snare", "clap"]): every(total, 16, 8, "X")}
    rows.update(hats(rng, n, division, rng.choice([1, 2, 2])))
    return Groove(n, rng.uniform(118, 165), division, rows)


def hip_hop(rng):
    n, division, total = 4, 4, 16
    rows = {"kick": doubled(rng, lambda: scattered(rng, total, (0,), (3, 6, 7, 8, 10, 11, 13, 15), 0.3, 0.02, (4, 12)))}
    rows.update(backbeat(rng, n, division, rng.choice(["snare", "clap"]), rng.choice([0, 0.1])))
    rows.update(hats(rng, n, division, rng.choice([1, 2, 2])))
    return Groove(n, rng.uniform(70, 112), division, rows)
