"""The vLLM back end as far as a machine without a GPU can tell: what is said without vLLM, and the names it uses."""

from __future__ import annotations

import importlib.util
import inspect

import pytest

from treadle.errors import ModelError
from treadle.evaluate.backends import VllmBackend, open_backend
from treadle.evaluate.backends.vllm_engine import USED


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_the_message_says_what_to_install(tiny_folder):
    with pytest.raises(ModelError, match=r"No module named 'vllm'.*pip install .*\[vllm\]"):
        open_backend(str(tiny_folder), "vllm")


def test_settings_are_those_of_the_installed_vllm():
    vllm = pytest.importorskip("vllm", reason="needs the extra vllm")
    assert set(USED) <= set(inspect.signature(vllm.SamplingParams).parameters)
    arguments = set(inspect.signature(vllm.LLM).parameters)
    assert {"model", "dtype", "tensor_parallel_size", "gpu_memory_utilization"} <= arguments
    assert {"prompts", "sampling_params", "use_tqdm"} <= set(inspect.signature(vllm.LLM.generate).parameters)
    assert callable(VllmBackend.generate)
