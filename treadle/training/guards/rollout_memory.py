"""Out of memory in a rollout without vLLM: it is repeated with half as much at a time, and so are all further ones.

Once. Its random numbers start where they did. Under FSDP and DeepSpeed, where all processes take part in a generation,
the run stops with the setting's name instead.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

from treadle.errors import TrainingFault
from treadle.rollout.plan import largest_batch
from treadle.training.guards.memory import free, is_out_of_memory, random_state, set_random_state
from treadle.training.rollouts import Generated, PromptIds, SharedRollout


class RolloutMemory:
    """Guards generations.

    Args:
        shared: The rollout with shared prefixes, whose cache is halved; `None` where rows are.
        group_size: G; whole groups stay together where there are several.
        max_new_tokens: Of one completion.
        together: Whether all processes take part in each generation, so that none is repeated.
    """

    def __init__(self, shared: SharedRollout | None, group_size: int, max_new_tokens: int, together: bool) -> None:
        self._shared = shared
        self._group_size = group_size
        self._max_new_tokens = max_new_tokens
        self._together = together
        self._halved = False

    def around_generation(
        self, generate: Callable[[PromptIds], Generated], prompt_ids: PromptIds, divisible: bool = True
    ) -> Generated:
        """Completions of the prompts.

        Args:
            generate: Makes them.
            prompt_ids: Siblings adjacent.
            divisible: Whether some of the prompts can be generated without the others.

        Raises:
            TrainingFault: There is not enough memory for half of it either, or it cannot be halved.
        """
        in_halves = self._halved and self._shared is None and divisible and len(prompt_ids) > 1
        state = random_state()
        try:
            return self._in_halves(generate, prompt_ids) if in_halves else generate(prompt_ids)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            said = str(error).strip().splitlines()[0]
        # Not in the `except`: its traceback would keep what the rollout held.
        self._halve(prompt_ids, said, divisible)
        free()
        set_random_state(state)
        try:
            return self._in_halves(generate, prompt_ids) if self._shared is None else generate(prompt_ids)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise TrainingFault(f"out of memory in a rollout, also with half of it at a time. {_REMEDY}") from error

    def _in_halves(self, generate: Callable[[PromptIds], Generated], prompt_ids: PromptIds) -> Generated:
        rows, size = len(prompt_ids), self._group_size
        half = rows // 2 if rows < 2 * size else rows // size // 2 * size
        (first, first_logps), (second, second_logps) = generate(prompt_ids[:half]), generate(prompt_ids[half:])
        return [*first, *second], None if first_logps is None else [*first_logps, *second_logps]

    def _halve(self, prompt_ids: PromptIds, said: str, divisible: bool) -> None:
        """Set what halves rollouts from now on, or stop the run where that cannot be done."""
        reason = None
        if self._together:
            reason = "under FSDP and DeepSpeed all processes take part in it, so it is not repeated"
        elif self._halved:
            reason = "it is halved already"
        elif len(prompt_ids) < 2 or not divisible:
            reason = "it is a single row or has images, and cannot be halved"
        if reason is not None:
            raise TrainingFault(f"out of memory in a rollout ({said}); {reason}. {_REMEDY}")
        self._halved = True
        how = "with half of the rows at a time"
        if self._shared is not None:
            used = largest_batch(prompt_ids, self._max_new_tokens, self._shared.max_kv_tokens)
            self._shared.max_kv_tokens = max(1, used // 2)
            how = f"with max_kv_tokens={self._shared.max_kv_tokens}"
        warnings.warn(
            f"out of memory in a rollout ({said}): it is repeated, and all further ones are made, {how}. {_REMEDY}",
            stacklevel=3,
        )


_REMEDY = (
    "Set a smaller `max_kv_tokens` (in a recipe under the stage's `trl`) or max_completion_length, or fewer "
    "prompts_per_step."
)
