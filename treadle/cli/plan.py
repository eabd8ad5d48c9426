"""The command that says beforehand what a recipe needs: `treadle plan`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from treadle.cli.options import Domain
from treadle.cli.trust import TRUST, trusting


def plan(
    recipe: Annotated[Path, typer.Argument(help="Recipe file (YAML).")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="For instance stages.srl.micro_batch=2.")
    ] = None,
    domain: Domain = None,
    gpus: Annotated[int, typer.Option(help="Devices that train.")] = 1,
    gpu_memory: Annotated[float | None, typer.Option(help="GiB of one device.")] = None,
    tflops: Annotated[float | None, typer.Option(help="Peak of one device in the recipe's dtype, TFLOP/s.")] = None,
    bandwidth: Annotated[float | None, typer.Option(help="Memory bandwidth of one device, GB/s.")] = None,
    utilisation: Annotated[float, typer.Option(help="Share of the peak that is reached.")] = 0.4,
    tokens_per_second: Annotated[
        float | None, typer.Option(help="Measured rate of the rollout, all devices together.")
    ] = None,
    sharding: Annotated[str, typer.Option(help="none, fsdp or zero3.")] = "none",
    device: Annotated[str | None, typer.Option(help="cuda (default) or cpu: what `dtype: auto` stands for.")] = None,
    prompt_tokens: Annotated[
        int | None, typer.Option(help="Tokens of every prompt, where data or tokenizer are not at hand.")
    ] = None,
    completion_tokens: Annotated[
        int | None, typer.Option(help="Mean tokens of a completion, for the time; the recipe's maximum by default.")
    ] = None,
    trust_remote_code: Annotated[bool, typer.Option("--trust-remote-code", help=TRUST)] = False,
) -> None:
    """Estimate memory and time of a recipe from its settings and its model's config, before anything is run.

    Exits with code 1 where a stage does not fit into --gpu-memory.
    """
    from treadle.check import check_plan, stop_or_warn
    from treadle.plan import Hardware, as_text, estimate
    from treadle.plan.hardware import this_machine
    from treadle.recipe.reading import load_recipe

    hardware = Hardware(
        gpus=gpus,
        memory=gpu_memory,
        tflops=tflops,
        bandwidth=bandwidth,
        utilisation=utilisation,
        tokens_per_second=tokens_per_second,
        sharding=sharding,
        device=device or "cuda",
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
    )
    changes = [] if domain is None else [f"domain={json.dumps(domain)}"]
    loaded = load_recipe(recipe, [*(overrides or ()), *changes, *trusting(trust_remote_code)])
    stop_or_warn(check_plan(loaded, rows=prompt_tokens is None), ("prefix_tree",))
    if device is None and gpu_memory is None and (here := this_machine()).device != hardware.device:
        print(
            f"treadle: planned for a GPU, which this machine has not; for this machine add{here.flags}", file=sys.stderr
        )
    plans = estimate(loaded, hardware)
    print(as_text(plans, loaded, hardware))
    if any(found.fits is False for found in plans):
        raise typer.Exit(1)
