"""Specifications of environments, against lines of SWE-bench's harness that were read by hand."""

from __future__ import annotations

import pytest

from treadle.errors import DataError
from treadle.evaluate.swe.records import SweInstance
from treadle.evaluate.swe.specs import Spec, _content, conda_requirements, requirements_in, spec_of, what_tests_need


def of(repo: str, version: str) -> Spec:
    return spec_of(SweInstance("some-1", repo, "0" * 40, "", "", ("t",), (), version=version))


def test_specifications_are_those_of_the_harness():
    assert of("pylint-dev/astroid", "2.9") == Spec("3.9", ("pytest",))
    sympy = of("sympy/sympy", "1.1")
    assert sympy.packages == ("mpmath", "flake8", "mpmath==1.3.0", "flake8-comprehensions")
    assert sympy.test_command == (
        "env",
        "PYTHONWARNINGS=ignore::UserWarning,ignore::SyntaxWarning",
        "bin/test",
        "-C",
        "--verbose",
    )
    django = of("django/django", "4.2")
    assert django.requirements == ("tests/requirements/py3.txt",)
    assert django.test_command[0] == "./tests/runtests.py"
    learn = of("scikit-learn/scikit-learn", "0.21")
    assert (learn.install, learn.flags) == (".", ("--no-build-isolation",))
    assert "numpy==1.19.2" in learn.packages
    assert of("psf/requests", "2.3").install == "."
    assert of("astropy/astropy", "4.3").install == ".[test]"


def test_what_is_not_followed_is_named():
    sphinx = of("sphinx-doc/sphinx", "5.0")
    assert sphinx.test_command[:5] == ("python", "-X", "dev", "-m", "pytest")
    assert "tox --current-env -epy39 -v --" in sphinx.left_out
    figures = of("matplotlib/matplotlib", "3.5")
    assert figures.conda == ("environment.yml",)
    assert any("apt-get" in line for line in figures.left_out)
    assert not any("apt-get" in line or "wget" in line for line in figures.edits)


def test_what_tests_would_download_is_installed_where_a_package_has_it():
    assert of("pydicom/pydicom", "2.2").packages == ("numpy", "pytest", "pydicom-data==1.0.0")


def test_every_specification_can_be_read():
    versions = [(repo, one) for repo, groups in _content()["repos"].items() for g in groups for one in g["versions"]]
    assert len(versions) == 299
    for repo, version in versions:
        found = of(repo, version)
        assert found.test_command
        assert all("apt" not in line for line in found.edits)
        assert found.install.startswith(".") or not found.install


def test_unknown_repositories_and_versions_are_one_line():
    with pytest.raises(DataError, match=r"some-1: no environment is known for the repository 'a/b'; known are astropy"):
        of("a/b", "1")
    with pytest.raises(DataError, match=r"for sympy/sympy '99'; known versions are"):
        of("sympy/sympy", "99")


def test_requirements_without_the_repository_itself(tmp_path):
    file = tmp_path / "requirements.txt"
    file.write_text("# all\npytest  # runs tests\n-e .[all]\n.[dev]\n-r other.txt\n\nblack<=21.12b0\n")
    assert requirements_in(file) == ["pytest", "-r other.txt", "black<=21.12b0"]
    (tmp_path / "other.txt").write_text("-e .[spelling]\ntoml\n--requirement=requirements.txt\n")  # and in a circle
    assert requirements_in(file) == ["pytest", "toml", "black<=21.12b0"]


def test_requirements_of_conda(tmp_path):
    file = tmp_path / "environment.yml"
    file.write_text(
        "dependencies:\n  - python=3.9\n  - pip\n  - numpy>=1.17\n  - pandas=1.2\n  - pip-tools\n"
        "  - pip:\n    - numbagg\n    - -e .\n"
    )
    assert conda_requirements(file) == ["numpy>=1.17", "pandas==1.2", "pip-tools", "numbagg"]
    for damaged in ("dependencies: 3\n", "[", "a: b\n", "dependencies: [{pip: 3}]\n"):
        file.write_text(damaged)
        with pytest.raises(DataError, match="no environment of conda"):
            conda_requirements(file)


def test_what_tests_require(tmp_path):
    assert what_tests_need(tmp_path) == ([], [])
    (tmp_path / "PKG-INFO").write_text("Name: x\nProvides-Extra: docs\nProvides-Extra: test\n")
    assert what_tests_need(tmp_path) == (["test"], [])
    (tmp_path / "pyproject.toml").write_text(
        "[project.optional-dependencies]\ntesting = ['x']\n[dependency-groups]\ntest = ['y', {include-group = 'z'}]\n"
    )
    assert what_tests_need(tmp_path) == (["testing"], ["y"])
    for damaged in ("[", "project = 3\n", "dependency-groups = 3\n"):
        (tmp_path / "pyproject.toml").write_text(damaged)
        assert what_tests_need(tmp_path) == (["test"], [])
