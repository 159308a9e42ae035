"""Peak memory of one frame, beside diffusers: models of the real sizes with random weights, one after the other.

    cargo build --release --example random_model --example draw
    python benches/memory/run.py OUT_FOLDER [FAMILY:SIDE ...]

Needs `torch diffusers transformers accelerate`, up to 7 GB of disk in OUT_FOLDER, and for SDXL about 17 GB of memory.
Both programs compute in float32 on the CPU, one step, no guidance. Writes `memory.json` and prints a table in GiB: `anon` is
what the program asked for, `peak` also counts pages of weight files that are mapped and may be dropped at any time.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CASES = ["sd15:512", "sd-turbo:512", "sdxl:512", "sd15:1024", "sd-turbo:1024", "sdxl:1024"]
GIB = 2 ** 30


def status(pid, key):
    """A line of /proc/PID/status, in bytes."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def measure(command):
    """Runs a command; its peak memory in bytes and its time in seconds."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    anon, done = [0], threading.Event()

    def watch():
        while not done.wait(0.02):
            anon[0] = max(anon[0], status(process.pid, "RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    _, code, usage = os.wait4(process.pid, 0)
    done.set()
    watcher.join()
    if code != 0:
        raise SystemExit(f"{command} ended with {os.waitstatus_to_exitcode(code)}")
    return dict(anon=anon[0], peak=usage.ru_maxrss * 1024, seconds=round(time.monotonic() - begin, 1))


def main():
    out, cases = Path(sys.argv[1]), sys.argv[2:] or CASES
    out.mkdir(parents=True, exist_ok=True)
    rows, example = [], lambda name: str(ROOT / "target/release/examples" / name)
    for family in dict.fromkeys(case.split(":")[0] for case in cases):
        folder = out / family
        subprocess.run([example("random_model"), str(ROOT / f"tests/families/{family}.json"), str(folder)], check=True)
        for side in [case.split(":")[1] for case in cases if case.split(":")[0] == family]:
            ours = measure([example("draw"), str(folder), "a red fox", str(out / "frame.png"), "1", f"{side}x{side}", "1"])
            theirs = measure([sys.executable, str(ROOT / "benches/memory/diffusers_frame.py"), str(folder), side])
            rows.append(dict(family=family, side=int(side), visualize=ours, diffusers=theirs))
            (out / "memory.json").write_text(json.dumps(rows, indent=1))
        shutil.rmtree(folder)
    print("| model | size | visualize anon | peak | seconds | diffusers anon | peak | seconds |\n|---|---|---|---|---|---|---|---|")
    for row in rows:
        cells = [f"{run['anon'] / GIB:.2f} | {run['peak'] / GIB:.2f} | {run['seconds']}" for run in (row["visualize"], row["diffusers"])]
        print(f"| {row['family']} | {row['side']} | {cells[0]} | {cells[1]} |")


main()
