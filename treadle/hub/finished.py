"""Which files of a folder are a finished model's own: they are sent, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from treadle.chat.settings import FILE
from treadle.errors import ModelError
from treadle.files.secrets import find_in_text
from treadle.recipe.card.marks import CARD
from treadle.recipe.folders import MODEL_FILES, check_finished
from treadle.recipe.model_files import check_weights

_OWN = re.compile(
    r"config\.json|generation_config\.json|"
    r"model(-\d+-of-\d+)?\.safetensors|model\.safetensors\.index\.json|"
    r"tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.(json|txt)|merges\.txt|"
    r"(tokenizer|spiece|sentencepiece\.bpe)\.model|tekken\.json|"
    rf"chat_template\.(jinja|json)|additional_chat_templates/[\w-]+\.jinja|{re.escape(FILE)}|"
    rf"{re.escape(CARD)}|(LICEN[CS]E|NOTICE)(\.txt|\.md)?"
)
_WEIGHTS = ".safetensors"
_CHECKPOINT = ("trainer_state.json", "optimizer.pt", "scheduler.pt", "shared_state.pt")


@dataclass(frozen=True)
class Finished:
    """A model that can be sent.

    Args:
        sent: Its files, by their path in the folder, with their bytes.
        left_out: What else lies there.
    """

    folder: Path
    sent: dict[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def finished(folder: Path) -> Finished:
    """Look at a folder that is to be sent.

    Raises:
        ModelError: It is no finished model, or a file of it holds a secret.
        OutputError: It is a stage's, and not as the stage saved it.
    """
    _refuse_others(folder)
    check_weights(folder)
    if (folder.parent / MODEL_FILES).is_file() and folder.name == "model":
        check_finished(folder.parent)
    own, others = {}, []
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if _OWN.fullmatch(name) and not path.is_symlink():
            own[name] = path.stat().st_size
        else:
            others.append(name)
    if links := [name for name in others if _OWN.fullmatch(name)]:
        raise ModelError(
            f"{folder / links[0]}: is a link, and what it leads to is not sent; put the file itself there: "
            f"cp -rL {folder} COPY"
        )
    if not any(name.endswith(_WEIGHTS) for name in own):
        raise ModelError(
            f"{folder}: its weights are pickled, and loading such a file runs code; save them as safetensors "
            "(save_pretrained does)"
        )
    for name in own:
        if not name.endswith(_WEIGHTS):
            _refuse_secret(folder / name)
    return Finished(folder, own, tuple(others))


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or path.is_file():
            yield path


def _refuse_others(folder: Path) -> None:
    """Name the model that lies in a run or a stage, or beside an adapter."""
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder; expected that of a model, such as runs/mine/1-srl/model")
    found = [place for place in (folder / "model", *sorted(folder.glob("*-*/model"))) if place.is_dir()]
    if found:
        kind = "a stage's folder" if found[0].parent == folder else "a run's folder"
        raise ModelError(f"{folder}: is {kind}, with rollouts and logs; push its model: treadle push {found[-1]} REPO")
    if (folder / "adapter_config.json").is_file():
        merged = folder.parent / "model"
        beside = f"push the merged model beside it: treadle push {merged} REPO" if merged.is_dir() else "merge it first"
        raise ModelError(f"{folder}: is an adapter and no whole model; {beside}")
    state = next((name for name in _CHECKPOINT if (folder / name).exists()), None)
    if state is not None:
        raise ModelError(
            f"{folder}: is a checkpoint of a stage that has not ended (it holds {state}); let the run end, and push "
            f"{folder.parent / 'model'}"
        )


def _refuse_secret(file: Path) -> None:
    found = find_in_text(file.read_text(encoding="utf-8", errors="replace"))
    if found is not None:
        raise ModelError(
            f"{file}: holds {found[0]}, which would be published; take it out of the file, and make it invalid where "
            "it was made, if others have seen it"
        )
