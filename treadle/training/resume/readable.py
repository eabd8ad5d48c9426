"""Whether a checkpoint's files can be read back, without executing what a pickle in them asks for.

A file can hold the bytes that its manifest lists and still be none that training wrote: whoever can write a checkpoint
can write its manifest.
"""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers.trainer import TRAINER_STATE_NAME, TRAINING_ARGS_NAME
from transformers.trainer_callback import TrainerState
from transformers.trainer_pt_utils import safe_globals

from treadle.errors import OutputError

_PICKLED = (".pt", ".pth", ".bin")
_WRONG = (LookupError, TypeError, AttributeError, ValueError, RuntimeError, OSError, EOFError, pickle.UnpicklingError)


def unreadable(checkpoint: Path) -> str | None:
    """What is wrong with the content of a checkpoint's files; `None` if all of them can be read.

    Tensors are mapped, not read, so that a checkpoint of any size takes no time. Below folders, as DeepSpeed makes
    them, nothing is looked at.
    """
    state = checkpoint / TRAINER_STATE_NAME
    try:
        TrainerState.load_from_json(str(state))
    except FileNotFoundError:
        return f"{state.name} is missing"
    except (ValueError, TypeError, AttributeError, RecursionError):
        return f"{state.name} is no state of a trainer"
    for file in sorted(path for path in checkpoint.iterdir() if path.suffix in _PICKLED):
        if file.name != TRAINING_ARGS_NAME:  # which nothing reads
            try:
                content = _content(file)
            except _WRONG:
                return f"{file.name} is damaged or holds more than tensors and numbers, which is not executed"
            if not isinstance(content, dict):
                return f"{file.name} holds a {type(content).__name__}, expected a dictionary of names"
            if file.name.startswith("rng_state") and "python" not in content:
                return f"{file.name} is no random state: it holds {', '.join(map(str, content))[:60]}"
    for file in sorted(checkpoint.glob("*.safetensors")):
        if not _as_its_header_says(file):
            return f"{file.name} is not what its header says: {file.stat().st_size:,} bytes"
    return None


@contextmanager
def restoring(checkpoint: str | Path, names: str) -> Iterator[None]:
    """What a state of another shape raises, as one line.

    Args:
        names: The files that are read in the body.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except _WRONG as error:
        reason = " ".join(str(error).split())[:160]
        raise OutputError(
            f"{checkpoint}: {names}: not the state of this stage ({type(error).__name__}: {reason}); remove the "
            f"checkpoint to go on from an earlier one or from the beginning: rm -r {checkpoint}"
        ) from error


def _content(file: Path) -> Any:
    with safe_globals():  # of numpy's random state
        return torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))


def _as_its_header_says(file: Path) -> bool:
    """Whether a safetensors file has a header, and the length that follows from it."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if not 8 <= length + 8 <= size:
            return False
        try:
            entries = json.loads(opened.read(length))
            ends = [entry["data_offsets"][1] for name, entry in entries.items() if name != "__metadata__"]
            return size == 8 + length + max(ends, default=0)
        except (*_WRONG, RecursionError):
            return False
