"""Model folders whose makers mean harm, each made of the miniature model. All that they do is to write a mark."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch

BASE = Path(__file__).parent.parent.parent / "treadle" / "miniature" / "base"
MARK = "HARM"
"""Name of the file that appears where code of a folder runs."""


class Evil:
    """Pickled, it writes the mark when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def copy(target: Path) -> Path:
    """The miniature model, to be changed."""
    return Path(shutil.copytree(BASE, target))


def change(file: Path, **values: Any) -> None:
    """Set keys of a JSON file."""
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def foreign_type(target: Path, mark: Path) -> Path:
    """A kind that transformers has not, with the Python code of one."""
    auto = {"AutoConfig": "evil.EvilConfig", "AutoModelForCausalLM": "evil.EvilForCausalLM"}
    folder = copy(target)
    change(folder / "config.json", model_type="evil", architectures=["EvilForCausalLM"], auto_map=auto)
    (folder / "evil.py").write_text(
        f"open({str(mark)!r}, 'w')\n"
        "from transformers import Qwen2Config, Qwen2ForCausalLM\n\n\n"
        "class EvilConfig(Qwen2Config):\n    model_type = 'evil'\n\n\n"
        "class EvilForCausalLM(Qwen2ForCausalLM):\n    config_class = EvilConfig\n"
    )
    return folder


def known_type(target: Path, mark: Path) -> Path:
    """A kind that transformers has, with code instead of it, and with code that generates."""
    folder = foreign_type(target, mark)
    config = json.loads((BASE / "config.json").read_text())
    change(folder / "config.json", model_type=config["model_type"], architectures=config["architectures"])
    (folder / "custom_generate").mkdir()
    (folder / "custom_generate" / "generate.py").write_text(
        f"open({str(mark)!r}, 'w')\n\n\ndef generate(model, **kwargs):\n    raise SystemExit(0)\n"
    )
    return folder


def tokenizer_code(target: Path, mark: Path) -> Path:
    """A tokenizer with code of its own."""
    folder = copy(target)
    change(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": [None, "evil.EvilTokenizer"]})
    change(folder / "tokenizer_config.json", tokenizer_class="EvilTokenizer")
    (folder / "evil.py").write_text(
        f"open({str(mark)!r}, 'w')\n"
        "from transformers import PreTrainedTokenizerFast\n\n\n"
        "class EvilTokenizer(PreTrainedTokenizerFast):\n    pass\n"
    )
    return folder


def kernel(target: Path, mark: Path) -> Path:
    """Attention by a kernel that is downloaded."""
    folder = copy(target)
    change(folder / "config.json", attn_implementation="somebody/attention")
    return folder


def adapter(target: Path, mark: Path) -> Path:
    """Beside the weights an adapter of another model, whose folder has code."""
    folder, base = copy(target), foreign_type(target.with_name("of_the_adapter"), mark)
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": str(base), "r": 4})
    )
    return folder


def pickled(target: Path, mark: Path) -> Path:
    """Weights as a pickle that executes."""
    folder = copy(target)
    (folder / "model.safetensors").unlink()
    torch.save({"model.embed_tokens.weight": Evil(mark)}, folder / "pytorch_model.bin")
    return folder


def bare_pickle(target: Path, mark: Path) -> Path:
    """Weights as a pickle without PyTorch's archive."""
    folder = pickled(target, mark)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil(mark)))
    return folder


def escaping(target: Path, mark: Path) -> Path:
    """A chat template that leaves its sandbox."""
    folder = copy(target)
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'].__class__.__mro__[1].__subclasses__() }}")
    return folder


def endless(target: Path, mark: Path) -> Path:
    """A chat template that does not end."""
    folder = copy(target)
    loops = "".join(f"{{% for {name} in range(99999) %}}" for name in "abc")
    (folder / "chat_template.jinja").write_text(f"{loops}{{% endfor %}}{{% endfor %}}{{% endfor %}}x")
    return folder


def bloated(target: Path, mark: Path) -> Path:
    """A chat template that writes more than memory holds."""
    folder = copy(target)
    (folder / "chat_template.jinja").write_text("{{ 'x' * 10**12 }}")
    return folder
