"""Processes of the real verl, in its own Python: VERL_PYTHON, which `make verl-test` makes and sets."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

PYTHON = os.environ.get("VERL_PYTHON")
needs_verl = pytest.mark.skipif(not PYTHON, reason="needs verl in an environment of its own: make verl-test")
ROOT = Path(__file__).parents[3]


def run_verl(words, seconds=600, **environment):
    """A finished process in which `python` is verl's."""
    environment = {
        **os.environ,
        "PYTHON": PYTHON,
        "PYTHONPATH": str(ROOT),
        "GPUS": "1",
        "RAY_AUTH_MODE": "disabled",
        "RAY_raylet_start_wait_time_s": "300",
        "RAY_worker_niceness": "0",  # else Ray's processes wait for all others on this machine
        **environment,
    }
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done
