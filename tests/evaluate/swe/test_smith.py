"""SWE-smith's profiles, against lines of them that were read by hand."""

from __future__ import annotations

import pytest

from treadle.errors import DataError
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.smith import _content, needed_files, own_name, smith_spec
from treadle.evaluate.swe.specs import Spec


def of(repo: str, commit: str) -> Spec:
    return smith_spec(SweInstance("some-1", repo, commit, "", "", ("t",), (), bug="x"))


def test_specifications_are_those_of_the_profiles():
    addict = of("mewwts/addict", "75284f95")
    assert (addict.python, addict.install, addict.packages, addict.left_out) == ("3.10", ".", (), ())
    assert of("pydicom/pydicom", "7d361b3d").python == "3.11"
    assert of("agronholm/typeguard", "b6a7e438").install == ".[test,doc]"
    assert of("HIPS/autograd", "ac044f0d").install == ".[scipy,test]"
    assert of("seperman/deepdiff", "ed252022").requirements == ("requirements-dev.txt",)
    assert of("pudo/dataset", "5c2dc8d3").left_out == ()  # python setup.py install
    vision = of("facebookresearch/fvcore", "a491d5b9")
    assert vision.packages == ("torch", "shapely")
    assert vision.left_out == ("rm tests/test_focal_loss.py",)


def test_what_is_not_followed_is_named():
    assert of("getmoto/moto", "694ce1f4").left_out == ("make init",)
    monai = of("Project-MONAI/MONAI", "a09c1f08")
    assert monai.requirements == ("requirements-dev.txt",)
    assert len(monai.edits) == 1
    assert monai.edits[0].startswith("sed -i ")
    assert any("apt-get" in line for line in of("jsvine/pdfplumber", "02ff4313").left_out)


def test_every_profile_is_read_or_is_not_run_by_pytest():
    refused = []
    for name, profile in _content()["repos"].items():
        repo, _, commit = name.rpartition(".")
        assert profile["commit"].startswith(commit)
        try:
            found = of(repo.replace("__", "/", 1), commit)
        except DataError:
            refused.append(repo)
            continue
        assert found.install.startswith(".")
        assert all("apt" not in line for line in found.edits)
    assert len(_content()["repos"]) == 133
    assert sorted(refused) == ["python__mypy", "tornadoweb__tornado", "un33k__python-slugify"]


def test_what_cannot_be_run_is_one_line():
    with pytest.raises(DataError, match=r"some-1: the tests of tornadoweb/tornado are run by 'python -m tornado.test"):
        of("tornadoweb/tornado", "d5ac65c1")
    with pytest.raises(DataError, match=r"some-1: no profile of a__b\.12345678 among the 133 of SWE-smith"):
        of("a/b", "12345678")


def test_files_of_requirements_that_are_there(tmp_path):
    (tmp_path / "requirements").mkdir()
    for name in ("requirements/test.txt", "dev-requirements.txt", "requirements.txt"):
        (tmp_path / name).touch()
    found = needed_files(of("mewwts/addict", "75284f95"), tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "requirements/test.txt",
        "dev-requirements.txt",
        "requirements.txt",
    ]


def test_ids_of_tests_run_with_settings_from_dev_null():
    assert own_name("../dev/tests/test_a.py::test_b") == "tests/test_a.py::test_b"
    assert own_name("tests/test_a.py::test_b") == "tests/test_a.py::test_b"
