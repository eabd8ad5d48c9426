"""`treadle swe run`: a model on software-engineering tasks.

Exit codes: 0 if every task has an outcome, 1 if the back end did not answer some (the same command tries them again), 2
for errors that a user can mend, 130 for an interrupted run.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from treadle.cli import backends
from treadle.cli.data import one_of
from treadle.cli.options import option
from treadle.errors import TreadleError

if TYPE_CHECKING:
    from treadle.evaluate.swe.records import SweInstance

Tasks, Repair, Agent, Decoding = "Tasks", "Repair", "Agent", "Decoding"
_MODES, _CHOICES = ("oracle", "end-to-end", "agent", "mini"), ("first", "majority", "tests")


@backends.takes_back_end()
def run(
    model: Annotated[str, typer.Argument(help="Model folder or id; of a server the model's name there.")],
    tasks: Annotated[str, option("Tasks: a folder that `treadle swe tasks` made, a file, or a hub id.", Tasks)],
    out: Annotated[Path, typer.Option("-o", "--out", help="Run folder; one that exists is continued.")],
    mode: Annotated[str, typer.Option(help="oracle, end-to-end, agent or mini (mini-swe-agent).")] = "oracle",
    split: Annotated[str | None, option("Of the tasks: such as train or test.", Tasks)] = None,
    instance: Annotated[list[str] | None, option("Only this task; can be repeated.", Tasks)] = None,
    limit: Annotated[int | None, option("Only the first tasks.", Tasks, min=1)] = None,
    mirrors: Annotated[Path | None, option("Folder of clones, for issues of real repositories.", Tasks)] = None,
    cache: Annotated[Path, option("Folder of environments, kept for later runs.", Tasks)] = Path(".treadle/swe"),
    python: Annotated[
        Path | None, option("A virtual environment for all made tasks, instead of one for each package.", Tasks)
    ] = None,
    unsafe_local: Annotated[
        bool,
        option("Run what the model writes without a sandbox, where there is none.", Tasks, "--unsafe-local"),
    ] = False,
    samples: Annotated[int, option("Repairs of each task; the first is greedy.", Repair, min=1)] = 1,
    choice: Annotated[str, option("Of several: first, majority, or tests (that break the fewest).", Repair)] = (
        "majority"
    ),
    files: Annotated[int, option("end-to-end: files that may be named.", Repair, min=1)] = 3,
    whitespace: Annotated[
        bool, option("Edits may differ from the file in white space; they are counted.", Repair, "--whitespace")
    ] = False,
    max_new_tokens: Annotated[int, option("Of an answer with edits.", Repair, min=1)] = 4096,
    max_prompt_tokens: Annotated[int | None, option("Longer prompts are not asked.", Decoding, min=1)] = None,
    temperature: Annotated[float, option("Of the samples.", Decoding, min=0)] = 0.8,
    top_p: Annotated[float, option("Of the samples.", Decoding, min=0, max=1)] = 0.95,
    seed: Annotated[int, option("Of the samples.", Decoding)] = 0,
    sample_steps: Annotated[
        bool, option("Sample an agent's steps instead of decoding greedily.", Decoding, "--sample-steps")
    ] = False,
    max_steps: Annotated[
        int | None, option("After which an episode ends; by default 40, of mini what its config says.", Agent, min=1)
    ] = None,
    max_step_tokens: Annotated[int, option("Of one step.", Agent, min=1)] = 2048,
    max_tokens: Annotated[int, option("Of all steps of an episode.", Agent, min=1)] = 60_000,
    max_seconds: Annotated[float, option("Of an episode's commands together.", Agent, min=1)] = 1800,
    command_seconds: Annotated[
        float | None, option("Of one command; by default 60, of mini what its config says.", Agent, min=1)
    ] = None,
    mini_config: Annotated[
        list[str] | None,
        option("mini: a YAML file, a config of the package, or key=value, as its -c; can be repeated.", Agent),
    ] = None,
    observation_chars: Annotated[int, option("Of an observation; more is cut off.", Agent, min=200)] = 16_000,
    context: Annotated[int, option("Pairs of action and observation that are shown.", Agent, min=0)] = 2,
    review: Annotated[bool, option("Show the changes after the first submit, and ask for a second.", Agent)] = True,
    together: Annotated[int, option("Tasks played side by side.", backends.PANEL, min=1)] = 16,
    workers: Annotated[int, option("Threads in which commands run.", backends.PANEL, min=1)] = 4,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run with other settings.")] = False,
    *,
    back_end: backends.BackEnd,
) -> None:
    """Run a model on tasks: edits of given files, a repair from issue and tree, or an agent that acts step by step."""
    one_of("--mode", mode, _MODES)
    one_of("--choice", choice, _CHOICES)
    options = back_end.options()
    from treadle.evaluate.swe.environments import check_python
    from treadle.evaluate.swe.figures import as_lines
    from treadle.evaluate.swe.instances import instance_by_id, read_instances
    from treadle.evaluate.swe.mini.settings import read_config
    from treadle.evaluate.swe.run import run as run_tasks
    from treadle.evaluate.swe.sandbox import Limits
    from treadle.evaluate.swe.settings import SweSettings
    from treadle.evaluate.swe.sources import TaskSource
    from treadle.evaluate.swe.worlds import COMMAND, Worlds

    mini = None
    if mode == "mini":
        mini, unused = read_config(mini_config or (), max_steps, command_seconds)
        print(f"of the config treadle does not use: {', '.join(unused) or 'nothing'}")
    elif mini_config:
        raise TreadleError("--mini-config is of --mode mini; leave it out, or give that mode")
    seconds = mini["environment"]["timeout"] if mini else command_seconds or COMMAND.seconds
    settings = SweSettings(
        mode=mode,
        samples=samples,
        choice=choice,
        temperature=temperature,
        top_p=top_p,
        sample_steps=sample_steps,
        max_new_tokens=max_new_tokens,
        max_step_tokens=max_step_tokens,
        max_steps=max_steps or SweSettings.max_steps,
        max_tokens=max_tokens,
        max_seconds=max_seconds,
        command_seconds=seconds,
        observation_chars=observation_chars,
        context=context,
        review=review,
        max_prompt_tokens=max_prompt_tokens,
        files=files,
        whitespace=whitespace,
        seed=seed,
        mini=mini,
    )
    check_python(python)
    found = read_instances(tasks, split)
    if instance:
        found = [instance_by_id(found, name) for name in dict.fromkeys(instance)]
    found, left_out = _validated(tasks, found)
    if not found:
        why = "".join(f"; {name}: {reason}" for name, reason in [*left_out.items()][:1])
        raise TreadleError(
            f"{tasks}: no task is left to run, {len(left_out)} did not validate{why}; mend that, and run treadle swe "
            "validate again"
        )
    for name, reason in left_out.items():
        print(f"left out: {name}: {reason}")
    worlds = Worlds(cache, mirrors, Limits(seconds=seconds), unsafe_local, python)
    summary = run_tasks(
        model,
        found[:limit],
        settings,
        out,
        worlds,
        back_end.kind,
        options,
        left_out,
        overwrite,
        together,
        workers,
        tasks=TaskSource(tasks, split),
    )
    print("\n".join(as_lines(summary)))
    same = ["--split", split] if split else []
    same += [word for name in instance or () for word in ("--instance", name)]
    same += ["--limit", str(limit)] if limit else []
    words = ["treadle", "swe", "grade", str(out), "--tasks", tasks, *same, "-o", "OUT"]
    print(f"written to {out}; grade it with `{shlex.join(words)}`")
    if summary["failed"]:
        raise typer.Exit(1)


def _validated(tasks: str, found: list[SweInstance]) -> tuple[list[SweInstance], dict[str, str]]:
    """The tasks without those that `treadle swe validate` found not to hold, and the reasons for these."""
    from treadle.evaluate.swe.validate import is_of, left_out, read_validations, validation_file

    if not Path(tasks).exists():
        return found, {}
    known = read_validations(validation_file(tasks))
    current = [one.instance_id for one in found if is_of(known.get(one.instance_id), one)]
    reasons = left_out({name: known[name] for name in current})
    return [one for one in found if one.instance_id not in reasons], reasons
