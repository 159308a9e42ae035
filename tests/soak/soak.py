"""Tries to make the program lose work: kills, full disks, vanished folders, hostile files, long songs.

    python3 tests/soak/soak.py target/release/visualize             every trial, for some hours
    python3 tests/soak/soak.py target/release/visualize --short     a minute
    python3 tests/soak/soak.py target/release/visualize kill disk   two of them

Prints a line for each failure and a summary of each trial; the exit code is 1 where anything failed. A case depends on the
seed and its name alone, except for the machine's pace. Full disks need root on Linux; sounds other than WAV need ffmpeg, and
jumps of the clock libfaketime.
"""

import argparse
import collections
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import clocks
import disks
import folders
import hostile
import kills
import long_songs
import pairs
from bench import Bench, Failure, can_mount

TRIALS = {
    "kill": kills.cases,
    "disk": disks.cases,
    "folder": folders.cases,
    "clock": clocks.cases,
    "pair": pairs.cases,
    "hostile": hostile.cases,
    "long": long_songs.cases,
}
NEED_MOUNT = {"disk"}
# How much is tried: kills, hostile files, bombs among them, rounds of folder, clock and pair, pages by which a disk grows,
# minutes of the long songs.
FULL = {"kills": 1000, "files": 500, "bombs": 1000, "rounds": 10, "disk_step": 1, "minutes": [60, 600]}
SHORT = {"kills": 10, "files": 30, "bombs": 0, "rounds": 1, "disk_step": 16, "minutes": []}


def main():
    options = arguments()
    # Ended from outside, it still unmounts and removes what it made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # The program ignores a hang-up where whoever starts it does, as under nohup.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    scratch = Path(tempfile.mkdtemp(prefix="soak-", dir=options.folder))
    scratch.chmod(0o755)
    bench = Bench(options.program.resolve(), Path(__file__).resolve().parents[2] / "model", scratch)
    try:
        failures = [run_trial(name, bench, options) for name in options.trials]
    finally:
        if not options.keep:
            shutil.rmtree(scratch, ignore_errors=True)
    if options.keep:
        print(f"kept: {scratch}")
    return 1 if sum(failures) else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path, help="the program to try")
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=f"{', '.join(TRIALS)} [default: all]")
    parser.add_argument("--short", action="store_true", help="a little of each, but no long songs")
    parser.add_argument("--seed", default="0", help="another text gives other trials [default: 0]")
    parser.add_argument("--case", help="only the case of this name, such as hostile-17")
    parser.add_argument("--folder", type=Path, help="where to work [default: the system's folder for temporary files]")
    parser.add_argument("--keep", action="store_true", help="keep the folders of cases that failed")
    for name in ("kills", "files", "rounds"):
        parser.add_argument(f"--{name}", type=int, help=f"[default: {FULL[name]}, short {SHORT[name]}]")
    parser.add_argument("--minutes", type=int, nargs="*", help=f"lengths of the long songs [default: {FULL['minutes']}]")
    parser.add_argument("--until", help="begin no case after this time of day, such as 23:30")
    options = parser.parse_intermixed_args()
    unknown = [name for name in options.trials if name not in TRIALS]
    if unknown:
        parser.error(f"no such trial: {', '.join(unknown)}")
    options.trials = options.trials or list(TRIALS)
    for name, value in (SHORT if options.short else FULL).items():
        if getattr(options, name, None) is None:
            setattr(options, name, value)
    return options


def run_trial(name, bench, options):
    """Runs the cases of a trial and says how many failed."""
    if name in NEED_MOUNT and not can_mount(bench.scratch):
        print(f"{name}: left out, since file systems can't be mounted here (it needs root on Linux)")
        return 0
    started = time.monotonic()
    n_cases, n_failed, tally = 0, 0, collections.Counter()
    for label, case in TRIALS[name](options):
        if options.case and label != options.case:
            continue
        if options.until and time.strftime("%H:%M") >= options.until:
            print(f"{name}: ended at {options.until}")
            break
        n_cases += 1
        folder = bench.folder(label)
        is_good = True
        try:
            add(tally, case(bench, folder, random.Random(f"{options.seed} {label}")))
        except Failure as failure:
            is_good = False
            print(f"FAIL {label}: {failure}", flush=True)
        n_failed += not is_good
        if is_good or not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
        if is_good:
            shutil.rmtree(bench.log, ignore_errors=True)
    what = ", ".join(f"{key} {value}" for key, value in sorted(tally.items()))
    print(f"{name}: {n_cases} cases, {n_failed} failed, {time.monotonic() - started:.0f} s; {what}", flush=True)
    return n_failed


def add(tally, more):
    """Counts add up; of what begins with max or slowest, the largest stays."""
    for key, value in (more or {}).items():
        is_largest = key.startswith(("max ", "slowest "))
        tally[key] = max(tally[key], value) if is_largest else tally[key] + value


if __name__ == "__main__":
    sys.exit(main())
