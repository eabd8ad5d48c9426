"""Experts of made tasks: what they do is real, is read as agents' data, and mends the bug."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from treadle.data.sources import read_trajectories
from treadle.errors import DataError, OutputError
from treadle.evaluate.swe.agent.prompts import Call, parse_call, system_text, task_text
from treadle.evaluate.swe.instances import read_instances
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.tasks.trajectories import held_out_file, write_trajectories


@pytest.fixture(scope="module")
def instances(tasks) -> list[SweInstance]:
    """One of each package, and so of each split."""
    return list({each.repo: each for each in read_instances(tasks.folder)}.values())


@pytest.fixture(scope="module")
def file(instances, environment, unsafe_local, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("experts") / "experts.jsonl"
    said = []
    written = write_trajectories(instances, file, lambda _: environment, unsafe_local=unsafe_local, said=said.append)
    assert (written.count, written.left_out) == (2, {})
    assert said == [f"1 trajectory in {file}", f"1 trajectory in {held_out_file(file)}"]
    return file


def test_they_are_read_as_agents_data(instances, file):
    by_id = {each.instance_id: each for each in instances}
    for place, split in ((file, "train"), (held_out_file(file), "test")):
        [found] = read_trajectories(place)
        instance = by_id[found.id.rpartition(".")[0]]
        assert instance.meta["split"] == split
        assert found.problem == task_text(instance.problem_statement)
        assert found.system == system_text()
        assert (found.domain, found.verified) == ("agent", True)
        assert found.repo == f"{instance.repo}/{instance.repo}"
        calls = [parse_call(step.action) for step in found.steps]
        assert all(isinstance(call, Call) for call in calls)
        assert 4 <= len(calls) <= 10
        assert [call.name for call in calls[-2:]] == ["submit", "submit"]
        assert [call.arguments.get("command") for call in calls].count("str_replace") == 1
        assert all(step.thought for step in found.steps)


def test_what_they_see_is_what_happened(instances, file):
    by_id = {each.instance_id: each for each in instances}
    for place in (file, held_out_file(file)):
        [found] = read_trajectories(place)
        instance = by_id[found.id.rpartition(".")[0]]
        edit, review, last = (
            step.observation for step in found.steps if "str_replace</" in step.action or "submit" in step.action
        )
        assert f"The file /testbed/{instance.meta['file']} has been edited" in edit
        assert instance.patch.split("@@")[2].rstrip("\n") in review
        assert last is None
        runs = [step.observation for step in found.steps if "pytest" in step.action]
        assert all(" passed in " in run or " failed" in run for run in runs)


def test_again_nothing_is_done_twice(instances, file):
    before = file.read_bytes()
    write_trajectories(instances, file, lambda _: 1 / 0, said=lambda _: None)
    assert file.read_bytes() == before


def test_a_file_of_another_set_is_not_touched(instances, tmp_path):
    file = tmp_path / "experts.jsonl"
    file.write_text('{"instance_id": "other"}\n')
    with pytest.raises(OutputError, match=r"holds a trajectory of another set \(other\)"):
        write_trajectories(instances, file, lambda _: 1 / 0)
    assert file.read_text() == '{"instance_id": "other"}\n'


def test_no_made_task(instances, environment, tmp_path):
    with pytest.raises(DataError, match=r"no made task"):
        write_trajectories([replace(instances[0], bug=None)], tmp_path / "x.jsonl", lambda _: environment)


def test_a_task_without_expert_has_a_reason(instances, environment, unsafe_local, tmp_path):
    said = []
    moved = replace(instances[0], meta={**instances[0].meta, "file": "tests/nowhere.py", "split": "train"})
    written = write_trajectories(
        [moved], tmp_path / "x.jsonl", lambda _: environment, unsafe_local=unsafe_local, said=said.append
    )
    assert written.count == 0
    assert list(written.left_out) == [moved.instance_id]
    assert said == [f"0 trajectories in {tmp_path / 'x.jsonl'}, 1 task without one"]


def test_rows_have_no_path_of_this_machine(file):
    for row in map(json.loads, file.read_text().splitlines()):
        assert str(file.parent) not in json.dumps(row)
