"""All checks in order, and what a command makes of them.

Groups stand on one another: what cannot be opened is not looked into, so after a group with an error the later ones are
left out and said to be.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from treadle.check.adapters import lora
from treadle.check.data import data, floors, references, rewards
from treadle.check.domains import domains
from treadle.check.files import all_tensors, code, config, tokenizer, weights
from treadle.check.lengths import lengths
from treadle.check.numbers import dtype
from treadle.check.results import Check, Status, errors, warning
from treadle.check.runs import installed, output, packages, sizes
from treadle.check.sampling import sampling
from treadle.check.sharing import prefix_tree, shared_rollout
from treadle.check.speech import begin_of_turn, end_of_turn, examples, prompts, round_trip, template, thoughts
from treadle.check.subject import Subject
from treadle.check.vocabulary import special_tokens, vocabulary
from treadle.errors import ModelError
from treadle.recipe.schema import Recipe
from treadle.visible import indented

Group = tuple[Callable[[Subject], Iterator[Check]], ...]

_ROWS: tuple[Group, ...] = (
    (template, data, domains, rewards),
    (begin_of_turn, end_of_turn, thoughts, prompts, examples, round_trip),
    (lengths, references, floors),
)
ALL: tuple[Group, ...] = (
    (weights, config, tokenizer),
    (all_tensors, code, vocabulary, special_tokens, dtype, lora, sampling, prefix_tree, shared_rollout),
    *_ROWS,
)
"""Of a recipe that is to be run; its sizes are derived by the run itself."""
WITH_SIZES: tuple[Group, ...] = ((installed,), *ALL, (sizes, output))
OF_A_RUN = ("packages", "sizes", "output")
"""Ids of what stands in the way of a run, but not of looking at model and data."""
PLANNED: tuple[Group, ...] = ((config,), (packages, dtype, lora, sampling, prefix_tree, shared_rollout))
"""Of a plan, for which a config is enough."""


CHAT_OPTIONS = ("chat_template_kwargs", "system_role", "date", "thought_tags", "trust_remote_code")


def check_recipe(recipe: Recipe) -> list[Check]:
    """What can be told of a recipe that is to be trained."""
    return look(Subject(recipe.model, recipe))


def check_plan(recipe: Recipe, rows: bool) -> list[Check]:
    """What can be told of a recipe that is planned; weights need not be there.

    Args:
        rows: Whether tokenizer and data are there, too.
    """
    groups = (*PLANNED, (tokenizer,), (vocabulary, special_tokens), *_ROWS) if rows else PLANNED
    found = look(Subject(recipe.model, recipe, rows), groups)
    # The plan says itself how to do without tokenizer and data.
    return [check for check in found if check.id not in ("tokenizer", "data", "left_out")]


def check_model(model: str, options: Mapping[str, Any] | None = None) -> list[Check]:
    """What can be told of a model that is evaluated.

    Args:
        options: Of the back end; those that say how the model is opened and spoken to are followed.
    """
    chat = {name: value for name, value in (options or {}).items() if name in CHAT_OPTIONS}
    return look(Subject(model, chat=chat))


def look(subject: Subject, groups: tuple[Group, ...] = ALL) -> list[Check]:
    """All checks of a subject, as far as what they look at can be opened."""
    found: list[Check] = []
    for number, group in enumerate(groups):
        for check in group:
            found += check(subject)
        if any(error.id not in OF_A_RUN for error in errors(found)):
            left = [check.__name__ for later in groups[number + 1 :] for check in later]
            if left:
                found.append(warning("left_out", f"not looked at before the error is mended: {', '.join(left)}"))
            break
    return found


def stop_or_warn(checks: Iterable[Check], said_later: tuple[str, ...] = (), main: bool = True) -> None:
    """Go on in silence, with warnings on standard error, or not at all.

    Args:
        said_later: Ids, up to the dot, of what the command itself warns of later.
        main: Whether this process speaks.

    Raises:
        ModelError: There are errors; each has a line.
    """
    checks = list(checks)
    if found := errors(checks):
        raise ModelError("\n  ".join(dict.fromkeys(check.message for check in found)))
    for check in checks:
        if main and check.status is Status.WARNING and check.id.partition(".")[0] not in said_later:
            print(indented(f"treadle: warning: {check.id}: {check.message}"), file=sys.stderr)
