"""The folders of a run: whose they are, what is finished in them, and from where an unfinished stage goes on.

With several processes one looks and decides, and all of them hear the result, or raise what it found wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from treadle.data.prepared import Prepared
from treadle.errors import OutputError, TreadleError
from treadle.files.digests import DAMAGED, Listed, listed, problem_in
from treadle.files.links import refuse_link, remove
from treadle.files.output import owned
from treadle.files.typed import read_object
from treadle.files.whole import remove_folder, write_whole
from treadle.recipe.card.marks import CARD
from treadle.recipe.identity import identity, what_differs
from treadle.recipe.reading import load_recipe, resolved
from treadle.recipe.schema import Recipe
from treadle.training.journal import truncate_after
from treadle.training.metric_lines import log_of
from treadle.training.resume import checkpoints

MODEL_FILES = "model.json"
_ANOTHER = "made by another recipe or with other data"
_OTHER = "choose another `output`, or replace it with --overwrite"
_WEIGHTS = (".safetensors", ".bin", ".pt")
MODEL_ASIDE, ADAPTER_ASIDE = ".model.partial", ".adapter.partial"


def stage_folders(recipe: Recipe) -> list[Path]:
    """One folder a stage, numbered from 1."""
    return [recipe.output / f"{number}-{stage.name}" for number, stage in enumerate(recipe.stages, 1)]


def by_one(call: Callable[[], Any]) -> Any:
    """What `call` returns in the main process; what of treadle's errors it raises there is raised in all."""
    outcome: list[Any] = [None, None]
    if PartialState().is_main_process:
        try:
            outcome[0] = call()
        except TreadleError as error:
            outcome[1] = error
    broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


@contextmanager
def alone_among_all(output: Path) -> Iterator[None]:
    """Hold the lock of the output folder in the main process, for all processes of a run.

    Raises:
        OutputError: Another run holds it; raised in all of them.
    """
    with ExitStack() as stack:
        by_one(lambda: stack.enter_context(owned(output)))
        yield


def recorded_date(recipe: Recipe, chat: Mapping[str, Any]) -> str | None:
    """The day on which this recipe's run began, where it has and its chat template shows the date.

    Args:
        chat: As `Chat.describe` has it on any day.
    """
    digest = Prepared(recipe.data).digest()
    for number, folder in enumerate(stage_folders(recipe)):
        try:
            mark = _mark(folder) if _begun(folder) else None
        except OutputError:  # which `claim` raises, unless the folder is to be replaced
            continue
        chat_then = mark.get("chat") if mark else None
        date = chat_then.get("date") if isinstance(chat_then, dict) else None
        if date and mark == identity(recipe, number, digest, {**chat, "date": date}):
            return date
    return None


def check_claim(recipe: Recipe, overwrite: bool, chat: Mapping[str, Any]) -> None:
    """Raise what `claim` would, and change nothing."""
    _refuse_inputs(recipe)
    _refuse_own_recipe(recipe.output)
    digest = Prepared(recipe.data).digest()
    for number, folder in enumerate(stage_folders(recipe)):
        mine = identity(recipe, number, digest, chat)
        if others := _others(recipe.output, number, folder):
            if not overwrite:
                raise OutputError(f"{others[0]}: {_ANOTHER}, whose stage {number + 1} has another name; {_OTHER}")
        elif _begun(folder) and not _is_of(folder, mine, overwrite):
            if not overwrite:
                raise OutputError(f"{folder}: {_ANOTHER}; {_OTHER}\n{what_differs(_mark(folder), mine)}")
        elif not (folder / "model").is_dir():  # what is finished may lie elsewhere, as nothing is removed there
            refuse_link(folder)


def claim(recipe: Recipe, overwrite: bool, chat: Mapping[str, Any]) -> None:
    """Make sure that what is in the output folder belongs to this recipe.

    Args:
        chat: As `Chat.describe` has it.
        overwrite: Remove what does not, instead of refusing.

    Raises:
        OutputError: A stage's folder is of another recipe or other data, or nobody knows of what; or it is a link,
            and the stage is not finished. Or the output lies in the data or the model, or `recipe.yaml`, which is
            written there, is somebody's own.
    """
    check_claim(recipe, overwrite, chat)
    digest = Prepared(recipe.data).digest()
    folders = stage_folders(recipe)
    for number, folder in enumerate(folders):
        for leftover in recipe.output.glob(f".{number + 1}-*.removed"):
            remove(leftover)
        others = _others(recipe.output, number, folder)
        mine = identity(recipe, number, digest, chat)
        if others or (_begun(folder) and not _is_of(folder, mine, overwrite)):
            for stale in filter(Path.is_dir, (*others, *folders[number:])):
                remove_folder(stale)
        if not (folder / "model").is_dir():
            refuse_link(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "stage.json", json.dumps(mine, indent=2) + "\n")
    write_whole(recipe.output / "recipe.yaml", resolved(recipe))


