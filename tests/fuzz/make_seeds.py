"""Writes seeds/: what the fuzzer starts from, a few hundred bytes each. Needs ffmpeg 5.1 or later with libmp3lame, libvorbis,
libopus and libx264, and for two films the program.

    python3 make_seeds.py ../../target/release/visualize
"""

import json
import math
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"


def put(target, name, data):
    path = SEEDS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True)


def tone(path, *options, rate=8000, n_samples=400):
    source = f"aevalsrc=0.3*sin(2*PI*440*t):s={rate},atrim=end_sample={n_samples}"
    ffmpeg("-f", "lavfi", "-i", source, "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact", *options, path)


def songs(folder):
    made = {
        "mp3.mp3": (["-c:a", "libmp3lame", "-b:a", "8k"], {}),
        "bare.mp3": (["-c:a", "libmp3lame", "-b:a", "8k", "-write_xing", "0", "-id3v2_version", "0"], {}),
        "tagged.mp3": (["-c:a", "libmp3lame", "-b:a", "8k", "-metadata", "title=a", "-write_id3v1", "1"], {}),
        "aac.aac": (["-c:a", "aac", "-b:a", "8k"], {}),
        "aac.m4a": (["-c:a", "aac", "-b:a", "8k"], {}),
        "parts.m4a": (["-c:a", "aac", "-b:a", "8k", "-movflags", "frag_every_frame+empty_moov"], {"n_samples": 3000}),
        "alac.m4a": (["-c:a", "alac"], {"n_samples": 100}),
        "plain.mov": (["-c:a", "pcm_s16be"], {"n_samples": 40}),
        "flac.flac": (["-c:a", "flac"], {"n_samples": 100}),
        "flac.mka": (["-c:a", "flac"], {"n_samples": 100}),
        "flac.ogg": (["-c:a", "flac"], {"n_samples": 100}),
        "vorbis.ogg": (["-c:a", "libvorbis", "-q:a", "-1"], {}),
        "opus.opus": (["-c:a", "libopus", "-b:a", "6k"], {}),
        "opus.webm": (["-c:a", "libopus", "-b:a", "6k"], {}),
        "mp3.mka": (["-c:a", "libmp3lame", "-b:a", "8k"], {}),
        "plain.wav": (["-c:a", "pcm_s16le", "-ac", "2"], {"n_samples": 40}),
        "float.wav": (["-c:a", "pcm_f32le"], {"n_samples": 20}),
        "mulaw.wav": (["-c:a", "pcm_mulaw"], {"n_samples": 40}),
        "adpcm.wav": (["-c:a", "adpcm_ima_wav"], {"n_samples": 100}),
        "adpcm_ms.wav": (["-c:a", "adpcm_ms", "-block_size", "64"], {"n_samples": 300}),
        "large.wav": (["-c:a", "pcm_s24le", "-rf64", "always"], {"n_samples": 20}),
        "plain.w64": (["-c:a", "pcm_s16le"], {"n_samples": 40}),
        "plain.aiff": (["-c:a", "pcm_s16be"], {"n_samples": 40}),
        "plain.caf": (["-c:a", "pcm_s16le"], {"n_samples": 40}),
        "alac.caf": (["-c:a", "alac"], {"n_samples": 100}),
        "plain.au": (["-c:a", "pcm_mulaw"], {"n_samples": 40}),
        "alaw.aifc": (["-c:a", "pcm_alaw", "-f", "aiff"], {"n_samples": 40}),
        "mulaw.mov": (["-c:a", "pcm_mulaw"], {"n_samples": 40}),
        "open.webm": (["-c:a", "libopus", "-b:a", "6k", "-live", "1"], {}),
    }
    for name, (options, length) in made.items():
        tone(folder / name, *options, **length)
        data = (folder / name).read_bytes()
        put("audio", name, without_padding(data) if name.endswith(".flac") else data)
    read = lambda name: (SEEDS / "audio" / name).read_bytes()
    put("audio", "chained.ogg", read("flac.ogg") + read("opus.opus"))
    put("audio", "joined.flac", 2 * read("flac.flac"))
    put("audio", "joined.mp3", read("bare.mp3") + read("mp3.mp3"))
    put("audio", "bw64.wav", read("large.wav").replace(b"RF64", b"BW64"))
    put("audio", "open.wav", read("plain.wav")[:4] + bytes(4) + read("plain.wav")[8:].replace(b"data\xa0\0\0\0", b"data" + b"\xff" * 4))
    ape = lambda kind: struct.pack("<8sIIII8x", b"APETAGEX", 2000, 32, 0, kind << 29)
    put("audio", "tagged.flac", b"ID3\3\0\0\0\0\0\4" + bytes(4) + read("flac.flac") + ape(0) + b"TAG" + bytes(125))


