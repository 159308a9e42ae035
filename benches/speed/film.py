"""Whole films: wall time against the song's length, the model's share of it, memory, and the cost of a frame in short and in
long films."""

import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

SAMPLES_OF_DRAWING = 20


def run(binary, arguments, threads):
    """Wall seconds, processor seconds and peak bytes of one run of the program."""
    env = dict(os.environ, RAYON_NUM_THREADS=str(threads))
    started = time.perf_counter()
    process = subprocess.Popen([binary, *arguments], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    first_estimate = first_frame = None
    text = ""
    while chunk := process.stderr.read(1):
        text += chunk
        now = time.perf_counter() - started
        if first_estimate is None and re.search(r"\d+ frames", text):
            first_estimate = now
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(text)
    return {"wall_secs": time.perf_counter() - started, "cpu_secs": usage.ru_utime + usage.ru_stime,
            "peak_bytes": 1024 * usage.ru_maxrss, "first_estimate_secs": first_estimate, "first_frame_secs": first_frame}


def film(binary, song, threads, *options):
    with tempfile.TemporaryDirectory() as folder:
        return run(binary, [song, "-o", Path(folder) / "film.mp4", *options], threads)


def drawing_secs(worker, threads):
    """Seconds of a frame of 512x512 in batches of 4, without analysis, encoding and muxing: the median."""
    process = subprocess.run([worker, "draw:512:4"], env=dict(os.environ, RAYON_NUM_THREADS=str(threads)),
                             input="\n" * SAMPLES_OF_DRAWING, capture_output=True, text=True, check=True)
    secs = sorted(float(line) for line in process.stdout.split()[1:-1])
    return secs[len(secs) // 2] / 4


def measure(binary, worker, song, threads):
    results = {}
    for n in threads:
        per_frame = drawing_secs(worker, n)
        whole = film(binary, song, n)
        results[n] = {"film": whole, "drawing_secs_a_frame": per_frame}
        print(f"threads {n}: {whole}, drawing {1000 * per_frame:.2f} ms a frame", flush=True)
    small = ["--size", "64x64", "--draw-size", "64x64"]
    lengths = {frames: film(binary, song, max(threads), *small, "--fps", "60", "--duration", str(frames / 60))
               for frames in (100, 1000, 10000)}
    for frames, result in lengths.items():
        print(f"{frames} frames of 64x64: {result['wall_secs']:.3f} s, {result['peak_bytes'] / 1e6:.0f} MB", flush=True)
    slopes = [(lengths[b]["cpu_secs"] - lengths[a]["cpu_secs"]) / (b - a) for a, b in ((100, 1000), (1000, 10000))]
    print("cost of a frame, ms:", [round(1000 * slope, 3) for slope in slopes])
    return {"by_threads": results, "by_frames": lengths, "slopes": slopes}
