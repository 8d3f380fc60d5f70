#!/usr/bin/env bash
# The whole, once, on the bundled nano: rows drawn, its adapter tuned further by LLaMA-Factory, sharpened by GRPO, base, tune, GRPO and a
# vote measured on the same held-out charts, a card written from that, and a page that serves the result and answers.
#
#   make proof                              # about a quarter of an hour on two cores, into build/proof
#   make proof PROOF="640 20 100"           # rows to train on, GRPO steps, held-out charts
#
# Small sizes: it shows that the chain holds, not what it can reach. The log is build/proof/log.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
rows=${1:-320} steps=${2:-4} limit=${3:-30}
out=build/proof python=.venv/bin/python train=.venv-train/bin
rm -rf "$out" && mkdir -p "$out"
exec > >(tee "$out/log.txt") 2>&1

step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }
measure() { "$python" -m finetune.benchmarks run --tasks charts --limit "$limit" --writing on --model vision/nano "${@:2}" --out "$out/runs/$1"; }

step "rows: $rows drawn charts with exact reasoning"
"$python" -m finetune.charts --out "$out/data" --count "$rows" --writing

step "tune: LoRA by LLaMA-Factory, on from the bundled adapter (from nothing so few rows teach no thought)"
"$train/llamafactory-cli" train finetune/nano.yaml model_name_or_path=vision/nano dataset_dir="$out/data" output_dir="$out/tuned" \
  adapter_name_or_path=vision/nano/thinking learning_rate=1e-4 warmup_steps=5 logging_steps=2

step "sharpen: $steps steps of GRPO by TRL on rewards that check the work"
"$python" -m finetune.grpo finetune/grpo_nano.yaml adapter_name_or_path="$out/tuned" output_dir="$out/grpo" max_steps="$steps" \
  max_samples=$((steps * 2)) save_steps="$steps" sample_steps="$steps"
"$python" -m finetune.curves "$out/grpo"

step "measure: base, tuned, GRPO and a vote of three on $limit held-out charts"
measure base --adapter none --no-thinking
measure tuned --adapter "$out/tuned"
measure grpo --adapter "$out/grpo"
measure voted --adapter "$out/grpo" --vote 3
"$python" -m finetune.benchmarks compare "$out"/runs/{base,tuned,voted,grpo} --picture "$out/compared.png"
"$python" -m finetune.modelcard "$out"/runs/{base,tuned,voted,grpo} --name nano-proof --licence apache-2.0 --out "$out/README.md"

step "serve: the page on what was made"
.venv/bin/logicflow serve --model vision/nano --adapter "$out/grpo" --port 7869 &
page=$!
trap 'kill $page 2>/dev/null || true' EXIT
"$python" - <<'PYTHON'
import time
from gradio_client import Client, handle_file

for _ in range(120):
    try:
        client = Client("http://127.0.0.1:7869", verbose=False)
        break
    except Exception:
        time.sleep(1)
reply = client.predict(handle_file("examples/harvest.png"), "How much is Apple?", api_name="/ask")
print(f"the page answers: {reply['answer']!r}, {reply['trust']['level']}")
assert reply["thought"] and reply["steps"]
PYTHON

step "done: $out/README.md is the card, $out/log.txt the log"
