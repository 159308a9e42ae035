"""What all trials share: a song and its film, runs of the program, and what must hold afterwards."""

import collections
import contextlib
import hashlib
import math
import os
import shutil
import signal
import subprocess
import sys
import time
import wave
from array import array
from pathlib import Path

# A cheap film with many chunks: 60 frames in 15 of them.
PROMPTS = "teal ocean waves\nburning orange flames\n"
SMALL = ["--prompts", "prompts.txt", "--size", "64x64", "--draw-size", "16x16", "--fps", "24", "--chunk", "4"]
SONG_SECS = 2.5
SONG_RATE_HZ = 22050

# What the program says when a stage begins.
STAGES = {"start": "", "probes": "heard ", "chunks": "planned ", "mux": "muxing\n"}

# No trial takes longer unless the program hangs.
HANG_SECS = 120
NOBODY = 65534

DONE, FAILED, REFUSED, LATER, INTERRUPTED = 0, 1, 2, 75, 130


class Failure(Exception):
    """Something that must hold doesn't."""


Run = collections.namedtuple("Run", "code said printed peak_bytes secs")


def ensure(holds, text):
    if not holds:
        raise Failure(text)


class Process:
    """A run of the program; what it says goes to files, so that it never waits for a reader."""

    def __init__(self, command, folder, log, env, is_nobody=False):
        log.mkdir(parents=True, exist_ok=True)
        name = f"{time.monotonic_ns()}"
        self.err_path, self.out_path = log / f"{name}.err", log / f"{name}.out"
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if is_nobody else {}
        self.started = time.monotonic()
        with open(self.err_path, "wb") as err, open(self.out_path, "wb") as out:
            self.child = subprocess.Popen(
                command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, **user
            )
        self.status = None

    def said(self):
        return self.err_path.read_text("utf-8", "replace")

    def has_ended(self):
        if self.status is None:
            pid, status, usage = os.wait4(self.child.pid, os.WNOHANG)
            if pid:
                self.status, self.usage = status, usage
                self.secs = time.monotonic() - self.started
                self.child.returncode = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def wait_for(self, mark):
        """Returns once the program has said this, or has ended."""
        while mark not in self.said() and not self.has_ended():
            time.sleep(0.001)

    def send(self, number):
        if not self.has_ended():
            self.child.send_signal(number)

    def wait(self, limit_secs=HANG_SECS):
        """The run's end; one that takes too long is killed and fails."""
        deadline = time.monotonic() + limit_secs
        while not self.has_ended():
            if time.monotonic() > deadline:
                self.send(signal.SIGKILL)
                while not self.has_ended():
                    time.sleep(0.01)
                raise Failure(f"still running after {limit_secs} s; last words: {self.said()[-300:]!r}")
            time.sleep(0.002)
        return Run(
            self.child.returncode,
            self.said(),
            self.out_path.read_text("utf-8", "replace"),
            self.usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            self.secs,
        )


class Bench:
    """Folders and runs for the trials."""

    def __init__(self, program, model, scratch):
        """`model` is the folder of the bundled model, `scratch` where to work."""
        self.program, self.model, self.scratch = program, model, scratch
        self.log = scratch / "log"
        self.env = {**os.environ, "HOME": str(scratch), "XDG_CACHE_HOME": str(scratch / "cache")}
        self.env["HF_HOME"] = str(scratch / "hub")
        for name in ("RUST_LOG", "RUST_BACKTRACE"):
            self.env.pop(name, None)
        self.references = {}
        write_song(scratch / "song.wav", SONG_SECS)

    def folder(self, name):
        """A new folder with a song and prompts."""
        folder = self.scratch / name
        folder.mkdir(parents=True)
        shutil.copy(self.scratch / "song.wav", folder / "song.wav")
        (folder / "prompts.txt").write_text(PROMPTS)
        return folder

    def start(self, args, folder, is_nobody=False, wrapper=(), env=()):
        command = [*wrapper, str(self.program), *map(str, args)]
        return Process(command, folder, self.log, {**self.env, **dict(env)}, is_nobody)

    def run(self, args, folder, **options):
        run = self.start(args, folder, **options).wait()
        ensure_clean(run)
        return run

    def done(self, args, folder, **options):
        """A run that must succeed."""
        run = self.run(args, folder, **options)
        ensure(run.code == DONE, f"exit code {run.code} of {args[0]}: {last_words(run)}")
        return run

    def reference(self, commands, where=None):
        """What these commands make undisturbed: in a folder with a song, or where `where` says beside it."""
        key = repr((commands, where))
        if key not in self.references:
            folder = self.folder(f"reference{len(self.references)}")
            if where:
                folder = where(folder)
            spans = collections.Counter()
            for args in commands:
                process = self.start(args, folder)
                spans.update(stage_secs(process))
                run = process.wait()
                ensure(run.code == DONE, f"the undisturbed run failed: {last_words(run)}")
            found = files(folder)
            film = found["film.mp4"].data if "film.mp4" in found else None
            self.references[key] = Reference(film, found, dict(spans))
        return self.references[key]