def without_padding(flac):
    """The same file without ffmpeg's 8 kB for tags to come, which are its last block."""
    at, last = 4, None
    while flac[at] & 127 != 1:
        last, at = at, at + 4 + int.from_bytes(flac[at + 1 : at + 4], "big")
    rest = flac[at + 4 + int.from_bytes(flac[at + 1 : at + 4], "big") :]
    return flac[:last] + bytes([flac[last] | 128]) + flac[last + 1 : at] + rest


def films(folder, program):
    sound = "aevalsrc=0.3*sin(2*PI*440*t):s=8000,atrim=end_sample=800"
    inputs = ["-f", "lavfi", "-i", "testsrc=s=32x32:r=20,trim=end_frame=4", "-f", "lavfi", "-i", sound]
    plain = ["-bsf:v", "filter_units=remove_types=6", "-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact"]
    picture = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "40"]
    made = {
        "plain.mp4": [*picture, "-bf", "0", "-c:a", "aac", "-b:a", "8k"],
        "reordered.mp4": [*picture, "-bf", "2", "-an", "-movflags", "faststart"],
        "parts.mp4": [*picture, "-an", "-movflags", "frag_keyframe+empty_moov"],
        "opus.mp4": [*picture, "-bf", "0", "-c:a", "libopus", "-b:a", "6k"],
        "mpeg4.mp4": ["-c:v", "mpeg4", "-q:v", "31", "-an"],
    }
    for name, options in made.items():
        bsf = plain if "libx264" in options else plain[2:]
        ffmpeg(*inputs, *options, *bsf, folder / name)
        put("film", name, (folder / name).read_bytes())
    if program is None:
        print("no program was given: its film and timeline stay as they are")
        return
    tone(folder / "s.wav", n_samples=800)
    own = [program, "s.wav", "-p", "a sea | b {seed=4}", "--fps", "20", "--size", "64x64", "--qp", "50"]
    subprocess.run([*own, "-o", "own.mp4"], cwd=folder, check=True)
    hap = [*own[:-4], "--size", "16x16", "--draw-size", "16x16", "--codec", "hapq", "-o", "hap.mov"]
    subprocess.run(hap, cwd=folder, check=True)
    put("film", "hap.mov", (folder / "hap.mov").read_bytes())
    subprocess.run([program, "plan", *own[1:-2], "-o", "own.json"], cwd=folder, check=True)
    put("film", "own.mp4", (folder / "own.mp4").read_bytes())
    timeline = json.loads((folder / "own.json").read_text())
    put("timeline", "spline.json", json.dumps(timeline, separators=(",", ":")))
    timeline["noise"]["kind"] = "circle"
    timeline["prompts"][0]["words"]["negative"] = "c"
    timeline["render"]["diffusion"]["loras"] = [{"path": "l", "scale": 1.0}]
    timeline["frames"][1] |= {"camera": {"zoom": 0.1, "rotation": 0.1, "pan_x": 0.1, "pan_y": 0.0}, "is_pulse_back": True}
    timeline["frames"][1] |= {"prompt_mix": 0.5, "prompt_from": 0}
    put("timeline", "circle.json", json.dumps(timeline, separators=(",", ":")))


