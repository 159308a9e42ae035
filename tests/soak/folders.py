"""The folders of a run vanish or can't be written any more while it works."""

import collections
import os
import shutil
import time

from bench import DONE, STAGES, chunks, ensure, ensure_clean, ensure_film, ensure_kept, film_args, files, stage_of

RUN_FOLDER = "film.visualize"


def cases(options):
    for round_number in range(options.rounds):
        for place in ("run", "output"):
            for what in ("removed", "moved", "a file", "read-only"):
                def case(bench, folder, rng, place=place, what=what):
                    return one_run(bench, folder, rng, place, what)
                yield f"folder-{place}-{what.replace(' ', '-')}-{round_number}", case


def one_run(bench, folder, rng, place, what):
    """The output folder is one below the song's."""
    args = ["../song.wav", *film_args()[1:]]
    args[args.index("prompts.txt")] = "../prompts.txt"
    out = folder / "out"
    out.mkdir()
    reference = reference_of(bench, args)
    (out / "notes.txt").write_text("of someone else")
    is_nobody = what == "read-only" and os.geteuid() == 0
    if is_nobody:
        for path in (bench.scratch, folder, out, bench.scratch / "cache"):
            path.mkdir(exist_ok=True)
            path.chmod(0o777)
    process = bench.start(args, out, is_nobody=is_nobody)
    stage = rng.choice(list(STAGES))
    process.wait_for(STAGES[stage])
    time.sleep(rng.uniform(0, reference.spans[stage]))
    target = out / RUN_FOLDER if place == "run" else out
    kept = spoil(target, what, folder)
    run = process.wait()
    ensure_clean(run)
    restore(target, what, folder)
    if kept:
        ensure_kept(kept, target)
    ensure((folder / "song.wav").read_bytes() == bench_song(bench), "the song was changed")
    if what in ("moved", "read-only"):
        ensure((out / "notes.txt").read_text() == "of someone else", "a file of someone else was changed")
    out.mkdir(exist_ok=True)
    film = out / "film.mp4"
    if film.exists():
        ensure(film.read_bytes() == reference.film, "a film that isn't whole")
    else:
        bench.done(args, out, is_nobody=is_nobody)
    ensure_film(out, reference)
    return collections.Counter({f"code {run.code}": 1, f"in {stage_of(run.said)}": 1})


def spoil(target, what, folder):
    """Gives the chunks that must still be there afterwards."""
    if not target.exists():
        return {}
    kept = {}
    if what == "read-only":
        target.chmod(0o555)
        kept = chunks(target)
    elif what == "moved":
        target.rename(folder / "moved")
        kept = chunks(folder / "moved")
    else:
        shutil.rmtree(target, ignore_errors=True)
        if what == "a file" and not target.exists():
            target.write_text("in the way")
    return kept


def restore(target, what, folder):
    if what == "read-only" and target.exists():
        target.chmod(0o777)
    if what == "moved" and (folder / "moved").exists():
        shutil.copytree(target, folder / "moved", dirs_exist_ok=True) if target.is_dir() else None
        shutil.rmtree(target, ignore_errors=True)
        (folder / "moved").rename(target)
    if what == "a file" and target.is_file():
        ensure(target.read_text() == "in the way", "a file in the way was changed")
        target.unlink()


def bench_song(bench):
    return (bench.scratch / "song.wav").read_bytes()


def reference_of(bench, args):
    from bench import Reference, stage_secs
    if "folders" not in bench.references:
        folder = bench.folder("reference-folders")
        out = folder / "out"
        out.mkdir()
        process = bench.start(args, out)
        spans = stage_secs(process)
        ensure(process.wait().code == DONE, "the undisturbed run failed")
        bench.references["folders"] = Reference((out / "film.mp4").read_bytes(), files(out), spans)
    return bench.references["folders"]
