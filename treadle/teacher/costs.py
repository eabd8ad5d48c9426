"""What answers cost: so far, as expected in the end, and at most of what is asked next.

Prices are per million tokens. What a prompt has in tokens is the server's count where it gives one, else the back
end's estimate. For the most that a request may cost, each byte of its prompt counts as a token, which is what it can
have at most with a tokenizer of bytes, and its answer has the full length: so a budget is not exceeded by what is in
flight. Not counted are attempts that gave no whole answer, which some providers charge.
"""

from __future__ import annotations

from dataclasses import dataclass

from treadle.errors import TreadleError
from treadle.evaluate.records import Request, Sampling
from treadle.teacher.store import Tokens

_MILLION = 1_000_000
_TEMPLATE = 64  # tokens that a chat template puts around a message


@dataclass(frozen=True)
class Prices:
    """Per million tokens, in whatever currency, and what may be spent in all.

    Args:
        prompt, completion: Of the tokens that are sent and of those that come back.
        budget: Of the whole folder, over all runs; `None` for no limit.

    Raises:
        TreadleError: A budget without prices.
    """

    prompt: float | None = None
    completion: float | None = None
    budget: float | None = None

    def __post_init__(self) -> None:
        if (self.prompt is None) != (self.completion is None):
            raise TreadleError("--price-in and --price-out go together; give both, per million tokens")
        if self.budget is not None and self.prompt is None:
            raise TreadleError("--budget: needs --price-in and --price-out, per million tokens, to know the cost")

    @property
    def known(self) -> bool:
        return self.prompt is not None

    def of(self, tokens: Tokens) -> float | None:
        """The cost of answers; `None` without prices."""
        if self.prompt is None or self.completion is None:
            return None
        return (tokens.prompt * self.prompt + tokens.completion * self.completion) / _MILLION

    def most(self, request: Request, sampling: Sampling) -> float:
        """The most that a request may cost; 0 without prices."""
        if self.prompt is None or self.completion is None:
            return 0.0
        sent = sum(len(message["content"].encode("utf-8", "surrogatepass")) + _TEMPLATE for message in request.prompt)
        return (sent * self.prompt + sampling.max_new_tokens * self.completion) / _MILLION

    def affordable(self, requests: list[Request], sampling: Sampling, spent: float) -> int:
        """How many of the requests, from the first, surely fit into what is left of the budget."""
        if self.budget is None:
            return len(requests)
        left = self.budget - spent
        for count, request in enumerate(requests):
            left -= self.most(request, sampling)
            if left < 0:
                return count
        return len(requests)

    def shown(self, tokens: Tokens, done: int, total: int) -> str:
        """Cost so far and as expected in the end, for a line of progress.

        Args:
            done, total: Samples that are finished, and all.
        """
        spent = self.of(tokens)
        if spent is None:
            return f"{tokens.prompt + tokens.completion:,} tokens"
        expected = f", about {spent / done * total:,.2f} in all" if done else ""
        return f"cost {spent:,.2f}{expected}"
