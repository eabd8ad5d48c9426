"""Parts of a recipe that are no stages."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from treadle.files.names import wrong_in_path

FAULT_LIMITS = (
    "max_skipped_steps",
    "quiet_steps",
    "reward_seconds",
    "max_unscorable",
    "max_format_fault_steps",
    "max_collapsed_steps",
    "max_logp_difference",
    "stop_on_logp_difference",
)
"""Settings of when to stop and when to warn; as long as nothing goes wrong they change no result."""


def right(wrong_in: Callable[[str], str | None]) -> AfterValidator:
    """A validator that refuses what a function of `treadle.files.names` finds wrong, but no empty text."""

    def checked(value: Any) -> Any:
        wrong = wrong_in(str(value)) if value else None
        if wrong is not None:
            raise ValueError(wrong)
        return value

    return AfterValidator(checked)


Place = Annotated[Path, right(wrong_in_path)]
ModelName = Annotated[str, right(wrong_in_path)]


def _number_or_data(value: Any) -> Any:
    if value is None or value == "data":
        return value
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"found {value!r}; expected a number such as 0.3, `data` for the measured floor, or null")
    return number


SamplingFloor = Annotated[float | Literal["data"] | None, BeforeValidator(_number_or_data)]
"""A reward; `data` for the floor of similarity that `treadle prepare` has measured; or none."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=False, frozen=True, allow_inf_nan=False)


class Lora(Strict):
    """Train a low-rank adapter instead of all weights (peft).

    Args:
        r: Rank of the adapter's matrices.
        alpha: What they add is multiplied by `alpha / r`.
        dropout: Share of their inputs that is left out in training.
        target_modules: Names of the modules that get one, a pattern, or `all-linear`.
    """

    r: int = Field(16, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: str | list[str] = "all-linear"


class Prompts(Strict):
    """What prompts ask for and show beside the task and the steps before.

    Args:
        examples: Worked examples, steps of short training trajectories chosen by the recipe's seed. These trajectories
            are not trained on.
        think: Ask for thoughts between think tags before the step. `false` goes with `think_tags: optional`, for models
            that answer without.
    """

    examples: int = Field(0, ge=0)
    think: bool = True


_NO_POLICY = ("", "none", "None")


class Prefix(BaseModel):
    """What of the expert's solution an RLVR stage gives, see docs/prefixes.md. The policy's name alone does, too.

    Args:
        policy: Who decides how many steps: a name, or `package.module:Class`.
        target: `actions` gives the actions alone, `traces` each step's thought in think tags before its action.
        loss: Weight of the negative log-likelihood of the tokens that are given, added to the loss; 0 for none.

    All other keys are settings of the policy.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    policy: str = Field(min_length=1)
    target: Literal["actions", "traces"] = "actions"
    loss: float = Field(0.0, ge=0, strict=True)  # `true` would be a weight of 1

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:
        if isinstance(value, str) and value not in _NO_POLICY:
            return {"policy": value}
        if not isinstance(value, dict | Prefix):
            raise ValueError(
                f"found {value!r}; expected a policy's name such as adaptive, keys such as {{policy: adaptive}}, or "
                "null for no prefix"
            )
        return value

    @property
    def settings(self) -> dict[str, Any]:
        """The policy's own."""
        return dict(self.model_extra or {})
