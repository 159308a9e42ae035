"""What hostile files are made of: whole files of every kind that the program reads, ways to damage them, and bombs."""

import collections
import json
import shutil
import struct
import subprocess
import zlib

from bench import SMALL, write_song

# `name` is the file's in the case's folder; `commands` read it, one of them is taken; `beside` are other files needed.
Fixture = collections.namedtuple("Fixture", "name data commands beside")

TINY = ["--size", "64x64", "--draw-size", "16x16", "--fps", "4"]
# Container or codec, ending, and what ffmpeg needs to know.
SOUNDS = [
    ("flac", []), ("mp3", []), ("ogg", ["-c:a", "libvorbis"]), ("opus", ["-c:a", "libopus"]), ("m4a", ["-c:a", "aac"]),
    ("m4a", ["-c:a", "alac"]), ("m4a", ["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"]),
    ("webm", ["-c:a", "libopus"]), ("mkv", ["-c:a", "flac"]), ("aiff", []), ("caf", ["-c:a", "pcm_s16be"]),
    ("wav", ["-c:a", "pcm_f32le"]), ("wav", ["-c:a", "adpcm_ms"]), ("mov", ["-c:a", "pcm_s16be"]), ("w64", []),
    ("aac", []), ("avi", []), ("ts", ["-c:a", "aac"]), ("au", []),
]
USER_TYPE = bytes.fromhex("6b1f0d529e444ca78d30d2915a0ce873")


def hear(name):
    return [[name, "--prompts", "prompts.txt", *TINY, "-o", "out.mp4"], ["analyze", name, "--json"]]


def fixtures(bench):
    """Whole files; sounds of other formats than WAV where ffmpeg is at hand."""
    folder = bench.folder("fixtures")
    write_song(folder / "song.wav", 3.0)
    for args in (
        ["plan", "song.wav", "--prompts", "prompts.txt", *TINY, "-o", "t.json"],
        ["song.wav", "--prompts", "prompts.txt", *TINY, "-o", "film.mp4"],
        ["analyze", "song.wav", "--fix"],
    ):
        bench.done(args, folder)
    song = (folder / "song.wav").read_bytes()
    wav = Fixture("song.wav", song, hear("song.wav"), {})
    with_song = {"song.wav": folder / "song.wav"}
    film = ["song.wav", *TINY, "-o", "out.mp4"]
    found = [wav, *sounds(folder)]

    def add(name, data, *commands, beside=with_song):
        found.append(Fixture(name, data, [list(command) for command in commands], beside))

    def read(path):
        return (folder / path).read_bytes()

    add("prompts.txt", PROMPTS.encode(), film + ["--prompts", "prompts.txt"])
    add("t.json", read("t.json"), ["render", "t.json"], ["mux", "t.json"])
    fix = next(path.name for path in folder.iterdir() if "fix" in path.name)
    add(fix, read(fix), ["analyze", "song.wav", "--json"])
    beats = "".join(f"{0.5 * i:.3f},{i % 4 + 1}\n" for i in range(6)).encode()
    add("beats.csv", beats, ["analyze", "song.wav", "--beats", "beats.csv"])
    add("beats.mid", midi(), ["analyze", "song.wav", "--beats", "beats.mid"])
    add("film.mp4", read("film.mp4"), ["verify", "film.mp4"], ["plan", "--from", "film.mp4", "-o", "out.json"])
    for name in ("film.visualize/" + path.name for path in (folder / "film.visualize").iterdir()):
        beside = {**with_song, "prompts.txt": folder / "prompts.txt"}
        add(name, read(name), ["song.wav", "--prompts", "prompts.txt", *TINY, "-o", "film.mp4"], beside=beside)
    return found + list(models(bench, film, with_song))


def sounds(folder):
    if not shutil.which("ffmpeg"):
        return
    for number, (ending, options) in enumerate(SOUNDS):
        name = f"song{number}.{ending}"
        command = ["ffmpeg", "-v", "error", "-i", "song.wav", *options, "-strict", "-2", name]
        if subprocess.run(command, cwd=folder, capture_output=True).returncode == 0:
            yield Fixture(name, (folder / name).read_bytes(), hear(name), {})


def models(bench, film, with_song):
    """Every file of the bundled model, in a folder of it; and a LoRA."""
    model = bench.model
    paths = [path for path in model.rglob("*") if path.suffix in (".json", ".safetensors") and "training" not in path.parts]
    names = {f"model/{path.relative_to(model)}": path for path in paths}
    for name, path in names.items():
        beside = {**with_song, **{other: where for other, where in names.items() if other != name}}
        commands = [film + ["--model", "model"], ["models", "info", "model"]]
        yield Fixture(name, path.read_bytes(), commands, beside)
    lora = safetensors({
        "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight": ("F32", [2, 64]),
        "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.lora_B.weight": ("F32", [64, 2]),
    })
    yield Fixture("l.safetensors", lora, [film + ["--lora", "l.safetensors"], ["models", "info", "l.safetensors"]], with_song)


