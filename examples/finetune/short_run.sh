#!/usr/bin/env bash
# The run that the README of this folder documents: scenes of a kind the toy model never saw, and what some minutes on them change.
#   bash examples/finetune/short_run.sh FOLDER
set -euo pipefail
folder=$1
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if [ -x .venv/bin/python ]; then PATH=$PWD/.venv/bin:$PATH; fi
export PYTHONPATH=.
toy=fixtures/toy_depth_anything_v2_vit.pth

python -m examples.toy_depth.folder --world unseen --seed 2000 --scenes 300 --out "$folder/scenes/train"
python -m examples.toy_depth.folder --world unseen --seed 1000 --scenes 100 --out "$folder/scenes/val"

how=(--folder "$folder/scenes" --cap 30 --loss aligned --falling-rates --batch 2 --steps 500 --every 500)
python -m examples.finetune.train $toy "${how[@]}" --run "$folder/full" --out "$folder/full.safetensors"
# A new attention has further to go.
python -m examples.finetune.train $toy "${how[@]}" --attention performer --encoder-rate 2e-4 --decoder-rate 4e-4 \
    --run "$folder/performer" --out "$folder/performer.safetensors"

python -m muggle_convert eval $toy "$folder/full.safetensors" "$folder/performer.safetensors" \
    --images "$folder/scenes/val/images" --truth "$folder/scenes/val/truth" --cap 30 --worst 0
