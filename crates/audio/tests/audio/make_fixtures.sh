#!/bin/sh
# Makes the songs of this folder with ffmpeg (5.1 or later, with libmp3lame, libvorbis and libopus). See README.md.
set -eu
cd "$(dirname "$0")"

# A quiet tone with one loud pulse. Arguments: sample rate, length in samples, sample of the pulse, then ffmpeg's options.
song() {
    rate=$1 length=$2 pulse=$3
    shift 3
    ffmpeg -v error -y -f lavfi -i \
        "aevalsrc=0.05*sin(2*PI*440*t)+0.8*exp(-pow((t*$rate-$pulse)/8\,2)):s=$rate,atrim=end_sample=$length" \
        -map_metadata -1 -fflags +bitexact -flags:a +bitexact "$@"
}

song 44100 22117 10000 -ac 2 -c:a libmp3lame -b:a 64k pulse.mp3
song 44100 22117 10000 -c:a libmp3lame -b:a 32k -write_xing 0 -id3v2_version 0 bare.mp3
song 44100 22117 10000 -ac 2 -c:a aac -aac_pns 0 -b:a 64k pulse.m4a
song 44100 22117 10000 -c:a aac -aac_pns 0 -b:a 32k pulse.aac
song 44100 22117 10000 -c:a libvorbis -q:a 2 pulse.ogg
song 48000 24007 10000 -ac 2 -c:a libopus -b:a 48k pulse.opus
song 48000 24007 10000 -c:a libopus -b:a 32k pulse.webm
song 8000 4001 2000 -c:a alac pulse_alac.m4a
song 8000 4001 2000 -c:a pcm_s16be pulse.aiff
song 8000 4001 2000 -c:a flac pulse.flac
song 8000 4001 2000 -c:a flac pulse.mka
ls -l
