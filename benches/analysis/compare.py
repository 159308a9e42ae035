"""Times `visualize analyze` beside librosa, aubio and madmom on the same songs: see README.md.

Prints seconds for a minute of music, the ratio to real time and to ours; writes the same as JSON. A peer runs in its own
process and reports the time that its beat and onset detection took, without start-up, imports and decoding.
"""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEERS = {
    "librosa": """
import librosa
def run(samples, rate):
    librosa.beat.beat_track(y=samples, sr=rate)
    librosa.onset.onset_detect(y=samples, sr=rate)
RATE = 22050
""",
    "aubio": """
import aubio
def run(samples, rate):
    tempo, onset = aubio.tempo("default", 1024, 512, rate), aubio.onset("default", 1024, 512, rate)
    for i in range(0, len(samples) - 511, 512):
        tempo(samples[i:i + 512]); onset(samples[i:i + 512])
RATE = 44100
""",
    "madmom": """
from madmom.features import DBNDownBeatTrackingProcessor, RNNDownBeatProcessor, OnsetPeakPickingProcessor, RNNOnsetProcessor
from madmom.audio.signal import Signal
def run(samples, rate):
    signal = Signal(samples, sample_rate=rate)
    DBNDownBeatTrackingProcessor(beats_per_bar=[3, 4], fps=100)(RNNDownBeatProcessor()(signal))
    OnsetPeakPickingProcessor(fps=100)(RNNOnsetProcessor()(signal))
RATE = 44100
""",
}
WORKER = """
import sys, time, wave
import numpy as np
{peer}
with wave.open(sys.argv[1]) as file:
    samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
run(samples[:RATE * 4], RATE)  # caches and compilers warm up
start = time.perf_counter()
run(samples, RATE)
print(time.perf_counter() - start)
"""


def wav(song, rate, folder):
    path = Path(folder) / f"{Path(song).stem}_{rate}.wav"
    if not path.exists():
        subprocess.run(["ffmpeg", "-loglevel", "error", "-i", song, "-ac", "1", "-ar", str(rate), path], check=True)
    return path


def seconds_of(song):
    probe = ["ffprobe", "-loglevel", "error", "-show_entries", "format=duration", "-of", "csv=p=0", song]
    return float(subprocess.run(probe, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", nargs="+")
    parser.add_argument("--visualize", default="target/release/visualize")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has the peers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    music = sum(seconds_of(song) for song in arguments.songs)
    rounds = {"visualize": []}
    with tempfile.TemporaryDirectory() as folder:
        available = {}
        for name, code in PEERS.items():
            rate = int(code.rsplit("RATE = ", 1)[1])
            if subprocess.run([arguments.python, "-c", code], capture_output=True).returncode == 0:
                available[name] = (WORKER.format(peer=code), rate)
            else:
                print(f"{name}: not installed for {arguments.python}, left out", file=sys.stderr)
        for _ in range(arguments.rounds):
            start = time.perf_counter()
            for song in arguments.songs:
                subprocess.run([arguments.visualize, "analyze", song, "--json"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            rounds["visualize"].append(time.perf_counter() - start)
            for name, (code, rate) in available.items():
                spent = 0.0
                for song in arguments.songs:
                    done = subprocess.run([arguments.python, "-c", code, wav(song, rate, folder)], check=True, capture_output=True, text=True)
                    spent += float(done.stdout.split()[-1])
                rounds.setdefault(name, []).append(spent)
    ours = statistics.median(rounds["visualize"])
    rows = {}
    print(f"{music:.0f} s of music, median of {arguments.rounds} rounds")
    for name, times in rounds.items():
        median = statistics.median(times)
        rows[name] = {"secs_per_minute": median * 60 / music, "times_real_time": music / median, "times_ours": median / ours, "rounds_secs": times}
        print(f"{name:10} {median * 60 / music:8.3f} s a minute {music / median:8.0f} x real time {median / ours:8.1f} x ours")
    if arguments.json:
        arguments.json.write_text(json.dumps({"music_secs": music, "programs": rows}, indent=1))


if __name__ == "__main__":
    main()
