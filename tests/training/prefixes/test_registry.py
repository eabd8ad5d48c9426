"""A recipe's words to a policy: every message, for treadle's, for installed packages and for a file of one's own."""

from __future__ import annotations

import importlib
import re
import sys

import pytest

from tests.plugins import write_package
from tests.training.prefixes.histories import expert, history
from treadle import plugins
from treadle.errors import RecipeError
from treadle.training.prefixes.adaptive import Adaptive
from treadle.training.prefixes.anneal import Anneal
from treadle.training.prefixes.guidance import Guidance
from treadle.training.prefixes.on_failure import OnFailure
from treadle.training.prefixes.registry import ENTRY_POINTS, policy_of
from treadle.training.prefixes.reverse import Reverse

HEAD = """
from __future__ import annotations
from dataclasses import dataclass, field
from decimal import Context
from typing import ClassVar, Literal
from treadle.errors import RecipeError
from treadle.training.prefixes.policy import PrefixPolicy
"""
HALF = (
    HEAD
    + """
@dataclass(frozen=True)
class Half(PrefixPolicy):
    at_least: int = 0
    def length(self, trajectory, history):
        return max(trajectory.longest // 2, min(self.at_least, trajectory.longest))
"""
)
WHO = "prefix policy 'half' of the module their_policies (entry point of group 'treadle.prefix_policies'): "
REMEDY = "; mend the package their-package, or remove it (pip uninstall their-package)"
CLASS = "a class derived from treadle.training.prefixes.policy.PrefixPolicy"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A package `their-package` on the path, as pip leaves one."""

    def install(code, entries="half = their_policies:Half"):
        write_package(tmp_path, "their-package", "their_policies", code, entries, ENTRY_POINTS)
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()

    yield install
    sys.modules.pop("their_policies", None)


def refused(name, settings=None):
    with pytest.raises(RecipeError) as caught:
        policy_of(name, settings or {})
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "settings", "policy"),
    [
        ("reverse", {}, Reverse(mode="mixed", stages=None)),
        ("reverse", {"mode": "staged", "stages": 3}, Reverse(mode="staged", stages=3)),
        ("reverse", {"stages": None}, Reverse()),
        ("anneal", {"high": 1}, Anneal(high=1.0, low=0.05, until=0.6)),
        ("adaptive", {"threshold": 0.25}, Adaptive(threshold=0.25, unaided=0.1)),
        ("on_failure", {}, OnFailure()),
        ("guidance", {}, Guidance(guided=0.5)),
    ],
)
def test_treadles_own(name, settings, policy):
    assert policy_of(name, settings) == policy


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("adaptve", "prefix.policy: found 'adaptve'; did you mean 'adaptive'?"),
        ("onfailure", "prefix.policy: found 'onfailure'; did you mean 'on_failure'?"),
        (
            "xyz",
            "prefix.policy: found 'xyz'; expected one of reverse, anneal, adaptive, on_failure, guidance, or "
            "package.module:Class",
        ),
        (
            "mine.py:Half",
            "prefix.policy 'mine.py:Half': cannot be imported (ModuleNotFoundError: No module named 'mine')",
        ),
        ("./mine.py:Half", "prefix.policy: found './mine.py:Half', expected package.module:Class"),
        ("mine:", "prefix.policy: found 'mine:', expected package.module:Class"),
        (":Half", "prefix.policy: found ':Half', expected package.module:Class"),
    ],
)
def test_names_that_are_none(name, said):
    assert refused(name).startswith(said)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("adaptive", {"treshold": 1}, "unknown key 'prefix.treshold'; did you mean 'threshold'?"),
        ("anneal", {"x": 1}, "unknown key 'prefix.x'; settings of the policy 'anneal': high, low, until"),
        ("on_failure", {"x": 1}, "unknown key 'prefix.x'; the policy 'on_failure' has no settings"),
        ("anneal", {"uses_progress": False}, "unknown key 'prefix.uses_progress'; settings of"),
        ("adaptive", {"threshold": "0.5"}, "prefix.threshold: found '0.5'; input should be a valid number"),
        ("adaptive", {"threshold": True}, "prefix.threshold: found True; input should be a valid number"),
        ("adaptive", {"threshold": None}, "prefix.threshold: found None; input should be a valid number"),
        ("adaptive", {"threshold": {1}}, "prefix.threshold: found {1}; input should be a valid number"),
        ("adaptive", {"threshold": float("nan")}, "prefix.threshold: found nan, expected above 0 and at most 1"),
        ("reverse", {"stages": 2.5}, "prefix.stages: found 2.5; input should be a valid integer"),
        (
            "reverse",
            {"mode": "stages"},
            "prefix.mode: found 'stages'; input should be 'mixed' or 'staged'; did you mean 'staged'?",
        ),
    ],
)
def test_settings_that_are_none(name, settings, said):
    assert refused(name, settings).startswith(said)


def test_an_installed_policy(install):
    install(HALF)
    policy = policy_of("half", {"at_least": 3})
    assert policy.length(expert(4), history()) == 3
    assert policy.length(expert(9), history()) == 4
    assert refused("hafl") == "prefix.policy: found 'hafl'; did you mean 'half'?"
    assert refused("half", {"at_last": 1}) == "unknown key 'prefix.at_last'; did you mean 'at_least'?"


def test_others_are_not_imported(install):
    install("raise SystemExit('imported')")
    assert policy_of("on_failure", {}) == OnFailure()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", "cannot be imported (ZeroDivisionError: division by zero)"),
        ("raise SystemExit(0)", "cannot be imported (SystemExit: 0)"),
        ("Other = 1", "cannot be imported (AttributeError: module 'their_policies' has no attribute 'Half')"),
        ("Half = 0.5", f"found float, expected {CLASS}"),
        ("class Half: pass", f"found the class Half, expected {CLASS}"),
        (HALF + "Half = Half()", f"found Half, expected {CLASS}"),
        (HEAD + "class Half(PrefixPolicy): pass", "Half is abstract; define length"),
        (HALF + "Half.place = 'system'", "Half.place is 'system', expected one of completion, prompt"),
        (
            HALF.replace("at_least: int", "loss: int"),
            "Half has a field 'loss', which is a key of the stage; give it another name",
        ),
    ],
)
def test_an_installed_policy_that_is_none(install, code, said):
    install(code)
    assert refused("half") == WHO + said + REMEDY


def test_an_import_that_does_not_end(install, monkeypatch):
    monkeypatch.setattr(plugins, "LOAD_SECONDS", 0.2)
    install("while True: pass")
    assert refused("half") == WHO + "its import takes more than 0.2 s" + REMEDY


def test_a_name_of_two(install):
    install(HALF + "class More(Half): pass", "half = their_policies:Half\nhalf = their_policies:More")
    assert re.fullmatch(
        r"prefix policy 'half' .*: the name 'half' is taken by their_policies:(Half|More); mend .*", refused("half")
    )


def test_a_name_of_treadle(install):
    install(HALF, "adaptive = their_policies:Half")
    assert "): the name 'adaptive' is a built-in policy's; mend the package their-package" in refused("adaptive")


def test_a_class_of_ones_own(install):
    install(HALF, "")
    assert policy_of("their_policies:Half", {}).length(expert(9), history()) == 4
    assert refused("their_policies:Full").startswith(
        "prefix.policy 'their_policies:Full': cannot be imported (AttributeError: module 'their_policies' has no "
        "attribute 'Full'); the module has to be installed, or in a folder of PYTHONPATH: PYTHONPATH=. for a file in "
        "this folder"
    )
    assert refused("their_policies:PrefixPolicy") == (
        "prefix.policy 'their_policies:PrefixPolicy': PrefixPolicy is abstract; define length"
    )
    assert refused("json:loads") == f"prefix.policy 'json:loads': found function, expected {CLASS}"


OWN = """
{head}
@dataclass(frozen=True)
class Own(PrefixPolicy):
    {fields}
    def length(self, trajectory, history):
        return 0
