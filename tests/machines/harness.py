"""`accelerate launch` on two machines that lose one another: how each ends, and where the run goes on to.

    python -m tests.machines.harness FOLDER

One run of SRL and RLVR meets all of `FAULTS` one after the other and is started again after each, at last with nothing
in its way; it is compared with a run that met none, and that with one of two processes of one machine. What was found
is printed and written to `FOLDER/machines.json`, what each launch said is in `FOLDER/*.log`; the exit code is 1 if
anything is not as it should be.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.kills.runs import SHARED, differences, write_inputs, write_recipe
from tests.machines.namespaces import CABLE, Machine, two_machines, unavailable
from tests.processes import ROOT

WAIT = 20  # the recipe's `wait_seconds`, and as long the launchers wait for one another
PATIENCE = 600.0  # seconds after which a launch counts as hanging
STEPS = {**SHARED, "micro_batch": 8, "max_steps": 14}
STAGES = [
    {**STEPS, "kind": "srl", "think_tags": "optional"},
    {**STEPS, "kind": "rlvr", "reward": ["answer", "tests.machines.rewards:share_of_digits"]},
]
Pair = tuple[Machine, Machine]


@dataclass(frozen=True)
class Fault:
    """What happens to two machines that train.

    Attributes:
        when: As soon as this is in the run's folder.
        strike: What then happens.
    """

    name: str
    when: str
    strike: Callable[[Pair], None]


FAULTS = (
    Fault("cable of the second pulled, SRL", "1-srl/checkpoint-2", lambda pair: pair[1].pull_cable()),
    Fault(
        "cable pulled as a checkpoint is written", "1-srl/.checkpoint.partial/*-8", lambda pair: pair[0].pull_cable()
    ),
    Fault("cable of the first pulled, RLVR", "2-rlvr/checkpoint-4", lambda pair: pair[0].pull_cable()),
    Fault("second killed", "2-rlvr/checkpoint-8", lambda pair: pair[1].kill_all()),
)


@dataclass
class Launched:
    """One launcher and what it says."""

    process: subprocess.Popen
    log: Path
    code: int | None = None
    seconds: float = field(default=0.0)

    @property
    def said(self) -> str:
        """Treadle's last message."""
        lines = [line for line in self.log.read_text().splitlines() if "treadle: error: " in line]
        return lines[-1] if lines else ""


def launch(recipe: Path, log: Path, machine: Machine | None = None, first: str = "127.0.0.1") -> Launched:
    """`accelerate launch ... train RECIPE` on one of two machines, or with two processes on this one."""
    words = [str(shutil.which("accelerate", path=str(Path(sys.executable).parent))), "launch", "--num_processes", "2"]
    words += ["--main_process_ip", first, "--main_process_port", "29500"]
    if machine is None:
        words += ["--config_file", "recipes/launch/ddp.yaml"]
    else:
        words += ["--config_file", "recipes/launch/ddp_nodes.yaml", "--machine_rank", str(machine.rank)]
        words += ["--num_machines", "2", "--rdzv_conf", f"timeout={WAIT}"]
    words += ["-m", "treadle.cli", "train", str(recipe)]
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    environment |= {"PYTHONPATH": str(ROOT), "GLOO_SOCKET_IFNAME": CABLE if machine else "lo"}
    with log.open("w") as out:
        process = subprocess.Popen(
            machine.command(*words) if machine else words, cwd=ROOT, env=environment, stdout=out, stderr=out
        )
    return Launched(process, log)


def launch_all(recipe: Path, name: str, machines: Sequence[Machine]) -> list[Launched]:
    """The same command on each machine, the first of which is number 0 or not there."""
    return [launch(recipe, recipe.parent / f"{name}.{m.rank}.log", m, "10.0.0.1") for m in machines]


def end(launched: Sequence[Launched], since: float) -> None:
    """Wait until all have ended, and note how and how many seconds after `since`; kill what does not."""
    while (running := [one for one in launched if one.code is None]) and time.monotonic() < since + PATIENCE:
        for one in running:
            one.code = one.process.poll()
            one.seconds = round(time.monotonic() - since, 1)
        time.sleep(0.02)
    for one in launched:
        one.process.kill()
        one.process.wait(30)


def strike(folder: Path, recipe: Path, fault: Fault, pair: Pair) -> list[Launched]:
    """Start a run, let the fault happen to it, and mend the cable after both machines have ended."""
    launched = launch_all(recipe, fault.name.replace(" ", "-").replace(",", ""), pair)
    until = time.monotonic() + PATIENCE
    while not any((folder / recipe.stem).glob(fault.when)):
        if time.monotonic() > until or all(one.process.poll() is not None for one in launched):
            raise SystemExit(f"{fault.when} did not come, see {launched[0].log}")
        time.sleep(0.005)
    fault.strike(pair)
    end(launched, time.monotonic())
    for machine in pair:
        machine.plug_cable()
    return launched


def straight(launched: Sequence[Launched]) -> None:
    """Wait for a run that nothing happens to."""
    end(launched, time.monotonic())
    if [one.code for one in launched] != [0] * len(launched):
        raise SystemExit(f"a run that nothing happens to failed, see {launched[0].log}")


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run everything; `wrong` in what is returned is empty if all is well."""
    (place,) = arguments or sys.argv[1:]
    folder = Path(place).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    inputs = multiprocessing.get_context("fork").Process(target=write_inputs, args=(folder,))
    inputs.start()
    inputs.join()
    ended: dict[str, list[Launched]] = {}
    one, two, cut = (write_recipe(folder, name, STAGES, wait_seconds=WAIT) for name in ("one", "two", "cut"))
    straight([launch(one, folder / "one.log")])
    with two_machines() as pair:
        straight(launch_all(two, "two", pair))
        for fault in FAULTS:
            ended[fault.name] = strike(folder, cut, fault, pair)
            _show(fault.name, ended[fault.name])
        for machine in pair:
            name = f"only machine {machine.rank} started again"
            ended[name] = launch_all(cut, name.replace(" ", "-"), [machine])
            end(ended[name], time.monotonic())
            _show(name, ended[name])
        straight(launch_all(cut, "end", pair))
    found: dict[str, Any] = {"wait_seconds": WAIT}
    found["ended"] = {name: [[o.code, o.seconds, o.said] for o in some] for name, some in ended.items()}
    wrong = [f"two machines, one machine: {what}" for what in differences(folder / "two", folder / "one")["differing"]]
    wrong += [f"cut, not cut: {what}" for what in differences(folder / "cut", folder / "two")["differing"]]
    for fault in FAULTS:
        wrong += [f"{fault.name}: {one.log}" for one in ended[fault.name] if not _ended_well(one)]
    wrong += [f"{name}: {o.log}" for name, some in ended.items() for o in some if o.code in (None, 0)]
    found["wrong"] = wrong
    (folder / "machines.json").write_text(json.dumps(found, indent=1) + "\n")
    return found


def _ended_well(one: Launched) -> bool:
    """Whether a machine said what was lost and how to go on, in its own words; or was killed."""
    told = "lost another" in one.said and "Start the same command" in one.said and "gloo/" not in one.log.read_text()
    return one.code == -9 or (one.code == 1 and told)


def _show(name: str, launched: Sequence[Launched]) -> None:
    for one in launched:
        print(f"{name}: code {one.code} after {one.seconds} s. {one.said}", flush=True)


if __name__ == "__main__":
    if (reason := unavailable()) is not None:
        raise SystemExit(f"tests.machines: {reason}")
    result = main()
    print(json.dumps(result, indent=1))
    sys.exit(bool(result["wrong"]))
