"""Two runs at once on one folder and one film."""

import collections
import signal
import time

from bench import DONE, REFUSED, SMALL, ensure, ensure_clean, ensure_film, film_args, last_words

STEPS = [["plan", "song.wav", *SMALL, "-o", "film.json"], ["render", "film.json"], ["mux", "film.json"]]


def cases(options):
    for number in range(2 * options.rounds):
        for name, trial in (("film", one_film), ("kill", one_film_and_a_kill), ("other", two_films), ("steps", shared_steps)):
            yield f"pair-{name}-{number}", trial


def both(bench, folder, rng, first, second):
    """Starts two runs soon after each other."""
    one = bench.start(first, folder)
    time.sleep(rng.choice([0, rng.uniform(0, 0.8)]))
    return one, bench.start(second, folder)


def watch_film(processes, film):
    """Waits for both; the films that lay there, one after the other."""
    seen = []
    while not all([process.has_ended() for process in processes]):
        if film.exists():
            inode = film.stat().st_ino
            if inode not in seen:
                seen.append(inode)
        time.sleep(0.002)
    inode = film.stat().st_ino
    return seen if inode in seen else [*seen, inode]


def one_film(bench, folder, rng):
    """Whoever is first makes the film; the other one finishes with the same or finds that it exists."""
    reference = bench.reference([film_args()])
    processes = both(bench, folder, rng, film_args(), film_args())
    n_films = len(watch_film(processes, folder / "film.mp4"))
    codes = sorted(accepted(process.wait()) for process in processes)
    ensure(DONE in codes, f"exit codes {codes}")
    ensure(n_films == 1, f"the finished film was replaced {n_films - 1} times")
    ensure_film(folder, reference)
    return collections.Counter({f"codes {codes[0]}, {codes[1]}": 1})


def one_film_and_a_kill(bench, folder, rng):
    """One of them is killed, and the other one goes on."""
    reference = bench.reference([film_args()])
    killed, other = both(bench, folder, rng, film_args(), film_args())
    time.sleep(rng.uniform(0, 0.6))
    killed.send(signal.SIGKILL)
    killed.wait()
    run = other.wait()
    ensure(accepted(run) == DONE or killed.child.returncode == DONE, f"the survivor failed: {last_words(run)}")
    if not (folder / "film.mp4").exists():
        bench.done(film_args(), folder)
    leftovers = [path for path in folder.rglob("*.partial")]
    # What the killed one left is removed by the next that writes the same file.
    bench.done(film_args("--force"), folder)
    ensure_film_only(folder, reference)
    return collections.Counter({"leftovers of the killed": len(leftovers)})


def two_films(bench, folder, rng):
    """Two other films under one name: one is made, and the other run says so."""
    processes = both(bench, folder, rng, film_args(), film_args("--seed", "7"))
    n_films = len(watch_film(processes, folder / "film.mp4"))
    runs = [process.wait() for process in processes]
    codes = [accepted(run) for run in runs]
    ensure(codes.count(DONE) == 1, f"exit codes {codes}: {' and '.join(map(last_words, runs))}")
    ensure(n_films == 1, f"the finished film was replaced {n_films - 1} times")
    wanted = [film_args(), film_args("--seed", "7")][codes.index(DONE)]
    ensure_film_only(folder, bench.reference([wanted]))
    return collections.Counter({f"codes {codes[0]}, {codes[1]}": 1})


def shared_steps(bench, folder, rng):
    """Two machines that share a disk draw ranges which overlap."""
    reference = bench.reference(STEPS)
    bench.done(STEPS[0], folder)
    middle, overlap = 4 * rng.randrange(1, 15), 4 * rng.randrange(0, 5)
    ranges = [f"0..{min(middle + overlap, 60)}", f"{max(middle - overlap, 0)}..60"]
    for process in both(bench, folder, rng, *([*STEPS[1], "--frames", frames] for frames in ranges)):
        run = process.wait()
        ensure(run.code == DONE, f"exit code {run.code}: {last_words(run)}")
    bench.done(STEPS[2], folder)
    ensure_film(folder, reference)
    return collections.Counter(films=1)


def accepted(run):
    """A run is done, or says that the film exists."""
    ensure_clean(run)
    ensure(run.code in (DONE, REFUSED), f"exit code {run.code}: {last_words(run)}")
    if run.code == REFUSED:
        ensure("exists already" in run.said or "has appeared in the meantime" in run.said, f"refused otherwise: {last_words(run)}")
    return run.code


def ensure_film_only(folder, reference):
    ensure((folder / "film.mp4").read_bytes() == reference.film, "the film has other bytes")
