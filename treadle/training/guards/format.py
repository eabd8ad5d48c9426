"""Rollouts without form: the first generation says so, and where every completion breaks the format for some steps, the
run stops. Both name the cause."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from treadle.errors import TrainingFault
from treadle.repository import in_repository
from treadle.scoring.completion import FormatFault, ThinkTags, parse_completion
from treadle.scoring.rewards import FORMAT_REWARD, ModelOutput, completion_text
from treadle.scoring.thoughts import PLAIN, Block, TagsOfRows, tags_of_rows
from treadle.training.sampling import all_equal

FORMAT_CAUSES = {
    FormatFault.TRUNCATED: (
        "the limit of tokens cuts them off: set a larger max_completion_length, or the model does not know where to "
        "stop (train it with kind: sft first, or kind: warmup)"
    ),
    FormatFault.NO_THINK_BLOCK: (
        "the model does not write {open} {close}: begin with kind: warmup, or where the data has "
        "thoughts with kind: sft, target: traces; or set think_tags to optional (no thoughts)"
    ),
    FormatFault.SEVERAL_THINK_BLOCKS: "the model writes several think blocks: train it with kind: sft, target: traces",
    FormatFault.TEXT_BEFORE_THINK: "text comes before the think block: set think_tags: lenient",
    FormatFault.EMPTY_THOUGHT: "thoughts are empty: set think_tags: lenient, or train on traces first",
    FormatFault.EMPTY_ACTION: "nothing follows the thought: train on traces first, or look at the prompts' template",
}
"""Where the model opens the block itself."""

OPENED_CAUSES = {
    **FORMAT_CAUSES,
    FormatFault.NO_THINK_BLOCK: (
        "the chat template opens the block with {open} in the prompt, and the model does not close it with {close}: "
        "train it with kind: sft, target: traces first"
    ),
    FormatFault.SEVERAL_THINK_BLOCKS: (
        "the chat template opens the block with {open} in the prompt, and the model writes another tag: train it with "
        "kind: sft, target: traces, or set think_tags: lenient, which allows a repeated {open}"
    ),
}
CLOSED_CAUSES = {
    **FORMAT_CAUSES,
    FormatFault.NO_THINK_BLOCK: "the chat template closes the block in the prompt, and the model opens another",
    FormatFault.SEVERAL_THINK_BLOCKS: (
        "the chat template closes the block in the prompt, and the model writes {open} or {close}: let the template "
        "think (enable_thinking), or set think_tags: optional"
    ),
    FormatFault.EMPTY_ACTION: "completions are empty: look at the prompts' template",
}
MOST = 0.5
"""Share of broken formats in the first generation from which on it is said, as most groups are then dropped."""
_CAUSES = {Block.NONE: FORMAT_CAUSES, Block.OPENED: OPENED_CAUSES, Block.CLOSED: CLOSED_CAUSES}


class FormatFaults:
    """Counts optimizer steps in a row in whose generations every scored completion broke the format.

    Args:
        limit: Steps in a row at which to stop; `None` for never.
        think_tags: As the reward reads completions, for the report.
        is_main: Whether this process is the one that warns, of several that see the same.
    """

    def __init__(self, limit: int | None, think_tags: ThinkTags = "strict", is_main: bool = True) -> None:
        self.limit = limit
        self.steps = 0
        self._think_tags = think_tags
        self._is_main = is_main
        self._last: int | None = None
        self._begun = False

    def rewarded(
        self,
        rewards_BF: torch.Tensor,
        completions: Sequence[ModelOutput],
        truncated: Sequence[bool],
        step: int,
        thought_tags: TagsOfRows = PLAIN,
    ) -> None:
        """Look at the rewards of a round of sampling; of the first one warn where most break the format.

        Args:
            rewards_BF: Of all processes, before they are weighted, by each function (or `[B]` of one); NaN for none.
            completions: This process's, for samples.
            truncated: Of each of these, whether the token limit cut it off.
            step: Optimizer steps done before.
            thought_tags: Of these completions.

        Raises:
            TrainingFault: The limit is reached.
        """
        is_first, self._begun = not self._begun, True
        broken = faulty_share(rewards_BF) if is_first else 0.0
        stops = self.see(step, all_equal(rewards_BF, FORMAT_REWARD))
        if not stops and (broken < MOST or not self._is_main):
            return
        tags_B = tags_of_rows(thought_tags, len(completions))
        texts = [completion_text(c, tags) for c, tags in zip(completions, tags_B, strict=True)]
        cause = format_report(texts, truncated, self._think_tags, tags_B)
        if stops:
            raise TrainingFault(
                f"every completion broke the format in {self.steps} steps in a row, so there is nothing to learn from "
                f"(max_format_fault_steps={self.limit}). Likely cause: {cause}"
            )
        warnings.warn(
            f"{broken:.0%} of the first completions break the format, which earns {FORMAT_REWARD:g}: where that does "
            f"not change within some steps, see {in_repository('docs/cold-start.md')}. "
            f"Likely cause: {cause}",
            stacklevel=3,
        )

    def see(self, step: int, all_faults: bool) -> bool:
        """Told each generation of a step; true where the limit is reached."""
        if not all_faults:
            self.steps, self._last = 0, None
        elif step != self._last:
            self.steps, self._last = self.steps + 1, step
        return self.limit is not None and self.steps >= self.limit

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, in plain Python."""
        return {"steps": self.steps, "last": self._last}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.steps, self._last, self._begun = state["steps"], state["last"], True


def faulty_share(rewards_BF: torch.Tensor) -> float:
    """Share of the scored completions that all functions give the reward of a broken format; 0 where none is scored."""
    rewards_BF = rewards_BF.unsqueeze(1) if rewards_BF.ndim == 1 else rewards_BF
    scored_BF = ~rewards_BF.isnan()
    scored_B = scored_BF.any(1)
    faulty_B = scored_B & ((rewards_BF == FORMAT_REWARD) | ~scored_BF).all(1)
    return float(faulty_B.sum() / scored_B.sum()) if scored_B.any() else 0.0


def format_report(
    texts: Sequence[str], truncated: Sequence[bool], think_tags: ThinkTags, thought_tags: TagsOfRows = PLAIN
) -> str:
    """The likely cause of broken formats and three samples, for people.

    Args:
        texts: Completions of one generation.
        truncated: Of each, whether the token limit cut it off.
        think_tags, thought_tags: As the reward reads completions.
    """
    tags_B = tags_of_rows(thought_tags, len(texts))
    found = [
        parse_completion(text, truncated=bool(cut), think_tags=think_tags, thought_tags=tags)
        for text, cut, tags in zip(texts, truncated, tags_B, strict=True)
    ]
    counts = Counter(fault for fault in found if isinstance(fault, FormatFault))
    samples = "\n".join(f"  {fault}: {_ends(text)}" for text, fault in list(zip(texts, found, strict=True))[:3])
    if not counts:
        return f"the reward's own rule. Samples:\n{samples}"
    (most, _), *_ = counts.most_common(1)
    shares = ", ".join(f"{fault} {count / len(texts):.0%}" for fault, count in counts.most_common())
    tags = tags_B[found.index(most)]
    cause = _CAUSES[tags.block][most].format(open=tags.open, close=tags.close)
    return f"{cause} ({shares}). Samples:\n{samples}"


def _ends(text: str, length: int = 150) -> str:
    return repr(text) if len(text) <= 2 * length else f"{text[:length]!r} ... {text[-length:]!r}"
