"""The recipe: which model, which prepared data, which stages to run.

The schema is strict: unknown keys and wrong types fail. The defaults of the classes below are the paper's settings
(section 4.1 and appendix); a recipe file holds only what differs. What each key means stands in their docstrings alone:
`treadle train --schema` has it from there.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, model_validator

from treadle.chat.settings import SystemRole
from treadle.files.names import same_but_for_case, wrong_in_name
from treadle.recipe.parts import Lora, ModelName, Place, Prefix, Prompts, SamplingFloor, Strict, right
from treadle.recipe.reward_choices import RewardChoice, RewardKey, check_of_answers, check_of_steps, read_choices
from treadle.scoring.completion import ThinkTags
from treadle.scoring.extraction import Extraction
from treadle.scoring.grading import GraderName
from treadle.scoring.rewards import ArgumentOrder
from treadle.scoring.thoughts import ThoughtTags
from treadle.training.sampling import Refill, WhenShort


class Stage(Strict):
    """What all stages share.

    Args:
        kind: What the stage does: sft, warmup, srl or rlvr.
        name: Folder of the stage and its name on the command line; the kind by default.
        epochs: Passes over the data.
        max_steps: Optimizer steps of the stage; where it is set, `epochs` does not count.
        minutes: The stage ends, with its model, after the step in which so many minutes of training are over, if it has
            not ended before. What an interruption took does not count.
        learning_rate: Of AdamW, after the warm-up.
        scheduler: How the learning rate goes on, by transformers' names, such as constant_with_warmup or cosine.
        warmup_ratio: Share of the stage's steps in which the learning rate rises from 0.
        weight_decay, adam_beta2: Of AdamW.
        max_grad_norm: Longer gradients are scaled down to this norm.
        gradient_checkpointing: Compute activations again in the backward pass instead of keeping them; that takes less
            memory and more time.
        save_every: Optimizer steps between checkpoints.
        micro_batch: Sequences in one forward and backward on one device.
        max_skipped_steps, quiet_steps: See `SRLConfig`; limits of faults change no result.
        allow_no_change: A stage that learned nothing (docs/faults.md) ends the run with code 3, and no stage after it
            is run. With this it is said, and the run goes on.
        validate_every: Optimizer steps between validations on held-out rows, and one at the end; `None` for none.
            RL stages are validated by the mean reward, SFT by its loss.
        validation_rows: How many of the held-out rows, chosen by the recipe's seed.
        trl: Further arguments of TRL's config class, for instance its vLLM settings.
    """

    name: Annotated[str, right(wrong_in_name)] = ""
    epochs: float = Field(30, gt=0)
    max_steps: int | None = Field(None, ge=1)
    minutes: float | None = Field(None, gt=0)
    learning_rate: float = Field(5e-7, gt=0)
    scheduler: str = "constant_with_warmup"
    warmup_ratio: float = Field(0.0, ge=0, le=1)
    weight_decay: float = Field(0.0, ge=0)
    adam_beta2: float = Field(0.999, gt=0, lt=1)
    max_grad_norm: float = Field(1.0, gt=0)
    micro_batch: int = Field(8, ge=1)
    gradient_checkpointing: bool = True
    save_every: int = Field(50, ge=1)
    max_skipped_steps: int = Field(3, ge=1)
    quiet_steps: int = Field(5, ge=0)
    allow_no_change: bool = False
    validate_every: int | None = Field(None, ge=1)
    validation_rows: int = Field(64, ge=1)
    trl: dict[str, Any] = Field(default_factory=dict)


class SFTStage(Stage):
    """Supervised fine-tuning on the expert's solutions.

    Args:
        target: `actions` trains on the actions alone (the paper's outline), `traces` on each step's thought in
            think tags before its action (the paper's reasoning).
        unit: `solutions` gives the problem and asks for everything at once, as in the paper; `steps` uses the
            prompts of SRL; `both` mixes them.
        batch_size: Conversations of one optimizer step.
        max_length: Tokens of a conversation; longer ones are cut, and those without anything left to train on left out.
            `None` cuts nothing.
    """

    kind: Literal["sft"]
    target: Literal["actions", "traces"] = "actions"
    unit: Literal["solutions", "steps", "both"] = "solutions"
    batch_size: int = Field(64, ge=1)
    epochs: float = Field(3, gt=0)
    learning_rate: float = Field(5e-6, gt=0)
    scheduler: str = "cosine"
    warmup_ratio: float = Field(0.3, ge=0, le=1)
    max_length: int | None = Field(None, ge=1)


class WarmupStage(SFTStage):
    """A cold start: the model's own well-formed completions, sampled with worked examples, trained on without them.

    Args:
        examples: Worked examples in the prompts that are sampled from.
        sampled_prompts: Step instances to sample from, each with `rollouts` completions; of these the well-formed one
            that is most similar to the expert's action is trained on.
        rollouts: Completions sampled of each prompt.
        temperature: Of sampling.
        max_completion_length: Tokens of one of these completions.
        think_tags: What well-formed is, see `srl_reward`; as in the stages that follow.
        goal: Share of well-formed completions, without examples, at which training ends before its epochs are over.
        goal_prompts: On how many other prompts that share is measured.
        goal_every: After how many optimizer steps it is measured again.
    """

    kind: Literal["warmup"]
    unit: Literal["steps"] = "steps"
    target: Literal["actions"] = "actions"
    examples: int = Field(2, ge=0)
    sampled_prompts: int = Field(256, ge=1)
    rollouts: int = Field(8, ge=1)
    temperature: float = Field(1.0, gt=0)
    max_completion_length: int = Field(512, ge=1)
    think_tags: ThinkTags = "strict"
    goal: float = Field(0.95, gt=0, le=1)
    goal_prompts: int = Field(64, ge=1)
    goal_every: int = Field(5, ge=1)
    batch_size: int = Field(32, ge=1)
    learning_rate: float = Field(1e-5, gt=0)
    scheduler: str = "constant_with_warmup"
    warmup_ratio: float = Field(0.1, ge=0, le=1)


class RLStage(Stage):
    """What SRL and RLVR share: GRPO with dynamic sampling.

    Args:
        prompts_per_step: Prompts of one optimizer step, each with `rollouts` completions.
        rollouts: Completions of each prompt, a group: G in GRPO.
        temperature: Of sampling.
        max_completion_length: Tokens of one completion. The paper does not give it.
        updates_per_rollout: Optimizer steps made with the rollouts of one generation.
        kl: Weight of the divergence from the model that the stage began with; 0 for none, and no second model.
        clip_low, clip_high: How far below and above 1 the ratio of new to old probabilities counts.
        dynamic_sampling, sampling_threshold, max_sampling_rounds, when_short, refill, max_staleness, rest_after,
            log_rollouts: See `SRLConfig`.
        sampling_floor: See `SRLConfig`; `data` takes the floor of similarity that `treadle prepare` has measured. Of
            final answers it drops nothing, as a group without a right one is all wrong.
        validation: What `validate_every` rewards: `steps` (similarity to the expert's), `answers` (final answers of
            whole problems), or by default what the stage trains on. The paper does not give it.
        reward_seconds, max_unscorable, max_format_fault_steps, max_collapsed_steps, max_logp_difference,
            stop_on_logp_difference: Limits of faults, see `SRLConfig`.
    """

    prompts_per_step: int = Field(512, ge=1)
    rollouts: int = Field(8, ge=2)
    temperature: float = Field(1.0, gt=0)
    max_completion_length: int = Field(2048, ge=1)
    updates_per_rollout: int = Field(1, ge=1)
    kl: float = Field(0.0, ge=0)
    clip_low: float = Field(0.2, gt=0)
    clip_high: float = Field(0.2, gt=0)
    dynamic_sampling: bool = True
    sampling_threshold: float = Field(0.01, ge=0)
    sampling_floor: SamplingFloor = None
    max_sampling_rounds: int = Field(4, ge=1)
    when_short: WhenShort = "train"
    refill: Refill = "missing"
    max_staleness: int = Field(1, ge=0)
    rest_after: int | None = Field(None, ge=1)
    log_rollouts: bool = True
    reward_seconds: float | None = Field(600.0, gt=0)
    max_unscorable: float = Field(0.25, ge=0, le=1)
    max_format_fault_steps: int | None = Field(5, ge=1)
    max_collapsed_steps: int | None = Field(10, ge=1)
    max_logp_difference: float = Field(0.2, gt=0)
    stop_on_logp_difference: bool = False
    validation: Literal["steps", "answers"] | None = None
    reward: RewardKey

    @property
    def rewards(self) -> tuple[RewardChoice, ...]:
        """What `reward` names."""
        return read_choices(self.reward)


class SRLStage(RLStage):
    """Supervised Reinforcement Learning: the similarity reward on step instances.

    Args:
        unit: `step` is SRL; `solution` compares the whole solution at once, the paper's one-step ablation.
        reward: What a step earns, one reward or a list of several with weights, by name or `package.module:function`
            (docs/rewards.md): the paper's similarity to the expert's action by default.
        contrasts: Other experts' actions that `margin` and `scaled` hold an action against, `null` for their own
            defaults (8 and 16); 0 is the paper's similarity.
        think_tags, autojunk, argument_order: See `srl_reward`.
    """

    kind: Literal["srl"]
    unit: Literal["step", "solution"] = "step"
    reward: RewardKey = "similarity"
    contrasts: int | None = Field(None, ge=0)
    think_tags: ThinkTags = "strict"
    autojunk: bool = False
    argument_order: ArgumentOrder = "model_first"

    @model_validator(mode="after")
    def _rewards_of_steps(self) -> SRLStage:
        check_of_steps(self.rewards, self.unit == "solution", self.contrasts is not None)
        return self


class RLVRStage(RLStage):
    """Reinforcement learning with the final answer as the reward.

    Args:
        step_share: Share of the prompts that are step instances with SRL's reward instead of whole problems.
            0 is RLVR as the paper has it; above 0 the model keeps the skill of single steps.
        extract: What counts as the final answer, see `treadle.scoring.extraction`: the last box, which the prompt asks
            for; `phrase` and `auto` also know answers without one, for models that write no boxes.
        grader: Who judges final answers: `treadle`, as evaluation does, or `math_verify`, that library alone.
        reward: `answer`, or a list of that and functions of your own (docs/rewards.md).
        prefix: Begin whole problems with the first steps of the expert's solution, see `Prefix`; `None` for none, as in
            the paper.
        sampling_threshold: See `SRLConfig`; 0 drops what is all right or all wrong, as the paper does in RLVR, and
            nothing else.
    """

    kind: Literal["rlvr"]
    prompts_per_step: int = Field(128, ge=1)
    prefix: Prefix | None = None
    step_share: float = Field(0.0, ge=0, lt=1)
    extract: Extraction = "boxed"
    grader: GraderName = "treadle"
    reward: RewardKey = "answer"
    sampling_threshold: float = Field(0.0, ge=0)

    @model_validator(mode="after")
    def _rewards_of_answers(self) -> RLVRStage:
        check_of_answers(self.rewards)
        return self


AnyStage = Annotated[SFTStage | WarmupStage | RLVRStage | SRLStage, Field(discriminator="kind")]


class Recipe(Strict):
    """A whole run.

    Args:
        model: Folder or hub id of the base model, or `miniature`.
        tokenizer: Folder or hub id of another tokenizer than the model's.
        data: Folder that `treadle prepare` wrote.
        thought_tags: The opening and the closing tag of thoughts, in prompts, targets and completions; `None` for
            `<think>` and `</think>`.
        domain: Folder of a domain of one's own that the data is of, relative as `data` is; or the name of one that is
            known, which needs no such line. Another one, or other templates in it, is another run.
        output: Folder of the run; each stage gets a folder of its own in it.
        seed: Of all that is random.
        dtype: Of the computation; `auto` is bfloat16 on a GPU and float32 on a CPU. Weights that are trained are
            kept in float32.
        threads: CPU threads of torch; `None` leaves torch's own choice.
        max_hours: Stop with a checkpoint, as on SIGTERM, before so many hours of the command are over.
        wait_seconds: How long one of several processes waits for the others before it ends with an error. It must be
            longer than the slowest rollout of one takes beyond the fastest's.
        lora: Train an adapter, see `Lora`; `None` trains all weights.
        chat_template_kwargs: Variables of the chat template, such as `enable_thinking: false`, in every rendering;
            `None` for what the model was trained with.
        system_role: Where system messages go, see `treadle.chat.settings.ChatSettings`; `None` for as the model was
            trained, else `auto`.
        date: What a chat template that shows the date shows; `None` for the model's, else the day the run began.
        prompts: What prompts ask for and show, in all stages alike.
        trust_remote_code: Whether Python code that comes with the model or the tokenizer is executed.
        report_to: Trackers of transformers besides `metrics.jsonl` (tensorboard, wandb, trackio).
        stages: What is trained, in order; each begins with the model of the one before.
    """

    model: ModelName
    tokenizer: ModelName | None = None
    data: Place
    domain: ModelName | None = None
    output: Place
    seed: int = Field(0, ge=0, lt=2**32)
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int | None = Field(None, ge=1, le=4096)
    max_hours: float | None = Field(None, gt=0)
    wait_seconds: float = Field(1800, gt=0)
    lora: Lora | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    system_role: SystemRole | None = None
    date: datetime.date | None = None
    trust_remote_code: StrictBool = False
    prompts: Prompts = Prompts()
    report_to: list[str] = Field(default_factory=list)
    thought_tags: Annotated[tuple[str, str], AfterValidator(lambda pair: ThoughtTags(*pair).pair)] | None = None
    stages: list[AnyStage] = Field(min_length=1)

    @model_validator(mode="after")
    def _name_stages(self) -> Recipe:
        named = [s if s.name else s.model_copy(update={"name": s.kind}) for s in self.stages]
        names = [s.name for s in named]
        twice = same_but_for_case(names)
        if twice is not None:
            raise ValueError(f"two stages are called {twice!r}, cases apart; give each its own `name`")
        object.__setattr__(self, "stages", named)
        return self
