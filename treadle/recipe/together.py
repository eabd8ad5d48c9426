"""The processes of a launch: how they meet, and how a run ends when one of them is lost.

A process that is killed closes its connections, and the others notice at once. One that hangs, or whose machine can no
longer be reached, is noticed when a wait for it has lasted `wait_seconds`. Nobody can tell these apart from outside.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed
from accelerate import PartialState
from accelerate.utils import gather_object

from treadle.errors import LostProcess
from treadle.legible import shortened
from treadle.recipe.folders import stage_folders
from treadle.recipe.machine import devices
from treadle.recipe.schema import Recipe
from treadle.training.resume.checkpoints import checkpoints_in

_GLOO = re.compile(r"\[\S*gloo/\S+\] ")
"""Where in gloo's sources an error was raised, in front of what it says."""
_ADVICE = ". This is typically caused by"
"""Begins what torch adds to it."""


@contextmanager
def together(recipe: Recipe) -> Iterator[None]:
    """Meet the other processes of this launch, and end with what is known when one of them no longer answers.

    Nothing where there is one process; those that have met do not meet again.

    Raises:
        LostProcess: Some did not come within `wait_seconds`, or a later wait for one was in vain. In place of the
            error of the library that waited.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield
        return
    hosts: list[str] = []
    try:
        _meet(recipe)
        hosts = gather_object([socket.gethostname()])
        yield
    except RuntimeError as error:
        if not _is_of_waiting(error):
            raise
        raise (_lost(recipe, hosts, error) if hosts else _never_met(recipe, error)) from error


def _meet(recipe: Recipe) -> None:
    """Left to transformers, processes meet as soon as a stage is configured, and wait half an hour on CPUs."""
    if torch.distributed.is_initialized():
        return
    chosen = {**devices(), **recipe.stages[0].trl}
    on_cpu = chosen["use_cpu"] or os.environ.get("ACCELERATE_USE_CPU", "").lower() == "true"
    PartialState(cpu=on_cpu, backend=chosen.get("ddp_backend"), timeout=timedelta(seconds=recipe.wait_seconds))


def _never_met(recipe: Recipe, error: RuntimeError) -> LostProcess:
    place = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
    return LostProcess(
        f"{_this()} on {socket.gethostname()} did not meet the others at {place} within {recipe.wait_seconds:g} s "
        f"(wait_seconds): {_said(error)}. Start the same command on every machine, each with its own --machine_rank, "
        "and see that they reach one another at that address"
    )


def _lost(recipe: Recipe, hosts: Sequence[str], error: RuntimeError) -> LostProcess:
    own = torch.distributed.get_rank()
    others = ", ".join(f"{rank} on {host}" for rank, host in enumerate(hosts) if rank != own)
    return LostProcess(
        f"{_this()} on {hosts[own]} lost another ({shortened(others, 200)}): {_said(error)}. It has ended, hangs, or "
        f"cannot be reached; a wait ends after {recipe.wait_seconds:g} s (wait_seconds). {_last_checkpoint(recipe)}. "
        "Start the same command again on every machine"
    )


def _is_of_waiting(error: RuntimeError) -> bool:
    """Whether an error is of an exchange between processes; gloo's have no class of their own."""
    return isinstance(error, torch.distributed.DistError) or _GLOO.search(str(error)) is not None


def _said(error: RuntimeError) -> str:
    """The library's own words, without its place and its advice."""
    words = _GLOO.sub("", str(error)).partition(_ADVICE)[0]
    return shortened(words.splitlines()[0].rstrip(". "), 200)


def _this() -> str:
    return f"process {os.environ['RANK']} of {os.environ['WORLD_SIZE']}"


def _last_checkpoint(recipe: Recipe) -> str:
    for folder in reversed(stage_folders(recipe)):
        if found := checkpoints_in(folder):
            return f"The last checkpoint is {found[0]}"
        if (folder / "model").is_dir():
            return f"The last finished stage is {folder}"
    return "There is no checkpoint yet"
