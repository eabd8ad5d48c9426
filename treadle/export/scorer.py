"""treadle's rewards for one completion of an engine's, by token ids; imports neither an engine nor TRL.

Engines show a reward the text alone, with all special tokens or with none. Here the text is what treadle's decoding
gives, which keeps thought tags that are special tokens, and a completion that does not end with the end of a turn was
cut off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from treadle.chat.thoughts import Decoder
from treadle.errors import RewardError
from treadle.scoring.completion import FormatFault
from treadle.scoring.grading import Verdict
from treadle.scoring.thoughts import ThoughtTags

_ANSWER = "treadle/answer"


@dataclass(frozen=True)
class Scored:
    """A completion's reward.

    Args:
        reward: The weighted sum over the functions.
        info: What engines log and dynamic sampling reads: `similarity` (0 without format), `truncated`, `format_fault`
            and `verdict` (empty for none), and `reward/NAME` of each function before it is weighted.
    """

    reward: float
    info: dict[str, Any]


class Scorer:
    """The rewards of a stage.

    Args:
        tokenizer: The model's.
        steps: Reward functions of rows with an expert's action: each with `function` (`module:name`, in treadle),
            `weight` and further keywords of it.
        answers: Those of whole problems.
        ends: Tokens that end a completion.

    Raises:
        RewardError: A function is none of treadle's.
    """

    def __init__(
        self,
        tokenizer: Any,
        steps: Sequence[Mapping[str, Any]],
        answers: Sequence[Mapping[str, Any]],
        ends: Sequence[int],
    ) -> None:
        self._tokenizer, self._ends = tokenizer, frozenset(ends)
        self._functions = {True: list(map(_loaded, answers)), False: list(map(_loaded, steps))}
        self._decoders: dict[tuple[str, str], Decoder] = {}

    def score(self, ids: Sequence[int], source: str, truth: str, extra: Mapping[str, Any]) -> Scored:
        """The reward of a completion.

        Args:
            ids: Its tokens, with the end of its turn.
            source, truth, extra: The row's `data_source`, `ground_truth` and `extra_info` (`treadle.export.rows`).
        """
        tags = ThoughtTags(*extra["thought_tags"])
        if tags.pair not in self._decoders:
            self._decoders[tags.pair] = Decoder(self._tokenizer, tags)
        ids = list(ids)
        text, truncated = self._decoders[tags.pair](ids), bool(ids) and ids[-1] not in self._ends
        is_answer = source == _ANSWER
        columns = {("answer" if is_answer else "expert_action"): [truth]}
        if extra.get("contrast") is not None:
            columns["contrast"] = [list(extra["contrast"])]
        told: dict[str, float] = {}
        rewards = {}
        for name, function, _, settings in self._functions[is_answer]:
            (rewards[name],) = function(
                [text],
                truncated=[truncated],
                thought_tags=[tags],
                log_metric=told.__setitem__,
                trajectory_id=[extra["trajectory"]],
                step=[extra["step"]],
                **columns,
                **settings,
            )
        total = sum(weight * rewards[name] for name, _, weight, _ in self._functions[is_answer])
        info = {
            "similarity": float(told.get("similarity", 0.0)),
            "truncated": float(truncated),
            "format_fault": next((str(fault) for fault in FormatFault if told.get(f"format/{fault}")), ""),
            "verdict": next((str(verdict) for verdict in Verdict if told.get(f"answer/{verdict}")), ""),
            **{f"reward/{name}": float(reward) for name, reward in rewards.items()},
        }
        return Scored(float(total), info)


def _loaded(entry: Mapping[str, Any]) -> tuple[str, Any, float, dict[str, Any]]:
    settings = dict(entry)
    place, weight = settings.pop("function"), settings.pop("weight")
    module, _, name = place.partition(":")
    if not module.startswith("treadle.scoring."):
        raise RewardError(f"reward {place!r}: expected a function of treadle.scoring, as `treadle export` writes")
    return name, getattr(import_module(module), name), float(weight), settings
