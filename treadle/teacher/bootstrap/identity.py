"""What decides the results of bootstrapping, so that a folder is not continued under other settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from treadle.data.prepared import Prepared
from treadle.domains.digest import code_digest, has_code
from treadle.domains.registry import use
from treadle.evaluate.settings import model_digest
from treadle.evaluate.store import read_json, write_json
from treadle.files.output import check_out, make_empty
from treadle.files.same import other_keys, refuse_others
from treadle.teacher.bootstrap.schema import BootstrapRecipe
from treadle.teacher.bootstrap.sets import Sets

MARKER = "bootstrap.json"
# More rounds can be asked for later; how fast things are computed changes no result.
_FREE = ("rounds", "patience", "batch_size")
_FREE_IN_TRAINING = ("output", "threads", "max_hours", "wait_seconds", "report_to")


def identity_of(recipe: BootstrapRecipe, sets: Sets) -> dict[str, Any]:
    """All that changes results, as flat keys."""
    rounds = {k: v for k, v in recipe.rounds.model_dump(mode="json").items() if k not in _FREE}
    training = {k: v for k, v in recipe.training.model_dump(mode="json").items() if k not in _FREE_IN_TRAINING}
    stages = training.pop("stages")
    data = Prepared(recipe.training.data).digest() if recipe.expert else None
    domain = use(recipe.rounds.domain)
    return {
        **{f"bootstrap.{key}": value for key, value in rounds.items()},
        **{key: value for key, value in training.items() if key != "data"},
        **{f"stages.{stage['name']}.{key}": value for stage in stages for key, value in stage.items()},
        "model content": model_digest(recipe.training.model),
        "content of problems": sets.problems.sha256,
        "content of held_out": sets.held_out.sha256,
        "content of data": data,
        **({"code of the domain": code_digest(domain)} if has_code(domain) else {}),
    }


def claim(out: Path, identity: Mapping[str, Any], overwrite: bool) -> None:
    """Make the folder one of bootstrapping with these settings; the caller holds its lock.

    Raises:
        OutputError: It holds something else, or bootstrapping with other settings, which are named.
    """
    if overwrite:
        check_out(out, overwrite, MARKER)
        make_empty(out, MARKER)
    file = out / MARKER
    if not file.is_file():
        check_out(out, False, MARKER)
    else:
        old = read_json(file, "").get("identity", {})
        now = json.loads(json.dumps(identity))
        remedy = "choose another `output`, or replace it with --overwrite"
        refuse_others(out, other_keys(old, now), old, now, "bootstrapping", remedy)
    write_json(file, {"identity": dict(identity)})
