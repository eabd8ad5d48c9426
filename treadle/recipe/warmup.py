"""A cold start for a model that does not write the format: its own well-formed completions, trained on.

With worked examples in the prompt many models write what they do not write without. Of each prompt's completions the
well-formed one that is most similar to the expert's action is kept, with the model's own thought, and trained on under
the prompt without examples, until enough completions are well-formed without them. No outside data is needed.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import gather_object
from datasets import Dataset
from transformers import TrainerCallback

from treadle.chat.chat import Chat
from treadle.data.examples import worked_examples
from treadle.data.prepared import Prepared
from treadle.data.rows import rendered
from treadle.errors import DataError, OutputError, TrainingFault
from treadle.recipe.arguments import compute_dtype
from treadle.recipe.generation import Written, write
from treadle.recipe.models import load_model
from treadle.recipe.schema import Recipe, WarmupStage
from treadle.recipe.shown import Shown
from treadle.recipe.training_data import CONVERSATION, step_references
from treadle.recipe.warmup_record import WarmupRecord
from treadle.scoring.completion import Completion, FormatFault, parse_completion
from treadle.scoring.rewards import step_similarity
from treadle.trajectory import Message


class Warmup:
    """What a warm-up stage samples, trains on and measures.

    Args:
        stage, recipe: See there.
        prepared: The data.
        shown: What the prompts of training show: those of the stages that follow.
        chat: How the model is spoken to.
        folder: The stage's.

    Raises:
        DataError: There are too few trajectories for the worked examples, or no step is left beside them.
    """

    def __init__(
        self, stage: WarmupStage, recipe: Recipe, prepared: Prepared, shown: Shown, chat: Chat, folder: Path
    ) -> None:
        self._stage, self._recipe, self._chat = stage, recipe, chat
        self.record = WarmupRecord(folder)
        examples, taken = worked_examples(prepared, stage.examples, recipe.seed, f"stages.{stage.name}.examples")
        left = replace(shown, left_out=(*shown.left_out, *taken)).trained_on(step_references(stage, prepared))
        if not len(left):
            raise DataError(f"{prepared.folder}: no step is left for stage {stage.name!r} beside its worked examples")
        order = random.Random(f"warmup/{recipe.seed}").sample(range(len(left)), len(left))
        apart = min(stage.goal_prompts, len(left) // 2)
        measured, sampled = order[:apart] or order, order[apart : apart + stage.sampled_prompts]
        with_examples = replace(shown.asking, examples=examples)
        self._sampled = rendered(left.select(sampled), prepared, asking=with_examples)
        self._plain = rendered(left.select(sampled), prepared, asking=shown.asking)
        self._measured = rendered(left.select(measured), prepared, asking=shown.asking)

    @property
    def first_prompt(self) -> list[Message]:
        """The first that is sampled, with the worked examples."""
        return self._sampled[0]["prompt"]

    @property
    def prompts(self) -> int:
        """How many are sampled: no more conversations than these are trained on."""
        return len(self._sampled)

    def describe(self) -> str:
        """What the stage will do, for people."""
        stage = self._stage
        return (
            f"samples {self.prompts:,} prompts x {stage.rollouts} with {stage.examples} worked examples of other "
            f"trajectories, trains on the well-formed ones until {stage.goal:.0%} are without examples"
        )

    def rows(self, model: str) -> Dataset:
        """The conversations to train on; sampled once, and read again by a run that goes on.

        Raises:
            TrainingFault: No completion is well-formed.
            OutputError: What was sampled before is damaged.
        """
        found = self.record.read()
        if found is None:
            found = self._sample(model)
            self.record.write(found)
        kept = found["kept"]
        if beyond := [row for row, _ in kept if row >= len(self._plain)]:
            raise OutputError(
                f"{self.record.file}: kept: found row {beyond[0]}, expected 0 to {len(self._plain) - 1}, which are "
                f"sampled; {self.record.remedy}"
            )
        if not kept and found["goal_reached_at"] is None:
            faults = ", ".join(f"{name} {count:,}" for name, count in found["faults"].items())
            raise TrainingFault(
                f"stage {self._stage.name!r}: none of {found['completions']:,} completions with {self._stage.examples} "
                f"worked examples is well-formed ({faults}). Likely causes: completions that need more than "
                f"max_completion_length={self._stage.max_completion_length} tokens; a model that does not follow "
                f"examples (more of them: examples); a format that it does not take up (think_tags: lenient or "
                "optional, or an SFT stage with target: traces in place of this one)"
            )
        if not kept:  # nothing will be trained on; the trainer that saves the model wants a row
            kept = [[0, self._plain[0]["expert_action"]]]
        return Dataset.from_list(
            [
                {"prompt": self._plain[row]["prompt"], "completion": [{"role": "assistant", "content": text}]}
                for row, text in kept
            ],
            features=CONVERSATION,
        )

    @property
    def reached_at(self) -> int | None:
        """Optimizer steps after which the goal was reached, 0 for before any; `None` as long as it is not."""
        return self.record.read()["goal_reached_at"]

    def goal(self) -> FormatGoal:
        """Ends training at the goal."""
        return FormatGoal(self)

    def share(self, network: Any) -> tuple[float, Counter[FormatFault]]:
        """Of completions without examples the share that is well-formed, and the faults of the others."""
        written = self._written(network, self._measured, 1, "measure")
        parsed = [self._parsed(completion) for completion in written]
        faults = Counter(fault for fault in parsed if isinstance(fault, FormatFault))
        return 1 - faults.total() / len(parsed), faults

    def _sample(self, model: str) -> dict[str, Any]:
        network = load_model(model, compute_dtype(self._recipe), self._recipe.trust_remote_code).to(
            PartialState().device
        )
        before, faults_before = self.share(network)
        reached = before >= self._stage.goal
        self._say(0, before, reached)
        found = {
            "goal": self._stage.goal,
            "shares": [{"step": 0, "share": round(before, 4)}],
            "goal_reached_at": 0 if reached else None,
            "faults_before": {str(fault): count for fault, count in faults_before.most_common()},
            "completions": 0,
            "faults": {},
            "kept": [],
        }
        if reached:
            return found
        size = self._stage.rollouts
        PartialState().print(
            f"{self._stage.name}: samples {size * len(self._sampled):,} completions with {self._stage.examples} worked "
            "examples"
        )
        written = self._written(network, self._sampled, size, "sample")
        kept, faults = [], Counter()
        for row in range(len(self._sampled)):
            expert = self._sampled[row]["expert_action"]
            best: tuple[float, str] | None = None
            for completion in written[row * size : (row + 1) * size]:
                parsed = self._parsed(completion)
                if isinstance(parsed, FormatFault):
                    faults[parsed] += 1
                elif best is None or step_similarity(parsed.action, expert) > best[0]:
                    best = step_similarity(parsed.action, expert), completion.text.strip()
            if best is not None:
                kept.append([row, best[1]])
        well_formed = 1 - faults.total() / len(written)
        PartialState().print(
            f"{self._stage.name}: with {self._stage.examples} worked examples {well_formed:.0%} of {len(written):,} "
            f"completions are well-formed; {len(kept):,} of {len(self._sampled):,} prompts have one to train on"
        )
        counts = {str(fault): count for fault, count in faults.most_common()}
        return {**found, "completions": len(written), "faults": counts, "kept": kept}

    def _written(self, network: Any, rows: Dataset, each: int, what: str) -> list[Written]:
        """`each` completions of every row, made by all processes, in the order of rows."""
        state = PartialState()
        numbers = [row for row in range(len(rows)) for _ in range(each)]
        mine = numbers[state.process_index :: state.num_processes]
        places = range(state.process_index, len(numbers), state.num_processes)
        draw = [random.Random(f"{what}/{self._recipe.seed}/{place}").getrandbits(63) for place in places]
        stage = self._stage
        prompts = {row: rows[row]["prompt"] for row in set(mine)}
        found = write(
            network,
            self._chat,
            [prompts[row] for row in mine],
            draw,
            stage.max_completion_length,
            stage.temperature,
            title=f"{stage.name}, {what}" if state.is_main_process else None,
        )
        placed = list(zip(places, found, strict=True))
        everyone = gather_object(placed) if state.num_processes > 1 else placed
        return [completion for _, completion in sorted(everyone)]

    def _parsed(self, completion: Written) -> Completion | FormatFault:
        return parse_completion(
            completion.text,
            truncated=completion.truncated,
            think_tags=self._stage.think_tags,
            thought_tags=self._chat.thought_tags,
        )

    def _say(self, step: int, share: float, reached: bool) -> None:
        then = f"; the goal of {self._stage.goal:.0%} is reached" if reached else ""
        PartialState().print(
            f"{self._stage.name}: after {step} steps {share:.0%} of completions are well-formed without examples{then}"
        )

    def measure(self, network: Any, step: int) -> bool:
        """Measure, note and say the share after `step` steps; whether the goal is reached."""
        share, _ = self.share(network)
        reached = share >= self._stage.goal
        self.record.note(step, share, reached)
        self._say(step, share, reached)
        return reached

    @property
    def every(self) -> int:
        return self._stage.goal_every


class FormatGoal(TrainerCallback):
    """Measures the share of well-formed completions every few steps, and ends training at the goal."""

    def __init__(self, warmup: Warmup) -> None:
        self._warmup = warmup

    def on_step_end(self, args: Any, state: Any, control: Any, model: torch.nn.Module, **kwargs: Any) -> None:
        """See the class."""
        last = state.global_step >= state.max_steps
        if (last or state.global_step % self._warmup.every == 0) and self._warmup.measure(model, state.global_step):
            control.should_training_stop = True
