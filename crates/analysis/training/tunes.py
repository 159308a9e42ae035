"""Grooves in which chords and melody tell the beat more than drums do, and songs whose steps are twice or half as fast as they seem.
Made up anew for each piece, as those of `grooves.py`."""
from grooves import BRASS, DISTORTED, GUITARS, KEYS, MALLETS, ORGANS, STRINGS, WINDS, Groove, arpeggio, backbeat, doubled, every, hats, scattered


def struck(rng, total, always, likely, chance, elsewhere=0.0):
    """A row of chords."""
    return scattered(rng, total, always, likely, chance, elsewhere).replace("x", "#").replace("X", "#")


def ballad(rng):
    """Slow songs of held chords and broken ones, eighths below them, hardly a backbeat."""
    n, division = rng.choice([4, 4, 4, 3]), rng.choice([2, 2, 4])
    eighth, total = division // 2, n * division
    chords = [rng.choice(["#" + "." * (total - 1), every(total, division, 0, "#"), arpeggio(rng, total, eighth), struck(rng, total, (0,), range(0, total, division), 0.5),
                          struck(rng, total, (0,), range(0, total, eighth), 0.5), every(total, eighth, 0, "#")]) for _ in range(2)]
    bass = [rng.choice(["0" + "." * (total - 1), every(total, division, 0, "0"), every(total, eighth, 0, "0"), scattered(rng, total, (0,), range(0, total, eighth), 0.4).replace("X", "0").replace("x", "0")]) for _ in range(2)]
    rows = {}
    if rng.random() < 0.6:
        rows["kick"] = scattered(rng, total, (0,), range(0, total, eighth), 0.2)
        rows.update(hats(rng, n, division, rng.choice([eighth, eighth, division, 1])))
        if rng.random() < 0.4:
            rows[rng.choice(["rim", "snare", "clap", "tambourine"])] = every(total, total, total // 2 // division * division, "x")
    return Groove(n, rng.uniform(58, 106), division, rows, bass, chords, KEYS + GUITARS + STRINGS + DISTORTED + MALLETS, [], STRINGS + WINDS + [0, 27, 29, 30, 80],
                  is_held=rng.random() < 0.7, pulse=["steady"] * 6 + ["drift"] * 4 + ["rubato", "ritardando"])


def hymn(rng):
    """A chord on each beat, now and then between; the harmony moves with the beat."""
    n = rng.choice([4, 4, 3])
    total = 2 * n
    chords = [struck(rng, total, (0,), range(0, total, 2), 0.9, rng.choice([0, 0.1, 0.2])) for _ in range(2)]
    bass = [rng.choice([every(total, 2, 0, "0"), "".join(rng.choice("0012") + "." for _ in range(n)), every(total, total, 0, "0")]) for _ in range(2)]
    rows = {"tom": every(total, total, 0, "x")} if rng.random() < 0.25 else {}
    return Groove(n, rng.uniform(58, 118), 2, rows, bass, chords, ORGANS + STRINGS + BRASS + [0, 52, 53], [32, 42, 43, 19, 58], STRINGS + BRASS + WINDS + [52, 53],
                  is_held=True, pulse=["steady"] * 3 + ["drift"] * 4 + ["rubato", "ritardando"])


def sequence(rng):
    """A sequence of broken chords in eighths or sixteenths, with a bass that holds and a melody: what games and films are full of."""
    n, division = rng.choice([4, 4, 4, 3]), 4
    total = n * division
    step = rng.choice([1, 2, 2])
    bpm = rng.uniform(64, 132) if step == 1 else rng.uniform(76, 168)
    chords = [rng.choice([arpeggio(rng, total, step), arpeggio(rng, total, step), arpeggio(rng, total, step, 2)]) for _ in range(2)]
    bass = [rng.choice(["0" + "." * (total - 1), every(total, 2 * division, 0, "0"), every(total, division, 0, "0"), scattered(rng, total, (0,), (6, 8, 10, 12), 0.4).replace("X", "0").replace("x", "0")]) for _ in range(2)]
    rows = rng.choice([{}, {}, {"kick": every(total, division, 0, "X")}, {"kick": "X" + "." * (total - 1)}, {"kick": every(total, division, 0, "x"), **hats(rng, n, division, step)},
                       hats(rng, n, division, rng.choice([1, 2])), {"tom": scattered(rng, total, (0,), range(0, total, 2), 0.3)}])
    return Groove(n, bpm, division, rows, bass, chords, KEYS + GUITARS + MALLETS + [45, 46, 80, 81, 6], [32, 38, 39, 42], STRINGS + WINDS + [80, 81, 11])


def fast_rock(rng):
    """Rock at 150 to 200, whose guitars hold chords and whose lead plays quarters: half the tempo seems to do."""
    n, division, total = 4, 4, 16
    rows = {"kick": doubled(rng, lambda: scattered(rng, total, (0,), (2, 6, 8, 10, 14), rng.uniform(0.2, 0.5), 0, (4, 12)))}
    rows.update(backbeat(rng, n, division))
    rows[rng.choice(["hat", "hat", "ride", "crash", "open"])] = every(total, rng.choice([2, 4, 4, 2]), 0, "x")
    chords = [rng.choice(["#" + "." * (total - 1), every(total, 8, 0, "#"), every(total, 2, 0, "#"), every(total, 4, 0, "#"), struck(rng, total, (0,), range(0, total, 2), 0.5)]) for _ in range(2)]
    bass = [rng.choice([every(total, 2, 0, "0"), every(total, 4, 0, "0"), "0" + "." * (total - 1)]) for _ in range(2)]
    return Groove(n, rng.uniform(148, 204), division, rows, bass, chords, GUITARS + DISTORTED + DISTORTED + [16, 18, 0], [33, 34], DISTORTED + [80, 81, 27, 65, 56],
                  is_low=rng.random() < 0.4, is_held=rng.random() < 0.6)


def fast_machine(rng):
    """Electronic music at 150 to 210 with a kick on each beat or a broken one, sixteenths of a sequence, long chords."""
    n, division, total = 4, 4, 16
    rows = {"kick": rng.choice([every(total, 4, 0, "X"), every(total, 4, 0, "X"), doubled(rng, lambda: scattered(rng, total, (0,), (2, 6, 8, 10, 14), 0.4))])}
    if rng.random() < 0.7:
        rows.update(backbeat(rng, n, division, rng.choice(["snare", "clap"])))
    rows.update(hats(rng, n, division, rng.choice([1, 2, 2, 4]), ("hat", "open", "shaker")))
    if rng.random() < 0.4:
        rows["open"] = every(total, 4, 2, "x")
    chords = [rng.choice([arpeggio(rng, total, 1), arpeggio(rng, total, 2), "#" + "." * (total - 1), every(total, 8, 0, "#"), "..#...#...#...#."]) for _ in range(2)]
    bass = [rng.choice(["..0...0...0...0.", ".000.000.000.000", every(total, 2, 0, "0"), every(total, 4, 0, "0"), "0" + "." * (total - 1)]) for _ in range(2)]
    return Groove(n, rng.uniform(148, 208), division, rows, bass, chords, [80, 81, 90, 38, 6, 48], [38, 39], [80, 81, 62], is_chip=rng.random() < 0.25, is_held=rng.random() < 0.4, pulse=["steady"])


def dance(rng):
    """Reels, hornpipes, polkas and marches: a tune in running eighths or sixteenths over chords on or after the beat."""
    n = rng.choice([2, 2, 4])
    total = 4 * n
    bpm = rng.uniform(88, 150)
    chords = [rng.choice([every(total, 4, 2, "#"), every(total, 2, 0, "#"), every(total, 4, 0, "#"), "#.##" * n, "#..#" * n]) for _ in range(2)]
    bass = [rng.choice([every(total, 4, 0, "0"), ("0...2..." * n)[:total], "0" + "." * (total - 1)]) for _ in range(2)]
    rows = rng.choice([{}, {}, {"tom": rng.choice(["X.xo" * n, "Xoxo" * n, every(total, 4)])}, {"kick": every(total, 8, 0, "X"), "snare": every(total, 4, 2, "o")}, {"tambourine": every(total, 2, 0, "o", "x", 2)},
                       {"kick": every(total, 4, 0, "x"), "snare": "..xo" * n}])
    return Groove(n, bpm, 4, rows, bass, chords, [21, 22, 24, 25, 15, 46, 105, 6], [32, 43, 58, 21], WINDS + [40, 40, 21, 22, 109, 110, 75, 79])


def strings_alone(rng):
    """Short strokes of strings or winds with rests between, drums far apart: quarters at 112 to 192, or eighths at half of that."""
    n = rng.choice([4, 4, 3])
    is_fast = rng.random() < 0.6
    total = 2 * n
    step = 2 if is_fast else 1
    places = range(0, total, step)
    chords = [struck(rng, total, (0,), places, rng.uniform(0.3, 0.9)) for _ in range(2)]
    bass = [rng.choice(["0" + "." * (total - 1), scattered(rng, total, (0,), places, 0.4).replace("X", "0").replace("x", "0")]) for _ in range(2)]
    rows = {"tom": scattered(rng, total, (0,), places, 0.2)} if rng.random() < 0.5 else {}
    return Groove(n, rng.uniform(112, 192) if is_fast else rng.uniform(60, 104), 2, rows, bass, chords, STRINGS + [45, 45, 70, 71, 60], [42, 43, 45, 32], STRINGS + WINDS + BRASS,
                  pulse=["steady"] * 4 + ["drift"] * 4 + ["ritardando"])


def breakbeat(rng):
    """Played breaks: kicks between the beats, ghosts of the snare, hats in eighths or sixteenths."""
    n, division, total = 4, 4, 16
    rows = {"kick": doubled(rng, lambda: scattered(rng, total, (0,), (2, 3, 7, 9, 10, 11, 14), 0.4, 0.03, (4, 12)))}
    rows["snare"] = doubled(rng, lambda: "".join("X" if k in (4, 12) else "o" if k in (7, 9, 15, 1) and rng.random() < 0.35 else "." for k in range(total)))
    rows.update(hats(rng, n, division, rng.choice([2, 2, 1]), ("hat", "ride", "open")))
    bass = [rng.choice(["0" + "." * (total - 1), scattered(rng, total, (0,), range(total), 0.35).replace("X", "0").replace("x", "0"), "0.....0...0....."]) for _ in range(2)]
    chords = [rng.choice(["#" + "." * (total - 1), struck(rng, total, (), range(total), 0.2), arpeggio(rng, total, 2), "...#..#...#..#.."]) for _ in range(2)]
    return Groove(n, rng.uniform(88, 150), division, rows, bass, chords, is_held=rng.random() < 0.3)
