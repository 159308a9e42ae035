"""Whole films: wall time against the song's length, the model's share of it, memory, start-up, and the cost of a frame in
short and in long films."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

# What the program says, and what that shows.
MARKS = {"planned ": "planned_secs", " left at ": "first_batch_secs"}


def run(binary, arguments):
    """Wall seconds, processor seconds, peak bytes, and when the program said what, of one run."""
    started = time.perf_counter()
    process = subprocess.Popen([binary, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    result, lines = {}, []
    for line in process.stderr:
        lines.append(line)
        for mark, name in MARKS.items():
            if mark in line:
                result.setdefault(name, time.perf_counter() - started)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError("".join(lines))
    return result | {"wall_secs": time.perf_counter() - started, "cpu_secs": usage.ru_utime + usage.ru_stime,
                     "peak_bytes": 1024 * usage.ru_maxrss}


def film(binary, song, threads, *options):
    with tempfile.TemporaryDirectory() as folder:
        return run(binary, [song, "-o", Path(folder) / "film.mp4", "--threads", str(threads), *options])


def drawing_secs(worker, threads, runs=20):
    """Seconds of a frame of 512x512 in batches of 4, without analysis, encoding and muxing: the median."""
    process = subprocess.run([worker, "draw:512:4"], env=dict(os.environ, RAYON_NUM_THREADS=str(threads)),
                             input="\n" * runs, capture_output=True, text=True, check=True)
    secs = sorted(float(line) for line in process.stdout.split()[1:-1])
    return secs[len(secs) // 2] / 4


def measure(binary, worker, song, threads):
    by_threads = {}
    for n in threads:
        by_threads[n] = film(binary, song, n) | {"drawing_secs_a_frame": drawing_secs(worker, n)}
        print(f"{n} threads: {by_threads[n]}", flush=True)
    small = ["--size", "64x64", "--draw-size", "64x64", "--fps", "60"]
    by_frames = {n: film(binary, song, max(threads), *small, "--duration", str(n / 60)) for n in (100, 1000, 10000)}
    for n, result in by_frames.items():
        print(f"{n} frames of 64x64: {result}", flush=True)
    cpu = {n: result["cpu_secs"] for n, result in by_frames.items()}
    slopes = [(cpu[1000] - cpu[100]) / 900, (cpu[10000] - cpu[1000]) / 9000]
    print("processor time of a frame, ms:", [round(1000 * slope, 3) for slope in slopes])
    return {"by_threads": by_threads, "by_frames": by_frames, "slopes": slopes}
