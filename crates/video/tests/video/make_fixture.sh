#!/usr/bin/env bash
# A film of another encoder, with B-frames and an edit list, and a click every half second. Needs ffmpeg with libx264.
set -euo pipefail
cd "$(dirname "$0")"
ffmpeg -v error -y \
    -f lavfi -i "color=black:s=64x64:r=24:d=2,geq=lum='16+4*N':cb=128:cr=128" \
    -f lavfi -i "aevalsrc='0.6*sin(9000*mod(t,0.5))*exp(-50*mod(t,0.5))+0.05*sin(1400*t)':s=22050:d=2" \
    -c:v libx264 -pix_fmt yuv420p -x264-params "bframes=3:b-adapt=0" -c:a aac -b:a 48k -fflags +bitexact b_frames.mp4