def _others(output: Path, number: int, folder: Path) -> list[Path]:
    """Folders of another recipe's stage in the place of `folder`."""
    return [other for other in output.glob(f"{number + 1}-*") if other.name != folder.name and _begun(other)]


def _refuse_inputs(recipe: Recipe) -> None:
    """What makes the data or the model anew (`prepare --overwrite`) would delete a run that lies in it."""
    place = recipe.output.resolve()
    for key, source in (("data", recipe.data), ("model", Path(recipe.model))):
        if source.is_dir() and place.is_relative_to(source.resolve()):
            raise OutputError(f"{recipe.output}: lies in the `{key}` {source}; choose an `output` of its own")


def _refuse_own_recipe(output: Path) -> None:
    """Whoever keeps a recipe where its results go would lose its comments to the one with all defaults."""
    file = output / "recipe.yaml"
    if not file.is_file() or any(output.glob("*-*/stage.json")):
        return
    try:
        written_here = resolved(load_recipe(file)) == file.read_text(encoding="utf-8")
    except TreadleError:
        written_here = False
    if not written_here:
        raise OutputError(
            f"{file}: a recipe that no run has written, and the run writes its own to that place; choose another "
            "`output`, such as a folder in this one"
        )


def starting_point(folder: Path) -> str | None:
    """The checkpoint from which a stage that is not finished goes on, `None` for its beginning.

    What a killed process left half written is removed, and what will be written again is cut off `rollouts.jsonl` and
    `metrics.jsonl`.

    Raises:
        OutputError: There are checkpoints, but none that is whole; or a line that stays is damaged.
    """
    _remove_partial(folder)
    checkpoint = checkpoints.last_good(folder)
    done = checkpoints.step_of(checkpoint) if checkpoint else 0
    truncate_after(folder / "rollouts.jsonl", done - 1, key="global_step")
    truncate_after(folder / "metrics.jsonl", done, read=log_of)  # before a model is loaded, and raised in all processes
    return str(checkpoint) if checkpoint else None


def list_model(folder: Path, model: Path, adapter: Path | None) -> None:
    """Write down which files a stage's model has, before it gets its name; but for its card, which may be edited.

    Args:
        folder: Of the stage.
        model, adapter: Where they lie for now.
    """
    files: Listed = {}
    for name, place in (("model", model), ("adapter", adapter)):
        there = [path for path in place.rglob("*") if path.is_file() and path.name != CARD] if place else []
        found = listed(place, there, lambda path: path.suffix not in _WEIGHTS) if place else {}
        files.update({f"{name}/{path}": entry for path, entry in found.items()})
    write_whole(folder / MODEL_FILES, json.dumps(files, indent=1) + "\n")


def check_finished(folder: Path) -> None:
    """Make sure that the model of a finished stage is the one that was saved.

    Weights are compared by size, as reading them all takes minutes for large models; the other files by SHA-256. A
    stage that was finished before these files were listed is taken as it is.

    Raises:
        OutputError: A file is missing, cut or changed.
    """
    path = folder / MODEL_FILES
    if not path.is_file():
        return
    remedy = f"put the file back, or remove the folder to run the stage again: rm -r {folder}"
    files = read_object(path, remedy)
    problem = problem_in(folder, files) if files else DAMAGED  # a model has files
    if problem == DAMAGED:
        raise OutputError(f"{path}: is no list of files as treadle writes it; {remedy}")
    if problem is not None:
        raise OutputError(f"{folder}: its stage was finished, but {problem}; {remedy}")


def tidy(folder: Path) -> None:
    """Remove what a finished stage does not need: its checkpoints, and what a killed process left of them.

    A folder that is a link is left as it is.
    """
    if folder.is_symlink():
        return
    checkpoints.remove_all(folder)
    _remove_partial(folder)


def _begun(folder: Path) -> bool:
    """Whether a stage has left anything worth keeping in its folder."""
    files = (folder / name for name in ("metrics.jsonl", "warmup.json"))
    return (folder / "model").is_dir() or any(file.is_file() for file in files) or any(folder.glob("checkpoint-*"))


def _mark(folder: Path) -> Any:
    """What the folder's stage was run with; `None` where that is not said.

    Raises:
        OutputError: It is said, and cannot be read.
    """
    path = folder / "stage.json"
    return read_object(path, _OTHER) if path.is_file() else None


def _is_of(folder: Path, mine: Mapping[str, Any], overwrite: bool) -> bool:
    try:
        return _mark(folder) == mine
    except OutputError:
        if overwrite:
            return False
        raise


def _remove_partial(folder: Path) -> None:
    checkpoints.clean(folder)
    for name in (MODEL_ASIDE, ADAPTER_ASIDE):
        remove(folder / name)
