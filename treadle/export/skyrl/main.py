"""SkyRL's training with treadle's environment, generator and trainer:

python -m treadle.export.skyrl.main KEY=VALUE...
"""

from __future__ import annotations

import sys
from typing import Any

import ray
import skyrl_gym
from skyrl.backends.skyrl_train.inference_servers.utils import resolve_policy_model_name
from skyrl.train.entrypoints.main_base import BasePPOExp
from skyrl.train.utils import validate_cfg
from skyrl.train.utils.utils import initialize_ray

from treadle.export.skyrl import ENV_CLASS
from treadle.export.skyrl.config import TreadleConfig
from treadle.export.skyrl.generator import TreadleGenerator
from treadle.export.skyrl.trainer import TreadleTrainer


class TreadleExp(BasePPOExp):
    """SkyRL's experiment with other parts at two of its hooks."""

    def get_generator(self, cfg: TreadleConfig, tokenizer: Any, inference_engine_client: Any) -> TreadleGenerator:
        """See `BasePPOExp`."""
        return TreadleGenerator(
            cfg.treadle,
            generator_cfg=cfg.generator,
            skyrl_gym_cfg=cfg.environment.skyrl_gym,
            inference_engine_client=inference_engine_client,
            tokenizer=tokenizer,
            policy_model_name=resolve_policy_model_name(cfg),
        )

    def get_trainer(self, **parts: Any) -> TreadleTrainer:
        """See `BasePPOExp`."""
        return TreadleTrainer(**parts)


def register() -> None:
    """Make the environment known to skyrl_gym in this process."""
    if ENV_CLASS not in skyrl_gym.registry:
        skyrl_gym.register(id=ENV_CLASS, entry_point="treadle.export.skyrl.environment:TreadleEnv")


@ray.remote(num_cpus=1)
def train(cfg: TreadleConfig) -> None:
    """Run the experiment, on another machine than the head where there is one."""
    register()
    TreadleExp(cfg).run()


def main() -> None:
    """Read the command line and train."""
    cfg = TreadleConfig.from_cli_overrides(sys.argv[1:])
    validate_cfg(cfg)
    initialize_ray(cfg)
    ray.get(train.remote(cfg))


if __name__ == "__main__":
    main()
