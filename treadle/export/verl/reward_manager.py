"""verl's reward manager that gives treadle's rewards. verl imports it, in each of its reward workers:

reward.reward_manager.source=importlib
reward.reward_manager.name=TreadleRewardManager
reward.reward_manager.module.path=pkg://treadle.export.verl.reward_manager
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from omegaconf import OmegaConf
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

from treadle.export.scorer import Scorer


class TreadleRewardManager(RewardManagerBase):
    """Rewards by `Scorer`, whose settings are `reward.reward_kwargs`."""

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any = None, **routers: Any) -> None:
        super().__init__(config, tokenizer, compute_score)
        self._scorer = Scorer(tokenizer, **OmegaConf.to_container(config.reward.reward_kwargs, resolve=True))
        self._thread = ThreadPoolExecutor(1)  # grading waits for processes; meanwhile the worker's loop goes on

    async def run_single(self, data: Any) -> dict[str, Any]:
        """Reward and figures of a completion, the last where an agent loop gave several."""
        item = data[-1:][0]
        responses_T = item.batch["responses"]
        length = int(item.batch["attention_mask"][-responses_T.shape[-1] :].sum())
        row = item.non_tensor_batch
        scored = await self.loop.run_in_executor(
            self._thread,
            self._scorer.score,
            responses_T[:length].tolist(),
            row["data_source"],
            row["reward_model"]["ground_truth"],
            row["extra_info"],
        )
        return {"reward_score": scored.reward, "reward_extra_info": {"score": scored.reward, **scored.info}}
