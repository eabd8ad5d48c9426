"""One step of one problem as an environment of skyrl_gym, with treadle's rewards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from skyrl_gym.envs.base_text_env import BaseTextEnv, BaseTextEnvStepOutput

from treadle.export.scorer import Scored
from treadle.scoring.completion import FormatFault
from treadle.scoring.grading import Verdict


class TreadleEnv(BaseTextEnv):
    """Rewards one completion, and is done.

    Args:
        extras: The row's columns, and the `scorer` that `TreadleGenerator` adds.
    """

    def __init__(self, env_config: Any = None, extras: dict[str, Any] | None = None) -> None:
        super().__init__()
        self._row = dict(extras or {})
        self._scorer = self._row.pop("scorer")
        self._scored: Scored | None = None

    def step(self, action: Any) -> BaseTextEnvStepOutput:
        """The reward of a completion.

        Args:
            action: A `Completion`, which knows its tokens: a text does not tell what was cut off.
        """
        row = self._row
        truth = row["reward_spec"]["ground_truth"]
        self._scored = self._scorer.score(action.ids, row["data_source"], truth, row["extra_info"])
        return BaseTextEnvStepOutput(observations=[], reward=self._scored.reward, done=True, metadata={})

    def get_metrics(self) -> dict[str, Any]:
        """What `Scored.info` has."""
        return dict(self._scored.info) if self._scored else {}

    @staticmethod
    def aggregate_metrics(metrics: Sequence[dict[str, Any]]) -> dict[str, float]:
        """Similarity of what has a format, and shares of all. SkyRL averages batches of validation where a name says
        that it is an average, and adds up other figures."""
        if not metrics:
            return {}
        faults = Counter(each.get("format_fault", "") for each in metrics)
        verdicts = Counter(each.get("verdict", "") for each in metrics)
        formed = [each["similarity"] for each in metrics if not each.get("format_fault") and not each.get("verdict")]
        return {
            **({"avg_similarity": sum(formed) / len(formed)} if formed else {}),
            "avg_truncated": sum(each.get("truncated", 0.0) for each in metrics) / len(metrics),
            **{f"avg_format_fault/{fault}": faults[fault] / len(metrics) for fault in FormatFault},
            **{f"avg_verdict/{verdict}": verdicts[verdict] / len(metrics) for verdict in Verdict if verdicts[verdict]},
        }
