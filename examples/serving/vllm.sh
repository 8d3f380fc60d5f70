#!/bin/sh
# vLLM for LogicFlow on this machine's GPUs.   vllm.sh MODEL
# ADAPTER=DIR   a LoRA adapter, which then answers as model "logicflow"
# MODEL_LEN=N   tokens of a conversation, pictures included (16384)
# PORT=N        (8000)
set -eu
model=${1:?usage: vllm.sh MODEL}
gpus=$(nvidia-smi --list-gpus 2>/dev/null | wc -l || echo 0)
set -- --host 127.0.0.1 --port "${PORT:-8000}" --dtype bfloat16 --max-model-len "${MODEL_LEN:-16384}" \
    --enable-prefix-caching --limit-mm-per-prompt '{"image": 32}' --mm-processor-cache-gb 4
if [ "$gpus" -gt 1 ]; then
    set -- "$@" --tensor-parallel-size "$gpus"
fi
if [ -n "${ADAPTER:-}" ]; then
    set -- "$@" --enable-lora --max-lora-rank 64 --lora-modules "logicflow=$ADAPTER"
fi
exec vllm serve "$model" "$@"
