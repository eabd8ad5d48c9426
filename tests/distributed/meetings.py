"""Two processes of a launch meet, and then one is lost, as `treadle.recipe.together` sees it; without a model.

    python -m tests.distributed.meetings FOLDER

Processes are forked from this one. `CASE.said` is what the first one raised, `CASE.json` how both ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from accelerate import PartialState

from tests.distributed.ranks import fork_ranks
from treadle.errors import LostProcess
from treadle.recipe.schema import Recipe
from treadle.recipe.together import together

WAIT = 1.5  # the recipe's `wait_seconds`


def hang(until: Path) -> None:
    while not until.exists():
        time.sleep(0.01)
    os._exit(0)


def fail(until: Path) -> None:
    raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


FAULTS = {"killed": lambda until: os.kill(os.getpid(), signal.SIGKILL), "hangs": hang, "fails": fail}
"""What the second process does after they have met; in the case `absent` it does not come."""


def work(case: str, folder: Path) -> None:
    second, said = os.environ["RANK"] == "1", folder / f"{case}.said"
    if second and case == "absent":
        return
    stages = [{"kind": "srl"}, {"kind": "rlvr"}]
    recipe = Recipe(model="m", data=folder / "data", output=folder / "run", wait_seconds=WAIT, stages=stages)
    try:
        with together(recipe):
            if second or case == "fails":
                FAULTS[case](said)
            PartialState().wait_for_everyone()
    except (LostProcess, RuntimeError) as error:
        if not second:
            said.with_suffix(".part").write_text(f"{type(error).__name__}: {error}")
            said.with_suffix(".part").rename(said)
        os._exit(2)


def main() -> None:
    folder = Path(sys.argv[1])
    (folder / "run" / "1-srl" / "model").mkdir(parents=True)
    for step in (4, 10):
        (folder / "run" / "2-rlvr" / f"checkpoint-{step}").mkdir(parents=True)
    for case in ("absent", *FAULTS):
        (folder / f"{case}.json").write_text(json.dumps(fork_ranks(2, work, case, folder, seconds=60)))


if __name__ == "__main__":
    main()
