"""Load models and tokenizers, from a folder or the hub, and say what is missing before anything else runs.

Code that comes with a model is not executed unless the caller says `trust_remote_code`. Whatever a library raises on
damaged files becomes one line.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from treadle.chat.chat import Chat
from treadle.chat.settings import read_settings
from treadle.chat.template import require_template
from treadle.errors import ModelError, TreadleError
from treadle.recipe.model_files import (
    NO_PLAIN_PICKLE,
    check_config,
    check_tokenizer_files,
    check_weights,
    convert_gguf,
    gguf_in,
    read_json,
    refuse_run_folder,
    require_config,
)
from treadle.recipe.model_names import resolve
from treadle.recipe.model_types import GenerationValues, TokenizerValues, check_types

DTYPES = ("auto", "float32", "bfloat16", "float16", "float64")


def local_folder(model: str) -> Path | None:
    """The folder of a model, `None` for a hub id, which is left to the hub.

    Raises:
        ModelError: There is no such folder, or it is a file.
    """
    folder = Path(resolve(model))
    if folder.is_file():
        if gguf_in(folder):
            raise ModelError(convert_gguf(folder))
        raise ModelError(f"{model}: a file, expected the folder that it lies in, with config.json beside it")
    if folder.is_dir():
        refuse_run_folder(folder)
        return folder
    if folder.exists():
        raise ModelError(f"{model}: neither a folder nor a file (a device, a pipe); expected a model folder")
    if folder.is_absolute() or model.startswith(".") or model.count("/") != 1:
        raise ModelError(
            f"{model}: no such model folder; expected a folder with config.json, weights and tokenizer, "
            "or a Hugging Face model id such as Qwen/Qwen2.5-7B-Instruct"
        )
    return None


def check_model(model: str, trust_remote_code: bool = False) -> None:
    """Raise `ModelError` for a path that does not exist and for a folder whose config or weights are not whole."""
    folder = local_folder(model)
    if folder is not None:
        check_weights(folder)
        check_config(folder / "config.json", trust_remote_code)


def check_tokenizer(model: str) -> None:
    """Raise `ModelError` for a path that does not exist and for a folder without tokenizer, or with a damaged one."""
    folder = local_folder(model)
    if folder is not None:
        check_tokenizer_files(folder)
        if (file := folder / "tokenizer_config.json").is_file():
            check_types(file, read_json(file), TokenizerValues, "copy or download the tokenizer's files again")


def read_config(model: str, trust_remote_code: bool = False) -> PreTrainedConfig:
    """The config of a folder, of a hub id, or of `miniature`.

    Args:
        trust_remote_code: Whether Python code that comes with the model is executed where its config asks for that.

    Raises:
        ModelError: There is none, it is damaged, or transformers has no model of its kind.
    """
    folder = local_folder(model)
    if folder is not None:
        require_config(folder)
        check_config(folder / "config.json", trust_remote_code)
    remedy = (
        "; compare config.json with the published one"
        if folder is not None
        else "; expected a folder with config.json, or the id of a model on the Hugging Face hub, for which a network "
        "or its files in the cache are needed"
    )
    with _one_line(model, "its config cannot be read", remedy):
        return AutoConfig.from_pretrained(resolve(model), trust_remote_code=trust_remote_code)


def skeleton(
    config: PreTrainedConfig, dtype: torch.dtype = torch.float32, trust_remote_code: bool = False
) -> PreTrainedModel:
    """The causal language model of a config on PyTorch's meta device: shapes and names, without weights.

    Raises:
        ModelError: transformers has none for the config, the config contradicts itself, or it is of an encoder.
    """
    has_encoder = config.is_encoder_decoder  # which building sets to false
    config = copy.deepcopy(config)  # which building writes its dtype into
    try:
        with torch.device("meta"):
            network = AutoModelForCausalLM.from_config(config, dtype=dtype, trust_remote_code=trust_remote_code)
    except ValueError as error:
        raise ModelError(
            f"{config.model_type}: transformers has no causal language model of this kind ({first_line(error)}); "
            "expected for instance qwen2, qwen3, llama or mistral"
        ) from error
    except Exception as error:  # a config can hold any value
        raise ModelError(
            f"{config.model_type}: no model can be built of its config ({_named(error)}); compare config.json "
            "with the published one"
        ) from error
    if has_encoder:
        raise ModelError(f"{config.model_type}: it has an encoder, of which only the decoder would be left{_TAKE}")
    causal = [module.is_causal for module in network.modules() if hasattr(module, "is_causal")]
    if causal and not any(causal):
        raise ModelError(f"{config.model_type}: an encoder, in which each token sees those after it{_TAKE}")
    return network


_TAKE = "; expected a causal language model such as qwen2 or llama"


def load_tokenizer(model: str, trust_remote_code: bool = False) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder or hub id, with padding token and chat template.

    Raises:
        ModelError: It is missing, cannot be loaded or has no chat template.
    """
    check_tokenizer(model)
    with _one_line(model, "the tokenizer cannot be loaded", _tokenizer_remedy(local_folder(model))):
        tokenizer = AutoTokenizer.from_pretrained(resolve(model), trust_remote_code=trust_remote_code)
    require_template(tokenizer, model)
    # Its word on a prompt that is longer than the tokenizer's own limit, which nothing here follows, would be wrong.
    getattr(tokenizer, "deprecation_warnings", {})["sequence-length-is-longer-than-the-specified-maximum"] = True
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _tokenizer_remedy(folder: Path | None) -> str:
    slow = folder is not None and (folder / "tokenizer.model").is_file() and not (folder / "tokenizer.json").is_file()
    if slow and find_spec("sentencepiece") is None:
        return (
            "; its only file is tokenizer.model, for which a package is missing: pip install sentencepiece tiktoken, "
            "or add the model's tokenizer.json"
        )
    return "; copy or download its files again"


