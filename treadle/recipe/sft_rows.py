"""The rows of an SFT stage as tokens, within the length that the stage allows."""

from __future__ import annotations

from accelerate import PartialState
from datasets import Dataset

from treadle.chat.chat import Chat
from treadle.chat.rows import Cut, cut_by, tokenised
from treadle.data.prepared import Prepared
from treadle.errors import DataError
from treadle.recipe.arguments import trainer_config
from treadle.recipe.schema import AnyStage, Recipe, SFTStage, WarmupStage
from treadle.recipe.shown import Shown
from treadle.recipe.sizes import derive_sizes
from treadle.recipe.training_data import conversations, count_rows
from treadle.training.sft_trainer import GuardedSFTConfig


def fitting(conversations: Dataset, chat: Chat, config: GuardedSFTConfig, stage: str, which: str = "") -> Dataset:
    """The conversations as tokens, for TRL to cut to `max_length`; says how many that shortens or leaves out.

    Args:
        config: The trainer's.
        stage: Name of the stage, for messages.
        which: What the rows are called in messages, besides rows.

    Raises:
        DataError: No row keeps a token of an assistant's text.
        ModelError: The chat template refuses a prompt.
    """
    rows = tokenised(conversations, chat)
    cut = cut_of(rows, config)
    check_cut(cut, stage, which)
    if cut.cut:
        PartialState().print(f"{stage}: {which}{cut.describe()}")
    return rows


def check_cut(cut: Cut, stage: str, which: str = "") -> None:
    """Raise `DataError` where `max_length` leaves nothing to train a stage on.

    Args:
        stage: Name of the stage.
        which: What the rows are called in messages, besides rows.
    """
    if cut.lost == cut.rows:
        raise DataError(
            f"stages.{stage}: max_length={cut.limit} leaves none of the {cut.rows:,} {which}rows a token of the "
            f"assistant's text; the longest has {cut.longest:,} tokens. Set stages.{stage}.max_length={cut.longest}, "
            "or leave it out"
        )


def cut_of_stage(stage: SFTStage, recipe: Recipe, prepared: Prepared, chat: Chat, shown: Shown) -> Cut:
    """What `max_length` takes from a stage's rows, counted on all of them as training will find them.

    Without `max_length` the rows are not looked at, and `longest` is 0.
    """
    rows = conversations(stage, prepared, shown=shown)
    if stage.max_length is None:
        return Cut(None, len(rows), 0, 0, 0)
    config = trainer_config(stage, recipe, recipe.output, derive_sizes(stage, len(rows)))
    return cut_of(tokenised(rows, chat), config)


def has_answers(stage: AnyStage) -> bool:
    """Whether a stage trains on the expert's texts, which are known before it runs; a warm-up on the model's own."""
    return isinstance(stage, SFTStage) and not isinstance(stage, WarmupStage)


def counted(stage: AnyStage, recipe: Recipe, prepared: Prepared, chat: Chat, shown: Shown) -> tuple[int, str]:
    """How many rows a stage of any kind trains on, and what `max_length` takes from them, for people.

    Raises:
        DataError: `max_length` leaves nothing.
    """
    if not has_answers(stage):
        return count_rows(stage, prepared, shown), ""
    cut = cut_of_stage(stage, recipe, prepared, chat, shown)
    check_cut(cut, stage.name)
    return cut.rows - cut.lost, cut.describe()


def cut_of(rows: Dataset, config: GuardedSFTConfig) -> Cut:
    """What the stage's `max_length` takes from rows of `treadle.chat.rows.tokenised`."""
    splits = config.packing and config.packing_strategy != "bfd"  # into further rows, and nothing is lost
    # A row of which the prompt is trained on, too, is never without anything to learn.
    spared = not config.completion_only_loss or (config.truncation_mode == "keep_end" and not config.packing)
    return cut_by(rows, None if splits else config.max_length, keep_end=spared)
