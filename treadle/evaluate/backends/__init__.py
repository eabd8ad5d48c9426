"""Back ends: where text comes from. All give the same `Generation` for the same `Request`.

transformers   a loaded model in this process                    treadle.evaluate.backends.local
openai         a server with OpenAI's chat completions endpoint  treadle.evaluate.backends.server
vllm           vLLM's engine in this process                     treadle.evaluate.backends.vllm_engine

Each is imported when it is first used: a server needs neither torch nor transformers here, which take 400 MiB.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol

from treadle.data.prompts.asking import Asking
from treadle.errors import RecipeError
from treadle.evaluate.records import Generation, Request, Sampling
from treadle.scoring.thoughts import ThoughtTags

if TYPE_CHECKING:
    from treadle.evaluate.backends.local import TransformersBackend, open_transformers
    from treadle.evaluate.backends.server import ServerBackend
    from treadle.evaluate.backends.vllm_engine import VllmBackend

__all__ = [
    "Backend",
    "Kind",
    "ServerBackend",
    "TransformersBackend",
    "VllmBackend",
    "open_backend",
    "open_transformers",
    "opener",
]

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


_HOMES = {
    "ServerBackend": "server",
    "TransformersBackend": "local",
    "VllmBackend": "vllm_engine",
    "open_transformers": "local",
}
_OPENERS = {"transformers": "open_transformers", "openai": "ServerBackend", "vllm": "VllmBackend"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def opener(kind: str) -> Callable[..., Backend]:
    """What opens a back end of this kind.

    Raises:
        RecipeError: There is none.
    """
    if kind not in _OPENERS:
        raise RecipeError(f"back end {kind!r}: expected one of {', '.join(_OPENERS)}")
    return __getattr__(_OPENERS[kind])


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
    opens = opener(kind)
    known = [name for name in inspect.signature(opens).parameters if name != "model"]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
            raise RecipeError(f"back end {kind}: no option {name!r}; {hint}")
    return opens(model, **options)
