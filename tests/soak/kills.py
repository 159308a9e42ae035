"""Runs that are killed at any moment and started again end in the same film, and no finished chunk is drawn twice."""

import collections
import signal
import time

from bench import (
    DONE, INTERRUPTED, SMALL, STAGES, chunks, ensure, ensure_clean, ensure_film, ensure_kept, film_args, last_words, stage_of,
)

# The ways to a film: at once, or by its steps.
WAYS = {
    "film": [film_args()],
    "steps": [
        ["plan", "song.wav", *SMALL, "-o", "film.json"],
        ["render", "film.json"],
        ["mux", "film.json"],
    ],
}
# Most kills of one film.
KILLS_PER_FILM = 30
# Beyond what is asked of the program (a second), since others may use the machine.
OBEYED_SECS = 3


def cases(options):
    """Films until there were enough kills."""
    n_kills, number = 0, 0
    while n_kills < options.kills:
        def case(bench, folder, rng):
            nonlocal n_kills
            tally = one_film(bench, folder, rng)
            n_kills += tally["kills"]
            return tally
        number += 1
        yield f"kill-{number}", case


def one_film(bench, folder, rng):
    way = rng.choice(["film", "film", "steps"])
    reference = bench.reference(WAYS[way])
    tally = collections.Counter(films=1)
    n_left = rng.randint(1, KILLS_PER_FILM)
    for args in WAYS[way]:
        is_last = args is WAYS[way][-1]
        while not (is_last and (folder / "film.mp4").exists()):
            before = chunks(folder)
            process = bench.start(args, folder)
            if n_left == 0:
                run = process.wait()
                ensure(run.code == DONE, f"going on failed: {last_words(run)}")
            else:
                run = killed(process, rng, reference.spans, tally)
                n_left -= 1
            ensure_kept(before, folder)
            if run.code == DONE:
                break
    ensure_film(folder, reference)
    return tally


def killed(process, rng, spans, tally):
    """Ends a run at a random moment of a random stage."""
    number = rng.choice([signal.SIGKILL] * 8 + [signal.SIGTERM, signal.SIGHUP])
    stage = rng.choice(["start", "probes", "probes", "chunks", "chunks", "mux"])
    process.wait_for(STAGES[stage])
    # Runs that go on are shorter than the undisturbed one, and many moments of interest lie where a stage begins.
    time.sleep(rng.uniform(0, spans.get(stage, 0.1)) * rng.choice([0.05, 0.3, 0.6]))
    sent = time.monotonic()
    process.send(number)
    run = process.wait()
    if run.code == DONE:
        tally["too late"] += 1
    elif number == signal.SIGKILL:
        ensure(run.code == -number, f"exit code {run.code} after a kill: {last_words(run)}")
        tally.update(["kills", f"in {stage_of(run.said)}"])
    elif run.code == -number and not run.said:
        tally["signals before the first word"] += 1
    else:
        name = signal.Signals(number).name
        ensure_clean(run)
        ensure(run.code == INTERRUPTED, f"exit code {run.code} after {name}: {last_words(run)}")
        obeyed_secs = time.monotonic() - sent
        ensure(obeyed_secs < OBEYED_SECS, f"{name} was obeyed after {obeyed_secs:.1f} s")
        tally[name] += 1
        tally["slowest signal, ms"] = max(tally["slowest signal, ms"], round(1000 * obeyed_secs))
    return run
