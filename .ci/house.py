"""Checks the walls of the workspace: which crate may know which, and how long a file may be.

    cargo metadata --no-deps --format-version 1 | python3 .ci/house.py
"""

import json
import re
import subprocess
import sys

# What each crate may import, in the order of the data; docs/architecture.md draws it.
MAY_IMPORT = {
    "features": set(),
    "common": {"features"},
    "bundled-model": set(),
    "kernels": {"features"},
    "gpu": {"features"},
    "plot": {"common"},
    "audio": {"common"},
    "timeline": {"common"},
    "analysis": {"common", "audio", "plot"},
    "picture": {"common", "timeline"},
    "mapping": {"common", "audio", "analysis", "timeline", "picture", "plot"},
    "diffusion": {"common", "timeline", "kernels", "gpu", "bundled-model"},
    "video": {"common", "audio", "timeline"},
    "": None,  # the root: all of them
    "candle-transformers-tests": None,
}
MAX_LINES = 400
# A longer file says why in its first lines.
REASON = re.compile(r"\blong\b.*\b(since|because|so that)\b|\bone file\b", re.IGNORECASE | re.DOTALL)


def name_of(package):
    return package.removeprefix("visualize").removeprefix("-")


def faults_of_crates(packages):
    for package in packages:
        name = name_of(package["name"])
        if name not in MAY_IMPORT:
            yield f"{package['name']} has no place in the order of the crates; give it one in .ci/house.py"
            continue
        allowed = MAY_IMPORT[name]
        for dependency in package["dependencies"]:
            if not dependency["name"].startswith("visualize") or dependency["kind"] == "dev" or allowed is None:
                continue
            if name_of(dependency["name"]) not in allowed:
                yield f"{package['name']} imports {dependency['name']}, which the order of the crates forbids"


def faults_of_files():
    files = subprocess.run(["git", "ls-files", "*.rs"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    if not files:
        yield "no Rust files were found"
    for path in files:
        try:
            lines = open(path, encoding="utf-8").read().splitlines()
        except FileNotFoundError:
            continue  # removed, not yet committed
        head = "\n".join(line for line in lines[:25] if line.startswith("//!"))
        if len(lines) > MAX_LINES and not REASON.search(head):
            yield f"{path} has {len(lines)} lines; split it, or say in its head why it is long"


def main():
    packages = json.load(sys.stdin)["packages"]
    faults = [*faults_of_crates(packages), *faults_of_files()]
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
