"""Errors of other packages' code in one line."""

from __future__ import annotations

import pytest

from treadle import plugins
from treadle.plugins import NotImported, described, imported


def test_errors_in_one_line():
    assert described(ValueError("a\n\n  b\tc")) == "ValueError: a b c"


def entry(value):
    return plugins.EntryPoint("e", value, "g")


def test_what_an_entry_point_stands_for():
    assert imported(entry("treadle.plugins:described")) is described


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no_such_module:X", r"cannot be imported \(ModuleNotFoundError: No module named 'no_such_module'\)"),
        ("treadle.plugins:Nothing", r"cannot be imported \(AttributeError: .*'Nothing'\)"),
    ],
)
def test_what_cannot_be_imported(value, said):
    with pytest.raises(NotImported, match=f"^{said}$"):
        imported(entry(value))


def test_a_fault_of_what_no_package_owns_names_the_module():
    assert plugins.fault(entry("a.b:X"), "form", "it is odd") == (
        "form 'e' of the module a.b (entry point of group 'g'): it is odd; mend the package a.b, or remove it "
        "(pip uninstall a.b)"
    )