"""


@pytest.mark.parametrize(
    ("fields", "settings", "said"),
    [
        (
            "a: int",
            {},
            "missing key 'prefix.a', a setting of the policy 'their_policies:Own' without a default; add it",
        ),
        (
            "a: Context = None",
            {"a": 1},
            "prefix.policy 'their_policies:Own': a field's type is none that a recipe can hold",
        ),
        (
            "a: Nowhere = None",
            {"a": 1},
            "prefix.policy 'their_policies:Own': a field's type is none that a recipe can hold",
        ),
        ("a: tuple[int, ...] = ()", {"a": [1, "2"]}, "prefix.a: found [1, '2']; input should be a valid integer"),
        ("a: ClassVar[int] = 1", {"a": 1}, "unknown key 'prefix.a'; the policy 'their_policies:Own' has no settings"),
        (
            "a: int = 1\n    def __post_init__(self): self.b / 0",
            {"a": 1},
            "prefix.policy 'their_policies:Own': cannot be made with {'a': 1} (AttributeError: 'Own' object has no "
            "attribute 'b')",
        ),
        ("a: int = 1\n    def __post_init__(self): raise RecipeError('its own words')", {}, "its own words"),
    ],
)
def test_settings_of_ones_own_class(install, fields, settings, said):
    install(OWN.format(head=HEAD, fields=fields), "")
    assert refused("their_policies:Own", settings).startswith(said)


def test_a_list_is_a_tuple(install):
    install(OWN.format(head=HEAD, fields="a: tuple[int, ...] = ()"), "")
    assert policy_of("their_policies:Own", {"a": [1, 2]}).a == (1, 2)


def test_a_class_without_dataclass_has_no_settings(install):
    install(OWN.format(head=HEAD, fields="a: int = 1").replace("@dataclass(frozen=True)", ""), "")
    assert policy_of("their_policies:Own", {}).a == 1
    assert refused("their_policies:Own", {"a": 2}) == (
        "unknown key 'prefix.a'; the policy 'their_policies:Own' has no settings, which are the fields of a @dataclass"
    )
