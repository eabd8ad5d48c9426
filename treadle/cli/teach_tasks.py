"""Software-engineering tasks in place of problems, for `treadle teach solve` and `select`.

Which of the two a file holds is told by its rows. Options that mean nothing for what it holds are refused by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.cli.options import option, taking
from treadle.errors import TreadleError

if TYPE_CHECKING:
    from treadle.teacher.tasks.attempts import Playing

PANEL = "Software tasks"
OF_PROBLEMS = "and this is an option of problems of mathematics; leave it out"
ONE_STEP = "whose answers are single steps; give --max-step-tokens"


def _flags(
    mirrors: Annotated[Path | None, option("Folder of clones, for issues of real repositories.", PANEL)] = None,
    cache: Annotated[Path, option("Folder of environments, kept for later runs.", PANEL)] = Path(".treadle/swe"),
    python: Annotated[
        Path | None, option("A virtual environment for all made tasks, instead of one for each package.", PANEL)
    ] = None,
    unsafe_local: Annotated[
        bool, option("Run what the model writes without a sandbox, where there is none.", PANEL, "--unsafe-local")
    ] = False,
    validate: Annotated[
        bool, option("Check tasks first that have not been.", PANEL, "--validate/--no-validate")
    ] = True,
    max_tokens: Annotated[int, option("Of all steps of an episode.", PANEL, min=1)] = 60_000,
    max_seconds: Annotated[float, option("Of an episode's commands together.", PANEL, min=1)] = 1800,
    command_seconds: Annotated[float, option("Of one command.", PANEL, min=1)] = 60,
    observation_chars: Annotated[int, option("Of an observation; more is cut off.", PANEL, min=200)] = 16_000,
    context: Annotated[int, option("Pairs of action and observation that are shown.", PANEL, min=0)] = 2,
    review: Annotated[bool, option("Show the changes after the first submit, and ask for a second.", PANEL)] = True,
    seconds: Annotated[float, option("Of one run of a task's tests.", PANEL, min=1)] = 300,
    memory_mb: Annotated[int, option("Megabytes of memory of one run of tests.", PANEL, min=64)] = 4096,
    together: Annotated[int, option("Episodes played side by side.", PANEL, min=1)] = 16,
    workers: Annotated[int, option("Threads in which commands and tests run.", PANEL, min=1)] = 4,
) -> None:
    """The options, as a signature from which commands have theirs."""


@dataclass(frozen=True)
class TaskOptions:
    """What a command was told of tasks; `given` has the values of the options, by parameter."""

    given: Mapping[str, Any]

    def playing(self, parameters: Mapping[str, Any]) -> Playing:
        """Who plays and where, by these options and the other parameters of the command.

        Raises:
            TreadleError: A value is wrong, or values cannot work together.
        """
        from treadle.evaluate.swe.environments import check_python
        from treadle.evaluate.swe.running import TEST_LIMITS, Means
        from treadle.evaluate.swe.sandbox import Limits
        from treadle.evaluate.swe.settings import SweSettings
        from treadle.evaluate.swe.worlds import Worlds
        from treadle.teacher.tasks.attempts import Playing

        given, temperature = self.given, parameters["temperature"]
        if parameters["samples"] > 1 and not temperature:
            raise TreadleError(
                f"{parameters['samples']} samples with --temperature 0: all samples of a task would be equal; set "
                "--temperature 1"
            )
        check_python(given["python"])
        of_episodes = ("max_tokens", "max_seconds", "command_seconds", "observation_chars", "context", "review")
        settings = SweSettings(
            mode="agent",
            temperature=temperature,
            top_p=parameters["top_p"],
            sample_steps=temperature > 0,
            max_steps=parameters["max_steps"] or SweSettings.max_steps,
            max_step_tokens=parameters["max_step_tokens"] or SweSettings.max_step_tokens,
            seed=parameters["seed"],
            **{name: given[name] for name in of_episodes},
        )
        places = given["cache"], given["mirrors"]
        limits = replace(TEST_LIMITS, seconds=given["seconds"], memory_mb=given["memory_mb"])
        back_end = parameters["back_end"]
        return Playing(
            parameters["model"],
            settings,
            Worlds(*places, Limits(seconds=given["command_seconds"]), given["unsafe_local"], given["python"]),
            Means(*places, limits, given["unsafe_local"], given["python"]),
            back_end.kind,
            back_end.options(),
            given["together"],
            given["workers"],
            given["validate"],
        )


def takes_tasks(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the options of tasks, which it is given as `task_options`, a keyword parameter."""
    return taking("task_options", _flags, TaskOptions)(command)


