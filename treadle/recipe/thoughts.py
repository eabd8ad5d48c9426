"""What cannot be had of thoughts in a stage, and how its completions are unlike the paper's format, for people."""

from __future__ import annotations

from treadle.chat.chat import Chat
from treadle.errors import RecipeError
from treadle.recipe.parts import Prefix
from treadle.recipe.schema import AnyStage, RLVRStage, SFTStage
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
