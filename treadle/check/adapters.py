"""Whether a LoRA adapter can be put where the recipe wants it, trained there and published."""

from __future__ import annotations

from collections.abc import Iterator

from treadle.check.results import Check, error, ok
from treadle.check.subject import Subject
from treadle.errors import TreadleError
from treadle.recipe.adapters import with_adapter
from treadle.recipe.models import skeleton


def lora(subject: Subject) -> Iterator[Check]:
    """Targets exist, and none is a head or an embedding that is one."""
    if subject.recipe is None or subject.recipe.lora is None:
        return
    try:
        adapted = with_adapter(skeleton(subject.config, trust_remote_code=subject.trusted), subject.recipe.lora)
    except TreadleError as problem:
        yield error("lora", problem)
        return
    trained, everything = adapted.get_nb_trainable_parameters()
    yield ok("lora", f"{trained / 1e6:,.2f} million parameters are trained, {trained / everything:.2%} of all")
