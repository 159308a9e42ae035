"""Songs of hours: memory as for three minutes, disk as said beforehand, times exact to the sample at the end."""

import collections
import contextlib
import hashlib
import os
import re
import shutil
import struct
import subprocess
import threading
import time
import wave

from bench import DONE, can_mount, disk, ensure, last_words, write_song

RATE_HZ = 44100
# Not a whole number of anything.
ODD_SAMPLES = 12345
SHORT_MINUTES = 3
# The film of a longer song shows its last minute; the song is heard as a whole.
WHOLE_MINUTES = 60
MOST_GROWTH = 1.2
LIMIT_SECS = 4 * 3600
DRAWING = ["--prompts", "prompts.txt", "--size", "64x64", "--draw-size", "16x16", "--fps", "1"]


def cases(options):
    for minutes in options.minutes:
        def case(bench, folder, rng, minutes=minutes):
            return one_song(bench, folder, minutes)
        yield f"long-{minutes}", case


def one_song(bench, folder, minutes):
    start_secs = 0 if minutes <= WHOLE_MINUTES else 60 * (minutes - 1)
    short_start_secs = 0 if start_secs == 0 else 60 * (SHORT_MINUTES - 1)
    short = film_of(bench, folder, SHORT_MINUTES, short_start_secs)
    long = film_of(bench, folder, minutes, start_secs)
    growth = long.peak_bytes / short.peak_bytes
    problems = [*long.problems, *short.problems]
    if growth > MOST_GROWTH:
        problems.append(
            f"memory grows by {100 * (growth - 1):.0f} %: {short.peak_bytes / 1e6:.0f} MB for {SHORT_MINUTES} minutes, "
            f"{long.peak_bytes / 1e6:.0f} MB for {minutes}"
        )
    ensure(not problems, f"{minutes} minutes in {long.secs:.0f} s: {'; '.join(problems)}")
    return collections.Counter({f"max MB of {minutes} minutes": long.peak_bytes // 10**6})


Made = collections.namedtuple("Made", "peak_bytes secs problems")


def film_of(bench, folder, minutes, start_secs):
    song, film = folder / f"{minutes}.wav", folder / f"{minutes}.mp4"
    n_samples = write_long_song(song, minutes)
    args = [song.name, *DRAWING, "--start", str(start_secs), "-o", film.name]
    process = bench.start(args, folder)
    most_used, stop = measure_disk(folder)
    run = process.wait(LIMIT_SECS)
    used_bytes = stop()
    ensure(run.code == DONE, f"exit code {run.code} for {minutes} minutes: {last_words(run)}")
    problems = list(wrong_times(film, song, n_samples, start_secs))
    said_bytes = said_beforehand(bench, folder, film)
    if said_bytes is not None and used_bytes > 1.2 * said_bytes:
        problems.append(f"{used_bytes / 1e6:.1f} MB of disk were used, {said_bytes / 1e6:.1f} MB said beforehand")
    song.unlink()
    return Made(run.peak_bytes, run.secs, problems)


def write_long_song(path, minutes):
    """Repeats a minute, which differs from the one before in its last sample."""
    block = path.with_suffix(".block")
    write_song(block, 60, RATE_HZ)
    with wave.open(str(block)) as source, wave.open(str(path), "wb") as out:
        out.setparams(source.getparams())
        minute = source.readframes(60 * RATE_HZ)
        for number in range(minutes):
            out.writeframesraw(minute[:-2] + struct.pack("<h", number))
        out.writeframesraw(minute[: 2 * ODD_SAMPLES])
    block.unlink()
    return minutes * 60 * RATE_HZ + ODD_SAMPLES


def measure_disk(folder):
    """Watches the folder's disk; `stop` gives the most bytes that were in use above those of the beginning.

    Files without a name count, too. On a disk that others write to, it is a bound."""
    def used():
        status = os.statvfs(folder)
        return (status.f_blocks - status.f_bfree) * status.f_frsize

    first, most, is_over = used(), [0], threading.Event()

    def watch():
        while not is_over.wait(0.05):
            most[0] = max(most[0], used() - first)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()

    def stop():
        is_over.set()
        thread.join()
        return most[0]

    return most, stop


def said_beforehand(bench, folder, film):
    """Bytes that the program asks for on a disk without room; None where none can be made."""
    if not can_mount(bench.scratch):
        return None
    room = folder / "full"
    with disk(room, "size=64k"):
        bench.done(["plan", "--from", film.name, "-o", "plan.json"], folder)
        (room / "plan.json").symlink_to(folder / "plan.json")
        run = bench.run(["render", "plan.json"], room)
        said = re.search(r"needs about ([\d.]+) MB", run.said)
    (folder / "plan.json").unlink()
    return 1e6 * float(said.group(1)) if said else None


def wrong_times(film, song, n_samples, start_secs):
    n_wanted = n_samples - start_secs * RATE_HZ
    tables = tables_of(film)
    ensure(set(tables) == {b"vide", b"soun"}, f"tracks: {sorted(tables)}")
    n_frames, frame_ticks, _ = tables[b"vide"]
    n_wanted_frames = -(-n_wanted // RATE_HZ)
    if n_frames != n_wanted_frames:
        yield f"{n_frames} frames instead of {n_wanted_frames}"
    if tables[b"soun"][2] != n_wanted:
        yield f"{tables[b'soun'][2]} samples of sound instead of {n_wanted}"
    if shutil.which("ffmpeg"):
        command = ["ffmpeg", "-v", "error", "-i", str(film), "-map", "0:a", "-f", "s16le", "-"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as decoder:
            decoded = digest(decoder.stdout)
        with open(song, "rb") as source:
            source.seek(44 + 2 * start_secs * RATE_HZ)
            if decoded != digest(source):
                yield "the sound isn't the song's"


def digest(source):
    hasher = hashlib.sha256()
    while data := source.read(1 << 20):
        hasher.update(data)
    return hasher.hexdigest()


def tables_of(film):
    """Of each track by its kind: the number of its samples (frames or packets), and their whole duration in its own units;
    for sound, also what its edit list shows."""
    found = {}
    with open(film, "rb") as source:
        moov = b"".join(body for kind, body in boxes(top_level(source)) if kind == b"moov")
    for kind, trak in boxes(moov):
        if kind != b"trak":
            continue
        inner = {}
        flatten(trak, inner)
        handler = inner[b"hdlr"][8:12]
        n_entries = struct.unpack_from(">I", inner[b"stts"], 4)[0]
        entries = list(struct.iter_unpack(">II", inner[b"stts"][8 : 8 + 8 * n_entries]))
        n_all = sum(count for count, _ in entries)
        duration = sum(count * delta for count, delta in entries)
        heard = duration - skipped(inner.get(b"elst"))
        found[handler] = (n_all, entries[0][1], min(heard, shown(inner, heard)))
    return found


def shown(inner, heard):
    """The track's length in its own units, as its media header says: padding behind it isn't shown."""
    version = inner[b"mdhd"][0]
    return struct.unpack_from(">Q" if version else ">I", inner[b"mdhd"], 24 if version else 16)[0] or heard


def skipped(elst):
    if not elst:
        return 0
    return struct.unpack_from(">q" if elst[0] else ">i", elst, 16 if elst[0] else 12)[0]


def top_level(source):
    """The boxes but for the samples."""
    parts = []
    while head := source.read(8):
        size, kind = struct.unpack(">I4s", head)
        n_head = 8
        if size == 1:
            size, n_head = struct.unpack(">Q", source.read(8))[0], 16
        if kind == b"moov":
            parts.append(struct.pack(">I4s", size, kind) + source.read(size - n_head))
        else:
            source.seek(size - n_head, os.SEEK_CUR)
    return b"".join(parts)


def boxes(data):
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, data[at + 8 : at + size]
        at += max(size, 8)


def flatten(data, found):
    for kind, body in boxes(data):
        if kind in (b"mdia", b"minf", b"stbl", b"edts"):
            flatten(body, found)
        else:
            found.setdefault(kind, body)
