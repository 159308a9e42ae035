"""Damaged and hostile files: each ends soon, in little memory, with a result or a clean error."""

import collections
import time

from bench import Failure, PROMPTS, ensure, ensure_clean
from hostile_files import bombs, damaged, fixtures

# Of the processor, all threads together, since others may use the machine.
MOST_SECS = 10
MOST_BYTES = 1_000_000_000
HANG_SECS = 90


def cases(options):
    made = {}

    def prepare(bench):
        if not made:
            made["fixtures"] = fixtures(bench)
            # On disk, so that this process stays small: what it has counts as its children's, as `wait4` sees it.
            made["bombs"] = [(name, on_disk(bench, fixture)) for name, fixture in bombs(made["fixtures"])]
        return made

    for number in range(options.files):
        def case(bench, folder, rng, number=number):
            prepare(bench)
            # Bombs first, each of them with each command that reads it.
            if number < options.bombs and number < 2 * len(made["bombs"]):
                name, fixture = made["bombs"][number // 2]
                commands = fixture.commands[number % 2 : number % 2 + 1] or fixture.commands[:1]
            else:
                fixture = made["fixtures"][number % len(made["fixtures"])]
                data, name = damaged(fixture, made["fixtures"], rng)
                fixture = fixture._replace(data=data)
                commands = [rng.choice(fixture.commands)]
            try:
                return one_file(bench, folder, fixture, commands[0])
            except Failure as failure:
                raise Failure(f"{name} in {fixture.name}, {' '.join(commands[0])}: {failure}") from None
        yield f"hostile-{number}", case


def on_disk(bench, fixture):
    path = bench.scratch / "fixtures" / f"bomb{time.monotonic_ns()}"
    path.write_bytes(fixture.data)
    return fixture._replace(data=path)


def one_file(bench, folder, fixture, command):
    (folder / "song.wav").unlink()
    (folder / "prompts.txt").write_text(PROMPTS)
    for name, path in fixture.beside.items():
        where = folder / name
        where.parent.mkdir(parents=True, exist_ok=True)
        if not where.exists():
            where.symlink_to(path)
    where = folder / fixture.name
    where.parent.mkdir(parents=True, exist_ok=True)
    where.unlink(missing_ok=True)
    if isinstance(fixture.data, bytes):
        where.write_bytes(fixture.data)
    else:
        where.symlink_to(fixture.data)
    process = bench.start(command, folder)
    run = process.wait(HANG_SECS)
    cpu_secs = process.usage.ru_utime + process.usage.ru_stime
    ensure_clean(run)
    ensure(cpu_secs < MOST_SECS, f"{cpu_secs:.1f} s of the processor")
    ensure(run.peak_bytes < MOST_BYTES, f"{run.peak_bytes / 1e6:.0f} MB of memory")
    return collections.Counter({
        f"code {run.code}": 1, "max CPU seconds": round(cpu_secs, 1), "max MB": round(run.peak_bytes / 1e6)
    })