def refuse(called: typer.Context, source: str, holds: str, names: Mapping[str, str]) -> None:
    """Raise `TreadleError` for the first option that was given and means nothing for what is given.

    Args:
        called: The command's call.
        source, holds: What is given, and what that is.
        names: Parameters that mean nothing, and what is to be said instead or of them.
    """
    for parameter in called.command.params:
        found = called.get_parameter_source(parameter.name)
        if parameter.name in names and found is not None and found.name == "COMMANDLINE":
            flag = max(parameter.opts, key=len)
            raise TreadleError(f"{flag}: {source} holds {holds}, {names[parameter.name]}")


def refuse_task_options(called: typer.Context, source: str, *more: str) -> None:
    """Raise `TreadleError` for an option of tasks where problems are given; `more` are the command's own of tasks."""
    said = "and this is an option of software-engineering tasks; leave it out"
    names = (*inspect.signature(_flags).parameters, *more)
    refuse(called, source, "problems", dict.fromkeys(names, said))


def solve_tasks(called: typer.Context, parameters: Mapping[str, Any], without: Mapping[str, str]) -> None:
    """`treadle teach solve` where tasks are given.

    Args:
        parameters: The command's.
        without: Those that mean nothing for tasks, see `refuse`.
    """
    from treadle.cli.teaching import known_of
    from treadle.data.curate.duplicates import check_threshold
    from treadle.teacher.assignments import first
    from treadle.teacher.outcomes import missing
    from treadle.teacher.report import as_text
    from treadle.teacher.tasks.run import solve_tasks as run_tasks

    refuse(called, parameters["problems"], "software-engineering tasks", without)
    drop = parameters["duplicates"] == "drop"
    if drop:
        check_threshold(parameters["near_threshold"])
    playing = parameters["task_options"].playing(parameters)
    given = _given(called, parameters, playing)
    threshold = parameters["near_threshold"] if drop else None
    out, known = parameters["out"], known_of(parameters["known"])
    samples, overwrite = parameters["samples"], parameters["overwrite"]
    report = run_tasks(first(given, parameters["limit"]), samples, playing, out, threshold, known, overwrite)
    print(as_text(report))
    print(f"written to {out}; go on with `treadle prepare {out} -o DATA`")
    if missing(report):
        raise typer.Exit(1)


def select_tasks(called: typer.Context, parameters: Mapping[str, Any], without: Mapping[str, str]) -> None:
    """`treadle teach select` where tasks are given; the parameters are those of `solve_tasks`."""
    from treadle.teacher.assignments import first
    from treadle.teacher.select import as_markdown
    from treadle.teacher.tasks.select import select_tasks as run_tasks

    refuse(called, parameters["problems"], "software-engineering tasks", without)
    playing = parameters["task_options"].playing(parameters)
    given = first(_given(called, parameters, playing), parameters["limit"])
    out, band, overwrite = parameters["out"], parameters["band"], parameters["overwrite"]
    report = run_tasks(given, parameters["samples"], band, playing, out, _split(called, parameters), overwrite)
    print(as_markdown(report), end="")
    print(f"written to {out}; the band is {out / 'band.jsonl'}")
    if report["incomplete"]:
        raise typer.Exit(1)


def _given(called: typer.Context, parameters: Mapping[str, Any], playing: Playing) -> Any:
    from treadle.teacher.tasks.given import tasks_to_solve

    source = parameters["problems"]
    given = tasks_to_solve(source, _split(called, parameters), playing.worlds.mirrors)
    print(f"{source}: software-engineering tasks, {len(given.items):,} of {given.read:,} given")
    return given


def _split(called: typer.Context, parameters: Mapping[str, Any]) -> str | None:
    """The split where one was named: of tasks the default is all but those for testing."""
    found = called.get_parameter_source("split")
    return parameters["split"] if found is not None and found.name == "COMMANDLINE" else None
