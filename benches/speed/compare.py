"""Compares this program with PyTorch, onnxruntime and OpenVINO on one machine, prints a table, and writes JSON.

    pip install torch diffusers transformers openvino onnxruntime onnx numpy
    python benches/speed/compare.py --json speed.json                  # everything; the largest models need 24 GB
    python benches/speed/compare.py --only kernels --threads 2         # groups: see GROUPS
    python benches/speed/compare.py --film song.wav                    # the whole program, with a song of yours
    python benches/speed/compare.py --vectors avx2 --threads 1 --processor-time    # as on a lesser processor, on a busy machine

Every side of a comparison is a process that holds one case ready and runs it when told to. Sides take turns, so that whatever
else the machine does disturbs all of them alike. A sample is the fastest of the runs that fit into 0.3 s, and at least one;
what is printed is the median of the samples. Peak memory is the process's own, with all that its runtime loads.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import film
import models

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SAMPLE_SECS = 0.3
# What caps the vectors of each side at AVX2. onnxruntime has no such variable, nor have OpenVINO's linear layers.
AVX2 = {"VISUALIZE_VECTORS": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
KERNEL_PEERS = ["torch", "torch-last", "openvino", "onnxruntime"]
NETWORK_PEERS = ["torch", "torch-last", "openvino", "openvino-bf16"]


def kernels():
    names = [
        "conv:64:64:3:32", "conv:64:64:3:64", "conv:64:64:3:256", "conv:320:320:3:64", "conv:640:640:3:32",
        "conv:512:512:3:64", "conv:128:128:3:256", "conv:1280:1280:3:16", "conv:1280:1280:3:8", "conv:320:320:1:64",
        "upconv:64:64", "linear:77:768:768", "linear:1024:320:1280", "linear:4096:320:320", "geglu:4096:320:1280",
        "attention:4096:8:40", "norm:320:64", "norm:128:256",
    ]
    return [(name, name, KERNEL_PEERS) for name in names]


def bundled(side):
    parts = [("unet", "unet"), ("decode", "vae")]
    return [(f"bundled {kind} {8 * side}", f"{kind}:{ROOT / 'model' / folder}:{side}:1", NETWORK_PEERS)
            for kind, folder in parts]


def random(kind, name, root):
    return [(f"{name} {kind} 512", f"{kind}:{models.folder(root, name)}:64:1", NETWORK_PEERS)]


GROUPS = {
    "kernels": lambda root: kernels(),
    "bundled": lambda root: bundled(32) + bundled(64),
    "taesd": lambda root: random("decode", "taesd", root),
    "sd-turbo": lambda root: random("unet", "sd-turbo", root),
    "kl-vae": lambda root: random("decode", "kl-vae", root),
    "sd15": lambda root: random("unet", "sd15", root),
    "sdxl-turbo": lambda root: random("unet", "sdxl-turbo", root),
}


class Side:
    """A process that runs one case when told to."""

    def __init__(self, label, command, threads, by_processor):
        self.label = label
        self.by_processor = by_processor
        self.samples = []
        env = dict(os.environ, RAYON_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
        self.process = subprocess.Popen(
            command, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def line(self):
        line = self.process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"{self.label} ended early")
        return line

    def run(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.line())

    def processor_secs(self):
        """Seconds for which the process's threads have run; of Linux, which counts them when a thread stops."""
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    def sample(self):
        runs = []
        before = self.processor_secs() if self.by_processor else 0
        while sum(runs) < SAMPLE_SECS:
            runs.append(self.run())
        if self.by_processor:
            self.samples.append((self.processor_secs() - before) / len(runs))
        else:
            self.samples.append(min(runs))

    def finish(self):
        """Seconds and peak bytes."""
        self.process.stdin.close()
        peak = int(self.line())
        self.process.wait()
        return {"secs": statistics.median(self.samples), "samples": self.samples, "peak_bytes": peak}


