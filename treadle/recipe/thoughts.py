"""Where thoughts begin and end in a stage's prompts, targets and completions, and what cannot be had there."""

from __future__ import annotations

from transformers import PreTrainedTokenizerBase

from treadle.chat.thoughts import Decoder, thought_tags
from treadle.errors import RecipeError
from treadle.recipe.schema import AnyStage, Recipe, SFTStage
from treadle.scoring.thoughts import PLAIN, Block, ThoughtTags


def stage_tags(stage: AnyStage, recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> ThoughtTags:
    """The thought tags of a stage: the recipe's, and what the chat template does with them in its prompts.

    Raises:
        RecipeError: The template opens thoughts with other tags, or closes them where they are to be trained.
        ModelError: The template cannot render a prompt.
    """
    try:
        tags = thought_tags(tokenizer, recipe.thought_tags, stage.trl.get("chat_template_kwargs"))
    except RecipeError as error:
        raise RecipeError(f"stages.{stage.name}: {error}") from None
    if isinstance(stage, SFTStage) and stage.target == "traces" and not tags.can_think:
        raise RecipeError(
            f"stages.{stage.name}: target: traces, but the chat template ends prompts with an empty, closed "
            f"{tags.open} {tags.close}, so no thought can follow; set target: actions, or a template that lets think"
        )
    return tags


def describe_thoughts(tags: ThoughtTags, tokenizer: PreTrainedTokenizerBase) -> str:
    """What is unlike the paper's format, for people; empty for the paper's."""
    said = [] if tags.pair == PLAIN.pair else [f"thoughts stand between {tags.open} and {tags.close}"]
    if tags.block is Block.OPENED:
        said.append(f"the chat template opens the thought: completions begin within it, without {tags.open}")
    if tags.block is Block.CLOSED:
        said.append("the chat template closes the thought in the prompt: completions are actions, without thoughts")
    if Decoder(tokenizer, tags).kept:
        said.append("the thought tags are special tokens, which treadle keeps in texts and other engines leave out")
    return "; ".join(said)