def prompts():
    put("prompts", "plain.txt", "tviolet smoke\nteal ocean\n")
    put("prompts", "all.txt", """t\ufeff# c
style: dreamy, \\{soft\\}
--neg text
a [glow] (sea:1.2) BREAK fog
[0:12.5] b {seed=42 guidance=3} --neg clouds
@bar 9 c --neg d {guidance=0.5}
@section chorus d
@section "verse":2 \\--neg e
[1:02:00] f
""")
    put("prompts", "map.txt", """tmap: noise = low {gain=0.5 release=0.3}
map: pulse = downbeats {gain=2}
map: zoom = stem drums {attack=1}
map: guidance = width
a
""")
    put("prompts", "utf16.txt", b"t\xff\xfe" + "a\n[0:09] é".encode("utf-16-le"))
    put("prompts", "titles.srt", """s1
00:00:01,500 --> 00:00:04,000
<i>a sea</i>
of glass

2
00:00:03,000 --> 00:00:09,000 X1:1
b {seed=4}
""")
    put("prompts", "titles.vtt", "tWEBVTT\n\nNOTE x\n\nid\n00:01.000 --> 00:02.000 align:start\na\n\n01:00:02.000 --> 01:00:03.000\nb\n")
    put("prompts", "song.lrc", "l[ti:x]\n[offset:-250]\n[00:12.00][00:40.50]a\n[00:20.00]<00:20.10>b <00:21.00>c\n[00:30]\n")
    put("prompts", "a1111.txt", """ta (sea:1.2) [fog:rain:0.5] <lora:x:0.8>
Negative prompt: text, (mark:1.3)
Steps: 20, Sampler: Euler a, CFG scale: 7.5, Seed: 42, Size: 512x512, Model: "m, n"

b AND c
Steps: 4
""")
    put("prompts", "deforum.json", 'j{"prompts": {"0": "a --neg b", "max_f/2": "c :0.5", "30": "d"}, "negative_prompts": {"0": "e"}, "fps": 12, "seed": 4}')
    put("prompts", "unbraced.txt", 't"0": "a `where:sin(t)` --neg c",\n"24": "b",\n')
    put("prompts", "table.csv", 'ctime;prompt;negative;seed;guidance\n0:00;"a ""b""";c;4;2,5\n12.5;d;;;\n')
    put("prompts", "table.tsv", "ctime\tprompt\n1:02\ta\n90\tb\n")
    put("prompts", "times.txt", "t0:00 - a\n0:30 - b\n1:02:03.5 - c\n")


def variable(number):
    """A number as MIDI writes it."""
    data = [number & 127]
    while number := number >> 7:
        data.insert(0, number & 127 | 128)
    return bytes(data)


def midi(events, division, kind=0):
    track = b"".join(variable(delta) + event for delta, event in [*events, (0, b"\xff\x2f\x00")])
    return struct.pack(">4sIHHH", b"MThd", 6, kind, 1, division) + struct.pack(">4sI", b"MTrk", len(track)) + track


