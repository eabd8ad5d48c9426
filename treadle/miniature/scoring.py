"""Score one arm of the quick start on the held-out problems: whole solutions, the loop, single next steps."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from treadle.evaluate.solving import Attempt, solve_in_loop, solve_whole
from treadle.evaluate.steps import score_steps
from treadle.instances import step_instances
from treadle.miniature import world
from treadle.miniature.problems import as_tasks

# Generous limits: a thought that is cut off would make a verbose arm look worse than it is.
WHOLE_TOKENS = 1200
STEP_TOKENS = 256
MAX_STEPS = 12
STEP_PROBLEMS = 25
EXAMPLES = 10


def score(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, problems: list[world.Problem]) -> dict[str, Any]:
    """Greedy scores of a model, both ways of solving.

    Returns:
        `whole` and `loop`, each with `right` (0 or 1 a problem), `thought_tokens` (mean of a step's thought),
        `stops` and `seconds`; `steps` with `exact` and `similarity` (means over the expert's next steps),
        `faults`, and ten `examples` of what the model wrote beside the expert's action.
    """
    tasks = as_tasks(problems, "held-out")
    started = time.monotonic()
    whole = solve_whole(model, tokenizer, tasks, WHOLE_TOKENS, batch_size=len(tasks))
    middle = time.monotonic()
    loop = solve_in_loop(model, tokenizer, tasks, STEP_TOKENS, MAX_STEPS, batch_size=len(tasks))
    ended = time.monotonic()
    instances = [
        instance
        for i, problem in enumerate(problems[:STEP_PROBLEMS])
        for instance in step_instances(world.expert_trajectory(problem, f"held-out-{i}"), targets="all")
    ]
    steps = score_steps(model, tokenizer, instances, STEP_TOKENS, batch_size=len(instances))
    shown = random.Random("examples").sample(range(len(instances)), EXAMPLES)
    return {
        "whole": {**_summary(whole, tokenizer), "seconds": round(middle - started, 1)},
        "loop": {**_summary(loop, tokenizer), "seconds": round(ended - middle, 1)},
        "steps": {
            "exact": sum(steps.exact) / len(instances),
            "similarity": sum(steps.similarity) / len(instances),
            "faults": {str(fault): count for fault, count in steps.faults.items()},
            "examples": [
                {
                    "id": f"{instances[i].trajectory_id}, step {instances[i].step} of {instances[i].n_steps}",
                    "prompt": instances[i].prompt[0]["content"],
                    "expert_action": instances[i].expert_action,
                    "text": steps.texts[i],
                }
                for i in shown
            ],
        },
    }


def _summary(attempts: list[Attempt], tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    thoughts = [thought for attempt in attempts for thought in attempt.thoughts]
    lengths = [len(ids) for ids in tokenizer(thoughts)["input_ids"]] if thoughts else [0]
    return {
        "right": [int(attempt.right) for attempt in attempts],
        "thought_tokens": sum(lengths) / len(lengths),
        "stops": dict(Counter(str(attempt.stop) for attempt in attempts)),
    }
