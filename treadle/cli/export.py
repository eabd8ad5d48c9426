"""`treadle export`: a recipe for other engines than treadle's own trainer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from treadle.cli.commands import Commands, add


def verl(
    data: Annotated[Path, typer.Argument(help="Folder that `treadle prepare` wrote.")],
    recipe: Annotated[Path, typer.Argument(help="Recipe file (YAML), with stages of kind srl and rlvr.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="For instance stages.srl.max_steps=10.")
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for rows, settings and scripts.")] = Path("verl"),
    nodes: Annotated[int, typer.Option(min=1, help="Machines; NODES=N at the scripts' start changes it.")] = 1,
    gpus: Annotated[int, typer.Option(min=1, help="GPUs of each machine; GPUS=N changes it.")] = 8,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export.")] = False,
) -> None:
    """Write a recipe's SRL and RLVR stages as a run of verl 0.9 on Ray: rows, reward, dynamic sampling and launch.

    What verl cannot do is refused where it would change the method, and else named in the folder's README.md.
    """
    from datasets.utils.logging import disable_progress_bar

    from treadle.export.verl.run import export as run_export
    from treadle.recipe.reading import load_recipe

    disable_progress_bar()  # of tables that are written on the way, under names of their own
    loaded = load_recipe(recipe, [*(overrides or ()), f"data={json.dumps(str(data))}"])
    for stage in run_export(loaded, out, str(recipe), nodes, gpus, overwrite):
        print(stage.describe())
    print(f"{out}: begin with README.md; the run is `bash {out / 'run.sh'}`")


export = typer.Typer(
    cls=Commands,
    help="Write a recipe for another engine, which trains on more machines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
add(export, verl, "treadle export verl data/mine recipe.yaml -o runs/verl --nodes 2")
