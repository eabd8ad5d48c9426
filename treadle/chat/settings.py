"""How a model is spoken to, as far as it can be chosen, and the file beside a trained model that says how it was.

`treadle_chat.json` lies in the model's folder, so that evaluation and later runs speak to it as its training did.
Each key belongs to one part of treadle; who writes one keeps those of the others.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from treadle.errors import ModelError, RecipeError
from treadle.files.typed import read_object
from treadle.files.whole import write_whole
from treadle.scoring.thoughts import PLAIN, tags_of_pair

FILE = "treadle_chat.json"

SystemRole = Literal["auto", "template", "user"]


@dataclass(frozen=True)
class ChatSettings:
    """What is chosen of the rendering.

    Raises `ModelError` for a value that is none of these.

    Args:
        template_kwargs: Further variables of the chat template, such as `{"enable_thinking": False}`.
        system_role: Where a system message goes. `template`: as the template has it, and a template that refuses or
            drops it is an error. `user`: before the first user message. `auto`: the first where the template can.
        date: What the template's date of today is, as YYYY-MM-DD; `None` for the current day.
        thought_tags: The opening and the closing tag of thoughts; `None` for the paper's.
    """

    template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    system_role: SystemRole = "auto"
    date: str | None = None
    thought_tags: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.template_kwargs, Mapping):
            raise _wrong("chat_template_kwargs", self.template_kwargs, "names with values")
        if self.system_role not in get_args(SystemRole):
            raise _wrong("system_role", self.system_role, " or ".join(get_args(SystemRole)))
        if self.date is not None and not _is_date(self.date):
            raise _wrong("date", self.date, "a day such as 2026-01-31")

    def changed(
        self,
        template_kwargs: Mapping[str, Any] | None = None,
        system_role: str | None = None,
        date: str | None = None,
        thought_tags: Sequence[str] | None = None,
    ) -> ChatSettings:
        """These settings but for what is given."""
        tags = None if thought_tags is None else tags_of_pair(thought_tags).pair
        given = {"template_kwargs": template_kwargs, "system_role": system_role, "date": date, "thought_tags": tags}
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    def describe(self) -> dict[str, Any]:
        """What of it changes a rendering; empty where the template is used as it stands."""
        role = "user" if self.system_role == "user" else None
        tags = list(self.thought_tags) if self.thought_tags not in (None, PLAIN.pair) else None
        chosen = {
            "chat_template_kwargs": dict(self.template_kwargs),
            "system_role": role,
            "date": self.date,
            "thought_tags": tags,
        }
        return {name: value for name, value in chosen.items() if value}


def read_settings(model: str) -> ChatSettings:
    """The settings that a model was trained with; those that change nothing for one without `treadle_chat.json`.

    Args:
        model: Folder or hub id.

    Raises:
        ModelError: The file is not as treadle writes it.
    """
    content = read_file(model)
    keys = ("chat_template_kwargs", "system_role", "date", "thought_tags")
    try:
        return ChatSettings().changed(*map(content.get, keys))
    except (ModelError, RecipeError) as error:
        raise ModelError(f"{Path(model) / FILE}: {error}") from None


def read_file(model: str) -> dict[str, Any]:
    """All that `treadle_chat.json` holds; nothing for a model without it.

    Args:
        model: Folder or hub id.

    Raises:
        ModelError: The file is no JSON object.
    """
    if Path(model).is_dir():
        path = Path(model) / FILE
    else:
        from transformers.utils import cached_file  # takes seconds

        found = cached_file(model, FILE, _raise_exceptions_for_missing_entries=False, **_QUIET)
        path = Path(found) if found else None
    if path is None or not path.is_file():
        return {}
    return read_object(path, "mend the file, or remove it to speak to the model as it is", ModelError)


def write_file(folder: Path, content: Mapping[str, Any]) -> None:
    """Put keys into a model folder's `treadle_chat.json` and keep its others."""
    text = json.dumps({**read_file(str(folder)), **content}, indent=2, ensure_ascii=False)
    write_whole(folder / FILE, text + "\n")


_QUIET = {
    "_raise_exceptions_for_gated_repo": False,
    "_raise_exceptions_for_connection_errors": False,
}


def _is_date(value: Any) -> bool:
    try:
        datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def _wrong(key: str, found: Any, expected: str) -> ModelError:
    return ModelError(f"{key}: found {found!r}, expected {expected}")