# `film` is None where none is made; `spans` are seconds that each stage took.
Reference = collections.namedtuple("Reference", "film files spans")

# Bytes, and what shows whether a file was written again.
File = collections.namedtuple("File", "data mtime_ns inode")


def film_args(*more):
    return ["song.wav", *SMALL, "-o", "film.mp4", *more]


def write_song(path, secs, rate_hz=SONG_RATE_HZ):
    """A 16-bit WAV: a tone with a click every half second, whose pitch changes every two seconds."""
    samples = array("h")
    for i in range(int(secs * rate_hz)):
        since_click = (i / rate_hz) % 0.5
        click = math.exp(-since_click / 0.02) * math.sin(9000 * since_click)
        pitch_hz = 220 + 55 * (i // (2 * rate_hz) % 3)
        samples.append(int(32767 * (0.6 * click + 0.1 * math.sin(math.tau * pitch_hz * i / rate_hz))))
    if sys.byteorder == "big":
        samples.byteswap()
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(samples.tobytes())


def stage_secs(process):
    """How long each stage takes, as the program tells them."""
    began = {"start": process.started}
    while not process.has_ended():
        said = process.said()
        for stage, mark in STAGES.items():
            if mark in said:
                began.setdefault(stage, time.monotonic())
        time.sleep(0.001)
    ends = [*list(began.values())[1:], time.monotonic()]
    return {stage: end - start for (stage, start), end in zip(began.items(), ends)}


def stage_of(said):
    """The last stage that had begun."""
    return [stage for stage, mark in STAGES.items() if mark in said][-1]


def files(folder):
    """Everything below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                status = path.stat()
                found[str(path.relative_to(folder))] = File(path.read_bytes(), status.st_mtime_ns, status.st_ino)
    return found


def chunks(folder):
    return {name: file for name, file in files(folder).items() if name.endswith(".chunk")}


def ensure_kept(before, folder):
    """Files of before are there as they were and weren't written again."""
    now = files(folder)
    for name, file in before.items():
        ensure(name in now, f"{name} is gone")
        ensure(now[name].data == file.data, f"{name} has other bytes")
        ensure(now[name] == file, f"{name} was written again")


def ensure_whole(folder, reference):
    """What bears a final name is what the undisturbed run wrote; nothing else bears one. Chunks say in their heads who drew
    them and when, and end in the SHA-256 of all before."""
    for name, file in files(folder).items():
        if name.endswith(".partial"):
            continue
        ensure(name in reference.files, f"there is a file {name}, which an undisturbed run doesn't write")
        if name.endswith(".chunk"):
            is_whole = hashlib.sha256(file.data[:-32]).digest() == file.data[-32:]
        else:
            is_whole = file.data == reference.files[name].data
        ensure(is_whole, f"{name} isn't what an undisturbed run writes")


def ensure_film(folder, reference):
    """The film is the undisturbed one, and no half-written file is left."""
    film = folder / "film.mp4"
    ensure(film.exists(), "there is no film")
    ensure(film.read_bytes() == reference.film, "the film has other bytes")
    left = [name for name in files(folder) if name.endswith(".partial")]
    ensure(not left, f"half-written files are left: {left}")


def ensure_clean(run, codes=(DONE, FAILED, REFUSED, LATER, INTERRUPTED)):
    """A run that ended by itself, and that says why where it failed."""
    ensure("panicked" not in run.said, f"a panic: {run.said[-600:]!r}")
    ensure(run.code in codes, f"exit code {run.code}: {last_words(run)}")
    if run.code in (FAILED, REFUSED, LATER):
        ensure("error: " in run.said, f"exit code {run.code} without an error: {last_words(run)}")


def last_words(run):
    return repr(run.said[-400:])


@contextlib.contextmanager
def disk(path, options):
    """A file system of its own in memory."""
    path.mkdir(parents=True, exist_ok=True)
    mount("-t", "tmpfs", "-o", options, "tmpfs", str(path))
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def mount(*args):
    subprocess.run(["mount", *args], check=True, capture_output=True)


def can_mount(scratch):
    try:
        with disk(scratch / "mount", "size=64k"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False
