"""`GuardedSFTConfig`: TRL's `SFTConfig` with the limits of faults that supervised fine-tuning has."""

from __future__ import annotations

from dataclasses import dataclass, field

from trl import SFTConfig

from treadle.training.srl_config import check_fault_settings


@dataclass
class GuardedSFTConfig(SFTConfig):
    """`SFTConfig` with limits of faults.

    Args:
        max_skipped_steps, quiet_steps: See `SRLConfig`.
    """

    max_skipped_steps: int = field(default=3, metadata={"help": "Skipped steps in a row before stopping."})
    quiet_steps: int = field(default=5, metadata={"help": "Steps without gradient or change before a warning."})

    def __post_init__(self) -> None:
        check_fault_settings(self)
        super().__post_init__()
