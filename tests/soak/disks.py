"""The disk is full at every write; with more room the run goes on to the same film."""

import collections

from bench import (
    DONE, FAILED, LATER, REFUSED, SMALL, chunks, disk, ensure, ensure_film, ensure_kept, ensure_whole, film_args, files,
    last_words, mount,
)

PAGE = 4096
ROOM = "64m"
# Commands that write other files than films.
OTHERS = {
    "analysis": ["analyze", "song.wav", "--click", "click.wav", "--labels", "labels.txt", "--plot", "heard.png"],
    "corrections": ["analyze", "song.wav", "--fix"],
    "plan": ["plan", "song.wav", *SMALL, "-o", "plan.json", "--plot", "plan.svg"],
    "preview": ["song.wav", "--prompts", "prompts.txt", "--size", "64x64", "-o", "film.mp4", "--preview"],
}


def cases(options):
    """A film and the other outputs on disks that grow page by page, until one suffices."""
    for name, args in {"film": film_args(), **OTHERS}.items():
        if name == "preview" and options.short:
            continue  # it draws at the model's size, which takes longer than all else
        is_film = name == "film"
        step = options.disk_step * (1 if is_film else 4)
        for unit, first, by in (("size", PAGE, step * PAGE), ("nr_inodes", 4, 1 + options.disk_step // 4)):
            enough, room = [], first
            while not enough:
                def case(bench, folder, rng, args=args, unit=unit, room=room, enough=enough, is_film=is_film):
                    return one_disk(bench, folder, args, f"{unit}={room}", enough, is_film)
                yield f"disk-{name}-{unit}-{room}", case
                room += by


def one_disk(bench, folder, args, options, enough, is_film):
    """The disk has this much room; song and prompts lie on another one. `enough` gets an entry where nothing is missing."""
    reference = bench.reference([args], beside_links)
    room = folder / "disk"
    with disk(room, options):
        beside_links(folder)
        run = bench.run(args, room)
        if run.code == DONE:
            enough.append(options)
        else:
            ensure(run.code in (FAILED, REFUSED, LATER), f"exit code {run.code} on a full disk: {last_words(run)}")
            ensure_whole(room, reference)
        before = chunks(room)
        mount("-o", f"remount,size={ROOM},nr_inodes=1000", str(room))
        if run.code != DONE:
            bench.done(args, room)
        ensure_kept(before, room)
        ensure_whole(room, reference)
        if is_film:
            ensure_film(room, reference)
        left = [name for name in files(room) if name.endswith(".partial")]
        ensure(not left, f"half-written files are left: {left}")
        missing = [name for name in reference.files if not (room / name).exists()]
        ensure(not missing, f"not written though there was room: {missing}")
    reason = "enough" if run.code == DONE else "said before drawing" if "needs about" in run.said else "full"
    return collections.Counter({reason: 1, "chunks kept": len(before)})


def beside_links(folder):
    """A folder that has the song and the prompts as links only."""
    room = folder / "disk"
    room.mkdir(exist_ok=True)
    for name in ("song.wav", "prompts.txt"):
        (room / name).symlink_to(folder / name)
    return room
