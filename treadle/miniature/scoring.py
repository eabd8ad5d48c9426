"""Score one arm of the quick start on the held-out problems: whole solutions, the loop, single next steps."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from treadle.data.instances import step_instances
from treadle.evaluate.backends import TransformersBackend
from treadle.evaluate.records import Mode, Problem, Sample, Sampling
from treadle.evaluate.settings import EvaluateSettings
from treadle.evaluate.solving import judge, solve
from treadle.evaluate.steps import evaluate_steps
from treadle.evaluate.turns import Turns
from treadle.miniature import world
from treadle.miniature.problems import as_tasks
from treadle.miniature.products import EXAMPLES
from treadle.scoring.answers import last_boxed
from treadle.scoring.thoughts import PLAIN

# Generous limits: a thought that is cut off would make a verbose arm look worse than it is.
WHOLE_TOKENS = 1200
STEP_TOKENS = 256
MAX_STEPS = 12
STEP_PROBLEMS = 25


def score(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, problems: list[world.Problem]) -> dict[str, Any]:
    """Greedy scores of a model, both ways of solving.

    Returns:
        `whole` and `loop`, each with `right` (0 or 1 a problem), `thought_tokens` (mean of a step's thought),
        `stops` and `seconds`; `steps` with `exact` and `similarity` (means over the expert's next steps),
        `faults`, and ten `examples` of what the model wrote beside the expert's action.
    """
    tasks = as_tasks(problems, "held-out")
    settings = EvaluateSettings(max_new_tokens=WHOLE_TOKENS, max_step_tokens=STEP_TOKENS, max_steps=MAX_STEPS)
    backend = TransformersBackend(model, tokenizer, batch_size=len(tasks))
    started = time.monotonic()
    whole = _graded(backend, tasks, "whole", settings)
    middle = time.monotonic()
    loop = _graded(backend, tasks, "loop", settings)
    ended = time.monotonic()
    instances = [
        instance
        for i, problem in enumerate(problems[:STEP_PROBLEMS])
        for instance in step_instances(world.expert_trajectory(problem, f"held-out-{i}"), targets="all")
    ]
    found = {(s.trajectory_id, s.step): s for s in evaluate_steps(backend, instances, Sampling(STEP_TOKENS))}
    steps = [found[i.trajectory_id, i.step] for i in instances]
    shown = random.Random("examples").sample(range(len(instances)), EXAMPLES)
    return {
        "whole": {**_summary(whole, tokenizer), "seconds": round(middle - started, 1)},
        "loop": {**_summary(loop, tokenizer), "seconds": round(ended - middle, 1)},
        "steps": {
            "exact": sum(s.exact for s in steps) / len(steps),
            "similarity": sum(s.similarity for s in steps) / len(steps),
            "faults": dict(Counter(str(s.fault) for s in steps if s.fault)),
            "examples": [
                {
                    "id": f"{s.trajectory_id}, step {s.step} of {s.n_steps}",
                    "prompt": s.prompt[0]["content"],
                    "expert_action": s.expert_action,
                    "text": s.text,
                }
                for s in (steps[i] for i in shown)
            ],
        },
    }


def solved_whole(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, problems: list[world.Problem]) -> int:
    """How many of `problems` a model solves in one greedy generation each."""
    settings = EvaluateSettings(max_new_tokens=WHOLE_TOKENS)
    backend = TransformersBackend(model, tokenizer, batch_size=len(problems))
    return sum(sample.right for sample in _graded(backend, as_tasks(problems, "validation"), "whole", settings))


def _graded(backend: TransformersBackend, tasks: list[Problem], mode: Mode, settings: EvaluateSettings) -> list[Sample]:
    samples = solve(backend, tasks, mode, "greedy", settings, Turns(), answering=last_boxed)
    judge(samples, tasks)
    return samples


def _summary(samples: list[Sample], tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    found = [thought for sample in samples for thought in _thoughts(sample)]
    lengths = [len(ids) for ids in tokenizer(found)["input_ids"]] if found else [0]
    return {
        "right": [int(sample.right) for sample in samples],
        "thought_tokens": sum(lengths) / len(lengths),
        "stops": dict(Counter(str(sample.stop) for sample in samples)),
    }


def _thoughts(sample: Sample) -> list[str]:
    """Of the loop the thoughts of its well-formed steps, of a whole solution its think blocks.

    The model writes both tags itself, so a closing one alone ends no thought.
    """
    if sample.key.mode == "loop":
        return sample.thoughts[: len(sample.steps)]
    return [thought.strip() for thought in PLAIN.pattern.findall(sample.text)]
