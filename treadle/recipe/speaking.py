"""How a recipe's models are spoken to, and whether their chat template takes the data's prompts."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from datasets import Dataset

from treadle.chat.chat import Chat
from treadle.data.prepared import Prepared
from treadle.data.prepared_files import reading
from treadle.recipe.example_turns import lost_turns
from treadle.recipe.folders import by_one, recorded_date
from treadle.recipe.models import load_chat
from treadle.recipe.schema import AnyStage, Recipe, SFTStage
from treadle.recipe.shown import Shown
from treadle.recipe.training_data import training_rows

ROWS = 32
"""Rows of a stage that are rendered before it begins, besides the first of each kind."""


def recipe_chat(recipe: Recipe, model: str | None = None) -> Chat:
    """How a stage of a recipe speaks to the model that it begins with.

    Args:
        model: That model; the recipe's own by default.

    Raises:
        ModelError: The tokenizer cannot be loaded, or its chat template cannot be used.
    """
    date = recipe.date and recipe.date.isoformat()
    chosen = (recipe.chat_template_kwargs, recipe.system_role, date, recipe.thought_tags)
    return load_chat(model or recipe.model, recipe.tokenizer, *chosen, recipe.trust_remote_code)


def dated(recipe: Recipe) -> tuple[Recipe, Chat]:
    """The recipe with the date of its run, if its chat template shows one, and how it then speaks to its model.

    That is the day on which the run began, so that a run renders the same prompts on each of its days.
    """
    chat = recipe_chat(recipe)
    if not chat.dated or recipe.date:
        return recipe, chat
    day = by_one(lambda: recorded_date(recipe, chat.describe()) or chat.settings.date)
    recipe = recipe.model_copy(update={"date": datetime.date.fromisoformat(day)})
    return recipe, recipe_chat(recipe)


def check_prompts(stage: AnyStage, rows: Iterable[Mapping[str, Any]], chat: Chat) -> None:
    """Render rows of a stage, those of `picked_rows`.

    Raises:
        ModelError: The chat template refuses one.
        DataError: An assistant's text cannot be trained on.
    """
    for row in rows:
        chat.prompt_text(row["prompt"])
        if isinstance(stage, SFTStage):
            chat.answer(row["completion"][0]["content"])


def rewritten(rows: Iterable[Mapping[str, Any]], chat: Chat) -> str | None:
    """Where the chat template first rewrites a user's or a system's text in these rows.

    White space aside; `None` where it never does.

    Raises:
        ModelError: The chat template refuses a row.
    """
    for row in rows:
        for turn in lost_turns(row["prompt"], chat):
            if turn["role"] != "assistant":
                return _first_lost(turn["content"], chat.prompt_text(row["prompt"]))
    return None


def _first_lost(content: str, text: str) -> str:
    """The words of `content` around the first that do not follow those before them in `text`."""
    words, squeezed = content.split(), "".join(text.split())
    kept = next(n for n in range(len(words) + 1) if "".join(words[: n + 1]) not in squeezed)
    return " ".join(words[max(0, kept - 3) : kept + 2])


def picked_rows(stage: AnyStage, prepared: Prepared, shown: Shown) -> Iterator[dict[str, Any]]:
    """Some rows of a stage: some evenly from all, and the first of each domain with and without system message."""
    rows = training_rows(stage, prepared, shown)
    picked = np.linspace(0, len(rows) - 1, min(len(rows), ROWS)).astype(int).tolist()
    if not isinstance(stage, SFTStage):
        picked += _first_of_each_kind(rows, prepared)
    yield from (rows[i] for i in dict.fromkeys(picked))


def _first_of_each_kind(rows: Dataset, prepared: Prepared) -> list[int]:
    """The first row of each domain, with and without a system message."""
    kinds: dict[tuple[str, bool], set[int]] = {}
    number = 0
    with reading(file := prepared.trajectory_file()):
        for batch in pq.ParquetFile(file).iter_batches(columns=["domain", "system"]):
            systems = batch["system"].is_valid().to_pylist()
            for domain, system in zip(batch["domain"].to_pylist(), systems, strict=True):
                kinds.setdefault((domain, system), set()).add(number)
                number += 1
    trajectory_N = np.asarray(rows.with_format("numpy")["trajectory"][:])
    found = (np.flatnonzero(np.isin(trajectory_N, list(numbers))) for numbers in kinds.values())
    return [int(places[0]) for places in found if len(places)]
