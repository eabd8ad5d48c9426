"""`treadle push`: send a finished model to the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from treadle.cli.questions import confirmed
from treadle.errors import TreadleError

if TYPE_CHECKING:
    from treadle.hub.finished import Finished
    from treadle.hub.push import Target


def push(
    model: Annotated[Path, typer.Argument(help="Folder of a finished model, such as runs/mine/1-srl/model.")],
    repository: Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME on the hub; made if it is not there.")],
    public: Annotated[bool, typer.Option("--public", help="Everybody may see it; private by default.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Send without asking.")] = False,
) -> None:
    """Send a model's own files to the Hugging Face hub: weights, tokenizer, chat template and card.

    Rollouts, checkpoints, logs and whatever else lies in the folder stay here. The token is that of `hf auth login` or
    HF_TOKEN.
    """
    from treadle.hub.finished import finished
    from treadle.hub.push import Target, check_target
    from treadle.hub.push import push as run_push

    found, target = finished(model), Target(repository, public)
    token = check_target(target, found)
    _show(found, target)
    if not yes and not confirmed(f"send these {len(found.sent)} files?", "look at the list, and add --yes to send it"):
        raise TreadleError("nothing was sent")
    print(f"the model is at {run_push(found, target, token)}")


def _show(model: Finished, target: Target) -> None:
    """What is sent, what stays, and what is doubtful of it."""
    from treadle.recipe.card.base import licence_of
    from treadle.recipe.card.marks import CARD
    from treadle.recipe.learned import NOTHING_LEARNED

    width = max(map(len, model.sent))
    for name, size in model.sent.items():
        print(f"  {name:{width}}  {size:>15,} bytes")
    seen = "public: everybody may see it" if target.public else "private"
    print(f"{len(model.sent)} files, {sum(model.sent.values()):,} bytes, to {target.repository} ({seen})")
    if model.left_out:
        print(f"left out, as they are no files of a model: {', '.join(model.left_out)}")
    if CARD not in model.sent:
        print(f"warning: no {CARD}: nobody will know what this model is")
    elif not licence_of(model.folder):
        print(f"warning: {CARD} names no licence, so nobody may use the model; add `license: ...` to its front matter")
    if (model.folder.parent / NOTHING_LEARNED).is_file():
        print(f"warning: this model has learned nothing, see {model.folder.parent / NOTHING_LEARNED}")
