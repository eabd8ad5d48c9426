"""`treadle swe tasks`: make software-engineering tasks from packages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from treadle.evaluate.swe.environments import Environment


def tasks(
    packages: Annotated[
        list[str],
        typer.Argument(metavar="PACKAGE==VERSION...", help="Releases to download, or source archives (.tar.gz)."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of tasks; one that was begun is gone on with.")],
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="Tasks to make, over all packages.")] = 30,
    seed: Annotated[int, typer.Option(help="Other seeds make other tasks.")] = 0,
    trajectories: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also write an expert's trajectories (JSONL); of held-out packages to FILE.test.jsonl."
        ),
    ] = None,
    cache: Annotated[Path, typer.Option(help="Folder of environments, kept for later runs.")] = Path(".treadle/swe"),
    python: Annotated[
        Path | None,
        typer.Option(help="A virtual environment with pytest for all packages, instead of one for each."),
    ] = None,
    unsafe_local: Annotated[
        bool, typer.Option("--unsafe-local", help="Run the packages' tests without a sandbox, where there is none.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the tasks of another command.")] = False,
) -> None:
    """Make tasks from packages: one bug each that tests tell, an issue text about it, and the tests that must pass."""
    from treadle.evaluate.swe.environments import environment_for, package_environment
    from treadle.evaluate.swe.instances import read_instances
    from treadle.evaluate.swe.records import SweInstance
    from treadle.evaluate.swe.tasks.make import make_tasks
    from treadle.evaluate.swe.tasks.releases import Release
    from treadle.evaluate.swe.tasks.trajectories import write_trajectories

    own = _given(python) if python else None

    def of_release(release: Release) -> Environment:
        return own or package_environment(
            release.name, release.version, cache, release.archive, release.created or None
        )

    def of_instance(instance: SweInstance) -> Environment:
        return own or environment_for(instance, cache)

    made = make_tasks(
        packages, number, out, of_release, seed=seed, unsafe_local=unsafe_local, overwrite=overwrite
    ).summary
    print("\n".join(_said(made)))
    if trajectories:
        write_trajectories(
            read_instances(out), trajectories, of_instance, unsafe_local=unsafe_local, overwrite=overwrite
        )
    print(f"written to {out}; look whether they hold with `treadle swe validate {out}`")


def _given(python: Path) -> Environment:
    """An environment that the user made: with nothing that a build would add to a checkout."""
    from treadle.evaluate.swe.environments import Environment, check_python

    check_python(python)
    nothing = Path("/nonexistent")
    return Environment(python, (), nothing, nothing)


def _said(summary: dict[str, Any]) -> list[str]:
    """What became of each package, and why there are fewer tasks than were asked for."""
    from treadle.evaluate.swe.tasks.trials import Dropped
    from treadle.evaluate.swe.wording import counted

    lines = []
    for label, one in summary["releases"].items():
        dropped = ", ".join(
            f"{count:,} dropped ({Dropped(reason).explanation})" for reason, count in one["dropped"].items()
        )
        made, tried = counted(one["made"], "task"), counted(one["tried"], "bug")
        lines.append(f"{label}: {made} ({one['split']}) of {tried}" + f"; {dropped}" * bool(dropped))
    lines.append(f"{counted(summary['made'], 'task')} in {summary['seconds']:,.0f} s")
    if summary["made"] < summary["asked"]:
        short = "; ".join(f"{label}: {one['short']}" for label, one in summary["releases"].items() if one["short"])
        lines.append(f"{summary['asked'] - summary['made']:,} fewer than asked for: {short}")
    return lines