def corrections():
    tempo = lambda micros: b"\xff\x51\x03" + micros.to_bytes(3, "big")
    signature = lambda over, power: b"\xff\x58\x04" + bytes([over, power, 24, 8])
    put("corrections", "tempo.mid", b"b" + midi([(0, tempo(500_000)), (0, signature(6, 3)), (960, tempo(400_000)), (96, b"\x90\x40\x40")], 96))
    put("corrections", "clock.mid", b"b" + midi([(0, b"\xf7\x01\xfa"), *[(4, b"\xf7\x01\xf8")] * 60], 96))
    put("corrections", "timecode.mid", b"b" + midi([(0, tempo(500_000)), (5, b"\xf7\x01\xf8")], 0xE728))
    put("corrections", "table.csv", "btime,position\n0.5,1\n1.0,2\n1:01.5;3\n")
    put("corrections", "labels.txt", "b0.500000\t0.500000\t1.1\n1.0\t1.0\t1.2\n0.0\t20.0\tverse\n\\\t10.0\t20.0\n20.0\t60.0\tchorus\n")
    put("corrections", "rekordbox.xml", """b<?xml version="1.0" encoding="UTF-8"?><DJ_PLAYLISTS Version="1.0.0"><COLLECTION Entries="1">
<TRACK TrackID="1" Location="file://localhost/a/song.wav"><TEMPO Inizio="0.5" Bpm="120.00" Metro="4/4" Battito="1"/>
<TEMPO Inizio="20.5" Bpm="90" Metro="3/4" Battito="2"/><POSITION_MARK Name="in" Type="0" Start="0.5" Num="0"/>
<POSITION_MARK Name="b" Type="4" Start="9.5" End="17.5" Num="-1"/></TRACK></COLLECTION></DJ_PLAYLISTS>""")
    put("corrections", "traktor.nml", """b<?xml version="1.0"?><NML VERSION="19"><COLLECTION ENTRIES="1"><ENTRY TITLE="a">
<LOCATION DIR="/:a/:" FILE="song.wav" VOLUME="C:"/><TEMPO BPM="120.000000"/><CUE_V2 NAME="AutoGrid" TYPE="4" START="500.0" LEN="0" REPEATS="-1" HOTCUE="0">
<GRID BPM="120.0"/></CUE_V2><CUE_V2 NAME="c" TYPE="5" START="9500.0" LEN="8000.0" REPEATS="-1" HOTCUE="1"/></ENTRY></COLLECTION></NML>""")
    put("corrections", "tracks.xml", """c<DJ_PLAYLISTS><COLLECTION><TRACK Name="a" Artist="b" Location="file://localhost/C:/a/b%20c.wav"/></COLLECTION>
<PLAYLISTS><NODE Type="0" Name="ROOT"><NODE Type="1" Name="p"><TRACK Key="1"/></NODE></NODE></PLAYLISTS></DJ_PLAYLISTS>""")
    put("corrections", "tracks.nml", """c<NML><COLLECTION><ENTRY TITLE="a" ARTIST="b"><LOCATION DIR="/:a/://b/:" FILE="c&amp;d.wav" VOLUME="C:"/></ENTRY></COLLECTION></NML>""")
    put("corrections", "set.m3u", "s#EXTM3U\n#EXTINF:123 k=\"v\",A - B\n../dev/%20a.mp3\nfile:///C:/b%20c.wav\nd\\e.wav\n/proc/self/exe\n")
    put("corrections", "fix.txt", "f# c\ntempo: 120\nmeter: 6/8\nbeats:\n0:00.5  1\n0:01.0 2\nsections:\n0:00 verse\n0:20.5 chorus # c\n")


def safetensors(tensors, metadata=None):
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (kind, shape, values) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def weights():
    f16 = lambda *shape: ("F16", list(shape), bytes(2 * math.prod(shape)))
    put("safetensors", "plain", safetensors({"a": ("F32", [1, 2], bytes(8)), "b": ("I64", [], bytes(8)), "c": ("BF16", [1], bytes(2))}, {"k": "v"}))
    put("safetensors", "fp8", safetensors({"a": ("F8_E4M3", [2], bytes(2)), "b": ("F64", [1], bytes(8))}))
    down, up = "lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", "lora_unet_mid_block_attentions_0_proj_in.lora_up.weight"
    put("safetensors", "lora", safetensors({down: f16(1, 2), up: f16(2, 1), down.replace("lora_down.weight", "alpha"): f16()}))
    put("safetensors", "peft", safetensors({"unet.conv_in.lora_A.weight": f16(1, 2, 1, 1), "unet.conv_in.lora_B.weight": f16(2, 1, 1, 1)}))
    sd = {"model.diffusion_model.input_blocks.0.0.weight": f16(1, 4, 1, 1), "first_stage_model.decoder.conv_in.weight": f16(1, 4, 1, 1)}
    sd |= {"cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": f16(1, 768)}
    put("safetensors", "checkpoint", safetensors(sd, {"modelspec.prediction_type": "v"}))
    put("safetensors", "vae", safetensors({"decoder.conv_in.weight": f16(1, 4, 1, 1), "quant_conv.weight": f16(1, 1, 1, 1)}))
    put("safetensors", "taesd", safetensors({"decoder.layers.0.weight": f16(1, 4, 1, 1), "decoder.1.weight": f16(1)}))


