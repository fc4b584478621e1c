#!/usr/bin/env bash
# The run that the README of this folder documents: scenes of a kind the toy model never saw, and what some minutes on them change.
#   bash examples/finetune/short_run.sh FOLDER
set -euo pipefail
folder=$1
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if [ -x .venv/bin/python ]; then PATH=$PWD/.venv/bin:$PATH; fi
export PYTHONPATH=.
toy=fixtures/toy_depth_anything_v2_vit.pth

python -m examples.toy_depth.folder --world unseen --seed 2000 --scenes 600 --out "$folder/scenes/train"
python -m examples.toy_depth.folder --world unseen --seed 1000 --scenes 100 --out "$folder/scenes/val"

python -m examples.finetune.train $toy --folder "$folder/scenes" --cap 30 --batch 2 --steps 800 --every 400 \
    --run "$folder/full" --out "$folder/full.safetensors"
python -m examples.finetune.train $toy --folder "$folder/scenes" --cap 30 --batch 2 --steps 800 --every 400 --attention performer \
    --run "$folder/performer" --out "$folder/performer.safetensors"

python -m muggle_convert eval $toy "$folder/full.safetensors" "$folder/performer.safetensors" \
    --images "$folder/scenes/val/images" --truth "$folder/scenes/val/truth" --cap 30 --worst 0
