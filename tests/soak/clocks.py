"""The clock jumps, between runs and during them; files are from the future or from 1970."""

import collections
import os
import shutil
import signal
import time

from bench import DONE, STAGES, chunks, ensure, ensure_film, film_args, last_words

JUMPS = ["-20y", "-1d", "-10s", "+10s", "+1d", "+12y"]
STAMPS = [0, 1, 2**31 - 1, 2**31 + 5, 2**33]
LIBRARIES = ["/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1"]


def library():
    """libfaketime, where it is installed."""
    if not shutil.which("faketime"):
        return None
    return next((path for path in LIBRARIES if os.path.exists(path)), None)


def cases(options):
    if not library():
        print("clock: without libfaketime only the times of files jump (apt-get install faketime)")
    for number in range(2 * options.rounds):
        yield f"clock-files-{number}", files_jump
        if library():
            yield f"clock-jump-{number}", clock_jumps


def files_jump(bench, folder, rng):
    """A run is killed, and what it left gets strange times."""
    reference = bench.reference([film_args()])
    end_early(bench.start(film_args(), folder), rng, reference)
    for path in [folder, *folder.rglob("*")]:
        stamp = rng.choice(STAMPS)
        os.utime(path, (stamp, stamp))
    before = chunks(folder)
    if not (folder / "film.mp4").exists():
        bench.done(film_args(), folder)
    ensure(all(chunks(folder)[name] == file for name, file in before.items()), "a chunk was drawn again")
    ensure_film(folder, reference)
    return collections.Counter({"chunks kept": len(before)})


def clock_jumps(bench, folder, rng):
    """The clock jumps back and forth during a run, which is killed and goes on at another time."""
    reference = bench.reference([film_args()])
    stamp = folder.parent / f"{folder.name}.clock"
    env = {
        "LD_PRELOAD": library(), "FAKETIME_TIMESTAMP_FILE": str(stamp), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    for is_killed in (True, False):
        stamp.write_text(rng.choice(JUMPS) + "\n")
        if (folder / "film.mp4").exists():
            break
        process = bench.start(film_args(), folder, env=env)
        ends_at = time.monotonic() + rng.uniform(0, sum(reference.spans.values()))
        while not process.has_ended():
            time.sleep(0.02)
            new = stamp.with_suffix(".new")
            new.write_text(rng.choice(JUMPS) + "\n")
            new.rename(stamp)
            if is_killed and time.monotonic() > ends_at:
                process.send(signal.SIGKILL)
        run = process.wait()
        ensure(run.code == DONE or is_killed and run.code == -signal.SIGKILL, f"exit code {run.code}: {last_words(run)}")
    ensure_film(folder, reference)
    return collections.Counter(films=1)


def end_early(process, rng, reference):
    stage = rng.choice(list(STAGES))
    process.wait_for(STAGES[stage])
    time.sleep(rng.uniform(0, reference.spans[stage]))
    process.send(signal.SIGKILL)
    process.wait()