TOKENIZER = {
    "version": "1.0",
    "truncation": {"direction": "Right", "max_length": 32, "strategy": "LongestFirst", "stride": 0},
    "added_tokens": [{"id": 0, "content": "<|startoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}, {"type": "Lowercase"}]},
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": "\\p{L}+|[^\\s]"}, "behavior": "Removed", "invert": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}]},
    "post_processor": {"type": "RobertaProcessing", "sep": ["<|endoftext|>", 1], "cls": ["<|startoftext|>", 0], "trim_offsets": False, "add_prefix_space": False},
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "unk_token": "<|endoftext|>", "end_of_word_suffix": "</w>",
              "vocab": {"<|startoftext|>": 0, "<|endoftext|>": 1, "a</w>": 2, "s": 3, "e": 4, "a": 5, "se": 6, "sea</w>": 7, ",</w>": 8},
              "merges": ["s e", "se a</w>"]},
}


def tokenizers():
    compact = lambda value: json.dumps(value, separators=(",", ":"))
    config = compact({"bos_token": "<|startoftext|>", "eos_token": {"content": "<|endoftext|>"}, "pad_token": "!"})
    put("tokenizer", "json", f"t{compact(TOKENIZER)}\0xa sea, a")
    small = {"model": TOKENIZER["model"] | {"merges": []}}
    put("tokenizer", "small", f"t{compact(small)}\0xsea")
    other = {"model": {"type": "WordPiece", "unk_token": "a", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9,
                       "vocab": {"<|startoftext|>": 0, "<|endoftext|>": 1, "a": 2, "##b": 3}},
             "pre_tokenizer": {"type": "BertPreTokenizer"}, "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "lowercase": True}}
    put("tokenizer", "word_piece", f"t{compact(other)}\0xab ba")
    unigram = {"model": {"type": "Unigram", "unk_id": 2, "vocab": [["<|startoftext|>", 0.0], ["<|endoftext|>", 0.0], ["a", -1.5], ["se", -2.0]]},
               "pre_tokenizer": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always", "split": True}}
    put("tokenizer", "unigram", f"t{compact(unigram)}\0xsea a")
    put("tokenizer", "merges", "m#version: 0.2\ns e\nse a</w>\n\0x(sea:1.2) [a]")
    put("tokenizer", "vocab", f"v{compact(TOKENIZER['model']['vocab'] | {'!': 9})}\0m#version: 0.2\ns e\nse a</w>\n\0c{config}\0xsea")


def answer(body=b"", status="200 OK", **headers):
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def hub():
    put_answers = lambda name, *answers: put("hub", name, b"\0".join(answers))
    listing = lambda files: json.dumps({"sha": "0123abcd", "siblings": [{"rfilename": name} for name in files]}, separators=(",", ":"))
    index = json.dumps({"_class_name": "StableDiffusionPipeline", "scheduler": ["diffusers", "DDIMScheduler"]}, separators=(",", ":"))
    config = {"scheduler/scheduler_config.json": {"_class_name": "DDIMScheduler", "num_train_timesteps": 10},
              "text_encoder/config.json": {"hidden_size": 4, "num_hidden_layers": 1},
              "unet/config.json": {"_class_name": "UNet2DConditionModel", "in_channels": 4}, "vae/config.json": {"_class_name": "AutoencoderKL"}}
    parts = {"text_encoder/model.safetensors", "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"}
    files = sorted({"model_index.json", "tokenizer/tokenizer.json", *config, *parts})
    answers = [answer(listing(files)), answer(index)]
    for name in files:
        size = 10
        answers.append(answer(b"", "302 Found", X_Linked_Etag='"0123"', X_Linked_Size=size, Location="/x"))
        if name in parts:
            answers.append(answer(b"abcdefgh{}"))  # eight bytes that aren't zero, which ends a part: no length of a header
        elif not name.startswith("tokenizer"):
            answers.append(answer(index if name == "model_index.json" else json.dumps(config[name])))
    put_answers("model", *answers)
    put_answers("one", answer(listing(["lora.safetensors"])))
    put_answers("moved", answer("", "307 Temporary Redirect", Location="/api/x"), answer(listing(["model_index.json"])), answer("{}"))
    put_answers("gated", answer("", "403 Forbidden", X_Error_Code="GatedRepo", X_Error_Message="a"))
    put_answers("busy", answer("", "503 Service Unavailable"), answer("[]"))
    put_answers("pickled", answer(listing(["model_index.json", "unet/diffusion_pytorch_model.bin"])), answer(index))


def main():
    program = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None
    folder = Path(tempfile.mkdtemp())
    for make in [prompts, corrections, weights, tokenizers, hub]:
        make()
    songs(folder)
    films(folder, program)
    shutil.rmtree(folder)
    sizes = [path.stat().st_size for path in SEEDS.rglob("*") if path.is_file()]
    print(f"{len(sizes)} seeds, {sum(sizes)} bytes")


main()
