"""The numbers that a model was saved in, and those that it is trained in."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from treadle.check.results import Check, error, ok, warning
from treadle.check.subject import Subject
from treadle.recipe.arguments import compute_dtype
from treadle.recipe.models import DTYPES


def dtype(subject: Subject) -> Iterator[Check]:
    """Dtype of the files, of the weights in training, and of the computation."""
    quantised = getattr(subject.config, "quantization_config", None)
    if quantised is not None:
        method = quantised.get("quant_method") if isinstance(quantised, dict) else type(quantised).__name__
        said = f"{subject.model}: its weights are quantised ({method})"
        if subject.recipe:
            yield error("dtype", f"{said}, which are not trained here; take the model that they were made of")
        else:
            yield warning("dtype", f"{said}; the package that reads them must be installed")
        return
    saved = str(subject.config.dtype or "a dtype that config.json does not name").removeprefix("torch.")
    if subject.config.dtype and saved not in DTYPES:
        yield error("dtype", f"{subject.model}: saved in {saved}, expected one of {', '.join(DTYPES[1:])}")
        return
    if subject.recipe is None:
        yield ok("dtype", f"saved in {saved}")
        return
    computed = compute_dtype(subject.recipe)
    kept = computed if subject.recipe.lora else "float32"
    adapter = ", the adapter in float32" if subject.recipe.lora else ""
    said = f"saved in {saved}; in training weights are kept in {kept}{adapter}, computed in {computed}"
    if computed == "bfloat16" and not torch.accelerator.is_available() and not multiplies_bfloat16():
        yield warning(
            "dtype", f"{said}, which this CPU has no instructions for and does several times slower: set dtype: float32"
        )
        return
    yield ok("dtype", said)


def multiplies_bfloat16() -> bool:
    """Whether the CPU has instructions for bfloat16 that PyTorch's matrix products use (AVX-512 or later).

    Without them products took nine times as long as those of float32 (1,024 x 576 by 576 x 1,536, AVX2).
    """
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
