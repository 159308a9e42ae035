"""Checks that every dependency is built once: whichever crate of the workspace `cargo build` or `cargo test -p` is asked for,
each dependency must have the features that it has in the whole. What is missing belongs into crates/features/Cargo.toml.

    cargo metadata --no-deps --format-version 1 | python3 .ci/features.py
"""

import json
import subprocess
import sys

APART = {"visualize-candle-transformers-tests", "visualize-bundled-model"}  # built by themselves; without dependencies


def features(*arguments):
    """The sets of features with which each package is built, by name and version."""
    command = ["cargo", "tree", "--locked", "--prefix", "none", "--no-dedupe", "--format", "{p}|{f}", *arguments]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    found = {}
    for line in filter(None, lines):
        package, names = line.removesuffix(" (*)").split("|")
        name, version = package.split(" ")[:2]
        found.setdefault(f"{name} {version}", set()).add(names)
    return found


def main():
    names = [package["name"] for package in json.load(sys.stdin)["packages"]]
    parts = {"cargo build": ["--edges", "normal"]}
    parts |= {f"cargo test -p {name}": ["--edges", "normal,dev", "-p", name] for name in names if name not in APART}
    whole = features("--edges", "normal,dev")
    # What GPUs need comes on top, and changes nothing below it.
    with_gpu = ["--edges", "normal,dev", "--features", "gpu"]
    whole = features(*with_gpu) | whole
    parts |= {
        "cargo test --features gpu": with_gpu,
        "cargo test -p visualize-diffusion --features gpu": [*with_gpu, "-p", "visualize-diffusion"],
        "cargo test -p visualize-gpu --features wgpu": [*with_gpu[:-1], "wgpu", "-p", "visualize-gpu"],
    }
    faults = []
    for part, arguments in parts.items():
        for package, sets in features(*arguments).items():
            if not sets <= whole.get(package, sets) and not package.startswith("visualize"):
                missing = set(",".join(whole[package]).split(",")) - set(",".join(sets).split(","))
                faults.append(f"{part} builds {package} without {', '.join(sorted(missing))}")
    print("\n".join(faults) or f"every dependency is built once: {len(whole)} packages, {len(parts)} ways to build")
    return 1 if faults else 0


sys.exit(main())
