"""Tasks whose gold patch resolves them, and those whose does not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.evaluate.swe import tiny
from treadle.errors import DataError, OutputError
from treadle.evaluate.swe.patches import diff_of
from treadle.evaluate.swe.results import digest_of
from treadle.evaluate.swe.sandbox import why_not
from treadle.evaluate.swe.validate import (
    Validation,
    is_of,
    left_out,
    read_validations,
    validate,
    validation_file,
)

SANDBOX = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@SANDBOX
def test_gold_patches_resolve_and_the_base_does_not(tmp_path):
    good, other = tiny.instances(tmp_path)
    wrong = replace(
        good, instance_id="wrong-gold", patch=tiny.change("add", {"calc.py": tiny.MODULE + "\nadd = times\n"})
    )
    passing = replace(other, instance_id="passes-before", fail_to_pass=(tiny.ALL[1],), pass_to_pass=())
    lost = replace(good, instance_id="no-release", base_commit="calc==2.0")
    file = tmp_path / "validation.json"
    found = validate([good, wrong, passing, lost], file, tiny.means(tmp_path), workers=2)
    assert found["calc-add"].valid
    assert found["calc-add"].before == {tiny.ALL[0]: "failed", tiny.ALL[1]: "passed", tiny.ALL[2]: "passed"}
    assert list(left_out(found)) == ["wrong-gold", "passes-before", "no-release"]
    assert found["wrong-gold"].reason.startswith(
        "gold patch: 1 of 1 FAIL_TO_PASS not passed: tests/test_calc.py::test_add"
    )
    assert found["passes-before"].reason == "the tests pass without the gold patch"
    assert found["no-release"].reason.startswith("environment: no-release: the release calc==2.0 is not in")
    written = json.loads(file.read_text())
    assert (written["total"], written["valid"], list(written["invalid"])) == (4, 1, list(left_out(found)))
    assert read_validations(file) == found
    assert not (tmp_path / "validation.jsonl").exists()


@SANDBOX
def test_of_tests_that_want_the_network_the_reason_says_so(tmp_path):
    asking = "from urllib.request import urlopen\n\n\ndef test_asks():\n    urlopen('http://example.org/data')\n"
    task = tiny.instances(tmp_path)[0]
    test = "tests/test_asks.py::test_asks"
    wanting = replace(
        task,
        test_patch=diff_of({"tests/test_asks.py": None}, {"tests/test_asks.py": asking}),
        pass_to_pass=(*task.pass_to_pass, test),
    )
    found = validate([wanting], tmp_path / "validation.json", tiny.means(tmp_path))["calc-add"]
    assert found.reason.startswith(f"gold patch: 1 of 3 PASS_TO_PASS not passed: {test} (failed); ")
    assert found.reason.endswith(" lines of the log speak of the network, and the sandbox has none")


def test_what_is_validated_is_not_validated_again(tmp_path):
    tasks = tiny.instances(tmp_path)
    known = {one.instance_id: Validation(one.instance_id, digest_of(one), valid=True, seconds=1.5) for one in tasks}
    file = tmp_path / "validation.json"
    assert validate(tasks, file, tiny.means(tmp_path), known=known) == known
    assert read_validations(file) == known
    assert validate(tasks, file, tiny.means(tmp_path)) == known


def test_another_instance_of_the_same_name_has_not_been_validated(tmp_path):
    task = tiny.instances(tmp_path)[0]
    validation = Validation("calc-add", digest_of(task), valid=True)
    assert is_of(validation, task)
    assert is_of(validation, replace(task, problem_statement="told otherwise"))
    assert not is_of(validation, replace(task, patch="another"))
    assert not is_of(None, task)


def test_a_stopped_run_leaves_what_it_found(tmp_path):
    line = {"instance_id": "a", "digest": "d", "valid": False, "reason": "r", "before": {}, "seconds": 1.0}
    (tmp_path / "validation.jsonl").write_text(json.dumps(line) + "\n")
    assert read_validations(tmp_path / "validation.json") == {"a": Validation("a", "d", False, "r", seconds=1.0)}


def test_where_validations_are_kept(tmp_path):
    (tmp_path / "tasks.json").write_text("[]")
    assert validation_file(tmp_path) == tmp_path / "validation.json"
    assert validation_file(tmp_path / "tasks.json") == tmp_path / "tasks.json.validation.json"
    with pytest.raises(DataError, match="name a file for the validations with -o"):
        validation_file("org/set-on-the-hub")


@pytest.mark.parametrize(
    "content", ['{"format": 9}', '{"format": 1}', '{"format": 1, "instances": [{"instance_id": 3}]}', "[]", "{"]
)
def test_a_damaged_file_is_named(tmp_path, content):
    (tmp_path / "validation.json").write_text(content)
    with pytest.raises(OutputError, match=r"validation\.json.*delete it, and run treadle swe validate again"):
        read_validations(tmp_path / "validation.json")
