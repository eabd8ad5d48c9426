"""SkyRL's configuration with a section `treadle`. SkyRL refuses keys that its classes have not.

Without postponed annotations, as SkyRL reads the types of fields.
"""

from dataclasses import dataclass, field
from typing import Any, Optional

from skyrl.train.config import SkyRLTrainConfig
from skyrl.train.config.config import BaseConfig


@dataclass
class TreadleSettings(BaseConfig):
    """What SkyRL has no key for.

    Args:
        steps, answers, ends: See `treadle.export.scorer.Scorer`.
        weights: Of each reward function by its name; groups are told apart by the weighted sum.
        threshold, floor: See `treadle.training.sampling.informative_groups`.
        when_short: What becomes of a step with too few informative groups: `train`, `fill` or `stop`.
    """

    steps: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)
    threshold: float = 0.01
    floor: Optional[float] = None  # noqa: UP045
    when_short: str = "train"


@dataclass
class TreadleConfig(SkyRLTrainConfig):
    """SkyRL's, and `treadle`."""

    treadle: TreadleSettings = field(default_factory=TreadleSettings)
