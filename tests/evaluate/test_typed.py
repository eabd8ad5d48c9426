"""The form of run.json and of results.json: what runs write passes, and what nobody writes is named by its key."""

from __future__ import annotations

import copy
import json

import pytest

from tests.evaluate.run_folders import with_steps, write_run
from treadle.errors import OutputError
from treadle.evaluate.runs import read_run
from treadle.evaluate.settings import EvaluateSettings
from treadle.evaluate.typed import MOST_SAMPLES, Results, RunInfo, Settings
from treadle.files.typed import checked

ARMS = {("aime24", "whole", "greedy"): [[1], [0]], ("aime24", "whole", "sampled"): [[1, 0] * 8, [0, 0] * 8]}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run with greedy and sampled attempts and with next steps."""
    return with_steps(write_run(tmp_path_factory.mktemp("typed") / "run", ARMS), [[0.5, 1.0], [0.25]])


def content(run, name):
    return json.loads((run / name).read_text())


def test_what_runs_write_passes(run):
    read_run(run)
    for kind, name in ((RunInfo, "run.json"), (Results, "results.json")):
        assert checked(kind, content(run, name), name, "") == content(run, name), "nothing is changed or left out"


def test_every_setting_has_a_type():
    """A setting that is added and not named there would not be looked at."""
    written = json.loads(json.dumps(EvaluateSettings(modes=("whole",)).__dict__, default=lambda value: value.__dict__))
    assert set(written) == set(Settings.__annotations__)


FIGURES = ("benchmarks", "aime24", "modes", "whole")
GREEDY, SAMPLED = (*FIGURES, "greedy"), (*FIGURES, "sampled")


@pytest.mark.parametrize(
    ("name", "keys", "value"),
    [
        ("run.json", ("benchmarks",), None),
        ("run.json", ("benchmarks", 0, "name"), 5),
        ("run.json", ("benchmarks", 0, "count"), -1),
        ("run.json", ("settings", "samples"), 10**9),
        ("run.json", ("settings", "temperature"), float("nan")),
        ("run.json", ("settings", "seed"), 2**63),
        ("run.json", ("settings", "modes"), ["other"]),
        ("run.json", ("settings", "max_new_tokens"), "4096"),
        ("run.json", ("settings", "thought_tags"), {"other": 1}),
        ("run.json", ("identity",), []),
        ("results.json", ("benchmarks", "aime24", "modes", "other"), {}),
        ("results.json", (*FIGURES, "beam"), {"samples": 1}),
        ("results.json", (*GREEDY, "samples"), MOST_SAMPLES + 1),
        ("results.json", (*GREEDY, "accuracy", "value"), "0.5"),
        ("results.json", (*GREEDY, "accuracy", "low"), None),
        ("results.json", (*GREEDY, "tokens"), float("inf")),
        ("results.json", (*GREEDY, "verdicts", "right"), 0.5),
        ("results.json", (*SAMPLED, "pass_at", "0"), {"value": 1, "low": 1, "high": 1}),
        ("results.json", (*SAMPLED, "pass_at", "8"), 0.5),
        ("results.json", (*SAMPLED, "maj_at", "16", "high"), True),
        ("results.json", ("steps", "steps"), "3"),
        ("results.json", ("steps", "similarity", "count"), -1),
        ("results.json", ("model",), None),
        ("results.json", ("averages",), {"whole": 3}),
        ("results.json", ("behaviours",), {"behaviours": 3}),
        ("results.json", ("behaviours",), {"all": {"samples": 1}}),
    ],
)
def test_what_nobody_writes_is_named(run, name, keys, value):
    kind = RunInfo if name == "run.json" else Results
    changed = copy.deepcopy(content(run, name))
    inner = changed
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    with pytest.raises(OutputError) as caught:
        checked(kind, changed, name, "make it again")
    said = str(caught.value)
    assert said.startswith(f"{name}: {'.'.join(map(str, keys[:3]))}")
    assert said.endswith("; make it again")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("kind", "name", "keys"),
    [(RunInfo, "run.json", ["benchmarks", "settings"]), (Results, "results.json", ["model", "benchmarks"])],
)
def test_what_has_to_be_there(run, kind, name, keys):
    for key in keys:
        changed = content(run, name)
        del changed[key]
        with pytest.raises(OutputError, match=rf"{name}: {key}: field required"):
            checked(kind, changed, name, "")
    minimal = {key: content(run, name)[key] for key in keys}
    assert checked(kind, {**minimal, "of a later version": 1}, name, "")


def test_behaviours_of_all_or_of_groups():
    one = {"samples": 1, "without_thoughts": 0, "behaviours": {}}
    base = {"model": "m", "benchmarks": {}}
    for behaviours in (one, {"aime24": one, "gsm8k": one}):
        assert checked(Results, {**base, "behaviours": behaviours}, "", "")
