"""SkyRL's generator, whose environments see the tokens of a completion.

SkyRL hands an environment the decoded text with all special tokens in it, and says nothing of the token limit. Text
does not tell a special token from the same characters, nor where a completion was cut off.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from skyrl.train.generators.skyrl_gym_generator import SkyRLGymGenerator

from treadle.export.scorer import Scorer


class Completion(str):
    """A completion's text that knows its tokens.

    Attributes:
        ids: Them, with the end of the turn where the model wrote it.
    """

    ids: list[int]

    def __new__(cls, text: str, ids: list[int]) -> Completion:
        completion = super().__new__(cls, text)
        completion.ids = ids
        return completion


class _WithTokens:
    """SkyRL's client of its inference engines, whose responses are `Completion`s."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def generate(self, *args: Any, **settings: Any) -> Any:
        output = await self._client.generate(*args, **settings)
        pairs = zip(output["responses"], output["response_ids"], strict=True)
        return {**output, "responses": [Completion(text, list(ids)) for text, ids in pairs]}


class TreadleGenerator(SkyRLGymGenerator):
    """SkyRL's own, with a `Scorer` for its environments.

    Args:
        settings: `TreadleSettings`.
        **told: See `SkyRLGymGenerator`.
    """

    def __init__(self, settings: Any, **told: Any) -> None:
        super().__init__(**told)
        self.inference_engine_client = _WithTokens(self.inference_engine_client)
        # Environments run in threads, the generator's own tokenizer does not.
        self._scorer = Scorer(deepcopy(self.tokenizer), settings.steps, settings.answers, settings.ends)

    def _setup_env_extras(self, env_class: str, env_extras: dict[str, Any], *others: Any) -> dict[str, Any]:
        """The row and the scorer, in a dictionary of its own: SkyRL writes the row's into files."""
        return {**env_extras, "scorer": self._scorer}
