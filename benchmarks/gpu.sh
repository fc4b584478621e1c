#!/usr/bin/env bash
# Everything there is to know of one card, as Markdown for RESULTS.md, in at most eight minutes and without a network.
#
#     bash benchmarks/gpu.sh [cuda]            # with the Python that has this project, torch and transformers installed
#     bash benchmarks/gpu.sh cpu               # the small form, which only shows that all of it runs
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
device="${1:-cuda}"
python="${PYTHON:-python}"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

measure() { "$python" benchmarks/run.py "$@" --folder "$folder" --device "$device"; echo; }

echo "## $("$python" -c "import torch; print(torch.cuda.get_device_name() if '$device' == 'cuda' else '$device')"), $(date -u +%F)"
echo
if [ "$device" = cuda ]; then nvidia-smi --query-gpu=driver_version,memory.total --format=csv,noheader; echo; fi

if [ "$device" = cpu ]; then
    measure accuracy --narrow vit_4_channels levit_128s
    measure forward swin2_tiny --peer transformers --runs 1
    measure forward swin2_tiny --peer transformers --runs 1 --optimize
    exit
fi

echo "### How far each precision is from float64"; echo
measure accuracy
measure accuracy --narrow

echo "### Forward"; echo
measure forward vitl vits hybrid_384 --dtype float16 --batch 16 --size 518 --peer transformers --runs 5
measure forward vitl vits --dtype float16 --batch 1 --size 518 --peer transformers --runs 5
measure forward vitl vits --dtype float16 --batch 1 --size 518 --peer transformers --runs 5 --optimize
measure forward vitl --dtype float32 --batch 16 --size 518 --peer transformers --runs 3

echo "### Folders"; echo
measure pictures v2.vits --dtype float16 --runs 3
measure pictures vitl --dtype float16 --runs 3
