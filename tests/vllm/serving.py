"""A vLLM server on this machine's CPU, for tests and benchmarks, in the Python of an environment that has vLLM."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

STARTS_WITHIN = 300.0
"""Seconds: on one busy core its imports and the compiling of its kernels take one or two minutes."""
ON_A_CPU = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB; by default a share of the machine's memory
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # by default each server takes the first cores for itself
    "VLLM_SERVER_DEV_MODE": "1",  # for /reset_prefix_cache
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}


class Server(NamedTuple):
    """Its address without `/v1`, and the number of its process, whose children compute."""

    url: str
    pid: int


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(python: str, model: str, *arguments: object, log: Path, port: int | None = None) -> Iterator[Server]:
    """Serve a model with these arguments of vLLM. The whole group of processes is killed when the block is left.

    Raises:
        RuntimeError: It ended, or did not answer in time; with the end of its log.
    """
    port = port or free_port()
    options = ["--host", "127.0.0.1", "--port", port, *arguments]
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", model, *map(str, options)]
    with open(log, "ab") as said:
        server = subprocess.Popen(
            command, env={**os.environ, **ON_A_CPU}, stdout=said, stderr=said, start_new_session=True
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", server, log)
        yield Server(f"http://127.0.0.1:{port}", server.pid)
    finally:
        # Its engine is a process of its own, which a kill of the server alone leaves behind.
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait(health: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while server.poll() is None and time.monotonic() < until:
        try:
            urllib.request.urlopen(health, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"no vLLM server at {health}: {log.read_text(errors='replace')[-3000:]}")
