"""What a recipe will need before it is run: memory of one device and time of one optimizer step, estimated.

In the order of the data flow: `model` (exact numbers of parameters from the config), `tokens` (lengths from a sample
of the prepared data), `counting` (what a micro-batch holds, counted on fake tensors), `memory` and `rollout`, `times`,
`advice` (settings that would make it fit), `estimate` and `table`; `hardware` says what is planned for. docs/plan.md
has the formulae.
"""

from treadle.plan.estimate import StagePlan, estimate
from treadle.plan.hardware import Hardware
from treadle.plan.table import as_text

__all__ = ["Hardware", "StagePlan", "as_text", "estimate"]
