"""What a card says of the model that a run began with: its name, its id on the hub, and its licence."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import hf_hub_download, metadata_load, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, HFValidationError, HTTPError

from treadle.recipe.card.marks import CARD
from treadle.recipe.model_names import BASE

TAG = "treadle"
"""By which a card of treadle's is known."""
_HUB_ID = re.compile(r"[\w.-]{1,96}(/[\w.-]{1,96})?")
_LICENCE = ("license", "license_name", "license_link")
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Base:
    """Where a model comes from.

    Args:
        name: For people.
        hub_id: On the hub; `None` where it is a folder that does not say of which model it is.
        licence: `license`, `license_name` and `license_link`, as far as its card says them.
        trained: Whether treadle trained it, from `hub_id`.
    """

    name: str
    hub_id: str | None = None
    licence: dict[str, str] = field(default_factory=dict)
    trained: bool = False


def base_of(model: str) -> Base:
    """What is known of a recipe's `model`: from its folder, or from its card on the hub where that can be reached."""
    if model == BASE:
        return Base("`miniature`, the small model that comes with treadle", licence={"license": "apache-2.0"})
    folder = Path(model)
    if not folder.is_dir():
        card = _front_matter(_hub_card(model))
        return Base(f"[{model}](https://huggingface.co/{model})", model, _licence(card))
    card = _front_matter(folder / CARD)
    tags = card.get("tags")
    trained = isinstance(tags, list) and TAG in tags
    named = card.get("base_model") if trained else None
    hub_id = named if isinstance(named, str) and _HUB_ID.fullmatch(named) else _snapshot_of(folder)
    return Base(f"`{shown_path(folder)}`", hub_id, _licence(card), trained)


def licence_of(folder: Path) -> dict[str, str]:
    """What the card in a model's folder says of its licence; empty where it says nothing."""
    return _licence(_front_matter(folder / CARD))


def shown_path(path: str | Path) -> str:
    """A path without what tells of the machine: its last part, with the run and the stage where that is `model`."""
    parts = Path(path).parts
    return "/".join(parts[-3:] if parts[-1:] == ("model",) else parts[-1:])


def _snapshot_of(folder: Path) -> str | None:
    """The id of a model in the hub's cache: `models--OWNER--NAME/snapshots/REVISION`."""
    place = folder.absolute()
    if place.parent.name != "snapshots" or not place.parent.parent.name.startswith("models--"):
        return None
    return place.parent.parent.name.removeprefix("models--").replace("--", "/")


def _hub_card(hub_id: str) -> Path | None:
    try:
        found = try_to_load_from_cache(hub_id, CARD)
        return Path(found if isinstance(found, str) else hf_hub_download(hub_id, CARD, etag_timeout=5))
    except (OSError, HTTPError, EntryNotFoundError, HFValidationError):  # no network, no such model, no card
        return None


def _front_matter(card: Path | None) -> dict[str, Any]:
    try:
        if card is None or card.stat().st_size > _MOST_BYTES:
            return {}
        found = metadata_load(card)
    except (OSError, ValueError, yaml.YAMLError, RecursionError):  # none, or somebody's that nobody can read
        return {}
    return found if isinstance(found, dict) else {}


def _licence(card: dict[str, Any]) -> dict[str, str]:
    return {key: card[key] for key in _LICENCE if isinstance(card.get(key), str)}
