"""`ray_job.sh` on a real head of Ray, whose job runs `run.sh` with a stand-in for Python."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.export.verl.processes import PYTHON, needs_verl
from treadle.export.run import export
from treadle.export.verl.engine import VERL

pytestmark = needs_verl

STAND_IN = """#!/bin/bash
printf '%s\\n' "$@" > {calls}
folder={out}/1-srl/checkpoints
mkdir -p "$folder/global_step_4/actor/huggingface" && echo 4 > "$folder/latest_checkpointed_iteration.txt"
exit {code}
"""


@pytest.fixture
def head():
    """The environment in which `ray` is verl's, and a head with its job server is up."""
    folder = Path(tempfile.mkdtemp(prefix="ray"))  # short: sockets lie in it
    environment = {**os.environ, "PATH": f"{Path(PYTHON).parent}:{os.environ['PATH']}", "RAY_AUTH_MODE": "disabled"}
    environment |= {"RAY_worker_niceness": "0", "RAY_raylet_start_wait_time_s": "300"}
    dashboard = free_port()
    address = environment["RAY_API_SERVER_ADDRESS"] = f"http://127.0.0.1:{dashboard}"
    words = ["ray", "start", "--head", "--block", "--num-cpus", "1", "--disable-usage-stats"]
    words += ["--temp-dir", str(folder), "--dashboard-port", str(dashboard)]
    for other in ("port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port"):
        words += [f"--{other}", str(free_port())]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(f"{address}/api/jobs/", process)
        yield environment
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(url, process, seconds=300):
    until = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < until:
        try:
            with urlopen(url):
                return
        except (URLError, ConnectionError):
            time.sleep(1)
    raise AssertionError(f"no job server at {url}")


def test_a_job_runs_run_sh_and_ends_as_it_does(head, recipe_of, tmp_path):
    out = tmp_path / "a place, with = signs"
    export(recipe_of({"kind": "srl"}), VERL, out, "recipe.yaml", gpus=1)
    python, calls = tmp_path / "python", tmp_path / "calls"

    def job(code):
        python.write_text(STAND_IN.format(calls=calls, out=shlex.quote(str(out)), code=code))
        python.chmod(python.stat().st_mode | stat.S_IXUSR)
        told = {**head, "PYTHON": str(python), "NODES": "3", "GPUS": "2", "MODEL": "/a model"}
        words = ["bash", str(out / "ray_job.sh"), "trainer.logger='[console, wandb]'"]
        return subprocess.run(words, env=told, capture_output=True, text=True, timeout=300, check=False)

    failed = job(7)
    assert failed.returncode == 1
    assert "exit code 7" in failed.stdout + failed.stderr
    assert not (out / "1-srl" / "model").exists()
    done = job(0)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (out / "1-srl" / "model" / "treadle_chat.json").is_file()
    words = calls.read_text().splitlines()
    assert {"trainer.nnodes=3", "trainer.n_gpus_per_node=2", "actor_rollout_ref.model.path='/a model'"} <= set(words)
    assert words[-1] == "trainer.logger='[console, wandb]'"
