"""The folders of a run vanish or can't be written any more while it works."""

import collections
import os
import shutil
import time

from bench import STAGES, chunks, ensure, ensure_clean, ensure_film, ensure_kept, film_args, stage_of

RUN_FOLDER = "film.visualize"
NOTES = "of someone else"
IN_THE_WAY = "in the way"
# The film's folder lies below the song's.
FILM = ["../song.wav", *("../prompts.txt" if arg == "prompts.txt" else arg for arg in film_args()[1:])]


def cases(options):
    for number in range(options.rounds):
        for place in ("run", "output"):
            for what in SPOIL:
                def case(bench, folder, rng, place=place, what=what):
                    return one_run(bench, folder, rng, place, what)
                yield f"folder-{place}-{what}-{number}", case


def below(folder):
    out = folder / "out"
    out.mkdir()
    return out


def one_run(bench, folder, rng, place, what):
    reference = bench.reference([FILM], below)
    out = below(folder)
    (out / "notes.txt").write_text(NOTES)
    # Nothing is read-only for root.
    is_nobody = what == "readonly" and os.geteuid() == 0
    if is_nobody:
        for path in (bench.scratch, folder, out):
            path.chmod(0o777)
    process = bench.start(FILM, out, is_nobody=is_nobody)
    stage = rng.choice(list(STAGES))
    process.wait_for(STAGES[stage])
    time.sleep(rng.uniform(0, reference.spans[stage]))
    target = out / RUN_FOLDER if place == "run" else out
    kept = SPOIL[what](target, folder) if target.exists() else {}
    run = process.wait()
    ensure_clean(run)
    RESTORE[what](target, folder)
    ensure_kept(kept, target)
    ensure((folder / "song.wav").read_bytes() == (bench.scratch / "song.wav").read_bytes(), "the song was changed")
    if what in ("moved", "readonly") or place == "run":
        ensure((out / "notes.txt").read_text() == NOTES, "a file of someone else was changed")
    out.mkdir(exist_ok=True)
    if not (out / "film.mp4").exists():
        bench.done(FILM, out, is_nobody=is_nobody)
    ensure_film(out, reference)
    return collections.Counter({f"code {run.code}": 1, f"in {stage_of(run.said)}": 1})


# Each gives the chunks that must still be there in the end.


def remove(target, _):
    shutil.rmtree(target, ignore_errors=True)
    return {}


def move(target, folder):
    target.rename(folder / "moved")
    return chunks(folder / "moved")


def put_a_file(target, folder):
    remove(target, folder)
    if not target.exists():
        target.write_text(IN_THE_WAY)
    return {}


def make_read_only(target, _):
    target.chmod(0o555)
    return chunks(target)


def leave(target, folder):
    pass


def move_back(target, folder):
    if not (folder / "moved").exists():
        return
    if target.exists():
        # The run has made the folder again, and perhaps something in it.
        shutil.copytree(target, folder / "moved", dirs_exist_ok=True)
        shutil.rmtree(target)
    (folder / "moved").rename(target)


def take_away_the_file(target, _):
    if target.is_file():
        ensure(target.read_text() == IN_THE_WAY, "the file in the way was changed")
        target.unlink()


def make_writable(target, _):
    if target.exists():
        target.chmod(0o777)


SPOIL = {"removed": remove, "moved": move, "file": put_a_file, "readonly": make_read_only}
RESTORE = {"removed": leave, "moved": move_back, "file": take_away_the_file, "readonly": make_writable}