def load_chat(
    model: str,
    tokenizer: str | None = None,
    chat_template_kwargs: Mapping[str, Any] | None = None,
    system_role: str | None = None,
    date: str | None = None,
    thought_tags: Sequence[str] | None = None,
    trust_remote_code: bool = False,
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
    local_folder(model)
    spoken = load_tokenizer(tokenizer or model, trust_remote_code)
    return Chat(spoken, read_settings(resolve(model)).changed(chat_template_kwargs, system_role, date, thought_tags))


def read_generation_config(model: str) -> GenerationConfig | None:
    """The generation config of a model folder or hub id, `None` where it has no such file.

    Raises:
        ModelError: It is damaged, or holds values that transformers refuses.
    """
    folder = local_folder(model)
    if folder is not None:
        file = folder / "generation_config.json"
        if not file.is_file():
            return None
        check_types(file, read_json(file), GenerationValues, "mend the file, or remove it")
    with _one_line(model, "its generation_config.json cannot be read", "; mend the file, or remove it"):
        try:
            return GenerationConfig.from_pretrained(resolve(model))
        except OSError:
            return None


def listed_ends(model: str) -> list[int]:
    """The end tokens in the generation config of a model folder or hub id; none where it has no such file."""
    listed = getattr(read_generation_config(model), "eos_token_id", None)
    return listed if isinstance(listed, list) else [listed] * (listed is not None)


def load_model(model: str, dtype: str = "auto", trust_remote_code: bool = False, **kwargs: Any) -> PreTrainedModel:
    """The causal language model of a folder or hub id.

    Args:
        dtype: `"float32"`, `"bfloat16"`, `"float16"`, or `"auto"` for the dtype that it was saved in.

    Raises:
        ModelError: It is missing, cannot be loaded, or lacks weights, which would be random numbers.
    """
    if dtype not in DTYPES:
        raise ModelError(f"dtype {dtype!r}: expected one of {', '.join(DTYPES)}")
    check_model(model, trust_remote_code)
    with _one_line(model, "the model cannot be loaded"):
        network, found = AutoModelForCausalLM.from_pretrained(
            resolve(model), dtype=dtype, trust_remote_code=trust_remote_code, output_loading_info=True, **kwargs
        )
    if missing := sorted(found["missing_keys"]):
        raise ModelError(lacks_weights(model, missing))
    return network


def lacks_weights(model: str, missing: list[str]) -> str:
    """What is said of a model whose files lack tensors."""
    return (
        f"{model}: its files hold no weights for {len(missing)} tensors of the model (the first is {missing[0]}), "
        "which would begin as random numbers; take a folder with the whole causal language model"
    )


def first_line(error: Exception) -> str:
    """What an error of a library says, cut to one line; two where the first announces what comes."""
    lines = [line.strip() for line in str(error).strip().splitlines()] or [type(error).__name__]
    return " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]


@contextmanager
def _one_line(model: str, what: str, remedy: str = "") -> Iterator[None]:
    """Errors of libraries as `ModelError`: damaged files make them raise anything, `tokenizers` a bare Exception."""
    try:
        yield
    except TreadleError:
        raise
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise ModelError(
                f"{model}: {what}: it asks for Python code that comes with it, which is not executed; take a model "
                "that transformers knows by itself, or, if you have read that code and trust it, give "
                "--trust-remote-code (in a recipe trust_remote_code: true)"
            ) from None
        if isinstance(error, pickle.UnpicklingError):
            raise ModelError(f"{model}: {what}: {NO_PLAIN_PICKLE}") from None
        reason = first_line(error) if isinstance(error, (OSError, ValueError)) else _named(error)
        raise ModelError(f"{model}: {what} ({reason}){remedy}") from error


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"
