"""Load models and tokenizers, from a folder or the hub, and say what is missing before anything else runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from treadle.chat.chat import Chat
from treadle.chat.settings import read_settings
from treadle.chat.template import require_template
from treadle.errors import ModelError

_WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "pytorch_model*.bin")
_TOKENIZER = ("tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "tekken.json")

BASE = "miniature"
"""Name under which recipes refer to the small model that is shipped with the package."""


def resolve(model: str) -> str:
    """A recipe's model name as a path or hub id: `miniature` stands for the shipped base."""
    return str(Path(__file__).parent.parent / "miniature" / "base") if model == BASE else model


def _local_folder(model: str) -> Path | None:
    """The folder of a model, `None` for a hub id, which is left to the hub."""
    folder = Path(resolve(model))
    if folder.exists():
        return folder
    if folder.is_absolute() or model.startswith(".") or model.count("/") != 1:
        raise ModelError(
            f"{model}: no such model folder; expected a folder with config.json, weights and tokenizer, "
            "or a Hugging Face model id such as Qwen/Qwen2.5-7B-Instruct"
        )
    return None


def check_model(model: str) -> None:
    """Raise `ModelError` for a path that does not exist and for a folder without config or weights."""
    folder = _local_folder(model)
    if folder is None:
        return
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: no config.json, so this is not a model folder; save one with save_pretrained")
    if not any(any(folder.glob(pattern)) for pattern in _WEIGHTS):
        raise ModelError(
            f"{folder}: no weights; found {_listing(folder)}, expected model.safetensors or an index of shards"
        )


def check_tokenizer(model: str) -> None:
    """Raise `ModelError` for a path that does not exist and for a folder without tokenizer."""
    folder = _local_folder(model)
    if folder is not None and not any((folder / name).is_file() for name in _TOKENIZER):
        raise ModelError(
            f"{folder}: no tokenizer; found {_listing(folder)}, expected tokenizer.json or vocab.json. Save it "
            f"beside the model: AutoTokenizer.from_pretrained(BASE_MODEL).save_pretrained({str(folder)!r})"
        )


def _listing(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "") if names else "nothing"


def load_tokenizer(model: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder or hub id, with padding token and chat template.

    Raises:
        ModelError: It is missing, cannot be loaded or has no chat template.
    """
    check_tokenizer(model)
    try:
        tokenizer = AutoTokenizer.from_pretrained(resolve(model))
    except (OSError, ValueError) as error:
        raise ModelError(f"{model}: the tokenizer cannot be loaded ({_first_line(error)})") from error
    require_template(tokenizer, model)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_chat(
    model: str,
    tokenizer: str | None = None,
    chat_template_kwargs: Mapping[str, Any] | None = None,
    system_role: str | None = None,
    date: str | None = None,
    thought_tags: Sequence[str] | None = None,
) -> Chat:
    """How a model is spoken to: as it was trained, but for what is given here.

    Args:
        model: Folder or hub id, whose `treadle_chat.json` is read.
        tokenizer: Another tokenizer than the model's.
        chat_template_kwargs, system_role, date, thought_tags: See `treadle.chat.settings.ChatSettings`.

    Raises:
        ModelError: The tokenizer cannot be loaded, or its chat template cannot be used.
        RecipeError: The chat template opens thoughts with other tags.
    """
    _local_folder(model)
    spoken = load_tokenizer(tokenizer or model)
    return Chat(spoken, read_settings(resolve(model)).changed(chat_template_kwargs, system_role, date, thought_tags))


def listed_ends(model: str) -> list[int]:
    """The end tokens in the generation config of a model folder or hub id; none where it has no such file."""
    try:
        listed = GenerationConfig.from_pretrained(resolve(model)).eos_token_id
    except OSError:
        return []
    return listed if isinstance(listed, list) else [listed] * (listed is not None)


def load_model(model: str, dtype: str = "auto", **kwargs: Any) -> PreTrainedModel:
    """The causal language model of a folder or hub id.

    Args:
        dtype: `"float32"`, `"bfloat16"`, or `"auto"` for the dtype that it was saved in.

    Raises:
        ModelError: It is missing or cannot be loaded.
    """
    check_model(model)
    try:
        return AutoModelForCausalLM.from_pretrained(resolve(model), dtype=dtype, **kwargs)
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(f"{model}: the model cannot be loaded ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
