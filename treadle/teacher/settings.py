"""How a run of teaching is made. What texts depend on is the store's identity; the rest may change from run to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from treadle.data.curate.duplicates import check_threshold
from treadle.data.curate.language import check_language
from treadle.errors import TreadleError
from treadle.evaluate.records import Sampling
from treadle.evaluate.seeds import seed_at
from treadle.evaluate.settings import model_digest
from treadle.teacher.asking import templates_digest
from treadle.teacher.drafts import OriginKind


@dataclass(frozen=True)
class TeachSettings:
    """Settings of `treadle teach solve` and `rewrite`, and of the checks that bootstrapping shares with them.

    Args:
        samples: Solutions that are asked for of each problem.
        tries: How often one of them is asked for, with the fault of the try before named.
        temperature, top_p, top_k, max_new_tokens, seed: How texts are decoded.
        think: Ask for thoughts before the solution.
        unverified: Take problems without a reference answer, whose solutions are kept by agreement.
        min_steps: Numbered steps that a solution has at least.
        chars: Band of a solution's characters; of 1,037 real ones in titled steps all have 236 to 5,030.
        language: ISO 639 code that the solution's language has to be; `None` looks at none.
        repetition: Most runs of ten words that may come again, as a share; of these solutions the worst has 0.40.
        follows: Least share of a rewritten step's formulas and numbers that stand in its original; 0 looks at none.
        agreement: Share of a problem's samples that have to give the same answer; 0 asks for none.
        duplicates: Whether near and exact duplicates are dropped.
        near_threshold: Similarity of near duplicates.
    """

    samples: int = 4
    tries: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    max_new_tokens: int = 8192
    seed: int = 0
    think: bool = False
    unverified: bool = False
    min_steps: int = 2
    chars: tuple[int, int] = (100, 20_000)
    language: str | None = None
    repetition: float = 0.4
    follows: float = 0.5
    agreement: float = 0.0
    duplicates: bool = True
    near_threshold: float = 0.8

    @property
    def sampling(self) -> Sampling:
        return Sampling(self.max_new_tokens, self.temperature, self.top_p, self.top_k)

    def check(self) -> None:
        """Raise `TreadleError` for values that cannot work together."""
        if self.samples > 1 and not self.temperature:
            raise TreadleError(
                f"-n {self.samples} with --temperature 0: all samples of a problem would be equal; set --temperature 1"
            )
        if self.chars[0] > self.chars[1]:
            raise TreadleError(f"--chars {self.chars[0]}:{self.chars[1]}: no length is in this band; swap the two")
        if self.agreement and self.samples < 2:
            raise TreadleError(
                f"--agreement {self.agreement:g} with -n {self.samples}: there are no two samples that could agree; "
                "set -n 4 or more, or --agreement 0"
            )
        if self.language:
            check_language(self.language)
        if self.duplicates:
            check_threshold(self.near_threshold)


def seed_of(seed: int, problem: str, sample: int, attempt: int) -> int:
    """Seed of one request, below 2**31: the same for the same place in a run, whatever else the run holds."""
    return seed_at("teach", seed, problem, sample, attempt)


def identity(model: str, backend: Mapping[str, Any], command: OriginKind, settings: TeachSettings) -> dict[str, Any]:
    """All that texts depend on besides the problems, as flat keys.

    Args:
        model: As given; of a local folder its content counts, too.
        backend: `Backend.describe()`, of which `kind`, `dtype` and `chat` count. A server's address does not: the same
            model may be served elsewhere.
    """
    return {
        "command": command,
        "model": model,
        "model content": model_digest(model),
        "back end": backend.get("kind"),
        "dtype": backend.get("dtype"),
        **{f"chat.{name}": value for name, value in backend.get("chat", {}).items()},
        **asdict(settings.sampling),
        "seed": settings.seed,
        "think": settings.think,
        "min_steps": settings.min_steps,
        "prompts": templates_digest(command)[:16],
    }
