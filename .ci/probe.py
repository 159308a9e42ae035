"""Checks a film with an independent reader (ffprobe, ffmpeg): streams, exact frame count, durations, offset of picture
and sound at both ends, and that the soundtrack decodes to exactly the samples of the song.

    python3 probe.py FILM SONG [--start S] [--duration S] --fps N --size WxH
"""

import argparse
import json
import math
import subprocess
import sys
from fractions import Fraction


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def probe(path, *options):
    return json.loads(run("ffprobe", "-v", "error", "-of", "json", *options, path))


def pcm(path, *options):
    return run("ffmpeg", "-v", "error", "-i", path, "-map", "0:a", *options, "-f", "s32le", "-c:a", "pcm_s32le", "-")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("film")
    parser.add_argument("song")
    parser.add_argument("--start", type=float, default=0)
    parser.add_argument("--duration", type=float)
    parser.add_argument("--fps", default="24")
    parser.add_argument("--size", default="512x512")
    args = parser.parse_args()
    rate = Fraction(args.fps)
    failures = []

    def check(what, holds, seen):
        print(f"{'ok  ' if holds else 'FAIL'} {what}: {seen}")
        if not holds:
            failures.append(what)

    streams = probe(args.film, "-show_streams", "-count_frames")["streams"]
    kinds = [stream["codec_type"] for stream in streams]
    check("one picture and one sound", sorted(kinds) == ["audio", "video"], kinds)
    video = streams[kinds.index("video")]
    audio = streams[kinds.index("audio")]

    song_audio = next(s for s in probe(args.song, "-show_streams")["streams"] if s["codec_type"] == "audio")
    rate_hz, n_channels = int(song_audio["sample_rate"]), int(song_audio["channels"])
    start = round(args.start * rate_hz) * n_channels * 4
    source = pcm(args.song)
    end = len(source) if args.duration is None else start + round(args.duration * rate_hz) * n_channels * 4
    source = source[start:end]
    heard = pcm(args.film)
    check("the sound is the song's, sample by sample", heard == source, f"{len(heard)} and {len(source)} bytes")

    secs = Fraction(len(source) // (4 * n_channels), rate_hz)
    n_frames = math.ceil(secs * rate)
    check("codec, size", (video["codec_name"], f"{video['width']}x{video['height']}") == ("h264", args.size),
          f"{video['codec_name']} {video['width']}x{video['height']}")
    check("frame rate", Fraction(video["r_frame_rate"]) == rate, video["r_frame_rate"])
    check("frames", int(video["nb_read_frames"]) == n_frames, f"{video['nb_read_frames']}, expected {n_frames}")
    check("colour", video.get("color_space") == "bt709" and video.get("color_range") == "tv",
          f"{video.get('color_space')} {video.get('color_range')}")
    times = [Fraction(p["pts"]) * Fraction(video["time_base"])
             for p in probe(args.film, "-select_streams", "v", "-show_entries", "packet=pts")["packets"]]
    even = all(abs(t - i / rate) < Fraction(1, 10**6) for i, t in enumerate(sorted(times)))
    check("frame times", even, f"{float(times[0]):.6f} to {float(times[-1]):.6f} s")
    begin = abs(float(video["start_time"]) - float(audio["start_time"]))
    check("offset at the start under 1 ms", begin < 1e-3, f"{begin * 1000:.3f} ms")
    ends = abs(float(Fraction(n_frames) / rate) - float(secs))
    check("picture covers the sound, by less than a frame more", 0 <= float(n_frames / rate - secs) < float(1 / rate),
          f"{ends * 1000:.3f} ms")
    head = open(args.film, "rb").read(1 << 16)
    check("fast start", 0 <= head.find(b"moov") < (head.find(b"mdat") if b"mdat" in head else 1 << 20), "moov first")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
