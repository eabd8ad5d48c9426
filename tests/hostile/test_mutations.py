"""Random changes of files that treadle wrote: what reads them again raises treadle's own errors and no other."""

from __future__ import annotations

import copy
import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.evaluate.run_folders import with_steps, write_run
from treadle.data.prepare import PrepareSettings, prepare
from treadle.data.prepare.merge import merge
from treadle.data.prepare.shards import ShardOf, prepare_shard
from treadle.data.prepared import Prepared
from treadle.errors import TreadleError
from treadle.evaluate.compare.arms import read_arms
from treadle.evaluate.compare.run import compare
from treadle.evaluate.run import regrade
from treadle.report.compare import write_comparison
from treadle.report.evaluation import write_evaluation_report

FEW, MANY = 20, 200
VALUES = (None, True, 0, -1, 1.5, 10**30, 1e308, float("nan"), "", "x", "1", "\ud800", [], [None], {}, {"x": {}}, [[]])


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key and index within a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, within in inner:
        yield (*place, key)
        yield from places(within, (*place, key))


def mutated(value: Any, draw: Callable[..., Any]) -> Any:
    """A copy with one or two places taken out or replaced."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 2))):
        if not (found := list(places(value))):
            return draw(st.sampled_from(VALUES))
        *path, last = draw(st.sampled_from(found))
        holder = value
        for key in path:
            holder = holder[key]
        if draw(st.booleans()):
            del holder[last]
        else:
            holder[last] = draw(st.sampled_from(VALUES))
    return value


def changed(file: Path, draw: Callable[..., Any]) -> str:
    """Change a JSON file, or a line of a file of JSON lines; returns what is there now."""
    lines = file.read_text().splitlines()
    if file.suffix == ".jsonl":
        number = draw(st.integers(0, len(lines) - 1))
        lines[number] = json.dumps(mutated(json.loads(lines[number]), draw))
    else:
        lines = [json.dumps(mutated(json.loads(file.read_text()), draw))]
    file.write_text("\n".join(lines) + "\n")
    return file.read_text()


def examples(count: int) -> Callable[..., Any]:
    """Settings of a search through so many changes, the same ones each time."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=[Phase.generate],  # a change is small as it is, and each trial writes to the disk
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )


def tried(origin: Path, scratch: Path, name: str, draw: Callable[..., Any], use: Callable[[Path], Any]) -> None:
    """Use a copy of a folder in which one file was changed; nothing but treadle's errors may come of it."""
    folder = scratch / "tried"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(origin, folder)
    found = changed(folder / name, draw)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            use(folder)
    except TreadleError:
        pass
    except Exception as error:
        raise AssertionError(f"{name}: {type(error).__name__}: {error}\n{found[:3000]}") from error


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with attempts, next steps, a journal and all figures."""
    folder = tmp_path_factory.mktemp("mutations") / "run"
    right = {("aime24", "whole", "greedy"): [[1], [0]], ("aime24", "whole", "sampled"): [[1, 0], [0, 0]]}
    write_run(folder, right, settings={"modes": ["whole"], "greedy": True, "samples": 2})
    with_steps(folder, [[0.5, 1.0], [0.25]], {"name": "constant", "value": 0.4, "low": 0.3, "high": 0.5})
    info = json.loads((folder / "run.json").read_text())
    info.update(steps=3, backend={"kind": "transformers", "chat": {}}, versions={"treadle": "1"})
    info["settings"] |= {"steps": True, "thought_tags": {"open": "<think>", "close": "</think>", "block": "none"}}
    for benchmark in info["benchmarks"]:
        benchmark |= {"left_out": {"no_answer": 1}, "unread_references": {}}
    (folder / "run.json").write_text(json.dumps(info))
    line = {"benchmark": "aime24", "mode": "whole", "step": 0, "text": "\\boxed{1}", "n_tokens": 4, "thought_tokens": 0}
    with (folder / "generations.jsonl").open("w") as file:
        for problem in ("aime24-1", "aime24-2"):
            for decoding, index in (("greedy", 0), ("sampled", 0), ("sampled", 1)):
                place = {"problem": problem, "decoding": decoding, "index": index, "finish": "stop", "error": None}
                file.write(json.dumps(line | place) + "\n")
    regrade(folder)
    return folder


def show(folder: Path) -> None:
    write_evaluation_report(folder)


def against(folder: Path, origin: Path) -> None:
    write_evaluation_report(folder, origin)


def beside(folder: Path, origin: Path, out: Path) -> None:
    write_comparison(compare(read_arms([folder, origin])), out, paper=False)


RUN = ("run.json", "results.json", "samples.jsonl", "problems.jsonl", "steps.jsonl", "generations.jsonl")


def search_run(run: Path, scratch: Path, count: int) -> None:
    @examples(count)
    @given(data=st.data())
    def search(data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(RUN))
        uses = {
            "view": show,
            "against": lambda folder: against(folder, run),
            "against it": lambda folder: against(shutil.copytree(run, scratch / "own", dirs_exist_ok=True), folder),
            "compare": lambda folder: beside(folder, run, scratch / "compared"),
            "regrade": regrade,
        }
        use = uses[data.draw(st.sampled_from(sorted(uses)))]
        tried(run, scratch, name, data.draw, use)

    search()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A prepared folder and a shard of the same input."""
    here = tmp_path_factory.mktemp("made")
    rows = [
        {
            "id": f"p{n}",
            "domain": "math",
            "problem": f"What is {n} + {n} + 1?",
            "steps": [{"action": f"{n} + {n} = {2 * n}."}, {"action": f"{2 * n} + 1 = {2 * n + 1}."}],
            "meta": {"answer": str(2 * n + 1)},
        }
        for n in range(6)
    ]
    (here / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    prepare(here / "s.jsonl", here / "prepared", PrepareSettings(held_out=1), workers=1)
    prepare_shard(here / "s.jsonl", here / "shard", ShardOf(1, 1), PrepareSettings(held_out=1), workers=1)
    return here


def opened(folder: Path) -> None:
    prepared = Prepared(folder)
    assert prepared.floor is None or isinstance(prepared.floor, int | float)
    for split in ("train", "heldout"):
        list(prepared.instances(split))
    assert prepared.answers_only in (True, False)


def search_data(made: Path, scratch: Path, count: int) -> None:
    def again(folder: Path) -> None:
        prepare(made / "s.jsonl", folder, PrepareSettings(held_out=1), workers=1)

    def merged(folder: Path) -> None:
        shutil.rmtree(scratch / "merged", ignore_errors=True)
        merge([folder], scratch / "merged")

    @examples(count)
    @given(data=st.data())
    def search(data: st.DataObject) -> None:
        folder, name, use = data.draw(
            st.sampled_from(
                [
                    ("prepared", "report.json", opened),
                    ("prepared", "report.json", again),
                    ("shard", "shard.json", merged),
                    ("shard", "parts.jsonl", merged),
                ]
            )
        )
        tried(made / folder, scratch, name, data.draw, use)

    search()


def test_a_few_changes_of_a_run(run, scratch):
    search_run(run, scratch, FEW)


@pytest.mark.slow
def test_many_changes_of_a_run(run, scratch):
    search_run(run, scratch, MANY)


def test_a_few_changes_of_data(made, scratch):
    search_data(made, scratch, FEW)


@pytest.mark.slow
def test_many_changes_of_data(made, scratch):
    search_data(made, scratch, MANY)
