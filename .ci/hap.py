"""Compares our Hap with ffmpeg's encoder: both films are decoded by ffmpeg and held against the frames as they were drawn.

    python3 .ci/hap.py target/release/visualize [FLAG...]

Each codec must be within 0.5 dB of ffmpeg's encoder at the same settings, Hap Q above 40 dB, and have one keyframe a frame and the tag
of its kind. Flags go to `visualize`. Needs an ffmpeg with Hap (libsnappy).
"""

import pathlib
import re
import subprocess
import sys
import tempfile

SONG = pathlib.Path(__file__).parent.parent / "samples"
FORMATS = {"hap": ("hap", "Hap1"), "hapa": ("hap_alpha", "Hap5"), "hapq": ("hap_q", "HapY")}
LEAST_HAP_Q_DB = 40
MOST_BELOW_DB = 0.5


def run(*words, **options):
    done = subprocess.run(words, capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}\n{done.stderr[-2000:]}")
    return done


def psnr_db(film, frames):
    graph = "[0:v]format=gbrp[a];[1:v]format=gbrp[b];[a][b]psnr"
    done = run("ffmpeg", "-hide_banner", "-i", film, "-i", frames, "-lavfi", graph, "-f", "null", "-")
    return float(re.search(r"average:([\d.]+)", done.stderr)[1])


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        film = [program, SONG / "song.flac", "-q", "--prompts", SONG / "prompts.txt", "--start", "8", "--duration", "2",
                "--fps", "25", *sys.argv[2:]]
        frames = folder / "frame_%06d.png"
        run(*film, "--png", frames, cwd=folder)
        faults = []
        for codec, (kind, tag) in FORMATS.items():
            ours, theirs = folder / f"{codec}.mov", folder / f"{codec}_ffmpeg.mov"
            run(*film, "--codec", codec, "--audio", "none", "-o", ours, cwd=folder)
            run("ffmpeg", "-hide_banner", "-y", "-i", frames, "-c:v", "hap", "-format", kind, "-chunks", "4", theirs)
            ours_db, theirs_db = psnr_db(ours, frames), psnr_db(theirs, frames)
            shown = run("ffprobe", "-v", "error", "-count_frames", "-show_entries",
                        "stream=codec_tag_string,r_frame_rate,nb_read_frames", "-of", "csv=p=0", ours).stdout.strip()
            sizes = [path.stat().st_size / 1e6 for path in (ours, theirs)]
            print(f"{codec}: {ours_db:.2f} dB, {sizes[0]:.1f} MB; ffmpeg {theirs_db:.2f} dB, {sizes[1]:.1f} MB; {shown}")
            if ours_db < theirs_db - MOST_BELOW_DB or (codec == "hapq" and ours_db < LEAST_HAP_Q_DB):
                faults.append(f"{codec} has {ours_db:.2f} dB")
            if shown != f"{tag},25/1,50":
                faults.append(f"{codec} is {shown}")
        if faults:
            sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
