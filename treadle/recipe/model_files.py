"""A model's folder before anything of it is loaded: what is missing, cut short, or of a form that is not read.

Only names, sizes and headers are looked at (of pickled weights what they hold beside the numbers), so a folder of any
size takes milliseconds. What is wrong inside whole files is found when they are loaded (`treadle.recipe.models`).
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import torch

from treadle.errors import ModelError
from treadle.files.names import is_inside

TOKENIZER = ("tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "tekken.json")
_LFS = b"version https://git-lfs"
_AGAIN = "copy or download it again"
NO_PLAIN_PICKLE = (
    "its pickled weights are damaged or hold more than tensors, and what they hold else is not executed; take the "
    "model's safetensors, or copy or download its files again"
)

Tensors = dict[str, tuple[int, ...]]
"""Names and shapes of the tensors of a model's files."""


def check_weights(folder: Path) -> None:
    """Raise `ModelError` for a folder without weights, with some of them missing, or with a file that is not whole."""
    tensors_of(folder)


def tensors_of(folder: Path) -> Tensors:
    """What tensors the files of weights hold, from their headers.

    Raises:
        ModelError: See `check_weights`.
    """
    require_config(folder)
    for index, single, read in (
        ("model.safetensors.index.json", "model.safetensors", _safetensors),
        ("pytorch_model.bin.index.json", "pytorch_model.bin", _pickled),
    ):
        # In transformers' order: a single file is read before an index.
        if (folder / single).is_file():
            return read(folder / single)
        if (folder / index).is_file():
            found: Tensors = {}
            for shard in _shards(folder / index):
                found |= read(shard)
            return found
    if gguf_in(folder):
        raise ModelError(convert_gguf(folder))
    raise ModelError(f"{folder}: no weights; found {listing(folder)}, expected model.safetensors or an index of shards")


def require_config(folder: Path) -> None:
    """Raise `ModelError` for a folder that is not a model's: an adapter's, of GGUF files, or without config.json."""
    refuse_adapter(folder)
    if not (folder / "config.json").is_file():
        if gguf_in(folder):
            raise ModelError(convert_gguf(folder))
        raise ModelError(f"{folder}: no config.json, so this is not a model folder; save one with save_pretrained")


def refuse_run_folder(folder: Path) -> None:
    """Raise `ModelError` for the folder of a run or of a stage, naming the model in it that was probably meant, and for
    prepared data."""
    if (folder / "config.json").is_file():
        return
    if (folder / "model" / "config.json").is_file():
        raise ModelError(f"{folder}: the folder of a stage; its model is {folder / 'model'}")
    if (folder / "stage.json").is_file():
        raise ModelError(
            f"{folder}: the folder of a stage that is not finished and has no model; `treadle train` goes on with it"
        )
    if (folder / "trajectories_train.parquet").is_file():
        raise ModelError(f"{folder}: prepared data, expected a model; data stands under `data:` or after --data")
    if models := sorted(folder.glob("*-*/model/config.json"), key=lambda file: _number(file.parents[1].name)):
        raise ModelError(f"{folder}: the folder of a run; the model of its last finished stage is {models[-1].parent}")
    if (folder / "recipe.yaml").is_file() and any(folder.glob("*-*/stage.json")):
        raise ModelError(
            f"{folder}: the folder of a run of which no stage is finished, so that it has no model; `treadle train` "
            "goes on with it"
        )


def _number(stage_folder: str) -> int:
    number = stage_folder.partition("-")[0]
    return int(number) if number.isdecimal() else 0


def refuse_adapter(folder: Path) -> None:
    """Raise `ModelError` for a folder with an adapter, instead of which transformers would load another model."""
    if (adapter := folder / "adapter_config.json").is_file():
        raise ModelError(
            f"{adapter}: a LoRA adapter, of the model that this file names; merge the two (merge_and_unload) and save "
            "the whole, or remove the file where the weights beside it are the model's own"
        )


def code_of(content: dict[str, Any]) -> list[str]:
    """Classes of Python code that a config.json or a tokenizer_config.json names instead of transformers' own.

    A kernel for attention that is downloaded is code, too.
    """
    auto = content.get("auto_map")
    named = list(auto.values()) if isinstance(auto, dict) else [auto] * (auto is not None)
    flat = [name for value in named for name in (value if isinstance(value, list | tuple) else [value])]
    return [*(str(name) for name in flat if name is not None), *_kernels(content)]


def check_config(file: Path, trust_remote_code: bool = False) -> None:
    """Raise `ModelError` for a config.json that asks for a downloaded kernel, or for sizes that no model has."""
    content = read_json(file)
    if (kernels := _kernels(content)) and not trust_remote_code:
        raise ModelError(
            f"{file}: asks for the kernel {kernels[0]}, which is code that is downloaded and not executed; remove "
            "attn_implementation from the file, or, if you trust it, give --trust-remote-code (in a recipe "
            "trust_remote_code: true)"
        )
    for name, most in _LARGEST.items():
        value = content.get(name)
        if isinstance(value, int | float) and not 0 <= value <= most:
            raise ModelError(
                f"{file}: {name} is {value:,}, expected 0 to {most:,}; compare the file with the published one"
            )


