#!/bin/bash
# `treadle train` on the nodes of a Slurm job, stopped with a checkpoint before its time is up. In the repository's root:
#
#   sbatch --nodes 2 --gpus-per-node 8 recipes/launch/slurm.sh recipes/math_qwen2.5_7b.yaml
#
# The same command continues a run that was stopped. Before `sbatch` may stand CONFIG=FILE, accelerate's configuration
# (recipes/launch/fsdp2_nodes.yaml; ddp_nodes.yaml and deepspeed_zero3.yaml fit too), and REQUEUE=1, with which a job whose
# time was up puts itself back into the queue.
#
# Assumes: `accelerate` and treadle on the PATH of every node (activate the environment before sbatch), repository, data,
# models and output on a file system that all nodes share, the same number of GPUs on each, models already downloaded if
# the nodes cannot reach the hub, torch with TORCH_ELASTIC_SHUTDOWN_TIMEOUT (2.13 has it; without it workers get 30 s).
# An optimizer step and a checkpoint must fit into the 900 s of --signal; a longer step needs more, here and below.
# NOT RUN UNDER SLURM BY US: the tests run it with stand-ins for its commands.
#SBATCH --job-name=treadle
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@900
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.out

set -euo pipefail
if [[ $# -eq 0 ]]; then
    echo "slurm.sh: no recipe; usage: sbatch recipes/launch/slurm.sh RECIPE [KEY=VALUE]..." >&2
    exit 2
fi
export TREADLE_CONFIG=${CONFIG:-recipes/launch/fsdp2_nodes.yaml}
hosts=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
export MAIN_HOST=${hosts%%$'\n'*}
export MAIN_PORT=$((20000 + SLURM_JOB_ID % 10000))
export PROCESSES=$((SLURM_NNODES * SLURM_GPUS_ON_NODE))
# How long a launcher that was told to stop waits for its workers' checkpoint.
export TORCH_ELASTIC_SHUTDOWN_TIMEOUT=840

# One launcher a node; exec, so that Slurm's signals reach the launcher, which passes them on to its workers.
# --wait: where one node fails, the others, which wait for it, end too.
srun --wait=600 --kill-on-bad-exit=0 bash -c '
    exec accelerate launch --config_file "$TREADLE_CONFIG" --num_machines "$SLURM_NNODES" --num_processes "$PROCESSES" \
        --machine_rank "$SLURM_NODEID" --main_process_ip "$MAIN_HOST" --main_process_port "$MAIN_PORT" \
        -m treadle.cli train "$@"' train "$@" &
steps=$!

# Not `kill`: srun that gets SIGTERM itself kills the tasks at once.
stopping=
stop() {
    stopping=1 interrupted=1
    echo "slurm.sh: asking the trainer to save a checkpoint and stop" >&2
    scancel --signal=TERM "$SLURM_JOB_ID.0"
}
trap stop USR1 TERM

interrupted=1
while [[ -n $interrupted ]]; do # a signal ends `wait`, not the steps
    interrupted= code=0
    wait "$steps" || code=$?
done
if [[ -n $stopping && $code -ne 0 ]]; then
    if [[ ${REQUEUE:-0} == 1 ]]; then
        scontrol requeue "$SLURM_JOB_ID"
    else
        echo "slurm.sh: stopped. Continue with: sbatch recipes/launch/slurm.sh $*" >&2
    fi
fi
exit "$code"
