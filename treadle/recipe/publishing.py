"""The model of a finished stage, saved so that it appears whole: its folder's name is given last.

A LoRA adapter is saved both alone and merged. How the model is spoken to lies beside it, and its card.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peft import PeftModel
from transformers.trainer import TRAINING_ARGS_NAME

from treadle.chat.chat import Chat
from treadle.chat.settings import read_file, write_file
from treadle.data.prompts.asking import Asking
from treadle.files.links import remove
from treadle.files.whole import WRITE_ERRORS, cannot_write, is_write_error, sync_folder, sync_tree, write_whole
from treadle.recipe.card.marks import CARD
from treadle.recipe.folders import ADAPTER_ASIDE, MODEL_ASIDE, list_model, tidy
from treadle.recipe.model_names import resolve
from treadle.recipe.models import load_model


def save(
    trainer: Any,
    base: str,
    chat: Chat,
    asking: Asking,
    target: Path,
    best: dict[str, Any] | None,
    card: Callable[[bool], str],
) -> None:
    """Save the final model so that it appears whole, a LoRA adapter both alone and merged; drop the checkpoints.

    Args:
        base: The model that the stage began with.
        chat: How it was spoken to, which is saved beside the model.
        asking: What it was asked for, saved in the same file.
        best: Which weights these are, where the stage was validated.
        card: Its card; that of the adapter alone where it is given `True`.
    """
    scratch, adapter = target.with_name(MODEL_ASIDE), target.with_name(ADAPTER_ASIDE)
    network = trainer.accelerator.unwrap_model(trainer.model)
    main = trainer.is_world_process_zero()
    try:
        if isinstance(network, PeftModel) and trainer.is_fsdp_enabled:
            trainer.save_model(str(adapter))  # gathers what each process has a part of
            if main:
                dtype = str(next(network.parameters()).dtype).removeprefix("torch.")
                whole = load_model(base, dtype, trainer.args.trust_remote_code)
                chat.end_turns_of(whole)
                PeftModel.from_pretrained(whole, adapter).merge_and_unload().save_pretrained(scratch)
        elif isinstance(network, PeftModel):
            if main:
                network.save_pretrained(adapter)
                network.merge_and_unload().save_pretrained(scratch)
        else:
            trainer.save_model(str(scratch))
        if main:
            for folder in (scratch, adapter):  # pickled, and of this machine: nothing to publish
                remove(folder / TRAINING_ARGS_NAME)
            trainer.processing_class.save_pretrained(scratch)
            write_file(scratch, {**read_file(resolve(base)), **chat.record(), "prompts": asking.record()})
            for folder in filter(Path.is_dir, (scratch, adapter)):  # in an adapter's lies one of peft's, with gaps
                write_whole(folder / CARD, card(folder == adapter))
            _publish(scratch, adapter, target, best)
    except WRITE_ERRORS as error:
        if not is_write_error(error):
            raise
        for folder in (scratch, adapter):
            remove(folder)
        raise cannot_write(target, error, "The checkpoints of the stage are intact") from error
    trainer.accelerator.wait_for_everyone()


def _publish(scratch: Path, adapter: Path, target: Path, best: dict[str, Any] | None) -> None:
    """Give the model its name, which marks the stage as finished, as the last of all."""
    if best is not None:
        write_whole(target.with_name("best.json"), json.dumps(best, indent=1) + "\n")
    listed_adapter = None
    if adapter.is_dir():
        listed_adapter = target.with_name("adapter")
        sync_tree(adapter)
        remove(listed_adapter)
        adapter.rename(listed_adapter)
    sync_tree(scratch)
    list_model(target.parent, scratch, listed_adapter)
    scratch.rename(target)
    sync_folder(target.parent)
    tidy(target.parent)
