#!/bin/bash
# Submits the film: arrays that draw, and the job that makes the film when all of them are done.
# Written by visualize farm. Options of sbatch behind it go to every job: ./submit.sh --partition=gpu --account=film
# Run it again after a failure: chunks that are finished aren't drawn again.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p log

n_tasks=61
max_tasks=${MAX_TASKS:-1000} # below the site's MaxArraySize (scontrol show config)
jobs=""
for ((first = 0; first < n_tasks; first += max_tasks)); do
    last=$((n_tasks - first < max_tasks ? n_tasks - first - 1 : max_tasks - 1))
    job=$(sbatch --parsable --array="0-$last" --export="ALL,FIRST_TASK=$first" "$@" render.sbatch)
    jobs="$jobs:${job%%;*}" # the cluster's name may stand behind the number
done
mux=$(sbatch --parsable --dependency="afterok$jobs" --kill-on-invalid-dep=yes "$@" mux.sbatch)
echo "submitted ${jobs#:} to draw and ${mux%%;*} to make the film"
