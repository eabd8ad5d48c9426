"""What cannot be had of thoughts in a stage, and how its completions are unlike the paper's format, for people."""

from __future__ import annotations

from collections.abc import Sequence

from treadle.chat.chat import Chat
from treadle.errors import RecipeError
from treadle.recipe.parts import Prefix
from treadle.recipe.schema import AnyStage, RLVRStage, SFTStage, SRLStage, WarmupStage
from treadle.repository import in_repository
from treadle.scoring.thoughts import PLAIN, Block, ThoughtTags


def check_thoughts(stage: AnyStage, tags: ThoughtTags) -> None:
    """Raise `RecipeError` for a stage that trains on thoughts, or gives them, where prompts leave no place for them."""
    where, giver = f"stages.{stage.name}", stage
    if isinstance(stage, RLVRStage):
        where, giver = f"{where}.prefix", stage.prefix
    if isinstance(giver, SFTStage | Prefix) and giver.target == "traces" and not tags.can_think:
        raise RecipeError(
            f"{where}: target: traces, but the chat template ends prompts with an empty, closed "
            f"{tags.open} {tags.close}, so no thought can follow; set target: actions, or leave thinking on in "
            "chat_template_kwargs"
        )


def describe_thoughts(chat: Chat, asked: bool = True) -> str:
    """What is unlike the paper's format; empty for the paper's.

    Args:
        asked: Whether prompts ask for thoughts.
    """
    tags = chat.thought_tags
    said = [] if tags.pair == PLAIN.pair else [f"thoughts stand between {tags.open} and {tags.close}"]
    if tags.block is Block.OPENED:
        said.append(f"the chat template opens the thought: completions begin within it, without {tags.open}")
    if tags.block is Block.CLOSED:
        but = ", though prompts ask for them (prompts.think=false does not)" if asked else ""
        said.append(
            f"the chat template closes the thought in the prompt: completions are actions without thoughts{but}"
        )
    if chat.decode.kept:
        said.append("the thought tags are special tokens, which treadle keeps in texts and other engines leave out")
    return "; ".join(said)


def untaught(stage: AnyStage, stages: Sequence[AnyStage], tags: ThoughtTags) -> str:
    """What to try first where an SRL stage rewards thoughts that no stage before has taught; empty elsewhere.

    Args:
        stages: The recipe's.
    """
    if not isinstance(stage, SRLStage) or stage.unit != "step" or stage.think_tags == "optional":
        return ""
    if all(choice.reward.is_own for choice in stage.rewards):  # which may read completions in its own way
        return ""
    names = [each.name for each in stages]
    if tags.block is not Block.NONE or any(map(_teaches, stages[: names.index(stage.name)])):
        return ""
    return (
        f"a completion without {tags.open} {tags.close} earns -1, and no stage teaches them before: `treadle check` "
        f"with --sample 192 says whether the model writes them, {in_repository('docs/cold-start.md')} what to do where "
        "it does not"
    )


def _teaches(stage: AnyStage) -> bool:
    return isinstance(stage, SRLStage | WarmupStage) or (isinstance(stage, SFTStage) and stage.target == "traces")