def measure(case, peers, threads, rounds, worker, together, by_processor):
    """All sides of a case; one after the other where they don't fit the memory together."""
    commands = [("ours", [worker, case])] + [(peer, [sys.executable, HERE / "peers.py", peer, case]) for peer in peers]
    results = {}
    for group in [commands] if together else [[command] for command in commands]:
        sides = [Side(label, command, threads, by_processor) for label, command in group]
        ready = []
        for side in sides:
            try:
                while side.line() != "ready":
                    pass
                side.run()
                ready.append(side)
            except RuntimeError as error:
                print(f"# {case}: {error}", file=sys.stderr)
        for _ in range(rounds):
            for side in ready:
                time.sleep(0.05)  # the threads of the side before may still spin
                side.sample()
        results |= {side.label: side.finish() for side in ready}
    return results


def row(label, threads, results):
    ours = results["ours"]
    others = {peer: result for peer, result in results.items() if peer != "ours"}
    full = {peer: result["secs"] for peer, result in others.items() if not peer.endswith("bf16")}
    best = min(full, key=full.get) if full else None
    half = others.get("openvino-bf16")
    leanest = min((result["peak_bytes"] for result in others.values()), default=None)
    ms = lambda secs: f"{1000 * secs:.2f}" if secs < 0.1 else f"{1000 * secs:.0f}"
    cells = [label, str(threads), ms(ours["secs"]),
             f"{ms(full[best])} ({best})" if best else "", f"{full[best] / ours['secs']:.2f}" if best else "",
             ms(half["secs"]) if half else "", f"{half['secs'] / ours['secs']:.2f}" if half else "",
             f"{ours['peak_bytes'] / 1e6:.0f}",
             f"{ours['peak_bytes'] / leanest:.2f}" if leanest else ""]
    return "| " + " | ".join(cells) + " |"


HEAD = ["| what | threads | ours, ms | best f32, ms | ratio | OpenVINO bf16, ms | ratio | peak, MB | of the leanest |",
        "|---|---|---|---|---|---|---|---|---|"]


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    versions = {}
    for name in ["torch", "openvino", "onnxruntime", "diffusers"]:
        try:
            versions[name] = __import__("importlib.metadata").metadata.version(name)
        except Exception:
            versions[name] = None
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.strip()
    return {"cpu": cpu, "cores": os.cpu_count(), "system": platform.platform(), "rustc": rustc, "versions": versions,
            "load": os.getloadavg()}


def build(kind, name):
    """The path of a binary or a benchmark of this project, built if it isn't."""
    command = ["cargo", "build", "--release", "--message-format=json", f"--{kind}", name]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    messages = [json.loads(line) for line in out.splitlines()]
    return next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(GROUPS), help="groups to run [default: all]")
    parser.add_argument("--match", default="", help="only cases whose name has this in it")
    parser.add_argument("--peers", nargs="*", help="other sides to run [default: all that fit the group]")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5, help="samples of each side")
    parser.add_argument("--models", default=str(ROOT / "target" / "speed-models"), help="where random weights are kept")
    parser.add_argument("--one-by-one", action="store_true", help="sides in turn, for models that fill the memory")
    parser.add_argument("--vectors", choices=["avx2"], help="cap the instructions of all sides that can be capped")
    parser.add_argument("--processor-time", action="store_true",
                        help="measure processor time: for one thread, where other work would disturb the clock")
    parser.add_argument("--film", metavar="SONG", help="measure whole films of this song instead")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.vectors:
        os.environ.update(AVX2)
    report = {"machine": machine(), "rows": []}
    if args.film:
        report["film"] = film.measure(build("bin", "visualize"), build("bench", "worker"), args.film, args.threads)
    else:
        worker = build("bench", "worker")
        print("\n".join(HEAD), flush=True)
        for group in args.only or GROUPS:
            for label, case, peers in GROUPS[group](args.models):
                for threads in args.threads if args.match in label else []:
                    wanted = [peer for peer in peers if args.peers is None or peer in args.peers]
                    together = not args.one_by_one and not group.startswith("sd")
                    results = measure(case, wanted, threads, args.rounds, worker, together, args.processor_time)
                    print(row(label, threads, results), flush=True)
                    report["rows"].append({"what": label, "case": case, "threads": threads, "sides": results})
    if args.json:
        args.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
