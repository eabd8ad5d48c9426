"""`treadle export`: a recipe for other engines than treadle's own trainer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from treadle.cli.commands import Commands, add

if TYPE_CHECKING:
    from treadle.export.engine import Engine

Data = Annotated[Path, typer.Argument(help="Folder that `treadle prepare` wrote.")]
RecipeFile = Annotated[Path, typer.Argument(help="Recipe file (YAML), with stages of kind srl and rlvr.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="For instance stages.srl.max_steps=10.")
]
Out = Annotated[Path, typer.Option("-o", "--out", help="Folder for rows, settings and scripts.")]
Nodes = Annotated[int, typer.Option(min=1, help="Machines; NODES=N at the scripts' start changes it.")]
Gpus = Annotated[int, typer.Option(min=1, help="GPUs of each machine; GPUS=N changes it.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export.")]


def verl(
    data: Data,
    recipe: RecipeFile,
    overrides: Overrides = None,
    out: Out = Path("verl"),
    nodes: Nodes = 1,
    gpus: Gpus = 8,
    overwrite: Overwrite = False,
) -> None:
    """Write a recipe's SRL and RLVR stages as a run of verl 0.9 on Ray: rows, reward, dynamic sampling and launch.

    What verl cannot do is refused where it would change the method, and else named in the folder's README.md.
    """
    from treadle.export.verl.engine import VERL

    _export(VERL, data, recipe, overrides, out, nodes, gpus, overwrite)


def skyrl(
    data: Data,
    recipe: RecipeFile,
    overrides: Overrides = None,
    out: Out = Path("skyrl"),
    nodes: Nodes = 1,
    gpus: Gpus = 8,
    overwrite: Overwrite = False,
) -> None:
    """Write a recipe's SRL and RLVR stages as a run of SkyRL 0.3 on Ray: rows, reward, dynamic sampling and launch.

    What SkyRL cannot do is refused where it would change the method, and else named in the folder's README.md.
    """
    from treadle.export.skyrl.engine import SKYRL

    _export(SKYRL, data, recipe, overrides, out, nodes, gpus, overwrite)


def _export(
    engine: Engine,
    data: Path,
    recipe: Path,
    overrides: list[str] | None,
    out: Path,
    nodes: int,
    gpus: int,
    overwrite: bool,
) -> None:
    from datasets.utils.logging import disable_progress_bar

    from treadle.export.run import export as run_export
    from treadle.recipe.reading import load_recipe

    disable_progress_bar()  # of tables that are written on the way, under names of their own
    loaded = load_recipe(recipe, [*(overrides or ()), f"data={json.dumps(str(data))}"])
    for stage in run_export(loaded, engine, out, str(recipe), nodes, gpus, overwrite):
        print(stage.describe())
    print(f"{out}: begin with README.md; the run is `bash {out / 'run.sh'}`")


export = typer.Typer(
    cls=Commands,
    help="Write a recipe for another engine, which trains on more machines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
add(export, verl, "treadle export verl data/mine recipe.yaml -o runs/verl --nodes 2")
add(export, skyrl, "treadle export skyrl data/mine recipe.yaml -o runs/skyrl --nodes 2")
