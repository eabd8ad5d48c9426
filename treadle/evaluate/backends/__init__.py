"""Back ends: where text comes from. All give the same `Generation` for the same `Request`.

transformers   a loaded model in this process                    treadle.evaluate.backends.local
openai         a server with OpenAI's chat completions endpoint  treadle.evaluate.backends.server
vllm           vLLM's engine in this process                     treadle.evaluate.backends.vllm_engine
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Protocol

from treadle.data.prompts.asking import Asking
from treadle.errors import RecipeError
from treadle.evaluate.backends.local import TransformersBackend, open_transformers
from treadle.evaluate.backends.server import ServerBackend
from treadle.evaluate.backends.vllm_engine import VllmBackend
from treadle.evaluate.records import Generation, Request, Sampling
from treadle.scoring.thoughts import ThoughtTags

__all__ = ["Backend", "Kind", "ServerBackend", "TransformersBackend", "VllmBackend", "open_backend"]

Kind = Literal["transformers", "openai", "vllm"]


class Backend(Protocol):
    """What generates.

    Attributes:
        thought_tags: Where thoughts begin and end in its texts.
        asking: What prompts asked for when the model was trained.
    """

    thought_tags: ThoughtTags
    asking: Asking

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[int, Generation]]:
        """Generate for all requests.

        Yields:
            Index into `requests` and its generation as they finish, each index once. One that cannot be generated is
            `Finish.FAILED` with its `error`.

        Raises:
            ModelError: Nothing can be generated at all.
        """
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Length of each text in tokens; `describe()["token_counts"]` says how it was found."""
        ...

    def describe(self) -> dict[str, Any]:
        """What the texts depend on, besides requests and sampling, for the run's folder. Holds no secrets."""
        ...

    def close(self) -> None:
        """Give back what the back end holds."""
        ...


_OPENERS: dict[str, Callable[..., Backend]] = {
    "transformers": open_transformers,
    "openai": ServerBackend,
    "vllm": VllmBackend,
}


def open_backend(model: str, kind: Kind = "transformers", **options: Any) -> Backend:
    """Open a back end.

    Args:
        model: Folder or hub id; for a server the name under which it serves the model.
        kind: Which one.
        options: Its settings, see `open_transformers`, `ServerBackend` and `VllmBackend`.

    Raises:
        RecipeError: The kind or an option is unknown.
        ModelError: The model cannot be loaded or reached.
    """
    if kind not in _OPENERS:
        raise RecipeError(f"back end {kind!r}: expected one of {', '.join(_OPENERS)}")
    known = [name for name in inspect.signature(_OPENERS[kind]).parameters if name != "model"]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
            raise RecipeError(f"back end {kind}: no option {name!r}; {hint}")
    return _OPENERS[kind](model, **options)
