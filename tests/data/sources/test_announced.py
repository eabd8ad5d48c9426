"""Forms of other packages: loaded, and held to what a form is; what fails is named with its module."""

from __future__ import annotations

import importlib
import sys

import pytest

from tests.plugins import write_package
from treadle import Step, Trajectory, plugins
from treadle.data.sources.announced import PluginError, announced, checked, matches, origin
from treadle.data.sources.form import Form
from treadle.data.sources.registry import form_named
from treadle.files.rows import Row
from treadle.limits import time_limit

HEAD = """
from treadle.data.sources.form import Form
def matches(row): return "theirs" in row.data
def read(row, options): ...
"""
FORM = "FORM = Form('theirs', 'a form', matches, read)\n"
WHO = r"^form 'f' of the module their_forms \(entry point of group 'treadle\.forms'\): "
REMEDY = r"; mend the package their-package, or remove it \(pip uninstall their-package\)"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A package `their-package` on the path, as pip leaves one."""

    def install(code, entries="f = their_forms:FORM"):
        write_package(tmp_path, "their-package", "their_forms", code, entries)
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        announced.cache_clear()

    yield install
    announced.cache_clear()
    sys.modules.pop("their_forms", None)


def row(**data):
    return Row(data, "rows.jsonl, line 3", "rows", 3)


def test_a_sound_one(install):
    install(HEAD + FORM)
    ((name, (form, entry)),) = announced().items()
    assert (name, form.name, entry.value) == ("theirs", "theirs", "their_forms:FORM")
    assert matches(form, row(theirs=1)) is True
    assert matches(form, row(other=1)) is False
    assert origin(form) == "their_forms:FORM"
    assert origin(form_named("gsm8k")) == ""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", r"cannot be imported \(ZeroDivisionError: division by zero\)"),
        ("raise SystemExit(0)", r"cannot be imported \(SystemExit: 0\)"),
        ("raise ValueError('two\\n  lines')", r"cannot be imported \(ValueError: two lines\)"),
        ("OTHER = 1", r"cannot be imported \(AttributeError: .*FORM"),
        ("FORM = dict()", r"found dict, expected a treadle\.data\.sources\.form\.Form"),
        (HEAD + "FORM = Form(None, 'a form', matches, read)", "its name is NoneType, expected a string"),
        (HEAD + "FORM = Form('theirs', 'a form', matches, 'read')", "its read is str, expected a function"),
        (HEAD + "FORM = Form", r"found type, expected a treadle\.data\.sources\.form\.Form"),
    ],
)
def test_what_cannot_be_loaded(install, code, said):
    install(code)
    with pytest.raises(PluginError, match=WHO + said + ".*" + REMEDY):
        announced()


def test_an_import_that_does_not_end(install, monkeypatch):
    monkeypatch.setattr(plugins, "LOAD_SECONDS", 0.2)
    install("while True: pass")
    with pytest.raises(PluginError, match=WHO + r"its import takes more than 0\.2 s" + REMEDY):
        announced()


def test_a_name_of_two(install):
    install(
        HEAD + FORM + "MORE = Form('theirs', 'another', matches, read)\n", "a = their_forms:FORM\nb = their_forms:MORE"
    )
    with pytest.raises(PluginError, match=r"form 'b' .*the name 'theirs' is taken by their_forms:FORM" + REMEDY):
        announced()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return row.data['a']", r"matches raised KeyError: 'a' on rows\.jsonl, line 3, and"),
        ("raise SystemExit", r"matches raised SystemExit: "),
        ("while True: pass", r"matches took longer than the limit for one row \(--row-seconds\)"),
    ],
)
def test_a_test_of_rows_that_fails(install, body, said):
    install(HEAD + f"def matches(row):\n    {body}\n" + FORM)
    with pytest.raises(PluginError, match=WHO + said + r".* --format$"), time_limit(0.3):
        matches(announced()["theirs"][0], row(b=1))


def test_treadles_own_are_not_caught(install):
    """An error of a built-in form is a mistake of treadle's, and shows as one."""
    install(HEAD + FORM)

    def broken(row):
        raise KeyError("a")

    with pytest.raises(KeyError):
        matches(Form("own", "", broken, broken), row())


class Odd(Trajectory):
    """A kind of trajectory of theirs."""


SOUND = {"id": "1", "problem": "p", "steps": [Step("a")], "meta": {}}


def with_step(step):
    return Trajectory(**{**SOUND, "steps": [Step("a"), step]})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "NoneType, expected a Trajectory"),
        ({"id": "1"}, "dict, expected a Trajectory"),
        (Trajectory(**{**SOUND, "steps": ["a"]}), "a trajectory whose steps hold str, expected Step"),
        (Trajectory(**{**SOUND, "id": 1}), "a Trajectory whose id is int, expected str"),
        (Trajectory(**SOUND, answer=5), "a Trajectory whose answer is int, expected str or NoneType"),
        (Trajectory(**SOUND, verified="yes"), "a Trajectory whose verified is str, expected bool or NoneType"),
        (Trajectory(**{**SOUND, "meta": None}), "a Trajectory whose meta is NoneType, expected dict"),
        (Trajectory(**{**SOUND, "meta": {"a": {1}}}), "a trajectory whose meta is no JSON (TypeError: "),
        (with_step(Step("a", before=None)), "a Step whose before is NoneType, expected str"),
        (
            with_step(Step("a", thought=["b"])),
            "a Step whose thought is list, expected str or NoneType",
        ),
    ],
)
def test_what_read_returns_is_looked_at(install, value, said):
    install(HEAD + FORM)
    form = announced()["theirs"][0]
    with pytest.raises(TypeError) as caught:
        checked(form, value)
    assert str(caught.value).startswith(f"their_forms:FORM: read returned {said}")
    assert checked(form_named("gsm8k"), value) is value, "treadle's own are believed"


def test_what_is_sound_is_taken(install):
    install(HEAD + FORM)
    form = announced()["theirs"][0]
    for trajectory in (Trajectory(**SOUND), Odd(**SOUND, answer="5", verified=True)):
        assert checked(form, trajectory) is trajectory