_LARGEST = {
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers"), 2_000),
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "num_attention_heads", "num_key_value_heads"), 1 << 20),
    **dict.fromkeys(("head_dim", "num_experts", "num_local_experts", "n_routed_experts"), 1 << 20),
    **dict.fromkeys(("intermediate_size", "n_inner", "moe_intermediate_size", "vocab_size"), 1 << 24),
    **dict.fromkeys(("n_positions", "max_position_embeddings"), 1 << 31),
}
"""Far beyond every model that there is; what is larger would take hours or all memory before it is found wrong."""


def _kernels(content: dict[str, Any]) -> list[str]:
    found = (content.get(name) for name in ("attn_implementation", "_attn_implementation", "experts_implementation"))
    return [str(value) for value in found if "/" in str(value)]


def check_tokenizer_files(folder: Path) -> None:
    """Raise `ModelError` for a folder without tokenizer."""
    if not any((folder / name).is_file() for name in TOKENIZER):
        if gguf_in(folder):
            raise ModelError(convert_gguf(folder))
        raise ModelError(
            f"{folder}: no tokenizer; found {listing(folder)}, expected tokenizer.json or vocab.json. Save it "
            f"beside the model: AutoTokenizer.from_pretrained(BASE_MODEL).save_pretrained({str(folder)!r})"
        )


def gguf_in(path: Path) -> Path | None:
    """The GGUF file that `path` is, or the first in the folder that it is."""
    if not path.is_file():
        return next((file for file in sorted(path.glob("*")) if file.suffix.lower() == ".gguf"), None)
    if path.suffix.lower() == ".gguf":
        return path
    with path.open("rb") as opened:
        return path if opened.read(4) == b"GGUF" else None


def convert_gguf(path: Path) -> str:
    """How to make a folder of a GGUF file that can be trained and evaluated."""
    file = gguf_in(path)
    assert file is not None
    source = f"({str(file.parent)!r}, gguf_file={file.name!r})"
    return (
        f"{file}: a GGUF file, which holds quantised weights for inference; take the model's folder with safetensors, "
        'or convert it: pip install gguf, then python -c "from transformers import AutoModelForCausalLM as M, '
        f"AutoTokenizer as T; M.from_pretrained{source}.save_pretrained('converted'); "
        f"T.from_pretrained{source}.save_pretrained('converted')\", and give the folder converted"
    )


def listing(folder: Path) -> str:
    """The first names in a folder, for a message."""
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "") if names else "nothing"


def read_json(path: Path) -> dict[str, Any]:
    """An object from a file of a model's folder; raises `ModelError` for anything else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: no JSON ({error}); {_AGAIN}") from None
    if not isinstance(content, dict):
        raise ModelError(f"{path}: found a {type(content).__name__}, expected a JSON object; {_AGAIN}")
    return content


def _shards(index: Path) -> list[Path]:
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()) or not places:
        raise ModelError(f"{index}: no weight_map that names the files of weights; {_AGAIN}")
    names = sorted(set(places.values()))
    if outside := next((name for name in names if not is_inside(name)), None):
        raise ModelError(f"{index}: names {outside!r}, which is outside the folder; {_AGAIN}")
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        raise ModelError(
            f"{index}: names {len(names)} files of weights, of which {len(missing)} are not there (the first is "
            f"{missing[0]}); copy or download them too"
        )
    return [index.parent / name for name in names]


def _safetensors(file: Path) -> Tensors:
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(8)
        _refuse_pointer(file, start + opened.read(len(_LFS) - 8))
        opened.seek(8)
        length = int.from_bytes(start, "little")
        if size < 8 or length > size - 8:
            raise ModelError(f"{file}: cut short or no safetensors file: {size:,} bytes, without its header; {_AGAIN}")
        header = opened.read(length)
    try:
        entries = {name: entry for name, entry in json.loads(header).items() if name != "__metadata__"}
        found = {name: tuple(entry["shape"]) for name, entry in entries.items()}
        whole = 8 + length + max((entry["data_offsets"][1] for entry in entries.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise ModelError(f"{file}: its header is damaged; {_AGAIN}") from None
    if size != whole:
        state = "cut short" if size < whole else "too long"
        raise ModelError(f"{file}: {state}: {size:,} bytes, expected {whole:,} by its header; {_AGAIN}")
    return found


def _pickled(file: Path) -> Tensors:
    """Read on PyTorch's meta device, as they will be loaded: tensors alone, and nothing executed."""
    with file.open("rb") as opened:
        start = opened.read(len(_LFS))
    _refuse_pointer(file, start)
    # PyTorch's files end with the archive's table of contents.
    if not start or (start.startswith(b"PK") and not zipfile.is_zipfile(file)):
        raise ModelError(f"{file}: cut short: {file.stat().st_size:,} bytes without the end of the archive; {_AGAIN}")
    try:
        content = torch.load(file, map_location="meta", weights_only=True, mmap=zipfile.is_zipfile(file))
    except Exception as error:  # a pickle can make PyTorch raise anything
        raise ModelError(f"{file}: {NO_PLAIN_PICKLE}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{file}: holds a {type(content).__name__}, expected tensors by name; {_AGAIN}")
    return {str(name): tuple(value.shape) for name, value in content.items() if isinstance(value, torch.Tensor)}


def _refuse_pointer(file: Path, start: bytes) -> None:
    if start == _LFS:
        raise ModelError(f"{file}: a Git LFS pointer instead of the weights; run `git lfs pull` in {file.parent}")
