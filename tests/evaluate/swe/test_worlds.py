import sys
from pathlib import Path

import pytest

from tests.evaluate.swe.scripted import BAD, GOOD, SOURCE, diff, write_tasks
from treadle.evaluate.swe.instances import read_instances
from treadle.evaluate.swe.patches import diff_of
from treadle.evaluate.swe.sandbox import SandboxError, why_not
from treadle.evaluate.swe.worlds import Worlds

SAFE = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture
def instance(tmp_path):
    [instance] = read_instances(write_tasks(tmp_path / "tasks", ("correct",)))
    return instance


@pytest.fixture
def worlds(tmp_path):
    return Worlds(tmp_path / "cache", python=Path(sys.prefix))


def test_a_checkout_has_the_bug_and_goes_when_it_is_over(instance, worlds, tmp_path):
    with worlds.pristine(instance, tmp_path / "work") as folder:
        assert (folder / "tinyshape.py").read_text() == SOURCE.replace(GOOD, BAD)
    assert list((tmp_path / "work").iterdir()) == []


@SAFE
def test_an_agent_works_on_a_copy(instance, worlds, tmp_path):
    with worlds.pristine(instance, tmp_path / "work") as folder:
        sandbox = worlds.workplace(instance, folder)
        assert sandbox.run(["bash", "-c", "rm tinyshape.py && ls"]).output.split() == [
            "conftest.py",
            "pyproject.toml",
            "tests",
        ]
        assert (folder / "tinyshape.py").exists()
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.slow
@SAFE
def test_broken_tests_are_those_that_pass_at_the_base(instance, worlds):
    breaks = worlds.breaks(instance)
    before = SOURCE.replace(GOOD, BAD)
    worse = diff_of({"tinyshape.py": before}, {"tinyshape.py": before.replace("number * 2", "number * 3")})
    assert breaks(diff(BAD, GOOD)) == 0
    assert breaks(worse) == 1


def test_without_a_sandbox_nothing_is_run(monkeypatch, tmp_path):
    monkeypatch.setattr("treadle.evaluate.swe.sandbox.why_not", lambda: "no sandbox: bwrap not found")
    with pytest.raises(SandboxError, match="--unsafe-local"):
        Worlds(tmp_path).check()
    Worlds(tmp_path, unsafe_local=True).check()