PROMPTS = """style: dreamy, glowing
teal ocean waves
@bar 1 violet nebula {seed=42}
[0:01.5] burning flames --neg clouds
@section intro stars over calm water
map: zoom = downbeats
"""


def safetensors(tensors, header_len=None):
    header, end = {}, 0
    for name, (dtype, shape) in tensors.items():
        n_bytes = 4
        for length in shape:
            n_bytes *= length
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + n_bytes]}
        end += n_bytes
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if header_len is None else header_len) + text + bytes(min(end, 1 << 20))


def midi():
    track = b"".join(b"\x83\x60\x90\x3c\x40\x83\x60\x80\x3c\x40" for _ in range(8)) + b"\x00\xff\x2f\x00"
    tempo = b"\x00\xff\x51\x03\x07\xa1\x20"
    body = tempo + track
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(body)) + body


def damaged(fixture, others, rng):
    """A copy of the fixture with something wrong in it, and what."""
    data = bytearray(fixture.data)
    is_text = fixture.name.endswith((".json", ".txt", ".csv"))
    ways = [cut, flip, blank, repeat, extreme, splice] + ([token, nest] if is_text else [extreme, flip])
    way = rng.choice(ways)
    return bytes(way(data, rng, others)), way.__name__


def spot(data, rng):
    """Heads and ends, where lengths and tables are, come up more often."""
    if not data:
        return 0
    near = rng.randrange(min(len(data), 512))
    return rng.choice([near, len(data) - 1 - near, rng.randrange(len(data)), rng.randrange(len(data))])


def cut(data, rng, _):
    return data[: spot(data, rng)]


def flip(data, rng, _):
    for _ in range(rng.choice([1, 1, 4, 50])):
        data[spot(data, rng)] ^= 1 << rng.randrange(8)
    return data


def blank(data, rng, _):
    start = spot(data, rng)
    length = min(rng.choice([4, 64, 4096]), len(data) - start)
    data[start : start + length] = bytes(length)
    return data


def repeat(data, rng, _):
    start = spot(data, rng)
    piece = data[start : start + rng.choice([16, 1000, 10000])]
    return data[:start] + piece * rng.choice([2, 20]) + data[start:]


def extreme(data, rng, _):
    """A number at its limit."""
    for _ in range(rng.choice([1, 3])):
        start = spot(data, rng)
        number = rng.choice([b"\xff" * 4, b"\x7f" + b"\xff" * 3, b"\x80" + bytes(3), b"\xff\xff\xff\x7f", bytes(8), b"\xff" * 8])
        data[start : start + len(number)] = number
    return data


def splice(data, rng, others):
    other = rng.choice(others).data
    start = spot(data, rng)
    return data[:start] + other[spot(other, rng) :][: 1 << 16] + (data[start:] if rng.random() < 0.5 else b"")


def token(data, rng, _):
    """One number or word is another one."""
    words = bytes(data).replace(b",", b" , ").replace(b":", b" : ").split(b" ")
    strange = [b"-1", b"0", b"1e308", b"-1e308", b"1e-320", b"99999999999999999999", b"4294967296", b"null", b"NaN", b'""',
               b"[]", b"{}", b'"' + b"a" * 100000 + b'"', b"\xff\xfe", b"\x00", b"\xe2\x80\xae"]
    for _ in range(rng.choice([1, 1, 5])):
        words[rng.randrange(len(words))] = rng.choice(strange)
    return b" ".join(words)


def nest(data, rng, _):
    start, depth = spot(data, rng), 200000
    return data[:start] + rng.choice([b"[" * depth, b'{"a":' * depth]) + data[start:]


def packed(head, filling):
    """A gigabyte in a few megabytes, made in little memory."""
    packer = zlib.compressobj(9)
    block = filling * (1 << 20)
    return packer.compress(head) + b"".join(packer.compress(block) for _ in range(1024)) + packer.flush()


def bombs(found):
    """Small files that ask for much: by declared sizes, depth, or compression."""
    by_name = {fixture.name: fixture for fixture in found}
    wav, film = by_name["song.wav"], by_name["film.mp4"]
    pack = struct.pack

    def wav_of(n_channels, rate_hz, bits, data_len, samples=b"\x00" * 64, kind=1):
        block = n_channels * bits // 8 % 65536
        form = pack("<HHIIHH", kind, n_channels, rate_hz, rate_hz * block % 2**32, block, bits)
        return b"RIFF" + pack("<I", 0xFFFFFFFF) + b"WAVEfmt " + pack("<I", 16) + form + b"data" + pack("<I", data_len) + samples

    for name, data in {
        "4 GiB declared": wav_of(2, 44100, 16, 0xFFFFFFFF),
        "65535 channels": wav_of(65535, 44100, 16, 0x7FFFFFFF),
        "4 GHz": wav_of(1, 0xFFFFFFFF, 16, 64),
        "1 Hz": wav_of(1, 1, 8, 1 << 20, bytes(1 << 20)),
        "no rate": wav_of(1, 0, 16, 64),
        "no channels": wav_of(0, 44100, 16, 64),
        "all NaN": wav_of(1, 22050, 32, 1 << 18, b"\xff\xff\xff\x7f" * (1 << 16), 3),
        "all infinite": wav_of(1, 22050, 32, 1 << 18, b"\x00\x00\x80\x7f" * (1 << 16), 3),
    }.items():
        yield f"wav, {name}", wav._replace(data=data)
    flac = b"fLaC" + pack(">BBH", 0x80, 0, 34) + pack(">HH", 16, 65535) + bytes(6) + (
        (44100 << 44 | 1 << 41 | 15 << 36 | (2**36 - 1)).to_bytes(8, "big") + bytes(16))
    yield "flac, 2^36 samples", Fixture("b.flac", flac, hear("b.flac"), {})
    picture = b"fLaC" + pack(">BBH", 0, 0, 34) + flac[8:42] + b"\x86\xff\xff\xff" + pack(">II", 3, 0x7FFFFFFF) + bytes(64)
    yield "flac, 2 GB picture", Fixture("p.flac", picture, hear("p.flac"), {})
    tag = b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + b"APIC\x7f\x7f\x7f\x7f\x00\x00" + bytes(64)
    yield "mp3, 256 MB tag", Fixture("t.mp3", tag, hear("t.mp3"), {})
    boxes = b"".join(pack(">I", 8 + 8 * (10000 - i)) + b"moov" for i in range(10000))
    yield "mp4, 10,000 boxes deep", Fixture("d.m4a", pack(">I4s8s", 16, b"ftyp", b"M4A \0\0\0\0") + boxes, hear("d.m4a"), {})
    yield "film, 10,000 boxes deep", film._replace(data=pack(">I4s8s", 16, b"ftyp", b"isom\0\0\0\0") + boxes)
    for name, table in {"stts": pack(">III", 0, 1, 0xFFFFFFFF), "stsz": pack(">III", 0, 0, 0xFFFFFFFF)}.items():
        at = film.data.find(name.encode())
        yield f"film, {name} of 2^32", film._replace(data=film.data[: at + 4] + table + film.data[at + 16 :])
    at = film.data.find(USER_TYPE)
    for name, head, filling in (("zeros", b"", b"\0"), ("nested JSON", b"", b"["), ("long JSON text", b'{"schema_version":"', b"a")):
        body = USER_TYPE + packed(head, filling)
        data = film.data[: at - 8] + pack(">I4s", 8 + len(body), b"uuid") + body
        commands = [["plan", "--from", "film.mp4", "-o", "out.json"]]
        yield f"film, timeline of packed {name}", film._replace(data=data, commands=commands)
    timeline = by_name["t.json"]
    plan = json.loads(timeline.data)
    for name, path, value in (
        ("65534x65534", ("render", "size"), {"width": 65534, "height": 65534}),
        ("a draw size of 2^31", ("render", "draw_size"), {"width": 1 << 31, "height": 1 << 31}),
        ("10^9 steps", ("render", "n_steps"), 10**9),
        ("chunks of 2^32", ("encoding", "chunk_len"), 2**32 - 1),
    ):
        changed = json.loads(timeline.data)
        where = changed
        for key in path[:-1]:
            where = where[key]
        where[path[-1]] = value if not isinstance(value, dict) or isinstance(where[path[-1]], dict) else "65534x65534"
        yield f"timeline, {name}", timeline._replace(data=json.dumps(changed).encode())
    plan["frames"] = plan["frames"] * 2000
    yield "timeline, 24,000 frames", timeline._replace(data=json.dumps(plan).encode(), commands=[["mux", "t.json"]])
    prompts = by_name["prompts.txt"]
    for name, text in {
        "a line of 18 MB": b"violet " * (20 << 17), "200,000 lines": b"violet smoke\n" * 200000,
        "200,000 times": b"@bar 999999999999 smoke\n" * 200000, "10^9 attributes": b"smoke " + b"{seed=1} " * 100000,
        "weights": b"(" * 100000 + b"smoke" + b")" * 100000, "map lines": b"map: zoom = low * 2 + " * 100000,
    }.items():
        yield f"prompts, {name}", prompts._replace(data=text)
    tensors = by_name["l.safetensors"]
    for name, data in {
        "a header of 2^63": safetensors({}, 1 << 63), "a header of 100 MB": safetensors({}, 100_000_000),
        "a tensor of 2^60": safetensors({"a.lora_A.weight": ("F32", [1 << 30, 1 << 28])}),
        "a deep header": pack("<Q", 1 << 20) + b"[" * (1 << 20),
        "100,000 tensors": safetensors({f"t{i}.lora_A.weight": ("F32", [0]) for i in range(100000)}),
    }.items():
        yield f"safetensors, {name}", tensors._replace(data=data)
    tokenizer = by_name.get("model/tokenizer/tokenizer.json")
    if tokenizer:
        yield "tokenizer, nested", tokenizer._replace(data=b'{"model":' * 300000)
        yield "tokenizer, (a*)*b", tokenizer._replace(data=tokenizer.data.replace(b'"Regex": "', b'"Regex": "(((a*)*)*)*b|'))
